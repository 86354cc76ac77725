"""What docs/plugins.md shows is so: its manifest is one, and what its script signs is taken."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from gateway.core.publisher_keys import read_public_key
from gateway.plugins.bounds import BOUNDS, MEBI
from gateway.plugins.config_schema import DEEPEST, LARGEST, LONGEST_PATTERN
from gateway.plugins.manifest import Entry, Manifest, read_manifest
from gateway.plugins.names import LONGEST_NAME
from gateway.plugins.package import read_package
from gateway.plugins.registry.naming import slug
from gateway.plugins.signature import Signer, signers_by_id

MANUAL = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()


def block(language: str, beginning: str) -> str:
    """The example of a language that begins so."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", MANUAL, re.DOTALL)
    [one] = [text for text in found if text.startswith(beginning)]
    return one


def test_the_manifest_is_one() -> None:
    manifest = read_manifest(block("json", '{\n  "id"').encode())
    assert manifest.id == slug(manifest.name) == "scale-reader"
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", MANUAL[MANUAL.index("| member | |") :], re.MULTILINE)
    told = {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert set(Manifest.__struct_fields__) <= told
    for runtime in get_args(Entry.__annotations__["runtime"]) or ("python", "node", "executable"):
        assert f"`{runtime}`" in MANUAL


def test_what_the_script_signs_is_taken_as_the_manual_packs_it(tmp_path: Path) -> None:
    (tmp_path / "sign.py").write_text(block("python", "import base64"))
    (tmp_path / "KEY").write_bytes(bytes(range(32)))
    files = {"main.py": b"print('weighing')\n", "README.md": b"# Scale Reader\n"}
    manifest = json.loads(block("json", '{\n  "id"'))
    manifest["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest, indent=2))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    printed = subprocess.run(
        [sys.executable, "sign.py", "KEY"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    [packing] = [line for line in MANUAL.splitlines() if line.startswith("tar ")]
    subprocess.run(packing.split(), cwd=tmp_path, check=True)
    key = read_public_key(json.loads(printed.removeprefix("key = ")))
    content = (tmp_path / "scale-reader.tar.gz").read_bytes()
    package = read_package([content], signers_by_id([Signer("me", key)]))
    assert package.docs == "# Scale Reader\n"


def test_the_figures_are_those_of_the_code() -> None:
    for words in (
        f"at most {BOUNDS.packed // MEBI} MiB",
        f"{BOUNDS.unpacked // MEBI} MiB unpacked",
        f"{BOUNDS.ratio} times its size",
        f"{BOUNDS.files} files",
        f"{BOUNDS.manifest // 1024} KiB",
        f"up to {BOUNDS.docs // 1024} KiB",
        f"over {LONGEST_NAME} characters",
        f"at most {LARGEST // 1024} KiB",
        f"nested up to {DEEPEST} deep",
        f"up to {LONGEST_PATTERN} characters",
    ):
        assert words in MANUAL, words
    [key] = re.findall(r'^key = "(.*)"$', MANUAL, re.MULTILINE)
    assert len(base64.b64decode(key)) == len(read_public_key(key)) == 32


def test_every_reason_to_refuse_a_package_stands_there() -> None:
    source = Path(__file__).parents[2] / "gateway" / "plugins"
    words = set()
    for file in source.rglob("*.py"):
        words |= set(re.findall(r'PackageError\(\s*"(\w+)"', file.read_text()))
    table = MANUAL[MANUAL.index("| `meta.package` |") :]
    assert words == set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)))) - {"meta"}
