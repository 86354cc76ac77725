"""The /metrics page on events, messages, alarms, webhooks and WebSockets, read by the parser of Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gateway.api.live.live import LiveFigures
from gateway.api.metrics.exposition import render
from gateway.api.metrics.happenings import live_families, webhook_families
from gateway.api.rest.ports import EventParts
from gateway.core.event_figures import EventFigures, EventMeters, WebhookFigures
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services
from tests.gateway.api.test_metrics import named, parsed, scrape, value

EVENTS = EventFigures(
    accepted=12, kept=9, given_up=1, waiting=2, removed={"age": 3, "room": 4}, size=5000, limit=64_000_000, messages=6
)
HOOK = WebhookFigures(
    id="wh-1",
    host="a.test",
    state="active",
    delivered=7,
    failed=3,
    waiting=2,
    dead=1,
    lost=5,
    lag=1_795_335_226_017,
)


class Counted(Services):
    """Services that are counted.

    Attributes:
        figures: of events.
        hooks: of webhooks.
    """

    figures = EVENTS
    hooks: Sequence[WebhookFigures] = (HOOK, replace(HOOK, id="wh-2", state="disabled", waiting=None, dead=None))

    @property
    def parts(self) -> EventParts:
        return replace(super().parts, meters=EventMeters(self._events, self._webhooks))

    async def _events(self) -> EventFigures:
        return self.figures

    async def _webhooks(self) -> Sequence[WebhookFigures]:
        return self.hooks


@pytest.fixture
def services() -> Counted:
    return Counted()


@pytest.fixture
async def here(tmp_path: Path, services: Counted) -> httpx.AsyncClient:
    """A program on the board."""
    transport = httpx.ASGITransport(Rig(tmp_path, services=services).app)
    return httpx.AsyncClient(transport=transport, base_url="https://rig")


async def test_events_and_messages(here: httpx.AsyncClient) -> None:
    series = await scrape(here)
    assert value(series, "ferrule_events_accepted_total") == 12
    assert value(series, "ferrule_events_kept_total") == 9
    assert value(series, "ferrule_events_given_up_total") == 1
    assert value(series, "ferrule_events_waiting") == 2
    assert value(series, "ferrule_events_removed_total", reason="age") == 3
    assert value(series, "ferrule_events_removed_total", reason="room") == 4
    assert value(series, "ferrule_event_log_size_bytes") == 5000
    assert value(series, "ferrule_event_log_limit_bytes") == 64_000_000
    assert value(series, "ferrule_messages_waiting") == 6


async def test_what_the_disk_does_not_tell_has_no_series(here: httpx.AsyncClient, services: Counted) -> None:
    services.figures = replace(EVENTS, size=None, messages=None)
    series = await scrape(here)
    assert not named(series, "ferrule_event_log_size_bytes")
    assert not named(series, "ferrule_messages_waiting")
    assert value(series, "ferrule_events_kept_total") == 9


async def test_webhooks(here: httpx.AsyncClient) -> None:
    series = await scrape(here)
    assert value(series, "ferrule_webhook_info", webhook="wh-1", host="a.test") == 1
    assert value(series, "ferrule_webhook_state", webhook="wh-1", state="active") == 1
    assert value(series, "ferrule_webhook_state", webhook="wh-2", state="active") == 0
    assert value(series, "ferrule_webhook_state", webhook="wh-2", state="disabled") == 1
    assert value(series, "ferrule_webhook_delivered_total", webhook="wh-1") == 7
    assert value(series, "ferrule_webhook_failed_attempts_total", webhook="wh-1") == 3
    assert value(series, "ferrule_webhook_lost_total", webhook="wh-1") == 5
    assert value(series, "ferrule_webhook_sequence_lag", webhook="wh-1") == 1_795_335_226_017
    assert named(series, "ferrule_webhook_deliveries_waiting") == [{"webhook": "wh-1"}]
    assert named(series, "ferrule_webhook_deliveries_dead") == [{"webhook": "wh-1"}]


async def test_alarms_by_state(here: httpx.AsyncClient) -> None:
    series = await scrape(here)
    assert len(named(series, "ferrule_alarms")) == 4 * 3, "each state and severity, whether there is one or not"
    assert value(series, "ferrule_alarms", state="raised", severity="critical") == 1
    assert value(series, "ferrule_alarms", state="normal", severity="info") == 1
    assert value(series, "ferrule_alarms", state="cleared", severity="info") == 0


def test_websockets_and_hosts_with_odd_names_are_as_the_parser_wants_them() -> None:
    figures = LiveFigures(3, 40, {"slow": 1, "too_many": 0}, {"unauthenticated": 2})
    odd = webhook_families([replace(HOOK, host='a"b\\c')])
    families = parsed("".join(piece for family in (*live_families(figures), *odd) for piece in render(family)))
    found = {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}
    assert found["ferrule_websockets_open",] == 3
    assert found["ferrule_websocket_events_sent_total",] == 40
    assert found["ferrule_websockets_cut_total", "slow"] == 1
    assert found["ferrule_websockets_refused_total", "unauthenticated"] == 2
    assert found["ferrule_webhook_info", "wh-1", 'a"b\\c'] == 1
