"""The SDK for TypeScript: made by @hey-api/openapi-ts, compiled by tsc."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdk.packing import packed, under
from sdk.running import NODE, ROOT, run

HERE = ROOT / "sdk" / "typescript"
# As npm has it in every archive.
_PREFIX = "package"


def make(document: Mapping[str, Any], work: Path, into: Path) -> None:
    """Make the archives.

    Args:
        document: the narrowed description.
        work: an empty directory.
        into: where the archives go.
    """
    version: str = document["info"]["version"]
    described, project = work / "openapi.json", work / "project"
    described.write_text(json.dumps(document), "utf-8")
    shutil.copytree(HERE, project)
    config = work / "openapi-ts.config.mjs"
    output = {"path": str(project / "src"), "importFileExtension": ".js"}
    plugins = ["@hey-api/client-fetch", "@hey-api/sdk", "@hey-api/typescript"]
    settings = {"input": str(described), "output": output, "plugins": plugins}
    config.write_text(f"export default {json.dumps(settings)};\n", "utf-8")
    programs = NODE / "node_modules" / ".bin"
    # The generator looks for what it loads from where it runs.
    run([programs / "openapi-ts", "-f", config, "--no-log-file"], cwd=NODE)
    shutil.copy(ROOT / "docs" / "examples" / "webhook_receiver.js", project / "examples" / "webhook_receiver.cjs")
    (project / "node_modules").symlink_to(NODE / "node_modules")
    run([programs / "tsc", "-p", project], cwd=project)
    (project / "node_modules").unlink()
    meta = project / "package.json"
    meta.write_text(meta.read_text("utf-8").replace('"version": "0.0.0"', f'"version": "{version}"'), "utf-8")
    (into / f"typescript-sdk-{version}.tar.gz").write_bytes(packed(under(project, _PREFIX)))
    bare = packed(under(project, _PREFIX, without=["examples"]))
    (into / f"typescript-sdk-{version}-bare.tar.gz").write_bytes(bare)
