"""Patterns of raw serial lines: compiled by the same library where they are checked and where they are searched.

It is not Python's own ``re``, because that cannot be stopped: a search that has begun holds the whole process until it
ends, and with some patterns and messages it never does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateway.settings.kinds import UnfitError

if TYPE_CHECKING:
    import regex

# To that library "{e<=1}" is "with one error at most", to everybody else these are characters.
_LOOSE = re.compile(r"(?<!\\)\{[0-9<=+, ]*[deis](?:[0-9<=+, ]+[deis])*[0-9<=+, ]*[}:]")


def compiled(pattern: str) -> regex.Pattern[str]:
    """Return a pattern ready to be searched.

    Raises:
        UnfitError: it is none, or means another thing than in ``re``; with reason and cure.
    """
    # Loaded with the first pattern: 2 MB that gateways without one have a better use for.
    import regex  # noqa: PLC0415

    if (loose := _LOOSE.search(pattern)) is not None:
        raise UnfitError(f"{loose.group()} is no number of times. Write \\{{ and \\}} for the characters themselves")
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise UnfitError(f"is no regular expression: {error}. Write backslashes in single quotes") from None
