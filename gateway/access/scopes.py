"""What a token can be allowed to do (rulings 13 and 24, D-056)."""

from __future__ import annotations

import difflib

from gateway.core.errors import invalid

SCOPES: dict[str, str] = {
    "devices:read": "lines, devices, tags, history, Modbus and serial reads, alarms",
    "devices:write": "write tags, Modbus registers and serial lines, acknowledge alarms",
    "agents:read": "list agents and services, validate addresses and cards",
    "agents:write": "send heartbeats, announce and unregister on behalf of agents",
    "governor:read": "governor status and analyses",
    "governor:analyze": "start an analysis",
    "webhooks:read": "list webhooks and their deliveries",
    "webhooks:write": "register, change and delete webhooks",
    "events:publish": "publish events",
    "events:subscribe": "subscribe to events",
    "messaging:read": "read messages between agents",
    "messaging:write": "send messages between agents",
    "plugins:read": "list plugins",
    "plugins:write": "publish and change plugins",
    "plugins:act": "write, publish and subscribe as a plugin",
    "plugins:*": "everything with plugins",
    "instances:read": "list plugin instances",
    "instances:create": "install a plugin",
    "instances:write": "install and change plugin instances",
    "instances:*": "everything with plugin instances",
    "analytics:read": "usage figures",
    "tools:use": "try out calls, generate client kits",
    "metrics:read": "the /metrics page",
    "system:read": "the gateway's own state",
    "system:write": "backup, restore and settings",
    "system:update": "send the board another system",
    "system:*": "everything with the gateway itself",
    "*": "everything",
}


def parse_scopes(text: str) -> frozenset[str]:
    """Read scopes as tokens carry them: words with spaces between (RFC 6749, 3.3).

    Raises:
        GatewayError: INVALID for none at all, or for one that does not exist, with the nearest that does.
    """
    words = text.split()
    if not words:
        raise invalid("scope", f"name at least one scope: {_known()}", text)
    for word in words:
        if word not in SCOPES:
            near = difflib.get_close_matches(word, SCOPES, n=1)
            cure = f'did you mean "{near[0]}"?' if near else f"there are: {_known()}"
            raise invalid("scope", f'there is no scope "{word}"; {cure}', word)
    return frozenset(words)


def _known() -> str:
    return " ".join(SCOPES)
