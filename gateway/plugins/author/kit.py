"""The plugin kit for Python, as a plugin brings it along. It is read, and never imported."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import gateway

KIT = "ferrule_plugin"
_IMPORT = re.compile(rb"^\s*(?:from|import)\s+ferrule_plugin\b", re.MULTILINE)


class NoKitError(Exception):
    """The kit is not where it belongs; the text says what to do."""


def places() -> list[Path]:
    """Where it may be: with the gateway, or installed from its wheel."""
    installed = find_spec(KIT)
    found = None if installed is None else installed.submodule_search_locations
    return [Path(gateway.__file__).parent / "sdk" / KIT, *map(Path, found or ())]


def read_kit(directories: Sequence[Path] | None = None) -> dict[str, bytes]:
    """Its files, by their names in a package.

    Args:
        directories: where to look for it; by default ``places``.

    Raises:
        NoKitError: this installation has none.
    """
    looked = places() if directories is None else directories
    for directory in looked:
        found = {f"{KIT}/{path.name}": path.read_bytes() for path in sorted(directory.glob("*.py"))}
        if f"{KIT}/__init__.py" in found:
            return {**found, f"{KIT}/py.typed": b""}
    where = ", ".join(map(str, looked))
    raise NoKitError(
        f"the plugin kit is not in {where}: install its wheel ({KIT}) beside the gateway, or copy "
        f"the directory {KIT} from the gateway's sources (gateway/sdk) beside your main program"
    )


def kit_for(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The kit, where a plugin imports it and does not bring it; nothing otherwise.

    Raises:
        NoKitError: as above.
    """
    if any(name.startswith(f"{KIT}/") for name in files):
        return {}
    wanted = any(name.endswith(".py") and _IMPORT.search(content) for name, content in files.items())
    return read_kit() if wanted else {}
