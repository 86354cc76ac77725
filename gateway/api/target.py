"""What a call is about, for the audit log: read from its parameters before anybody has checked them."""

from __future__ import annotations

from gateway.api import rpc
from gateway.core.ports import Json

# Parameters that name one thing, the narrowest first: a call that names a tag may name its line as well.
_NAMES = ("tag", "agentId", "serviceId")
# Parameters that hold the thing itself, and what it is called in there.
_INSIDE = (("agentCard", "agentId"), ("service", "serviceId"))
# A place on a line that has no name, as the log writes it.
_PLACE = ("unit", "table", "address")


def target_of(params: rpc.Params) -> str | None:
    """The tag, line, agent, service or capability that a call names; None where it names none.

    Args:
        params: as they were sent; anything may stand there, and the log cuts it to size.
    """
    if not isinstance(params, dict):
        return None
    if (capability := _text(params, "capabilityId")) is not None:
        agent = _text(params, "agentId")
        return capability if agent is None else f"{agent}: {capability}"
    for name in _NAMES:
        if (found := _text(params, name)) is not None:
            return found
    for outer, name in _INSIDE:
        inner = params.get(outer)
        if isinstance(inner, dict) and (found := _text(inner, name)) is not None:
            return found
    if (line := _text(params, "line")) is not None:
        return line + _place(params)
    return _first(params.get("tags"))


def _place(params: dict[str, Json]) -> str:
    unit, table, address = (params.get(name) for name in _PLACE)
    words = ""
    if type(unit) is int and 0 <= unit <= 0xFFFF:
        words = f" unit {unit}"
        if isinstance(table, str) and type(address) is int and 0 <= address <= 0xFFFF:
            words += f" {table} {address}"
    return words


def _first(tags: Json) -> str | None:
    if not isinstance(tags, list) or not tags or not isinstance(tags[0], str):
        return None
    return tags[0] if len(tags) == 1 else f"{tags[0]} and {len(tags) - 1} more"


def _text(params: dict[str, Json], name: str) -> str | None:
    value = params.get(name)
    return value if isinstance(value, str) and value else None
