"""The version of this installation, without the library that reads all that can be known of a package.

That library brings a parser of mail along: 0.65 MB for a line of text (docs/benchmarks.md, memory).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGE = "ferrule"


def installed_version(places: Iterable[str] | None = None) -> str:
    """The version in the name of ``ferrule-VERSION.dist-info`` (PyPA, "Recording installed projects").

    Args:
        places: directories to look in; None: where Python looks for modules.
    """
    for place in sys.path if places is None else places:
        for found in sorted(Path(place or ".").glob(f"{PACKAGE}-*.dist-info")):
            return found.name.removeprefix(f"{PACKAGE}-").removesuffix(".dist-info")
    # Installed in some other way: as an egg, or in an archive.
    from importlib.metadata import version  # noqa: PLC0415 - what this file is here to do without

    return version(PACKAGE)
