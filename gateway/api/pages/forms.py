"""What a browser sends: parameters of a query or a form, and the one cookie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from gateway.access.login.sessions import plausible
from gateway.api.asgi import Receive, Scope, header, read_body

COOKIE = "__Host-ferrule"
LARGEST_FORM = 16 * 1024
_MOST_FIELDS = 50
_FORM = b"application/x-www-form-urlencoded"
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

Fields = Sequence[tuple[str, str]]


class FormError(Exception):
    """A form or a query that cannot be read.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def fields_of(text: str | bytes) -> Fields:
    """The parameters of a query string or the body of a form, in their order.

    Raises:
        FormError: it is none, not UTF-8, or has too many.
    """
    try:
        plain = text.decode("ascii") if isinstance(text, bytes) else text
        if _ESCAPE.search(plain):
            raise ValueError(plain)
        return parse_qsl(plain, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise FormError(400, "What came cannot be read: it is cut off, or not from a form.") from None


def written(fields: Fields) -> str:
    """Parameters as a query string."""
    return urlencode(list(fields))


async def sent_form(scope: Scope, receive: Receive) -> Fields:
    """The form of a request.

    Raises:
        FormError: there is none, or it cannot be read.
        BodyError: it did not come, or is too long.
        Disconnected: the browser left.
    """
    kind = (header(scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != _FORM or header(scope, b"content-encoding") is not None:
        raise FormError(415, "Only a form can be sent here (application/x-www-form-urlencoded).")
    return fields_of(await read_body(scope, receive, LARGEST_FORM))


def browser_of(scope: Scope) -> str | None:
    """What the cookie of a request says; None where there is none of ours, or more than one."""
    found = [
        value
        for name, line in scope["headers"]
        if name == b"cookie"
        for key, _, value in (pair.strip().partition("=") for pair in line.decode("latin-1").split(";"))
        if key == COOKIE
    ]
    return found[0] if len(found) == 1 and plausible(found[0]) else None


def cookie(name: str) -> tuple[bytes, bytes]:
    """The header that has a browser keep a name until it is closed (RFC 6265bis, 4.1.3)."""
    return b"set-cookie", f"{COOKIE}={name}; Path=/; Secure; HttpOnly; SameSite=Lax".encode()


def no_cookie() -> tuple[bytes, bytes]:
    """The header that has a browser forget it."""
    return b"set-cookie", f"{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax".encode()


def from_here(scope: Scope) -> bool:
    """Whether a form was sent from a page of this gateway, as far as the browser says where it was."""
    host, origin = header(scope, b"host"), header(scope, b"origin")
    site = header(scope, b"sec-fetch-site")
    if any(name == b"origin" for name, _ in scope["headers"]) and (
        origin is None or host is None or origin.lower() != b"https://" + host.lower()
    ):
        return False
    return site is None or site == b"same-origin"
