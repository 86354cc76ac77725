"""Durations and sizes as people write them: ``"250ms"``, ``"7d"``, ``"200MB"``, ``"64KiB"``."""

from __future__ import annotations

import math
import re
from decimal import Decimal

SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
# Longest first: the first that fits a whole number of times says it best.
_SPOKEN = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))
_BEYOND_ALL_USE = 1e15
_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]+)", re.ASCII)


def duration(value: object) -> float:
    """Turn a duration as written into seconds.

    Args:
        value: what TOML holds; only text with a unit is a duration.

    Raises:
        ValueError: with reason and cure.
    """
    if _is_number(value):
        raise ValueError(f'a duration needs a unit. Write "{_example(value)}s" for seconds, or use ms, m, h, d')
    number, unit = _split(value, "duration", '"500ms", "1s", "2m", "1h" or "7d"')
    if unit not in SECONDS:
        raise ValueError(f'"{unit}" is no unit of time. Use ms, s, m, h or d')
    return float(number * SECONDS[unit])


def size(value: object) -> int:
    """Turn a size as written into bytes.

    Args:
        value: what TOML holds; only text with a unit is a size.

    Raises:
        ValueError: with reason and cure.
    """
    if _is_number(value):
        raise ValueError(f'a size needs a unit. Write "{_example(value)}B" for bytes, or use kB, MB, GB, KiB, MiB, GiB')
    number, unit = _split(value, "size", '"64KiB", "200MB" or "1GB"')
    if unit == "KB":
        unit = "kB"
    if unit not in BYTES:
        raise ValueError(f'"{unit}" is no unit of size. Use B, kB, MB, GB, KiB, MiB or GiB')
    exact = number * BYTES[unit]
    if exact != int(exact):
        raise ValueError("that is not a whole number of bytes. Use a smaller unit")
    return int(exact)


def say_duration(seconds: float) -> str:
    """Say a duration the way it is written in the configuration: ``90.0`` is ``"90s"``, ``3600.0`` is ``"1h"``."""
    for unit, length in _SPOKEN:
        if seconds >= length and math.isclose(seconds / length, round(seconds / length), rel_tol=1e-9):
            return f"{round(seconds / length)}{unit}"
    return f"{seconds:g}s"


def say_size(count: int) -> str:
    """Say a size the way it is written in the configuration: ``1048576`` is ``"1MiB"``."""
    for unit in ("GB", "GiB", "MB", "MiB", "kB", "KiB"):
        if count and count % BYTES[unit] == 0:
            return f"{count // BYTES[unit]}{unit}"
    return f"{count}B"


def _example(value: object) -> object:
    """The number that was written, where it could be one of a quantity."""
    return value if isinstance(value, int | float) and abs(value) < _BEYOND_ALL_USE else 10


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _split(value: object, what: str, examples: str) -> tuple[Decimal, str]:
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if not match:
        shown = f'"{value}"' if isinstance(value, str) else "this"
        raise ValueError(f"{shown} is no {what}. Write a number and its unit, such as {examples}")
    return Decimal(match[1]), match[2]
