"""Secrets in what a plugin says: they are covered before anybody reads it. Pure.

It need not mean harm: programs print what they were configured with, and libraries quote it in their errors.
"""

from __future__ import annotations

from collections.abc import Iterable

COVER = "********"
# What is shorter stands in too many texts by chance.
SHORTEST = 4
# Secrets that are looked for: those of now, and some of before.
MOST = 500


def concealed(text: str, secrets: Iterable[str]) -> str:
    """A text with all secrets covered."""
    # The longest first: one may be a part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, COVER)
    return text


def together(new: Iterable[str], before: Iterable[str]) -> tuple[str, ...]:
    """Secrets that are to be covered from now on."""
    return tuple(dict.fromkeys((*new, *before)))[:MOST]
