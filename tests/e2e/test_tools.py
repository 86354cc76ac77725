"""A real gateway: a key that outlives a crash, the page of the APIs, calls that are tried out, required If-Match."""

from __future__ import annotations

import pytest

from tests.e2e.site import Site

HOOK = {"data": {"url": "http://127.0.0.1:9/in", "events": ["user:*"]}}
ALLOWED = '[[webhook.allow]]\nnetwork = "127.0.0.1/32"\ninsecure = true\n'

pytestmark = pytest.mark.e2e


def test_what_was_made_before_a_crash_is_not_made_again(site: Site) -> None:
    site.configure(ALLOWED)
    gateway = site.start()
    own = {"Authorization": f"Bearer {gateway.token(['*'])}"}
    keyed = {**own, "Idempotency-Key": "first"}
    first = gateway.client.post("/v1/webhooks", json=HOOK, headers=keyed)
    assert first.status_code == 201, first.text
    gateway.hang_up()
    gateway.kill()
    again = site.start()
    second = again.client.post("/v1/webhooks", json=HOOK, headers=keyed)
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["idempotency-replayed"] == "true"
    assert len(again.client.get("/v1/webhooks", headers=own).json()["data"]) == 1


def test_the_page_the_changelog_and_calls_that_are_tried_out_are_there(site: Site) -> None:
    site.configure("", server='bind = "127.0.0.1"\nport = 0\nrequire_if_match = true')
    gateway = site.start()
    page = gateway.client.get("/v1/tools/docs")
    assert page.status_code == 200
    assert page.headers["content-encoding"] == "gzip"
    assert 'data-path="/v1/tools/test"' in page.text
    for name in ("style.css", "script.js"):
        assert gateway.client.get(f"/v1/tools/docs/{name}").status_code == 200
    own = {"Authorization": f"Bearer {gateway.token(['*'])}"}
    assert gateway.client.get("/v1/tools/changelog", headers=own).json()["data"]
    asked = {"endpoint": "/api/v1/health"}
    tried = gateway.client.post("/v1/tools/test", json=asked, headers=own).json()["data"]
    assert (tried["status"], tried["schema_valid"]) == (200, True)
    publication = {"name": "P", "version": "1.0.0", "description": "d", "category": "c", "license": "MIT", "tags": []}
    body = {"data": {"type": "plugin", "attributes": publication}}
    made = gateway.client.post("/v1/plugins", json=body, headers=own)
    assert made.status_code == 201, made.text
    change = {"data": {"type": "plugin", "attributes": {"description": "e"}}}
    assert gateway.client.patch(made.headers["location"], json=change, headers=own).status_code == 428
    conditional = {**own, "If-Match": made.headers["etag"]}
    assert gateway.client.patch(made.headers["location"], json=change, headers=conditional).status_code == 200
