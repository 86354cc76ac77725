"""The card an agent shows: every field looked at, everything that is wrong with it said at once (D-036 to D-042)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.agents.capabilities import inspect_capability
from gateway.agents.endpoints import inspect_endpoint
from gateway.agents.freeform import inspect_freeform, larger_than, size_of
from gateway.agents.inspection import Inspection
from gateway.agents.issues import Issue, Severity
from gateway.agents.versions import SEMANTIC, SEMANTIC_CURE
from gateway.core.ports import Json
from gateway.core.principal import AGENT_ID
from gateway.core.roster import Endpoint

MOST_CAPABILITIES = 64
MOST_ENDPOINTS = 16
LARGEST_METADATA = 16 * 1024
LARGEST_CARD = 64 * 1024
DEEPEST = 12

LONGEST_AGENT_ID = 128
AGENT_ID_CURE = 'must begin with a letter or digit, and be made of letters, digits and "._:-"'
_KNOWN = (
    "agentId",
    "name",
    "description",
    "version",
    "capabilities",
    "endpoints",
    "metadata",
    "lastSeen",
)
# The gateway's own; what a caller writes there is not looked at (D-039).
_IGNORED = "lastSeen"


@dataclass(frozen=True, slots=True)
class Card:
    """A card that was found sound.

    Attributes:
        agent_id: unique.
        name: for people.
        version: semantic.
        capabilities: their ids, in the order of the card.
        endpoints: where the agent says it can be reached.
        given: the card as it was given, but without ``lastSeen``, as it is signed.
    """

    agent_id: str
    name: str
    version: str
    capabilities: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    given: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class CardCheck:
    """What was found about a card.

    Attributes:
        card: None where an issue refuses it.
        issues: those that refuse it, then the others.
    """

    card: Card | None
    issues: tuple[Issue, ...]

    @property
    def valid(self) -> bool:
        """Whether nothing refuses it; a signature is another matter (D-037)."""
        return self.card is not None

    @property
    def endpoints_secure(self) -> bool:
        """Whether every endpoint is https or wss on an address that may be used."""
        return self._sound("endpoints")

    @property
    def capabilities_valid(self) -> bool:
        """Whether every capability is described as it must be."""
        return self._sound("capabilities")

    def _sound(self, part: str) -> bool:
        if any(not issue.field and issue.severity is Severity.ERROR for issue in self.issues):
            return False
        step = re.compile(rf"{part}($|[.\[])")
        return not any(step.match(issue.field) and issue.severity is Severity.ERROR for issue in self.issues)


def validate_card(card: Json, *, local_peer: bool = False) -> CardCheck:
    """Look at a card field by field. Never raises, whatever the JSON is.

    Args:
        card: as parsed from JSON.
        local_peer: whoever shows it speaks from this machine: loopback endpoints lead to it then (D-065).
    """
    found = Inspection()
    given = found.object(card, "", _KNOWN, "an agent card")
    if given is None:
        return CardCheck(None, found.issues)
    signed = {member: value for member, value in given.items() if member != _IGNORED}
    if larger_than(signed, LARGEST_CARD):
        _too_large(found)
        return CardCheck(None, found.issues)
    agent_id = found.text(given, "", "agentId", LONGEST_AGENT_ID, form=AGENT_ID, cure=AGENT_ID_CURE)
    name = found.text(given, "", "name", 200)
    found.text(given, "", "description", 2000, empty=True, prose=True)
    version = found.text(given, "", "version", 128, form=SEMANTIC, cure=SEMANTIC_CURE)
    capabilities: list[str] = []
    for path, capability in found.elements(given, "", "capabilities", MOST_CAPABILITIES):
        capability_id = inspect_capability(found, capability, path)
        if capability_id in capabilities:
            found.error(f"{path}.id", "duplicate", "must differ from the ids of the other capabilities", capability_id)
        elif capability_id is not None:
            capabilities.append(capability_id)
    endpoints = [
        inspect_endpoint(found, endpoint, path, local_peer=local_peer)
        for path, endpoint in found.elements(given, "", "endpoints", MOST_ENDPOINTS)
    ]
    _inspect_bounds(found, signed)
    if found.refused or agent_id is None or name is None or version is None:
        return CardCheck(None, found.issues)
    sound = tuple(endpoint for endpoint in endpoints if endpoint is not None)
    return CardCheck(Card(agent_id, name, version, tuple(capabilities), sound, signed), found.issues)


def _inspect_bounds(found: Inspection, signed: dict[str, Json]) -> None:
    metadata = signed.get("metadata", {})
    if not isinstance(metadata, dict):
        found.error("metadata", "type", "must be an object", metadata)
    inspect_freeform(found, signed, DEEPEST)
    if found.refused:
        return
    if size_of(metadata) > LARGEST_METADATA:
        found.error("metadata", "too_large", f"must not take more than {LARGEST_METADATA} bytes")
    elif size_of(signed) > LARGEST_CARD:
        _too_large(found)


def _too_large(found: Inspection) -> None:
    found.error("", "too_large", f"an agent card must not take more than {LARGEST_CARD} bytes")
