"""``make deb``, or ``python -m systemd.debian --suite trixie --architecture arm64``: makes Debian packages.

The same sources, lock file and SOURCE_DATE_EPOCH give the same package to the byte.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from systemd.debian.build import build
from systemd.debian.cache import Cache, cache_directory, digest
from systemd.debian.epoch import epoch
from systemd.debian.locked import MACHINES
from systemd.debian.stop import BuildError
from systemd.debian.suite import SUITES
from systemd.debian.tree import PROJECT, version_of_project


def main() -> int:
    """Make the packages that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m systemd.debian", description="make Debian packages of the gateway")
    parser.add_argument("--suite", action="append", choices=tuple(SUITES), help="default: all of them")
    parser.add_argument("--architecture", action="append", choices=tuple(MACHINES), help="default: all of them")
    parser.add_argument("--output", type=Path, default=PROJECT / "dist", help="directory (default: dist)")
    parser.add_argument("--compression", choices=("zstd", "none"), default="zstd", help="none is quick, for trials")
    parser.add_argument("--version", default=version_of_project(), help="default: that of pyproject.toml")
    arguments = parser.parse_args()
    cache = Cache(cache_directory())
    try:
        os.environ["SOURCE_DATE_EPOCH"] = str(epoch(PROJECT))
        arguments.output.mkdir(parents=True, exist_ok=True)
        for suite in arguments.suite or SUITES:
            for architecture in arguments.architecture or MACHINES:
                release = SUITES[suite]
                package = build(
                    release, architecture, arguments.version, arguments.output, cache, compression=arguments.compression
                )
                size = package.stat().st_size / 1e6
                sys.stdout.write(f"{digest(package)}  {package} ({size:.1f} MB)\n")
                sys.stdout.flush()
    except BuildError as error:
        sys.stderr.write(f"deb: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
