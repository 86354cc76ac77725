"""Request bodies: strict JSON, in the reference's envelope ``{"data": {...}}`` or in that of a resource (D-005)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.api import rpc
from gateway.api.rest.problems import Problem, Source
from gateway.core.ports import Json

_OF_ENVELOPE = frozenset({"data"})
_OF_RESOURCE = frozenset({"type", "id", "attributes"})


@dataclass(frozen=True, slots=True)
class Members:
    """The members of what was sent.

    Attributes:
        given: they themselves.
        at: JSON pointer of the object they stand in.
    """

    given: Mapping[str, Json]
    at: str


def members(body: bytes, resource: str, id_: str | None) -> Members:
    """Read a body.

    Args:
        body: as it came.
        resource: type of the resource it may be written as.
        id_: of the resource the path names; None where a new one is to be made.

    Raises:
        Problem: 400, it is no JSON; 422, it has no such envelope; 403 or 409, it names another resource.
    """
    try:
        document = rpc.decode(body)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Problem(400, "malformed", f"the body is no JSON of this API: {reason}.") from None
    if not isinstance(document, Mapping):
        raise _wrong("", 'the body must be an object: {"data": {...}}')
    for name in document.keys() - _OF_ENVELOPE:
        raise _wrong(f"/{_escaped(name)}", 'there is no such member; everything stands in "data"')
    data = document.get("data")
    if not isinstance(data, Mapping):
        words = "is required" if "data" not in document else "must be an object"
        raise _wrong("/data", f'data {words}: {{"data": {{...}}}}')
    if "attributes" not in data:
        return Members(data, "/data")
    return _of_resource(data, resource, id_)


def _of_resource(data: Mapping[str, Json], resource: str, id_: str | None) -> Members:
    for name in data.keys() - _OF_RESOURCE:
        raise _wrong(f"/data/{_escaped(name)}", "there is no such member; there are: type, id, attributes")
    if data.get("type") != resource:
        raise Problem(409, "wrong_type", f'type: must be "{resource}" here.', source=Source("pointer", "/data/type"))
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
