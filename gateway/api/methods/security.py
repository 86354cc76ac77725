"""``security.validateAddress`` and ``security.validateCard``: to ask before it counts."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.access.signature import HEADER, Use
from gateway.agents.addresses import validate_address
from gateway.agents.card import validate_card
from gateway.agents.issues import Issue
from gateway.api.dispatch import Method, method, told
from gateway.api.methods.rows import JsonObject, json_object
from gateway.api.origin import Origin
from gateway.api.params import ParamsModel
from gateway.api.parts import AgentParts
from gateway.core.errors import GatewayError
from gateway.core.ports import Json
from gateway.core.principal import AgentKey


class ValidateAddress(ParamsModel, frozen=True):
    """Parameters of ``security.validateAddress``."""

    address: str


class ValidateCard(ParamsModel, frozen=True):
    """Parameters of ``security.validateCard``."""

    agent_card: JsonObject


def security_methods(parts: AgentParts) -> dict[str, Method]:
    """The namespace ``security``."""

    async def address(params: ValidateAddress) -> object:
        found = validate_address(params.address)
        return {
            "valid": found.valid,
            "address": found.address,
            "range": found.range,
            "type": str(found.type),
            "message": found.message,
        }

    async def card(params: ValidateCard, origin: Origin) -> object:
        given = json_object(params.agent_card)
        found = validate_card(given, local_peer=origin.local)
        issues = [_shown(issue) for issue in found.issues]
        signed: bool | None = None
        signature = origin.signature
        if signature is not None:
            fault = _signature_fault(parts, signature, given, origin)
            signed = fault is None
            if fault is not None:
                issues.append({"field": HEADER, "code": "signature", "message": fault, "severity": "error"})
        return {
            # A signature that is not there says nothing against the card (D-037).
            "valid": found.valid and signed is not False,
            "issues": issues,
            "security": {
                "signatureValid": signed,
                "endpointsSecure": found.endpoints_secure,
                "capabilitiesValid": found.capabilities_valid,
            },
        }

    return {
        "security.validateAddress": method(ValidateAddress, address, scope="agents:read"),
        "security.validateCard": told(ValidateCard, card, scope="agents:read"),
    }


def _shown(issue: Issue) -> dict[str, str]:
    return {
        "field": issue.field,
        "code": issue.code,
        "message": issue.message,
        "severity": str(issue.severity),
    }


def _signature_fault(parts: AgentParts, signature: str, card: Mapping[str, Json], origin: Origin) -> str | None:
    """Why a signature does not count, None where it does. Its nonce stays good: nothing is changed here."""
    agent_id = card.get("agentId")
    if not isinstance(agent_id, str):
        return "the card does not say whose it is"
    key = _key(parts, agent_id, origin)
    if key is None:
        return f"the key of {agent_id} is not known: it is not registered here, and the token is not its own"
    try:
        parts.signatures.check(signature, card, agent_id, key, use=Use.LOOK)
    except GatewayError as error:
        return error.reason
    return None


def _key(parts: AgentParts, agent_id: str, origin: Origin) -> AgentKey | None:
    principal = origin.principal
    if principal.key is not None and principal.subject == agent_id:
        return principal.key
    registry = parts.directory.registry
    return None if registry.get(agent_id) is None else registry.grant(agent_id).key
