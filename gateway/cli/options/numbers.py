"""Whole numbers as they are typed, within what makes sense."""

from __future__ import annotations

import argparse
from collections.abc import Callable

# What a serial port may be set to, as in the configuration.
LEAST_RATE, MOST_RATE = 50, 4_000_000
# Zero is everybody.
MOST_UNIT = 255


def whole(least: int, most: int, what: str) -> Callable[[str], int]:
    """What reads such an option.

    Args:
        least: that it takes.
        most: likewise.
        what: the number is, with its article: ``a unit``.
    """

    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f'"{text}" is not {what} from {least} to {most}')
        return found

    return read
