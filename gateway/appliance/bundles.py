"""What is in a bundle, and whether this board takes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.appliance.update_state import System

COMPATIBLE = "ferrule-rpi-arm64"
# The parts of a slot: the system, and what the firmware loads.
PARTS = ("root", "boot")
_VERSION = re.compile(r"(\d+(?:\.\d+){0,3})\+(\d{1,12})")
_BUILD = re.compile(r"[0-9a-f]{16}")


class UpdateError(Exception):
    """The board does not take the update, and nothing has changed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is written to one partition.

    Attributes:
        size: bytes.
        sha256: of them, in hex.
    """

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose signature was found good.

    Attributes:
        system: that is in it.
        parts: by ``PARTS``.
    """

    system: System
    parts: Mapping[str, Part]


def read_manifest(said: Mapping[str, Any]) -> Bundle:
    """What RAUC says of a bundle (``rauc info --output-format=json``).

    Raises:
        UpdateError: it is not for boards like this.
    """
    if (compatible := said.get("compatible")) != COMPATIBLE:
        raise UpdateError(f'the bundle is for "{compatible}", and this board takes "{COMPATIBLE}". Take the right file')
    version, build = str(said.get("version")), str(said.get("build"))
    found = _VERSION.fullmatch(version)
    if found is None or _BUILD.fullmatch(build) is None:
        raise UpdateError(f'the bundle says version "{version}", build "{build}": it was not made by make image')
    parts = {
        kind: Part(about["size"], about["checksum"])
        for image in said.get("images", ())
        for kind, about in image.items()
    }
    if parts.keys() != set(PARTS):
        raise UpdateError(f"the bundle has {', '.join(sorted(parts)) or 'nothing'} in it, and not a whole system")
    return Bundle(System(version=found[1], built=int(found[2]), build=build), parts)


def refuse_older(running: System, target: System) -> None:
    """Refuse to go back: an older system may not read what a newer one wrote, and brings its faults back.

    Raises:
        UpdateError: the system in the bundle is older than the one that runs.
    """
    if _age(target) < _age(running):
        raise UpdateError(
            f"the bundle has {describe(target)}, which is older than what runs, {describe(running)}. If going back is "
            "meant, on the board: ferrule update FILE --allow-older"
        )


def describe(system: System) -> str:
    """A system as people are told of it."""
    return f"{system.version} (build {system.build[:8]})"


def _age(system: System) -> tuple[tuple[int, ...], int]:
    return tuple(int(part) for part in system.version.split(".")), system.built
