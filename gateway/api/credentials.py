"""What callers show: a bearer token, or an API key in either of its headers, and one of them only (D-052)."""

from __future__ import annotations

from gateway.api.asgi import INDEX, Scope, header
from gateway.core.errors import Code, GatewayError

_API_KEY = b"x-api-key"
_SCHEME = b"apikey"


def api_key(scope: Scope) -> str | None:
    """The API key of a request, ``ID:KEY``; None: there is none, and perhaps a token.

    Raises:
        GatewayError: INVALID, the two headers differ, or there is a bearer token as well.
    """
    authorization = header(scope, b"authorization")
    index: dict[bytes, bytes | None] = scope[INDEX][1]
    if _API_KEY not in index and (b"authorization" not in index or (authorization or b"")[:7] == b"Bearer "):
        return None
    given: set[bytes] = set()
    other = False
    for name, value in scope["headers"]:
        if name == _API_KEY:
            given.add(bytes(value).strip())
        elif name == b"authorization":
            scheme, _, rest = bytes(value).partition(b" ")
            if scheme.lower() == _SCHEME:
                given.add(rest.strip())
            else:
                other = True
    if not given:
        return None
    if other or len(given) > 1:
        words = (
            "show one thing only: Authorization: ApiKey ID:KEY, the same in X-API-Key, or Authorization: Bearer TOKEN"
        )
        raise GatewayError(Code.INVALID, words)
    return given.pop().decode("latin-1")
