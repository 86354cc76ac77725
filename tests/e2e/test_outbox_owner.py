"""Whose webhooks go on, on a real gateway: who is disabled receives nothing more, and is not asked again."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.programs import ferrule, until
from tests.e2e.site import Gateway, Site

ALLOWED = '[[webhook.allow]]\nnetwork = "127.0.0.1/32"\n'
HOOK = {"url": "https://127.0.0.1:9/in", "events": ["alarm:*"]}


@pytest.fixture
def gateway(site: Site) -> Iterator[Gateway]:
    site.configure(ALLOWED)
    running = site.start()
    yield running
    running.hang_up()


def run(site: Site, *words: str) -> str:
    done = ferrule(*words, "--json", "--state", site.state)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_client_that_is_disabled_receives_nothing_more(site: Site, gateway: Gateway) -> None:
    secret = json.loads(run(site, "client", "add", "panel", "--id", "panel", "--role", "admin"))["client_secret"]
    form = {"grant_type": "client_credentials", "client_id": "panel", "client_secret": secret}
    token = asked(gateway, "/v1/auth/token", form).json()["access_token"]
    mine = {"Authorization": f"Bearer {token}"}
    made = gateway.client.post("/v1/webhooks", json={"data": HOOK}, headers=mine)
    assert made.status_code == 201, made.text
    place = made.headers["location"]
    operator = {"Authorization": f"Bearer {gateway.token(['*'])}"}

    def shown() -> tuple[str, str]:
        row = gateway.client.get(place, headers=operator).json()["data"]
        return row["state"], row["owner"]

    # Who signs out of a program goes on receiving.
    assert asked(gateway, "/v1/auth/revoke", {**form, "token": token}).status_code == 200
    assert gateway.client.get(place, headers=mine).status_code == 401
    assert shown() == ("active", "client:panel")

    run(site, "client", "disable", "panel")
    until(lambda: shown() == ("disabled", "client:panel"), "its webhook is disabled")
    alerts = [alert for alert in told(gateway, operator) if "client:panel" in str(alert)]
    assert alerts
    resumed = gateway.client.post(f"{place}/resume", headers=operator)
    assert (resumed.json()["data"]["state"], resumed.json()["data"]["owner"]) == ("active", "operator")


def asked(gateway: Gateway, path: str, form: dict[str, str]) -> httpx.Response:
    """The answer to a form that proves by itself who sends it."""
    trust = ssl.create_default_context(cafile=gateway.state / "ca.pem")
    with httpx.Client(base_url=gateway.url, verify=trust, timeout=15, trust_env=False) as client:
        return client.post(path, data=form)


def told(gateway: Gateway, headers: dict[str, str]) -> list[object]:
    """The alerts that were told."""
    answer: httpx.Response = gateway.client.get("/v1/events", params={"type": "system:alert"}, headers=headers)
    return [row["data"] for row in answer.json()["data"]]
