"""Secrets in what a plugin says: they are covered before anybody reads it. Pure.

It need not mean harm: programs print what they were configured with, and libraries quote it in their errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

COVER = "********"
# What is shorter stands in too many texts by chance.
SHORTEST = 4
# Secrets that are looked for: those of now, and some of before.
MOST = 500


def concealed(text: str, secrets: Iterable[str]) -> str:
    """A text with all secrets covered, also as programs write them within other texts."""
    # The longest first: one may be a part of another.
    for form in sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True):
        text = text.replace(form, COVER)
    return text


def _forms(secret: str) -> Iterator[str]:
    """A secret as it stands in a text: as it is, line by line, and as Python, JSON and URLs quote it."""
    # A private key is said in lines, of which none is the whole.
    for part in {secret, *secret.splitlines()}:
        if len(part) >= SHORTEST:
            yield part
            yield from (repr(part)[1:-1], json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1])
            yield from (quote(part), quote(part, safe=""), quote_plus(part))


def together(new: Iterable[str], before: Iterable[str]) -> tuple[str, ...]:
    """Secrets that are to be covered from now on."""
    return tuple(dict.fromkeys((*new, *before)))[:MOST]
