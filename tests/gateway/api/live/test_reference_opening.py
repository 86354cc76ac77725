"""The reference's opening of a WebSocket, replayed literally; what differs is in a table with its ruling (ruling 25).

The events that come then: test_clients and tests/gateway/api/rest/test_reference_words.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from gateway.core.channels import CHANNELS
from gateway.core.principal import allows
from tests.gateway.api.live.stage import Stage

# S1, "Connection Establishment", as it stands there.
OPENING = """
const ws = new WebSocket('wss://api.agent-cellphone-v2.com/v1/events');

// Authentication
ws.send(JSON.stringify({
  type: 'auth',
  token: 'bearer-token-here'
}));

// Subscribe to events
ws.send(JSON.stringify({
  type: 'subscribe',
  channels: ['plugin:lifecycle', 'system:health', 'agent:messages']
}));
"""
# What differs from the reference, or goes beyond it.
DEVIATIONS = {
    "host": "D-002: the name is that of the board",
    "sent when the connection is open": "D-130: a browser throws where something is sent before; the order is kept",
    "auth_ok": "D-130: the reference shows no answers",
    "subscribed": "D-130: the same",
}
# The scopes that each of its channels takes (D-131).
SCOPES = {"plugin:lifecycle": "plugins:read", "system:health": "system:read", "agent:messages": "messaging:read"}


def address() -> str:
    """Where it connects to."""
    [found] = re.findall(r"new WebSocket\('([^']+)'\)", OPENING)
    return str(found)


def frames() -> list[dict[str, Any]]:
    """What it sends: the literals of the script, read as JSON."""
    found = []
    for literal in re.findall(r"JSON\.stringify\((\{.*?\})\)", OPENING, re.DOTALL):
        text = re.sub(r"(?m)^(\s*)(\w+):", r'\1"\2":', literal.replace("'", '"'))
        found.append(json.loads(text))
    return found


async def test_ws_01_to_08_the_script_of_the_reference_is_understood(stage: Stage) -> None:
    auth, subscribe = frames()
    told: set[str] = set()
    url = urlsplit(address())
    assert (url.scheme, url.path, url.query) == ("wss", "/v1/events", "")
    peer = await stage.open(url.path)
    token = stage.token(*SCOPES.values())
    # One after the other, as there: nobody waits for what is answered to the first.
    await peer.text(json.dumps(auth).replace("bearer-token-here", token))
    await peer.text(json.dumps(subscribe))
    for _ in range(2):
        said = await peer.hear()
        told.add(said["type"])
        if said["type"] == "subscribed":
            assert (said["channels"], said["rejected"]) == (subscribe["channels"], [])
    host = url.hostname if url.hostname != "board" else None
    assert told | ({"host"} if host else set()) | {"sent when the connection is open"} == DEVIATIONS.keys()
    for channel, type_ in zip(
        subscribe["channels"], ("plugin:installed", "system:health", "message:received"), strict=True
    ):
        assert allows(frozenset({SCOPES[channel]}), CHANNELS[channel].scope)
        made = stage.announce(type_, {"to_agent": "operator", "from_agent": "Agent-1"})
        assert (await peer.hear())["id"] == made.id


async def test_as_it_stands_its_token_is_nobodys(stage: Stage) -> None:
    auth, subscribe = frames()
    peer = await stage.open(urlsplit(address()).path)
    await peer.text(json.dumps(auth))
    await peer.text(json.dumps(subscribe))
    assert (await peer.hear())["type"] == "auth_error"
    assert (await peer.closed())[0] == 4401


def test_the_reference_asks_as_a_page_does() -> None:
    """No header and nothing in the URL: the first frame says who it is."""
    assert [sorted(frame) for frame in frames()] == [["token", "type"], ["channels", "type"]]
