"""What is wrong with a configuration, in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gateway.core.ports import Json
from gateway.plugins.config_schema import Fault
from gateway.plugins.instances.config import NOTHING
from gateway.plugins.instances.secrets import covered, find_secrets
from gateway.plugins.manifest import Manifest


def schema_of(manifest: Manifest) -> Mapping[str, Json]:
    """What configurations of a plugin are held against."""
    return NOTHING if manifest.config_schema is None else manifest.config_schema


def shown_config(manifest: Manifest, config: Mapping[str, Json]) -> Mapping[str, Json]:
    """A configuration without its secrets.

    Raises:
        ConfigError: there is too much to look through.
    """
    return covered(config, find_secrets(schema_of(manifest), config))


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
