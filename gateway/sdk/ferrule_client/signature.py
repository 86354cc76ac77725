"""`X-Agent-Signature`: a detached JWS over the RFC 8785 form of a card (RFC 7515, appendix F)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from . import encoding
from .canonical import canonical
from .keys import SigningKey

HEADER = "X-Agent-Signature"


def signed_form(card: Mapping[str, object]) -> bytes:
    """The bytes that are signed: the card without `lastSeen`, which the gateway sets, and `metadata.signatures`.

    Raises:
        ConfigurationError: the card has no RFC 8785 form.
    """
    kept = {name: value for name, value in card.items() if name != "lastSeen"}
    metadata = kept.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = {name: value for name, value in metadata.items() if name != "signatures"}
    return canonical(kept, "card")


def sign_card(card: Mapping[str, object], key: SigningKey, issued: int, nonce: str | None = None) -> str:
    """Sign a card for one call.

    Args:
        card: as it will be sent.
        key: the agent's.
        issued: Unix seconds by the gateway's clock; it takes five minutes of difference.
        nonce: 8 to 128 printable characters, never used before; made at random where it is left out.

    Raises:
        ConfigurationError: the card has no RFC 8785 form.
    """
    header = {"alg": key.algorithm, "kid": key.kid, "iat": issued, "nonce": nonce or secrets.token_hex(16)}
    protected = encoding.encode(json.dumps(header, separators=(",", ":")).encode())
    proof = key.sign(f"{protected}.{encoding.encode(signed_form(card))}".encode())
    return f"{protected}..{encoding.encode(proof)}"
