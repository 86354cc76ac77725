"""Ids of plugins: made of their names (D-103)."""

from __future__ import annotations

import re

from gateway.settings.plain_words import in_ascii

LONGEST_ID = 64


def slug(name: str) -> str:
    """The id a name gives: its words in small letters of A to Z and digits, with hyphens between.

    Returns:
        Nothing where the name has no such letter and no digit.
    """
    words = re.sub(r"[^a-z0-9]+", "-", in_ascii(name).lower()).strip("-")
    return words[:LONGEST_ID].rstrip("-")
