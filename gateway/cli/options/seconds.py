"""Seconds as they are typed: a number that can be waited for, or a duration as the configuration has them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from gateway.settings.quantities import duration

DAY_S = 86400.0


def seconds(least: float = 0.0, most: float = DAY_S) -> Callable[[str], float]:
    """What reads such an option.

    Args:
        least: that it takes.
        most: likewise; neither infinity nor what is no number is ever waited for.
    """

    def read(text: str) -> float:
        try:
            found = duration(text) if text[-1:].isalpha() else float(text)
        except ValueError:
            found = -1.0
        if not least <= found <= most:
            words = f"no number of seconds from {least:g} to {most:g}, nor a duration within that, such as 30s"
            raise argparse.ArgumentTypeError(f'"{text}" is {words}')
        return found

    return read
