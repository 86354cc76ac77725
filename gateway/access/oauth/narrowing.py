"""Which of the scopes that were asked for are given (RFC 6749, 3.3; D-047)."""

from __future__ import annotations

import re
from collections.abc import Collection

from gateway.access.oauth.grant import OAuthError
from gateway.access.roles import effective
from gateway.access.scopes import SCOPES

# The characters of a scope, and how they are parted (RFC 6749, 3.3).
_FORM = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_LONGEST_SHOWN = 100


def narrow(allowance: Collection[str], asked: str | None) -> frozenset[str]:
    """The scopes of a token: those that were asked for, as far as they may be given.

    Scopes that this gateway does not have are passed over: programs written for many servers ask for "openid" and the
    like as a matter of course.

    Args:
        allowance: what may be given.
        asked: as it was sent; None: everything that may be given.

    Raises:
        OAuthError: invalid_scope, it is no list of scopes, or nothing of it can be given.
    """
    if asked is None:
        given = frozenset(allowance)
    else:
        if _FORM.fullmatch(asked) is None:
            raise OAuthError("invalid_scope", "scope: write words with one space between")
        given = effective(allowance, [word for word in asked.split(" ") if word in SCOPES])
    if not given:
        shown = "" if asked is None else f" of {_shown(asked)}"
        may = " ".join(sorted(allowance)) or "none at all"
        raise OAuthError("invalid_scope", f"nothing{shown} can be given; this client may have: {may}")
    return given


def _shown(text: str) -> str:
    # A description may hold neither quotation marks nor backslashes (RFC 6749, 5.2); the form has seen to that.
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
