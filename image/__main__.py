"""``python -m image``: build the SD image."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from image.build import Builder
from image.signing import VARIABLE, signing, signing_directory
from systemd.debian.cache import Cache, cache_directory
from systemd.debian.mirror import mirror
from systemd.debian.stop import BuildError
from systemd.debian.tree import PROJECT


def main() -> int:
    """Build an image."""
    parser = argparse.ArgumentParser(prog="python -m image", description="Build the SD image.")
    parser.add_argument("--out", type=Path, default=PROJECT / "build" / "ferrule.img", help="the file to write")
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {text}\n")

    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        keys, new = signing(signing_directory())
        if new:
            say(f"made keys that sign updates, in {keys.directory}: keep them ({VARIABLE} names another place)")
        Builder(mirror(), Cache(cache_directory()), keys, say).build(arguments.out.absolute())
    except BuildError as error:
        sys.stderr.write(f"image: {error}\n")
        return 1
    say(f"{arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
