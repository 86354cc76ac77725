"""What is said when a service is announced: every field looked at, everything that is wrong said at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.agents.capabilities import CAPABILITY_ID, CAPABILITY_ID_CURE
from gateway.agents.card import AGENT_ID_CURE, LARGEST_METADATA
from gateway.agents.endpoints import inspect_url
from gateway.agents.freeform import inspect_freeform, larger_than, size_of
from gateway.agents.inspection import Inspection
from gateway.agents.issues import Issue
from gateway.core.ports import Json
from gateway.core.principal import AGENT_ID

DEFAULT_TTL = 300
SHORTEST_TTL, LONGEST_TTL = 30, 86400
MOST_CAPABILITIES = 64
LARGEST_SERVICE = 32 * 1024
DEEPEST = 12
_KNOWN = ("serviceId", "name", "type", "capabilities", "endpoint", "ttl", "metadata")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TYPE_CURE = 'must be a word such as "data-logger"'


@dataclass(frozen=True, slots=True)
class Announcement:
    """A service that was found sound.

    Attributes:
        service_id: unique.
        name: for people.
        type: what sort of service it is.
        capabilities: ids of what it can do.
        endpoint: its URL, as given.
        ttl: seconds it is listed for.
        metadata: ``location``, and what else its agent says.
        given: the service as it was given.
    """

    service_id: str
    name: str
    type: str
    capabilities: tuple[str, ...]
    endpoint: str
    ttl: int
    metadata: Mapping[str, Json]
    given: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """What was found about a service.

    Attributes:
        announcement: None where an issue refuses it.
        issues: those that refuse it, then the others.
    """

    announcement: Announcement | None
    issues: tuple[Issue, ...]


def validate_service(service: Json, *, local_peer: bool = False) -> ServiceCheck:
    """Look at a service field by field. Never raises, whatever the JSON is.

    Args:
        service: as parsed from JSON.
        local_peer: whoever announces it speaks from this machine: a loopback endpoint leads to it then (D-065).
    """
    found = Inspection()
    given = found.object(service, "", _KNOWN, "a service")
    if given is None:
        return ServiceCheck(None, found.issues)
    if larger_than(given, LARGEST_SERVICE):
        found.error("", "too_large", f"a service must not take more than {LARGEST_SERVICE} bytes")
        return ServiceCheck(None, found.issues)
    service_id = found.text(given, "", "serviceId", 128, form=AGENT_ID, cure=AGENT_ID_CURE)
    name = found.text(given, "", "name", 200)
    type_ = found.text(given, "", "type", 64, form=_TYPE, cure=_TYPE_CURE)
    capabilities: dict[str, None] = {}
    for path, value in found.elements(given, "", "capabilities", MOST_CAPABILITIES):
        capability = found.text_value(value, path, 128, form=CAPABILITY_ID, cure=CAPABILITY_ID_CURE)
        if capability is not None:
            capabilities[capability] = None
    endpoint = None
    if found.has(given, "", "endpoint"):
        endpoint = inspect_url(found, given["endpoint"], "endpoint", local_peer=local_peer)
    ttl: int | None = DEFAULT_TTL
    if "ttl" in given:
        ttl = found.whole(given, "", "ttl", SHORTEST_TTL, LONGEST_TTL)
    metadata = given.get("metadata", {})
    if not isinstance(metadata, dict):
        found.error("metadata", "type", "must be an object", metadata)
    inspect_freeform(found, given, DEEPEST)
    if not found.refused and size_of(metadata) > LARGEST_METADATA:
        found.error("metadata", "too_large", f"must not take more than {LARGEST_METADATA} bytes")
    if found.refused or not isinstance(metadata, dict):
        return ServiceCheck(None, found.issues)
    if service_id is None or name is None or type_ is None or endpoint is None or ttl is None:
        return ServiceCheck(None, found.issues)
    sound = Announcement(service_id, name, type_, tuple(capabilities), endpoint, ttl, metadata, given)
    return ServiceCheck(sound, found.issues)
