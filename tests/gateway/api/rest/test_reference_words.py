"""The reference's examples of events, roles and scopes, replayed literally; what differs is in tables with its ruling.

Installing and activating: test_reference_instances. Tokens and their claims: test_oauth. Rate limits: test_rate_limits.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.access.roles import ROLES
from gateway.access.scopes import SCOPES
from gateway.core import rfc3339
from gateway.core.catalogue import CATALOGUE
from gateway.core.principal import allows

# S1, "Message Events", "System Health Events" and "Plugin Communication Events", as they stand there.
MESSAGE = """
{
  "type": "message:received",
  "timestamp": "2026-01-13T10:35:00Z",
  "data": {
    "message_id": "msg-456",
    "from_agent": "Agent-1",
    "to_agent": "Agent-2",
    "content": "Task completed successfully",
    "priority": "regular",
    "category": "coordination"
  }
}
"""
HEALTH = """
{
  "type": "system:health",
  "timestamp": "2026-01-13T10:40:00Z",
  "data": {
    "overall_status": "healthy",
    "components": {
      "messaging": {"status": "healthy", "latency": 45},
      "plugins": {"status": "healthy", "active_count": 12},
      "database": {"status": "healthy", "connections": 8}
    }
  }
}
"""
BETWEEN_PLUGINS = """
{
  "type": "plugin:message",
  "timestamp": "2026-01-13T10:45:00Z",
  "data": {
    "from_plugin": "collaboration-plugin",
    "to_plugin": "analytics-plugin",
    "message_type": "data_request",
    "payload": {
      "query": "user_activity_last_24h",
      "format": "json"
    }
  }
}
"""
# S1, "Role-Based Access Control (RBAC)", as it stands there.
RBAC = """
{
  "roles": {
    "plugin-developer": {
      "permissions": [
        "plugins:read",
        "plugins:write",
        "instances:create"
      ]
    },
    "plugin-user": {
      "permissions": [
        "instances:read",
        "instances:write"
      ]
    },
    "admin": {
      "permissions": [
        "plugins:*",
        "instances:*",
        "system:*"
      ]
    }
  }
}
"""
# S1, "Permission Scopes".
NAMED = (
    "plugins:read",
    "plugins:write",
    "instances:read",
    "instances:write",
    "analytics:read",
    "messaging:read",
    "system:read",
)
# What events have beyond the reference.
MORE = {
    ("message:received", "correlation_id"): "D-134: messages may belong together",
    ("message:received", "expires_at"): "D-134: messages have an end",
    ("plugin:message", "message_id"): "D-115: the answer to communicate names it",
    ("plugin:message", "priority"): "D-117: as it was sent",
    ("plugin:message", "correlation_id"): "D-115: a reply carries it",
}
FILLED = {
    "correlation_id": "req-789",
    "expires_at": "2026-01-13T11:35:00Z",
    "message_id": "msg-101",
    "priority": "normal",
}
# What roles have beyond the reference, and why.
MORE_OF_ROLES = {
    ("plugin-developer", "analytics:read"): "D-055: no role of the reference has it",
    ("admin", "*"): "D-055: everything, the three families of the reference among it",
}


@pytest.mark.parametrize("text", [MESSAGE, BETWEEN_PLUGINS])
def test_events_have_the_members_of_the_reference_and_those_of_the_table(text: str) -> None:
    example = json.loads(text)
    model = CATALOGUE[example["type"]].data
    assert model is not None
    names = {field.encode_name for field in msgspec.structs.fields(model)}
    assert example["data"].keys() <= names
    more = names - example["data"].keys()
    assert more == {name for type_, name in MORE if type_ == example["type"]}
    data: dict[str, Any] = {**example["data"], **{name: FILLED[name] for name in more}}
    assert json.loads(msgspec.json.encode(msgspec.convert(data, model))) == data
    assert rfc3339.seconds(rfc3339.parse(example["timestamp"])) == example["timestamp"]


# D-136: two components more, and more of each.
MORE_OF_HEALTH = {"bus", "agents"}


def test_health_has_the_components_of_the_reference_with_their_members() -> None:
    example = json.loads(HEALTH)
    shown = members(CATALOGUE[example["type"]].data)
    assert shown.keys() == example["data"].keys()
    components = members(shown["components"])
    assert components.keys() - example["data"]["components"].keys() == MORE_OF_HEALTH
    for name, component in example["data"]["components"].items():
        known = members(components[name])
        assert component.keys() <= known.keys(), name
        for member, value in component.items():
            assert msgspec.convert(value, known[member]) == value


def members(model: Any) -> dict[str, Any]:
    """What a model has, by the names on the wire."""
    return {field.encode_name: field.type for field in msgspec.structs.fields(model)}


def test_roles_allow_what_the_reference_says_and_what_the_table_says() -> None:
    for role, said in json.loads(RBAC)["roles"].items():
        for scope in said["permissions"]:
            assert allows(ROLES[role], scope), (role, scope)
        more = {scope for scope in ROLES[role] if not allows(frozenset(said["permissions"]), scope)}
        assert more == {scope for of, scope in MORE_OF_ROLES if of == role}


def test_every_scope_of_the_reference_is_known() -> None:
    assert set(NAMED) <= set(SCOPES)
