"""JWS in its compact form with HMAC-SHA256 (RFC 7515; RFC 7518, 3.2): the one kind of token this gateway makes.

It is a hash and three pieces of base64url. A library for it brings along every other kind, and with them 10 MB of
memory that a gateway otherwise needs none of (docs/decisions/0017-tokens-without-a-library.md).
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping

ALGORITHM = "HS256"


def sign(claims: Mapping[str, object], secret: bytes, *, typ: str, kid: str) -> str:
    """A token with these claims.

    Args:
        claims: what JSON can carry.
        secret: 32 bytes or more.
        typ: the type, for its header.
        kid: names the key, for its header.
    """
    header = _encode({"alg": ALGORITHM, "kid": kid, "typ": typ})
    signed = f"{header}.{_encode(claims)}"
    return f"{signed}.{_text(_proof(signed, secret))}"


def proven(token: str, secret: bytes) -> dict[str, object]:
    """The claims of a token that was signed with this secret; whether they are good for anything is not looked at.

    Nothing of it is read before the signature was found to be right. What its header says decides nothing.

    Args:
        token: three parts in base64url, in ASCII.
        secret: the key.

    Raises:
        ValueError: another key signed it, or it says that it was signed in another way.
    """
    signed, _, proof = token.rpartition(".")
    if not hmac.compare_digest(_text(_proof(signed, secret)).encode(), proof.encode()):
        raise ValueError("the signature is another one")
    given, _, content = signed.partition(".")
    header, claims = _decode(given), _decode(content)
    # A name in `crit` would have to be understood (RFC 7515, 4.1.11), and none is.
    if header.get("alg") != ALGORITHM or "crit" in header:
        raise ValueError("it was not signed as this gateway signs")
    return claims


def _proof(signed: str, secret: bytes) -> bytes:
    return hmac.digest(secret, signed.encode("ascii"), "sha256")


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _encode(members: Mapping[str, object]) -> str:
    return _text(json.dumps(members, separators=(",", ":")).encode())


def _decode(part: str) -> dict[str, object]:
    members = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(members, dict):
        raise ValueError("it holds no object")  # noqa: TRY004 - of a token, not of an argument
    return members
