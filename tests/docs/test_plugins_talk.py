"""What docs/plugins.md says of messages between plugins is what the code does."""

from __future__ import annotations

from pathlib import Path

from gateway.access.oauth.plugin_tokens import LONGEST_TTL, SHORTEST_TTL
from gateway.api.rest.preferences import LONGEST_WAIT
from gateway.plugins.exchange.catching_up import TTL_S
from gateway.plugins.exchange.exchange import (
    AT_ONCE,
    LARGEST_WAITING,
    LONGEST_TIMEOUT,
    MESSAGES_A_MINUTE,
    MOST_OF_ONE,
    MOST_WAITING,
    RESPONSE,
    UNASKED_S,
)
from gateway.plugins.exchange.inbox import PRIORITIES
from gateway.plugins.exchange.letters import LARGEST_PAYLOAD, Status
from gateway.plugins.host.subscriptions import MOST

DOCS = Path(__file__).parents[2] / "docs"
MANUAL = " ".join((DOCS / "plugins.md").read_text().split())


def test_the_figures_are_those_of_the_code() -> None:
    waiting = f"{MOST_WAITING} or {LARGEST_WAITING // 1024} KiB of them waiting, {MOST_OF_ONE} of one plugin"
    assert f"{AT_ONCE} messages at once, and {waiting}" in MANUAL
    assert f"{LARGEST_PAYLOAD // 1024} KiB of JSON in a payload, and {MESSAGES_A_MINUTE} messages a minute" in MANUAL
    assert f"1 to {LONGEST_TIMEOUT:.0f} s;" in MANUAL
    assert f"the message has {UNASKED_S:.0f} s to arrive" in MANUAL
    assert f"up to {LONGEST_WAIT} s" in MANUAL
    assert f"A plugin has up to {MOST}." in MANUAL
    assert LONGEST_TTL == 3600
    assert "it lives an hour at most" in MANUAL
    assert f"({SHORTEST_TTL} to {LONGEST_TTL} s)" in (DOCS / "rest.md").read_text()
    assert TTL_S == 7 * 86400
    assert "for seven days" in MANUAL


def test_the_words_are_those_of_the_code() -> None:
    assert f"of the type `{RESPONSE}`" in MANUAL
    for word in (*PRIORITIES, *Status):
        assert f"`{word}`" in MANUAL
