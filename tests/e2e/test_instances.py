"""An example of the plugin kit is published, installed, run and removed on a real gateway, over its kill too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.programs import ferrule, free_port, until
from tests.e2e.site import Gateway, Site, device, tcp_line
from tests.gateway.plugins.host.real import open_place
from tests.gateway.plugins.making import PUBLIC_TEXT, package

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "plugins" / "derived-tag"
KIT = ROOT / "gateway" / "sdk" / "ferrule_plugin"
PUBLISHER = f'[[plugin.publisher]]\nname = "workshop"\nkey = "{PUBLIC_TEXT}"\n'
CANARY = "sk-canary-4711-of-this-test"
COVER = "********"


@pytest.fixture
def site() -> Iterator[Site]:
    """A place for a gateway that users of plugins can pass, where the tests run as root."""
    with open_place() as place:
        made = Site(place / "site")
        try:
            yield made
            made.close()
        finally:
            for gateway in made.gateways:
                gateway.hang_up()
                gateway.kill()


def asked(gateway: Gateway, method: str, path: str, status: int, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {gateway.token(['plugins:*', 'instances:*'])}", **more.pop("headers", {})}
    response: httpx.Response = gateway.client.request(method, path, headers=headers, **more)
    assert response.status_code == status, response.text
    return response.json().get("data") if response.content else None


def plugin() -> tuple[dict[str, Any], bytes]:
    """What is said of the example in the registry, and its package: with the kit, and with a secret to be kept."""
    members: dict[str, Any] = json.loads((EXAMPLE / "manifest.json").read_text())
    members["config_schema"]["properties"]["api_key"] = {"type": "string", "secret": True}
    files = {path.name: path.read_bytes() for path in EXAMPLE.iterdir() if path.suffix in {".py", ".md"}}
    files |= {f"ferrule_plugin/{path.name}": path.read_bytes() for path in KIT.glob("*.py")}
    said = ("name", "version", "description", "category", "license", "tags", "config_schema")
    return {name: members[name] for name in said}, package(files, **members)


def config(**more: object) -> dict[str, object]:
    inputs = {name: f"heat/plc/{name}" for name in ("supply", "return", "flow")}
    return {**inputs, "result": "derived/power", "api_key": CANARY, **more}


def becomes(gateway: Gateway, place: str, status: str) -> Any:
    def look() -> Any:
        found = asked(gateway, "GET", place, 200)
        return found if found["attributes"]["status"] == status else None

    return until(look, f"{place} is {status}", seconds=60)


def publishes(gateway: Gateway) -> None:
    """None of its inputs is good, for there is no device: it says so of its own tag."""

    def look() -> bool:
        result = gateway.answer("tag.read", {"tags": ["derived/power"]}).get("result")
        return result is not None and result["readings"][0]["quality"] == "bad"

    until(look, "the plugin publishes its tag", seconds=60)


def spread(site: Site, gateway: Gateway) -> list[str]:
    """Files in which the canary can be read, and streams."""
    found = [str(path) for path in site.state.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    printed = [path.name for path in site.prints.rglob("*") if path.is_file() and CANARY in path.read_text()]
    return found + printed + (["log"] if CANARY in gateway.stderr else [])


def test_an_example_is_installed_and_survives_a_kill(site: Site) -> None:
    tags = [
        f'name = "{name}", table = "holding", address = {at}, type = "uint16"'
        for at, name in enumerate(("supply", "return", "flow"))
    ]
    site.configure(tcp_line("heat", free_port(), device("plc", 1, tags)) + PUBLISHER)
    gateway = site.start()
    release, content = plugin()
    asked(gateway, "POST", "/v1/plugins", 201, json={"data": {"type": "plugin", "attributes": release}})
    archive = "/v1/plugins/derived-tag/versions/1.0.0/archive"
    asked(gateway, "PUT", archive, 201, content=content, headers={"Content-Type": "application/gzip"})
    granted = ["read-tags:heat/*", "read-events:tag:changed", "publish-readings:derived/power"]
    body = {
        "type": "plugin-instance",
        "relationships": {
            "plugin": {"data": {"type": "plugin", "id": "derived-tag"}},
            "owner": {"data": {"type": "organization", "id": "acme-corp"}},
        },
        "attributes": {"config": config(result="derived/other"), "permissions": granted},
    }

    def installed() -> Any:
        # They are read from the disk once the lines are there.
        headers = {"Authorization": f"Bearer {gateway.token(['instances:*'])}"}
        response = gateway.client.post("/v1/instances", json={"data": body}, headers=headers)
        return response.json()["data"] if response.status_code == 201 else None

    made = until(installed, "it is installed")
    place = f"/v1/instances/{made['id']}"
    assert (made["attributes"]["status"], made["attributes"]["config"]["api_key"]) == ("inactive", COVER)
    changed = {"type": "plugin-instance", "attributes": {"config": config(api_key=COVER)}}
    asked(gateway, "PUT", f"{place}/config", 200, json={"data": changed})
    asked(gateway, "POST", f"{place}/activate", 200)
    becomes(gateway, place, "active")
    publishes(gateway)
    status = asked(gateway, "GET", f"{place}/status", 200)["attributes"]
    assert status["health"]["status"] in {"healthy", "degraded"}
    assert status["degraded"] is not None
    glance = json.loads(ferrule("status", "--state", site.state, "--json").stdout)["plugins"]
    assert (glance["total"], glance["states"], glance["unprotected"]) == (1, {"active": 1}, status["degraded"])
    refused = {"type": "plugin-instance", "attributes": {"config": config(result=7)}}
    asked(gateway, "PUT", f"{place}/config", 422, json={"data": refused})
    kept = asked(gateway, "GET", place, 200)["attributes"]
    assert spread(site, gateway) == []
    gateway.hang_up()
    gateway.kill()

    gateway = site.start()
    again = becomes(gateway, place, "active")["attributes"]
    assert {**again, "health_status": None} == {**kept, "health_status": None}
    publishes(gateway)
    asked(gateway, "POST", f"{place}/suspend", 200)
    becomes(gateway, place, "suspended")
    asked(gateway, "DELETE", "/v1/plugins/derived-tag", 409)
    asked(gateway, "POST", f"{place}/resume", 200)
    becomes(gateway, place, "active")
    asked(gateway, "POST", f"{place}/deactivate", 200)
    becomes(gateway, place, "inactive")
    assert isinstance(asked(gateway, "GET", f"{place}/logs", 200), list)
    asked(gateway, "DELETE", place, 204)
    assert list((site.state / "instances").iterdir()) == []
    assert list((site.state / "unpacked").iterdir()) == []
    assert spread(site, gateway) == []
    asked(gateway, "DELETE", "/v1/plugins/derived-tag", 204)
