"""Requests to the endpoints of OAuth: a form (RFC 6749, app. B), or JSON as the reference has it (D-046)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote_plus

from gateway.access.oauth.authentication import Shown
from gateway.access.oauth.grant import Form, OAuthError
from gateway.api import rpc
from gateway.api.asgi import BodyError, Scope, header, read_body
from gateway.api.origin import peer_of
from gateway.api.own_url import audience_of, own_url
from gateway.api.request import Request
from gateway.api.rest.problems import JSON_API

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
# The reference's clients send every body as that (S1, "Base Configuration").
_KINDS_OF_JSON = frozenset({_JSON, JSON_API.decode()})
LARGEST = 16 * 1024
_MOST = 50

# All others mean nothing, whatever they are (RFC 6749, 3.2).
_KNOWN = frozenset(
    {
        "client_id",
        "client_secret",
        "code",
        "code_verifier",
        "grant_type",
        "redirect_uri",
        "refresh_token",
        "resource",
        "scope",
        "token",
        "token_type_hint",
    }
)

_Pairs = Iterator[tuple[str, str]]


async def read_form(request: Request) -> tuple[Shown, Form]:
    """Read a request.

    Returns:
        Which client asks, as far as it says so, and what it asks for.

    Raises:
        OAuthError: invalid_request; invalid_client, for credentials that cannot be read; invalid_target.
        Disconnected: the caller left before the end of the body.
    """
    scope = request.scope
    try:
        body = await read_body(scope, request.receive, LARGEST)
    except BodyError as error:
        raise OAuthError("invalid_request", error.reason, error.status) from None
    values, resources = _once(_pairs(scope, body))
    secret = values.pop("client_secret", None)
    shown = _client(scope, values.get("client_id"), secret)
    audience = audience_of(resources, own_url(scope)) if resources else None
    if resources and audience is None:
        words = "resource: name this gateway's own /v1 or /api/v1, as https://HOST:PORT/v1"
        raise OAuthError("invalid_target", words)
    return shown, Form(values, audience)


def _pairs(scope: Scope, body: bytes) -> _Pairs:
    content_type = (header(scope, b"content-type") or b"").decode("latin-1")
    media_type = content_type.partition(";")[0].strip().lower()
    if (header(scope, b"content-encoding") or b"identity").lower() != b"identity":
        raise OAuthError("invalid_request", "send the body without Content-Encoding")
    if media_type == _FORM:
        return _of_form(body)
    if media_type in _KINDS_OF_JSON:
        return _of_json(body)
    raise OAuthError("invalid_request", f"send Content-Type: {_FORM} or {_JSON}")


def _of_form(body: bytes) -> _Pairs:
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST, errors="strict") if text else []
    except ValueError:
        raise OAuthError("invalid_request", "the form cannot be read, or holds too many parameters") from None
    return iter(pairs)


def _of_json(body: bytes) -> _Pairs:
    try:
        document = rpc.decode(body)
    except (ValueError, RecursionError):
        raise OAuthError("invalid_request", "the body is no JSON") from None
    if not isinstance(document, dict) or len(document) > _MOST:
        raise OAuthError("invalid_request", "the body must be one object of text members")
    for name, value in document.items():
        values = value if name == "resource" and isinstance(value, list) else [value]
        for one in values:
            if one is None or name not in _KNOWN:
                continue
            if not isinstance(one, str):
                raise OAuthError("invalid_request", f"{_shown(name)} must be text")
            yield name, one


def _once(pairs: _Pairs) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    resources: list[str] = []
    for name, value in pairs:
        if not value or name not in _KNOWN:
            # As if it had been left out (RFC 6749, 3.2).
            continue
        if name == "resource":
            resources.append(value)
        elif name in values:
            raise OAuthError("invalid_request", f"{_shown(name)} stands there twice")
        else:
            values[name] = value
    return values, resources


def _client(scope: Scope, client_id: str | None, secret: str | None) -> Shown:
    """Who asks: one method only (RFC 6749, 2.3)."""
    peer = peer_of(scope)
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        return Shown(client_id=client_id, secret=secret, peer=peer)
    scheme, _, rest = given[0].partition(b" ")
    if len(given) > 1 or scheme.lower() != b"basic":
        raise OAuthError("invalid_client", "Authorization: this takes HTTP Basic, once", 401)
    try:
        name, colon, password = base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        colon = name = password = ""
    if not colon:
        raise OAuthError("invalid_client", "Authorization: this is no HTTP Basic", 401)
    # Both are encoded as in a form before they are put together (RFC 6749, 2.3.1).
    name, password = unquote_plus(name), unquote_plus(password)
    if secret is not None or client_id not in {None, name}:
        raise OAuthError("invalid_request", "the client shows itself twice: by HTTP Basic and in the body")
    return Shown(client_id=name, secret=password or None, peer=peer)


def _shown(name: str) -> str:
    """A parameter's name within a description, which takes few letters (RFC 6749, 5.2)."""
    return "".join(letter for letter in name[:40] if letter.isascii() and letter.isprintable() and letter not in '"\\')
