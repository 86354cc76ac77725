"""Seconds as they are typed: a number that can be waited for."""

from __future__ import annotations

import argparse
from collections.abc import Callable

DAY_S = 86400.0


def seconds(least: float = 0.0, most: float = DAY_S) -> Callable[[str], float]:
    """What reads such an option.

    Args:
        least: that it takes.
        most: likewise; neither infinity nor what is no number is ever waited for.
    """

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = -1.0
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f'"{text}" is no number of seconds from {least:g} to {most:g}')
        return found

    return read
