"""The /metrics page and the rate limits of a gateway that polls."""

from __future__ import annotations

import signal
import ssl

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.fixtures import Start
from tests.e2e.programs import free_port, until
from tests.e2e.simulated import POLL, TAGS, drive
from tests.e2e.site import Gateway, Site, device, tcp_line
from tests.e2e.test_live import listening

Figures = dict[str, dict[str, float]]


def scrape(gateway: Gateway, headers: dict[str, str] | None = None) -> Figures:
    """All figures by name, then by the values of their labels."""
    if headers is None:
        headers = {"Authorization": f"Bearer {gateway.token(['metrics:read'])}"}
    trust = ssl.create_default_context(cafile=gateway.state / "ca.pem")
    with httpx.Client(base_url=gateway.url, verify=trust, headers=headers, trust_env=False, timeout=15) as client:
        response = client.get("/metrics")
    assert response.status_code == 200
    figures: Figures = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            figures.setdefault(sample.name, {})["/".join(sample.labels.values())] = sample.value
    return figures


def test_figures_follow_the_field(site: Site, start: Start) -> None:
    plant = drive(start, site.directory)
    site.configure(tcp_line("plant", plant.port, device("drive", 1, TAGS, POLL)))
    gateway = site.start()
    gateway.awaits("plant/drive/ticks", quality="good")
    # A program on this machine needs no token.
    assert "ferrule_line_state" in scrape(gateway, {})

    def measured() -> Figures | None:
        found = scrape(gateway)
        return found if "ferrule_line_utilisation_ratio" in found else None

    figures = until(measured, "the load of the line is measured")
    assert figures["ferrule_line_state"]["plant/up"] == 1
    assert figures["ferrule_device_state"]["plant/drive/online"] == 1
    assert 0 < figures["ferrule_line_utilisation_ratio"]["plant"] <= 1
    assert (
        figures["ferrule_line_requests_total"]["plant"] >= figures["ferrule_device_requests_total"]["plant/drive"] > 0
    )
    assert figures["ferrule_device_latency_seconds"]["plant/drive"] > 0
    assert figures["ferrule_tag_good"] == dict.fromkeys(
        [f"plant/drive/{name}" for name in ("setpoint", "actual", "ticks", "beyond")], 1
    )
    assert 0 <= figures["ferrule_tag_age_seconds"]["plant/drive/ticks"] < 5
    assert figures["ferrule_http_requests_total"]["rpc/200"] > 0
    plant.die()

    def looks_dead() -> Figures | None:
        found = scrape(gateway)
        dead = found["ferrule_line_state"]["plant/down"] == 1 and not any(found["ferrule_tag_good"].values())
        return found if dead else None

    later = until(looks_dead, "the figures say that the line is down")
    assert later["ferrule_tag_age_seconds"]["plant/drive/ticks"] > 0
    assert later["ferrule_event_loop_lag_seconds_count"][""] > 0


def test_limits_follow_a_reload(site: Site) -> None:
    site.configure()
    gateway = site.start()
    response = gateway.client.get("/api/v1/info")
    assert response.headers["x-ratelimit-limit"] == "100000"
    text = site.config.read_text()
    site.config.write_text(text.replace("burst = 10000", "burst = 4").replace("= 100000", "= 6"))
    gateway.send(signal.SIGHUP)
    gateway.logged("configuration reloaded")
    assert "take effect at the next start" not in gateway.stderr
    statuses = [gateway.client.get("/api/v1/info").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 429]


def test_figures_of_events_follow_what_happens(site: Site) -> None:
    tag = 'name = "power", table = "input", address = 0, type = "uint16"'
    alarm = '[[alarm]]\nname = "away"\ndevice_down = "bus/meter"\n'
    site.configure(tcp_line("bus", free_port(), device("meter", 1, [tag])) + alarm)
    gateway = site.start()
    with listening(gateway, 0) as (peer, _):
        peer.recv(timeout=20)

        def told() -> Figures | None:
            found = scrape(gateway)
            return found if found["ferrule_alarms"]["raised/warning"] == 1 else None

        figures = until(told, "the alarm is raised")
        assert figures["ferrule_websockets_open"][""] == 1
        assert figures["ferrule_websocket_events_sent_total"][""] > 0
    assert figures["ferrule_events_accepted_total"][""] >= figures["ferrule_events_kept_total"][""] > 0
    assert 0 < figures["ferrule_event_log_size_bytes"][""] < figures["ferrule_event_log_limit_bytes"][""] == 64_000_000
    assert figures["ferrule_events_removed_total"] == {"age": 0, "room": 0}
    assert figures["ferrule_messages_waiting"][""] == 0
    assert figures["ferrule_websockets_refused_total"]["unauthenticated"] == 0
