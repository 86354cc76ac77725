"""A changed configuration is taken over while devices, which are not ours, see as little of it as can be."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import Program, ferrule, free_port, until
from tests.e2e.site import Gateway, Site, device, tcp_line

PYMODBUS = Path(__file__).parent / "servers" / "pymodbus_server.py"
COUNT = 'name = "count", table = "holding", address = 0, type = "uint16", poll = "100ms"'
SIGNED = 'name = "signed", table = "holding", address = 1, type = "int16", poll = "100ms"'
ENERGY = 'name = "energy", table = "holding", address = 4, type = "uint32", word_order = "little", poll = "100ms"'


@dataclass
class Pair:
    """A gateway with two lines, ``a`` and ``b``, each with a device of its own."""

    site: Site
    gateway: Gateway
    devices: dict[str, Program]
    ports: dict[str, int]

    def line(self, name: str, *tags: str) -> str:
        return tcp_line(name, self.ports[name], device("d", 1, tags))

    def connections(self, name: str) -> int:
        """How often the device has been connected to."""
        return self.devices[name].stdout.splitlines().count("connect")


@pytest.fixture
def pair(site: Site, start: Start) -> Pair:
    ports = {"a": free_port(), "b": free_port()}
    devices = {}
    for name, port in ports.items():
        devices[name] = start(sys.executable, PYMODBUS, "tcp", str(port))
        devices[name].line("serving")
    lines = [tcp_line(name, port, device("d", 1, [COUNT, SIGNED])) for name, port in ports.items()]
    site.configure("\n".join(lines))
    made = Pair(site, site.start(), devices, ports)
    made.gateway.awaits("a/d/count", quality="good")
    made.gateway.awaits("b/d/signed", quality="good")
    return made


def reload(pair: Pair, config: str) -> None:
    pair.site.configure(config)
    told = ferrule("reload", "--config", pair.site.config, "--state", pair.site.state)
    assert told.returncode == 0, told.stderr
    assert str(pair.gateway.process.pid) in told.stdout


def test_a_changed_line_follows_and_another_does_not_notice(pair: Pair) -> None:
    gateway = pair.gateway
    before = gateway.everything()
    reload(pair, pair.line("a", COUNT, SIGNED) + pair.line("b", COUNT, ENERGY))
    energy = until(lambda: gateway.everything().get("b/d/energy"), "the new tag is there")
    assert energy["tag"] == "b/d/energy"
    # The tag that stayed never lost its value.
    kept = gateway.read("b/d/count")["b/d/count"]
    assert kept.get("value", kept.get("lastValue")) == 1234
    assert kept["timestamp"] >= before["b/d/count"]["timestamp"]
    assert gateway.awaits("b/d/energy", quality="good")["value"] == 65538
    assert pair.connections("b") == 2

    untouched = gateway.awaits("a/d/count", quality="good")
    assert untouched["sequence"] > before["a/d/count"]["sequence"]
    assert gateway.lines()["a"]["opened"] == 1
    assert pair.connections("a") == 1
    assert "disconnect" not in pair.devices["a"].stdout
    error = gateway.answer("tag.read", {"tags": ["b/d/signed"]})["error"]
    assert error["data"]["provided"] == "b/d/signed"


def test_lines_come_and_go(pair: Pair) -> None:
    reload(pair, pair.line("a", COUNT, SIGNED))
    until(lambda: "b" not in pair.gateway.lines(), "the line is gone")
    assert set(pair.gateway.everything()) == {"a/d/count", "a/d/signed"}
    until(lambda: "disconnect" in pair.devices["b"].stdout, "its device is let go")

    reload(pair, pair.line("a", COUNT, SIGNED) + pair.line("b", ENERGY))
    until(lambda: "b" in pair.gateway.lines(), "the line is back")
    pair.gateway.awaits("b/d/energy", quality="good")
    assert pair.connections("a") == 1


def test_a_bad_file_is_refused_with_its_place_and_the_old_one_goes_on(pair: Pair) -> None:
    gateway = pair.gateway
    good = pair.site.config.read_text()
    place = good[: good.index('type = "int16"')].count("\n") + 1
    pair.site.config.write_text(good.replace('"int16"', '"int17"', 1))

    refused = ferrule("reload", "--config", pair.site.config, "--state", pair.site.state)
    assert refused.returncode == 2
    assert f"{pair.site.config}:{place}:" in refused.stdout
    assert "configuration re" not in gateway.stderr

    gateway.send(signal.SIGHUP)
    log = gateway.logged("configuration refused, the old one goes on")
    assert f"{pair.site.config}:{place}:" in log
    before = gateway.awaits("b/d/count", quality="good")
    until(lambda: gateway.read("b/d/count")["b/d/count"]["sequence"] > before["sequence"], "polling goes on")
    assert (pair.connections("a"), pair.connections("b")) == (1, 1)

    pair.site.config.write_text(good)
    gateway.send(signal.SIGHUP)
    gateway.logged("configuration reloaded")


def test_what_waits_for_the_next_start_is_named(pair: Pair) -> None:
    pair.site.config.write_text(pair.site.config.read_text().replace('name = "site"', 'name = "other"'))
    pair.gateway.send(signal.SIGHUP)
    log = pair.gateway.logged("take effect at the next start")
    assert "gateway" in log.split("take effect at the next start")[1]


def test_a_file_that_is_named_and_not_there_is_told_though_the_rest_is_taken_over(pair: Pair) -> None:
    text = pair.site.config.read_text()
    pair.site.config.write_text(f'{text}\n[[webhook.allow]]\nhost = "scada.example.com"\nca = "absent.pem"\n')
    told = ferrule("reload", "--state", pair.site.state)
    assert told.returncode == 0
    assert "warning: ca: " in told.stdout
    assert "absent.pem: no such file or directory" in told.stdout
    pair.gateway.logged("configuration reloaded")


def test_reload_without_a_gateway_says_so(site: Site) -> None:
    site.configure()
    gateway = site.start()
    other = site.directory / "other.toml"
    told = ferrule("reload", "--config", other, "--state", site.state)
    assert told.returncode == 2
    assert f"started with {site.config}, not with {other}" in told.stderr
    # After a crash the number of its process stands there still; it may be another program's by now.
    gateway.kill()
    told = ferrule("reload", "--state", site.state)
    assert told.returncode == 1
    assert "no gateway runs" in told.stderr
