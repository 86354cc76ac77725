"""``X-Agent-Signature``: an agent signs its card (D-035).

A detached JWS (RFC 7515, appendix F) over the RFC 8785 form of the card without ``lastSeen``, which is ours to set, and
``metadata.signatures``, where signatures themselves may be kept. What algorithm counts is a matter of the agent's key,
never of the header.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from gateway.access.canonical import canonical
from gateway.access.jws import refused
from gateway.access.keys import RootKey
from gateway.access.nonces import Nonces
from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import FactStore
from gateway.core.principal import AgentKey

HEADER = "X-Agent-Signature"
# Seconds the agent's clock and ours may differ, on the way included.
WINDOW = 300
MAX_LENGTH = 2048

_SHARED = ("HS256",)
# The same with an Ed25519 key; RFC 9864 gave it the second name.
_PINNED = ("EdDSA", "Ed25519")
_FORM = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)", re.ASCII)
_MEMBERS = {"alg", "kid", "iat", "nonce"}
_NONCE = re.compile(r"[!-~]{8,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Signature:
    signed: str
    proof: bytes
    algorithm: str
    kid: str
    issued: int
    nonce: str


class Use(Enum):
    """What becomes of the nonce of a signature that counts."""

    # It is used up (``agent.register``).
    ONCE = auto()
    # It registers nobody any more, and may be shown again: it went along with another call.
    SHOWN = auto()
    # Nothing: somebody asks whether it is good (``security.validateCard``).
    LOOK = auto()


class CardSignatures:
    """Checks signatures of agent cards.

    Args:
        root: the agents' secrets are derived from it.
        wall: Unix seconds.
        synchronised: whether that clock can be trusted; while not, a refusal by time tells the caller our time.
        clock: seconds that only go forward.
        facts: keep nonces over restarts; None: they are not kept.
    """

    def __init__(
        self,
        root: RootKey,
        wall: Callable[[], float],
        synchronised: Callable[[], bool],
        clock: Callable[[], float],
        facts: FactStore | None = None,
    ) -> None:
        self._root = root
        self._wall = wall
        self._synchronised = synchronised
        # A signature may come from one end of the window, and counts until the other.
        self._nonces = Nonces(clock, 2 * WINDOW, facts=facts)

    def check(
        self,
        signature: str,
        card: Mapping[str, object],
        agent_id: str,
        key: AgentKey,
        *,
        use: Use = Use.ONCE,
        urgent: bool = True,
    ) -> None:
        """Accept a signature, or say why not.

        Args:
            signature: the value of the header.
            card: the agent's card as it was sent, parsed.
            agent_id: who the caller is known to be.
            key: the agent's, out of its token or from its registration; never out of the header.
            use: what becomes of the nonce.
            urgent: where it is used, that goes to the disk at once.

        Raises:
            GatewayError: UNAUTHENTICATED for a signature that does not count; FORBIDDEN for the card of another agent;
                INVALID for a card that has no RFC 8785 form; TOO_MANY for more signatures than are remembered.
        """
        if card.get("agentId") != agent_id:
            raise GatewayError(
                Code.FORBIDDEN, f"the card is not that of {agent_id}: sign and send your own", field="agentCard.agentId"
            )
        given = _parse(signature)
        if given.kid != key.kid:
            raise refused(f"{HEADER} names another key (kid) than {agent_id} was enrolled with")
        self._check_time(given.issued)
        payload = base64.urlsafe_b64encode(signed_form(card)).rstrip(b"=")
        self._check_proof(given, given.signed.encode() + b"." + payload, agent_id, key)
        if use is Use.ONCE:
            new = self._nonces.use(agent_id, given.nonce, urgent=urgent)
        else:
            look = self._nonces.show if use is Use.SHOWN else self._nonces.is_new
            new = look(agent_id, given.nonce)
        if not new:
            raise refused(f"{HEADER} was used before: sign again with a new nonce")

    def _check_time(self, issued: int) -> None:
        now = self._wall()
        if abs(now - issued) <= WINDOW:
            return
        reason = f"{HEADER} is {abs(now - issued):.0f} s {'old' if now > issued else 'ahead'}, more than {WINDOW} s"
        if self._synchronised():
            raise refused(f"{reason}: compare the clocks, and sign again")
        raise refused(
            f"{reason}, by a clock of the gateway that is not synchronised: sign with iat near serverTime",
            {"serverTime": rfc3339.text(now)},
        )

    def _check_proof(self, given: _Signature, message: bytes, agent_id: str, key: AgentKey) -> None:
        algorithms = _SHARED if key.public is None else _PINNED
        if given.algorithm not in algorithms:
            raise refused(f"{HEADER} must be made with {algorithms[0]}: that is what {agent_id} was enrolled for")
        if key.public is None:
            good = hmac.compare_digest(
                hmac.digest(self._root.agent_secret(agent_id, key.kid), message, "sha256"), given.proof
            )
        else:
            good = _verifies(key.public, given.proof, message)
        if not good:
            raise refused(
                f"{HEADER} does not fit the card: sign the RFC 8785 form of exactly the card that is sent, without "
                "lastSeen and metadata.signatures"
            )


def signed_form(card: Mapping[str, object]) -> bytes:
    """The bytes an agent signs: the RFC 8785 form of its card without ``lastSeen`` and ``metadata.signatures``.

    Raises:
        GatewayError: INVALID, the card has no such form.
    """
    kept = {name: value for name, value in card.items() if name != "lastSeen"}
    metadata = kept.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = {name: value for name, value in metadata.items() if name != "signatures"}
    return canonical(kept, "agentCard")


def _parse(signature: str) -> _Signature:
    form = _FORM.fullmatch(signature) if len(signature) <= MAX_LENGTH else None
    if form is None:
        raise refused(
            f"{HEADER} is no detached JWS: BASE64URL(header)..BASE64URL(signature), without padding, with nothing "
            "between the dots (RFC 7515, appendix F)"
        )
    header = _header(_decode(form[1]))
    algorithm, kid, issued, nonce = (header.get(name) for name in ("alg", "kid", "iat", "nonce"))
    if not isinstance(algorithm, str) or not isinstance(kid, str) or type(issued) is not int:
        raise refused(f"the header of {HEADER} needs alg and kid as text, and iat in whole Unix seconds")
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise refused(f"the header of {HEADER} needs a nonce of 8 to 128 characters without spaces")
    return _Signature(form[1], _decode(form[2]), algorithm, kid, issued, nonce)


def _header(content: bytes) -> dict[str, object]:
    try:
        header = json.loads(content, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise refused(f"the header of {HEADER} is no JSON, or has a member twice") from None
    # Libraries add the type by themselves. Anything else, above all a key or the address of one, is refused.
    if not isinstance(header, dict) or header.pop("typ", "JOSE") != "JOSE" or header.keys() != _MEMBERS:
        raise refused(f"the header of {HEADER} holds alg, kid, iat and nonce, and nothing else")
    return header


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands there twice")
    return members


def _decode(text: str) -> bytes:
    """Base64url in its one spelling (RFC 4648, 3.5)."""
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != text:
        raise refused(f"{HEADER} is not in base64url as RFC 7515 has it")
    return content


def _verifies(public: bytes, proof: bytes, message: bytes) -> bool:
    # It takes long to load, and most agents share a secret with us.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(proof, message)
    except InvalidSignature:
        return False
    return True
