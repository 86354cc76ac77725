"""The SDK for Python: made by openapi-python-client, packed by hatchling."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdk.packing import packed, under
from sdk.running import PROGRAMS, ROOT, run

HERE = ROOT / "sdk" / "python"
PACKAGE = "ferrule_sdk"


def make(document: Mapping[str, Any], work: Path, into: Path) -> None:
    """Make the archives.

    Args:
        document: the narrowed description.
        work: an empty directory.
        into: where the archives go.
    """
    version: str = document["info"]["version"]
    described, config, project = work / "openapi.json", work / "config.yaml", work / "project"
    described.write_text(json.dumps(document), "utf-8")
    config.write_text("literal_enums: true\n", "utf-8")
    shutil.copytree(HERE, project, ignore=shutil.ignore_patterns("__pycache__", "*_cache"))
    run(
        [
            PROGRAMS / "openapi-python-client",
            "generate",
            "--path",
            described,
            "--config",
            config,
            "--meta",
            "none",
            "--output-path",
            project / PACKAGE,
            "--overwrite",
            "--fail-on-warning",
        ],
        cwd=work,
    )
    (project / PACKAGE / "py.typed").touch()
    shutil.copy(ROOT / "docs" / "examples" / "webhook_receiver.py", project / "examples")
    meta = project / "pyproject.toml"
    meta.write_text(meta.read_text("utf-8").replace('version = "0"', f'version = "{version}"'), "utf-8")
    for left in (*project.rglob("__pycache__"), *project.rglob(".ruff_cache")):
        shutil.rmtree(left)
    run([PROGRAMS / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", into], cwd=project)
    whole = f"{PACKAGE}-{version}"
    (into / f"python-sdk-{version}.tar.gz").write_bytes(packed(under(project, whole)))
    (into / f"python-sdk-{version}-bare.tar.gz").write_bytes(packed(under(project, whole, without=["examples"])))
