"""What is wrong with a configuration, in words. Pure."""

from __future__ import annotations

import json

from gateway.plugins.config_schema import Fault


def fault_words(fault: Fault) -> str:
    """What a schema has against a configuration, with its place."""
    place = ".".join(map(str, fault.place))
    return f"{place}: {_what(fault)}" if place else _what(fault)


def _what(fault: Fault) -> str:
    wanted = json.dumps(fault.wanted, ensure_ascii=False)
    match fault.keyword:
        case "required":
            return f"{wanted} is missing"
        case "type":
            types = fault.wanted if isinstance(fault.wanted, list) else [fault.wanted]
            return f"must be of type {' or '.join(map(str, types))}"
        case "additionalProperties" | "unevaluatedProperties":
            return f"{wanted}: the schema has no such member"
        case "enum":
            return f"must be one of {wanted}"
    return f"the schema says otherwise ({fault.keyword}{'' if fault.wanted is None else f': {wanted}'})"
