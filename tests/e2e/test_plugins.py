"""A plugin is published and packaged on a real gateway, and is there after that was killed."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.e2e.site import Gateway, Site
from tests.gateway.plugins.making import MANIFEST, PUBLIC_TEXT, package

pytestmark = pytest.mark.e2e
PLACE = "/v1/plugins/custom-integration-plugin"
RELEASE = {name: MANIFEST[name] for name in ("name", "version", "description", "category", "license", "tags")}
PUBLISHER = f'[[plugin.publisher]]\nname = "workshop"\nkey = "{PUBLIC_TEXT}"\n'


def calls(gateway: Gateway, path: str, method: str = "GET", **more: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {gateway.token(['plugins:*', 'instances:write'])}", "Accept": "*/*"}
    more_headers = more.pop("headers", {})
    assert isinstance(more_headers, dict)
    return gateway.client.request(method, path, headers=headers | more_headers, **more)  # type: ignore[arg-type] # ours


def test_what_was_said_to_be_kept_is_there_after_the_gateway_was_killed(site: Site, tmp_path: Path) -> None:
    site.configure(PUBLISHER)
    gateway = site.start()
    body = {"data": {"type": "plugin", "attributes": {**RELEASE, "config_schema": None}}}
    assert calls(gateway, "/v1/plugins", "POST", json=body).status_code == 201
    content = package()
    gzip = {"Content-Type": "application/gzip"}
    sent = calls(gateway, f"{PLACE}/versions/1.0.0/archive", "PUT", content=content, headers=gzip)
    assert sent.status_code == 201, sent.text
    opinion = {"data": {"type": "review", "attributes": {"stars": 4}}}
    assert calls(gateway, f"{PLACE}/reviews", "POST", json=opinion).status_code == 201
    assert calls(gateway, f"{PLACE}/download").content == content
    counted = calls(gateway, PLACE).json()
    gateway.hang_up()
    gateway.kill()
    again = site.start()
    found = calls(again, PLACE)
    assert found.json() == counted
    assert found.json()["data"]["attributes"]["downloads"] == 1
    assert found.json()["data"]["attributes"]["rating"] == 4.0
    assert calls(again, f"{PLACE}/versions/1.0.0/archive").content == content
