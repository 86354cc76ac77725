"""The plugin kit for Python, as a plugin brings it along. It is read, and never imported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import gateway

KIT = "ferrule_plugin"
_IMPORT = re.compile(rb"^\s*(?:from|import)\s+ferrule_plugin\b", re.MULTILINE)


class NoKitError(Exception):
    """The kit is not where it belongs; the text says what to do."""


def read_kit() -> dict[str, bytes]:
    """Its files, by their names in a package.

    Raises:
        NoKitError: this installation has none.
    """
    place = Path(gateway.__file__).parent / "sdk" / KIT
    found = {f"{KIT}/{path.name}": path.read_bytes() for path in sorted(place.glob("*.py"))}
    if f"{KIT}/__init__.py" not in found:
        raise NoKitError(
            f"the plugin kit is not in {place}: copy the directory {KIT} from the gateway's sources (gateway/sdk) "
            "beside your main program"
        )
    return {**found, f"{KIT}/py.typed": b""}


def kit_for(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The kit, where a plugin imports it and does not bring it; nothing otherwise.

    Raises:
        NoKitError: as above.
    """
    if any(name.startswith(f"{KIT}/") for name in files):
        return {}
    wanted = any(name.endswith(".py") and _IMPORT.search(content) for name, content in files.items())
    return read_kit() if wanted else {}
