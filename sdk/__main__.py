"""``python -m sdk``: makes the SDKs and what the gateway says of them. What has not changed is not made again."""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sdk import in_python, in_typescript
from sdk.describing import description
from sdk.listing import LIST, listed
from sdk.narrowing import narrowed
from sdk.packing import under
from sdk.running import ROOT

# Where the gateway looks, in the sources and in its wheel (docs/decisions/0022).
PLACE = ROOT / "gateway" / "api" / "sdks"
_INPUTS = ("sdk", ".ci/sdk", "docs/examples")
_MAKERS: Mapping[str, Callable[[Mapping[str, Any], Path, Path], None]] = {
    "python": in_python.make,
    "typescript": in_typescript.make,
}


def main() -> None:
    """Make them."""
    options = argparse.ArgumentParser(prog="make sdk", description="Make the SDKs that the gateway gives out.")
    options.add_argument("--into", type=Path, default=PLACE, help="directory for them; what is there is replaced")
    into: Path = options.parse_args().into.resolve()
    document = narrowed(description())
    stamp = _stamp(document)
    if _made(into) == stamp:
        print("the SDKs are as they should be")
        return
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sdks-", dir=into.parent) as beside:
        fresh = Path(beside, "fresh")
        fresh.mkdir()
        with ThreadPoolExecutor() as both:
            for making in [both.submit(_make, name, document, fresh) for name in _MAKERS]:
                making.result()
        (fresh / LIST).write_text(json.dumps(listed(document, fresh, stamp), indent=1, sort_keys=True) + "\n", "utf-8")
        if into.exists():
            into.rename(Path(beside, "before"))
        fresh.rename(into)
    print(*sorted(path.name for path in into.iterdir()), sep="\n")


def _make(name: str, document: Mapping[str, Any], into: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f"ferrule-sdk-{name}-") as work:
        _MAKERS[name](document, Path(work), into)


def _stamp(document: Mapping[str, Any]) -> str:
    """Stands for all that the archives are made of."""
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    for name in _INPUTS:
        place = ROOT / name
        files = {name: place.read_bytes()} if place.is_file() else under(place, name, without=["node/node_modules"])
        for path, content in files.items():
            if "__pycache__" not in path:
                digest.update(path.encode() + b"\0" + content)
    return digest.hexdigest()


def _made(into: Path) -> str | None:
    try:
        found: Mapping[str, Any] = json.loads((into / LIST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    stamp = found.get("stamp")
    whole = all((into / archive["name"]).is_file() for row in found["languages"] for archive in row["archives"])
    return stamp if whole else None


if __name__ == "__main__":
    main()
