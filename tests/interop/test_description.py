"""The description of the API pleases the linters that others hold such descriptions against."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.programs import missing, needed
from tests.e2e.site import Site

NODE = Path(__file__).parent / "node"
LINTERS: dict[str, list[str | Path]] = {
    "redocly": ["lint", "--config", NODE / "redocly.yaml", "--format", "json", "--max-problems", "1000"],
    "spectral": ["lint", "--ruleset", NODE / "spectral.yaml", "--fail-severity", "hint"],
}


@pytest.mark.parametrize("linter", LINTERS)
def test_linters_find_nothing_in_the_description(site: Site, linter: str) -> None:
    node = needed("node")
    program = NODE / "node_modules" / ".bin" / linter
    if not program.exists():
        missing(f"{linter} is not installed: .ci/node-clients")
    site.configure()
    described = site.directory / "openapi.json"
    described.write_bytes(site.start().client.get("/v1/openapi.json").content)
    ended = subprocess.run(
        [node, program.resolve(), *LINTERS[linter], described],
        capture_output=True,
        text=True,
        check=False,
        # Nothing is told to anybody, and nothing is fetched.
        env={
            **os.environ,
            "REDOCLY_TELEMETRY": "off",
            "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
            "SCARF_ANALYTICS": "false",
        },
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    if linter == "redocly":
        assert json.loads(ended.stdout)["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}, ended.stdout
