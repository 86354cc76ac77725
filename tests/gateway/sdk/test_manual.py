"""The manual of the kit names what there is; its examples have types."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from gateway.sdk import ferrule_client
from gateway.sdk.ferrule_client import AsyncFerruleClient, FerruleClient, FerruleError, RpcError

DOCS = Path(__file__).parents[3] / "docs"
MANUAL = (DOCS / "client.md").read_text()


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def test_both_clients_do_the_same() -> None:
    assert public(FerruleClient) - {"close", "heartbeats"} == public(AsyncFerruleClient) - {"aclose"}


def test_every_method_is_in_the_manual_and_no_other() -> None:
    [table] = re.findall(r"\| method \| result \|\n(.*?)\n\n", MANUAL, re.DOTALL)
    named = {name for row in table.splitlines() for name in re.findall(r"`(\w+)\(", row.split("|")[1])}
    assert named == public(FerruleClient) - {"close", "heartbeats", "token"}


def test_every_error_is_in_the_manual() -> None:
    errors = {
        name
        for name in ferrule_client.__all__
        if isinstance(kind := getattr(ferrule_client, name), type)
        and issubclass(kind, FerruleError)
        and kind not in {FerruleError, RpcError, ferrule_client.TokenError}
    }
    assert {name for name in errors if f"`{name}`" not in MANUAL} == set()


def test_the_links_of_the_manual_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)", MANUAL):
        assert (DOCS / link).exists(), link


def test_the_examples_have_types_and_no_way_around_them(unpacked: Path, tmp_path: Path) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file", "/dev/null",
         *sorted((DOCS / "examples").glob("*.py"))],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
        env={"MYPYPATH": str(unpacked)},
    )  # fmt: skip
    assert checked.stdout.startswith("Success: no issues found in 5"), checked.stdout + checked.stderr
