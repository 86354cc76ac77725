"""What callers would like, and how far that is followed: ``Prefer`` (RFC 7240)."""

from __future__ import annotations

import re

from gateway.api.asgi import ANSWER_TIME, Scope, time_limit
from gateway.api.replies import ReplyHeaders

# Seconds a request may take for it, within the time every request has.
LONGEST_WAIT = 25
# What is left of that time for the rest of the request.
_REST_S = 5.0
# A preference, as far as the next comma that is in no quotes; what is no preference is passed over (RFC 7240, 2).
_PREFERENCE = re.compile(
    r'\s*([A-Za-z0-9!#$%&\'*+.^_`|~-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,;"]*))?((?:[^,"]|"(?:[^"\\]|\\.)*")*)(?:,|$)'
)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def preferred_wait(scope: Scope) -> int | None:
    """Seconds the caller would wait for the outcome (RFC 7240, 4.3), as far as it may; None: it does not say."""
    text = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"prefer")
    for found in _PREFERENCE.finditer(text):
        # The first one counts.
        if found[1].lower() == "wait":
            value = (found[2] or "").strip('"')
            return min(int(value), _longest(scope)) if _SECONDS.fullmatch(value) else None
    return None


def _longest(scope: Scope) -> int:
    return min(LONGEST_WAIT, max(0, int(time_limit(scope, "answer", ANSWER_TIME) - _REST_S)))


def applied(wait: int | None) -> ReplyHeaders:
    """What was followed (RFC 7240, 3)."""
    return () if wait is None else ((b"preference-applied", f"wait={wait}".encode()),)
