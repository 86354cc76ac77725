"""Request bodies: strict JSON, in the reference's envelope ``{"data": {...}}`` or in that of a resource (D-005)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gateway.api import rpc
from gateway.api.rest.problems import Problem, Source
from gateway.core.ports import Json

_OF_ENVELOPE = frozenset({"data"})
# What a document and a resource may have beside that, and nobody here asks for (JSON:API 1.1, 7.1 and 7.2).
_OF_DOCUMENT = frozenset({"data", "jsonapi", "links", "meta"})
_UNASKED = frozenset({"lid", "links", "meta"})
# Where relationships stand.
RELATED = "/data/relationships"
_OF_RESOURCE = frozenset({"type", "id", "attributes"})


@dataclass(frozen=True, slots=True)
class Members:
    """The members of what was sent.

    Attributes:
        given: they themselves.
        at: JSON pointer of the object they stand in.
        related: relationships that were sent beside them.
    """

    given: Mapping[str, Json]
    at: str
    related: Mapping[str, Json] = field(default_factory=dict)


def members(body: bytes, resource: str, id_: str | None) -> Members:
    """Read a body.

    Args:
        body: as it came.
        resource: type of the resource it may be written as.
        id_: of the resource the path names; None where a new one is to be made.

    Raises:
        Problem: 400, it is no JSON; 422, it has no such envelope; 403 or 409, it names another resource.
    """
    data = _data(body, _OF_ENVELOPE)
    if "attributes" not in data:
        return Members(data, "/data")
    for name in data.keys() - _OF_RESOURCE:
        raise _wrong(f"/data/{_escaped(name)}", "there is no such member; there are: type, id, attributes")
    return _attributes(data, frozenset({resource}), id_)


def either(body: bytes, resource: str, id_: str | None) -> Members:
    """Read a body whose members may stand without the envelope. Arguments and errors are those of ``members``."""
    document = _decoded(body)
    if isinstance(document, Mapping) and "data" not in document:
        return Members(document, "")
    return members(body, resource, id_)


def attributes(body: bytes, resource: str, id_: str | None) -> Members:
    """Read a body that is a document of JSON:API 1.1 with one resource. Arguments and errors are those of ``members``.

    Relationships are the gateway's to say: none is taken.
    """
    return _resource(_data(body, _OF_DOCUMENT), resource, id_, _OF_RESOURCE)


def related(body: bytes, resource: str, id_: str | None) -> Members:
    """Read the same with relationships. Arguments and errors are those of ``members``."""
    data = _data(body, _OF_DOCUMENT)
    found = data.get("relationships", {})
    if not isinstance(found, Mapping):
        raise _wrong(RELATED, "relationships must be an object")
    return replace(_resource(data, resource, id_, _OF_RESOURCE | {"relationships"}), related=found)


def _resource(data: Mapping[str, Json], resource: str, id_: str | None, known: frozenset[str]) -> Members:
    for name in data.keys() - known - _UNASKED:
        # Names that begin with an at sign are to be ignored (JSON:API 1.1, 6.3).
        if not name.startswith("@"):
            raise _wrong(f"/data/{_escaped(name)}", f"this cannot be set; there are: {', '.join(sorted(known))}")
    if "type" not in data:
        raise _wrong("/data/type", f'type is required: "{resource}"')
    # Some clients call a type as they call the list of it.
    return _attributes({"attributes": {}, **data}, frozenset({resource, f"{resource}s"}), id_)


def _data(body: bytes, known: frozenset[str]) -> Mapping[str, Json]:
    """The member ``data`` of a body."""
    document = _decoded(body)
    if not isinstance(document, Mapping):
        raise _wrong("", 'the body must be an object: {"data": {...}}')
    for name in document.keys() - known:
        raise _wrong(f"/{_escaped(name)}", 'there is no such member; everything stands in "data"')
    data = document.get("data")
    if not isinstance(data, Mapping):
        words = "is required" if "data" not in document else "must be an object"
        raise _wrong("/data", f'data {words}: {{"data": {{...}}}}')
    return data


def _decoded(body: bytes) -> Json:
    try:
        return rpc.decode(body)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Problem(400, "malformed", f"the body is no JSON of this API: {reason}.") from None


def _attributes(data: Mapping[str, Json], types: frozenset[str], id_: str | None) -> Members:
    # Whatever JSON can carry may stand there, also what no set can be asked for.
    if data.get("type") not in tuple(types):
        raise Problem(409, "wrong_type", f'type: must be "{min(types)}" here.', source=Source("pointer", "/data/type"))
    if "id" in data and id_ is None:
        raise Problem(
            403, "client_id", "id: the gateway gives ids itself; leave it out.", source=Source("pointer", "/data/id")
        )
    if "id" in data and data["id"] != id_:
        raise Problem(
            409, "wrong_id", f"id: must be that of the path, {id_}, or left out.", source=Source("pointer", "/data/id")
        )
    attributes = data["attributes"]
    if not isinstance(attributes, Mapping):
        raise _wrong("/data/attributes", "attributes must be an object")
    return Members(attributes, "/data/attributes")


def _wrong(pointer: str, detail: str) -> Problem:
    return Problem(422, "invalid", f"{detail}.", source=Source("pointer", pointer))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")[:200]
