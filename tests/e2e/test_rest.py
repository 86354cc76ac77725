"""The plugin API of a real gateway: delivered, verified by the code of others, and there after a crash."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.e2e.programs import until
from tests.e2e.site import Gateway, Site, device, tcp_line

ALLOWED = '[[webhook.allow]]\nnetwork = "127.0.0.1/32"\ninsecure = true\n'
ALARM = '[[alarm]]\nname = "gone"\ndevice_down = "plant/drive"\nseverity = "critical"\n'
ACTION = {"event_type": "user:action", "payload": {"action": "button_click"}, "routing_key": "analytics.user_actions"}


class Receiver:
    """Takes webhooks on this machine.

    Attributes:
        taken: headers and bodies, in the order they came.
    """

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        taken = self.taken

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self._server.server_port}/in"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def of(self, type_: str) -> list[tuple[dict[str, str], dict[str, Any]]]:
        """What came of a type of events."""
        found = [(headers, json.loads(body)) for headers, body in self.taken]
        return [(headers, body) for headers, body in found if body["event_type"] == type_]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def ask(gateway: Gateway, method: str, path: str, data: object = None, **headers: str) -> httpx.Response:
    """Ask with a token for everything."""
    body = None if data is None else {"data": data}
    sent = {"Authorization": f"Bearer {gateway.token(['*'])}", **headers}
    return gateway.client.request(method, path, json=body, headers=sent)


def test_what_is_published_is_delivered_signed_and_known_after_a_crash(site: Site, receiver: Receiver) -> None:
    site.configure(ALLOWED)
    gateway = site.start()
    hook = {"url": receiver.url, "events": ["user:*"], "description": "boiler room"}
    made = ask(gateway, "POST", "/v1/webhooks", hook)
    assert made.status_code == 201, made.text
    place, secret = made.headers["location"], made.json()["data"]["signing_secret"]
    published = ask(gateway, "POST", "/v1/events", ACTION)
    assert published.status_code == 202
    event_id = published.json()["data"]["event_id"]
    until(lambda: receiver.of("user:action"), "the event has arrived")
    [(headers, body)] = receiver.of("user:action")
    assert headers["webhook-id"] == event_id
    assert (body["data"], body["webhook_id"]) == (ACTION["payload"], made.json()["data"]["id"])
    assert Webhook(secret).verify(receiver.taken[0][1], headers)
    tried = ask(gateway, "POST", f"{place}/test").json()["data"]
    assert (tried["delivered"], tried["response_status"]) == (True, 204)
    until(lambda: ask(gateway, "GET", f"{place}/deliveries?status=delivered").json()["data"], "the delivery is noted")
    etag = ask(gateway, "GET", place).headers["etag"]
    gateway.hang_up()
    gateway.kill()

    again = site.start()
    shown = until(lambda: _shown(again, place), "the webhook is there again")
    assert shown.headers["etag"] == etag
    assert shown.json()["data"]["description"] == "boiler room"
    [row] = ask(again, "GET", "/v1/events?type=user:*").json()["data"]
    assert (row["id"], row["data"]) == (event_id, ACTION["payload"])
    [delivered] = ask(again, "GET", f"{place}/deliveries?event_type=user:action").json()["data"]
    assert (delivered["event_id"], delivered["status"]) == (event_id, "delivered")
    once_more = ask(again, "POST", f"{place}/deliveries/{delivered['id']}/redeliver")
    assert once_more.status_code == 202
    until(lambda: len(receiver.of("user:action")) == 2, "it has arrived again")
    assert receiver.of("user:action")[1][0]["webhook-id"] == event_id
    assert ask(again, "DELETE", place, **{"If-Match": etag}).status_code == 204


def _shown(gateway: Gateway, place: str) -> httpx.Response | None:
    response = ask(gateway, "GET", place)
    return response if response.status_code == 200 else None


def test_where_nothing_may_go_nothing_is_registered(site: Site) -> None:
    site.configure(ALLOWED)
    gateway = site.start()
    own = gateway.url.replace("https", "http")
    for url in (f"{own}/in", "http://127.0.0.2:9/in", "http://169.254.1.1/in", "https://8.8.8.8/in"):
        response = ask(gateway, "POST", "/v1/webhooks", {"url": url, "events": ["*"]})
        assert response.status_code == 403, url
        assert response.json()["errors"][0]["source"] == {"pointer": "/data/url"}


def test_an_alarm_stands_is_seen_and_told(site: Site, receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tag = 'name = "t", table = "holding", address = 0, type = "uint16"'
    site.configure(ALLOWED + ALARM + tcp_line("plant", port, device("drive", 1, [tag])))
    gateway = site.start()
    hook = {"url": receiver.url, "events": ["alarm:*"]}
    assert until(lambda: ask(gateway, "POST", "/v1/webhooks", hook).status_code == 201, "the webhook is registered")
    rows = until(lambda: ask(gateway, "GET", "/v1/alarms?state=raised").json()["data"], "the alarm stands")
    assert (rows[0]["alarm"], rows[0]["device"], rows[0]["severity"]) == ("gone", "plant/drive", "critical")
    seen = ask(gateway, "POST", f"/v1/alarms/{rows[0]['alarm_id']}/acknowledge", {"comment": "on my way"})
    assert (seen.status_code, seen.json()["data"]["state"]) == (200, "acknowledged")
    until(lambda: receiver.of("alarm:acknowledged"), "it is told")
    [(_, body)] = receiver.of("alarm:acknowledged")
    assert (body["data"]["alarm_id"], body["data"]["comment"]) == (rows[0]["alarm_id"], "on my way")
    row = gateway.call("alarm.list", {"state": "acknowledged"})["alarms"][0]
    assert (row["alarmId"], row["acknowledgedBy"]) == (rows[0]["alarm_id"], "operator")
