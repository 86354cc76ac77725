"""What every Python peer does for a request: check an HS256 token, and read one tag."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

SCOPE = "devices:read"
# What our own server says for one tag.
READING = {
    "tag": "line0/device/t0",
    "value": 42,
    "quality": "good",
    "reason": None,
    "timestamp": "2026-01-01T00:00:00.000Z",
    "clock": "synchronised",
    "sequence": 1,
    "units": None,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer serves, and with what, from its command line: ``CERTIFICATE PORT SECRET``."""

    certificate: str
    port: int
    secret: bytes

    @classmethod
    def from_arguments(cls) -> Place:
        """Read the command line."""
        certificate, port, secret = sys.argv[1:4]
        return cls(certificate, int(port), secret.encode())


def _part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def allowed(secret: bytes, authorization: str) -> bool:
    """Whether a Bearer token is ours, current, and allows to read."""
    signed, _, signature = authorization.removeprefix("Bearer ").rpartition(".")
    if not hmac.compare_digest(hmac.new(secret, signed.encode(), hashlib.sha256).digest(), _part(signature)):
        return False
    claims = json.loads(_part(signed.partition(".")[2]))
    return claims["exp"] > time.time() and SCOPE in claims["scope"].split()


def token(secret: bytes) -> str:
    """A token that is allowed."""

    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'exp': time.time() + 3600, 'scope': SCOPE})}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The JSON-RPC answer to ``tag.read`` of one tag."""
    if request.get("method") != "tag.read" or request["params"]["tags"] != [READING["tag"]]:
        return {"jsonrpc": "2.0", "id": request.get("id"), "error": {"code": -32601, "message": "Method not found"}}
    return {"jsonrpc": "2.0", "id": request["id"], "result": {"readings": [READING]}}
