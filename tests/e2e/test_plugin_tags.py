"""The derived tag of the examples, installed in a real gateway: a tag like others, also after kill -9."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import FERRULE, ROOT, ferrule, free_port, until
from tests.e2e.simulated import POLL
from tests.e2e.site import Answer, Gateway, Site, device, tcp_line
from tests.gateway.plugins.host.real import open_place

pytestmark = pytest.mark.e2e
EXAMPLE = ROOT / "docs" / "examples" / "plugins" / "derived-tag"
NAME = "derived/power"
PLANT = """
[[line]]
name = "heat"
transport = "tcp"
tcp_port = {port}

[[line.device]]
name = "plc"
unit = 1
point = [
  {{ name = "supply", table = "holding", address = 0, value = 70 }},
  {{ name = "return", table = "holding", address = 1, value = 50 }},
  {{ name = "flow", table = "holding", address = 2, value = 1 }},
]
"""
PROFILE = {"FERRULE_TEST_PROFILE": "1"}


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


def says(gateway: Gateway, value: float) -> Answer:
    """The reading of the derived tag, once it is there and has a value."""

    def look() -> Answer | None:
        answer = gateway.answer("tag.read", {"tags": [NAME]})
        reading: Answer = answer["result"]["readings"][0] if "result" in answer else {}
        return reading if (reading.get("quality"), reading.get("value")) == ("good", value) else None

    return until(look, f"{NAME} is {value}", seconds=60)


def told(*words: str | Path) -> str:
    """What a command prints that must succeed."""
    done = ferrule(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_derived_tag_is_a_tag_like_others(site: Site, start: Start, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "plant.toml").write_text(PLANT.format(port=port))
    start(FERRULE, "simulate", tmp_path / "plant.toml", "--directory", tmp_path).line("serving")
    key, package = tmp_path / "publisher.key", tmp_path / "derived-tag.tar.gz"
    publisher = told("plugin", "keygen", key, "--name", "workshop")
    told("plugin", "pack", EXAMPLE, "--output", package)
    told("plugin", "sign", package, "--key", key)
    tags = [
        f'name = "{name}", table = "holding", address = {address}, type = "uint16"'
        for address, name in enumerate(("supply", "return", "flow"))
    ]
    site.configure(publisher + tcp_line("heat", port, device("plc", 1, tags, POLL)))
    gateway = site.start(PROFILE)
    gateway.awaits("heat/plc/flow", quality="good")
    state = ("--state", site.state)
    told("plugin", "publish", package, *state)
    config = EXAMPLE / "config.example.json"
    told("plugin", "install", "derived-tag", "--config", config, "--grant-all", "--activate", *state)

    reading = says(gateway, 83.8)
    assert reading["timestamp"] is not None
    (row,) = [row for row in gateway.call("tag.list")["tags"] if row["tag"] == NAME]
    assert (row["units"], row["writable"], row["place"]["plugin"]) == ("kW", False, "derived-tag")
    instance = row["place"]["instance"]
    past = {"tag": NAME, "start": 0, "end": 4_000_000_000}
    assert gateway.call("tag.history", past)["samples"][-1]["value"] == 83.8
    page = gateway.client.get("/metrics", headers={"Authorization": f"Bearer {gateway.token(['metrics:read'])}"}).text
    assert f'ferrule_plugin_instance_up{{plugin="derived-tag",instance="{instance}"}} 1\n' in page

    gateway.hang_up()
    gateway.kill()
    again = site.start(PROFILE)
    says(again, 83.8)
    assert again.answer("tag.write", {"tag": NAME, "value": 1})["error"]["message"]
    told("plugin", "uninstall", "derived-tag", *state)
    assert "no such tag" in str(again.answer("tag.read", {"tags": [NAME]})["error"])
