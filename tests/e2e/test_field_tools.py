"""The technician's bus tools against real ports and a real gateway."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import FERRULE, ROOT, ferrule, until
from tests.e2e.simulated import POLL, TAGS, Drive, drive
from tests.e2e.site import Gateway, Site, device, tcp_line

FAULTS = ROOT / "config" / "field-guide-devices.toml"
FIXED = ["--baudrate", "19200", "--parity", "none", "--units", "1-8", "--listen", "0.5"]


@pytest.fixture
def ports(tmp_path: Path, start: Start) -> Path:
    start(FERRULE, "simulate", FAULTS, "--directory", tmp_path)
    names = ("meter", "swapped", "twins")
    until(lambda: all((tmp_path / f"tty-{name}").exists() for name in names), "the ports are there")
    return tmp_path


def scanned(port: Path, *more: str) -> tuple[int, Any]:
    done = ferrule("scan", port, *FIXED, "--json", *more)
    return done.returncode, json.loads(done.stdout)


def test_a_scan_finds_a_device_and_writes_what_check_takes(ports: Path) -> None:
    written = ports / "found.toml"

    code, told = scanned(ports / "tty-meter", "--write", str(written))

    assert code == 0
    assert [(one["unit"], one["answered"], one["identity"]["product"]) for one in told["found"]] == [(3, 6, "EM-3")]
    assert ferrule("check", written).returncode == 0
    before = written.read_text()
    again = ferrule("scan", ports / "tty-meter", *FIXED, "--write", written)
    assert (again.returncode, written.read_text()) == (2, before)
    assert "is not written over" in again.stderr


def test_a_full_disk_takes_no_scan_away(ports: Path) -> None:
    """Of an hour's work neither an empty file stays nor nothing at all."""
    written = ports / "found.toml"
    words: list[str | Path] = [FERRULE, "scan", ports / "tty-meter", *FIXED, "--write", written]

    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *words], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert f"{written}: File too large. Name another place" in done.stderr
    assert "unit = 3" in done.stdout
    assert not [path for path in ports.iterdir() if "found" in path.name]


def test_swapped_wires_and_a_twin_are_told(ports: Path) -> None:
    code, told = scanned(ports / "tty-swapped")
    assert (code, told["found"]) == (1, [])
    assert "A and B may be swapped" in told["advice"][0]

    code, told = scanned(ports / "tty-twins")
    assert code == 8
    assert {one["unit"]: " ".join(one["wrong"])[:18] for one in told["found"]} == {4: "", 5: "answers come twice"}


def test_a_wrong_word_order_is_found_on_a_port(ports: Path) -> None:
    done = ferrule(
        *("decode", "--port", ports / "tty-meter", "--unit", "3", "--modicon", "30001"),
        *("--count", "6", "--repeat", "4", "--every", "0.3"),
    )

    assert done.returncode == 0
    assert 'word_order = "little"' in done.stdout
    assert 'name = "voltage_0", table = "input", address = 0, type = "float32", word_order = "little"' in done.stdout


def test_ctrl_c_keeps_what_was_found(ports: Path) -> None:
    scan = subprocess.Popen(
        [FERRULE, "scan", ports / "tty-meter", "--units", "1-247", "--listen", "0.2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(5)
    scan.send_signal(signal.SIGINT)
    out, _ = scan.communicate(timeout=20)

    told = json.loads(out)
    assert (scan.returncode, told["complete"]) == (130, False)
    assert [one["unit"] for one in told["found"]] == [3]


@pytest.fixture
def plant(site: Site, start: Start) -> Drive:
    made = drive(start, site.directory)
    site.configure(tcp_line("plant", made.port, device("drive", 1, TAGS, POLL)))
    return made


@pytest.fixture
def gateway(site: Site, plant: Drive) -> Gateway:
    running = site.start()
    running.awaits("plant/drive/beyond", quality="good")
    return running


def test_a_line_of_the_gateway_is_borrowed_for_a_scan_and_comes_back(site: Site, gateway: Gateway) -> None:
    done = ferrule("scan", "plant", "--units", "1-4", "--json", "--state", site.state)

    assert [one["unit"] for one in json.loads(done.stdout)["found"]] == [1], done.stderr
    gateway.awaits("plant/drive/beyond", quality="good")
    host = json.loads(ferrule("status", "--json", "--state", site.state).stdout)["lines"][0]["port"]
    done = ferrule("scan", host, "--units", "1-2", "--json", "--state", site.state)
    assert [one["unit"] for one in json.loads(done.stdout)["found"]] == [1], done.stderr
    assert "is line plant of the running gateway" in done.stderr
    wrong = ferrule("scan", "plan", "--state", site.state)
    assert wrong.returncode == 2
    assert "it has: plant" in wrong.stderr


def test_registers_of_a_running_line_are_decoded(site: Site, gateway: Gateway) -> None:
    done = ferrule(
        *("decode", "--line", "plant", "--unit", "1", "--table", "holding", "--address", "0", "--count", "1"),
        *("--json", "--state", site.state),
    )

    assert len(json.loads(done.stdout)["reads"][0]) == 1, done.stderr


def test_traffic_of_a_running_line_is_shown_and_saved(site: Site, gateway: Gateway, tmp_path: Path) -> None:
    saved = tmp_path / "plant.pcapng"

    done = ferrule("monitor", "plant", "--seconds", "3", "--json", "--save", saved, "--state", site.state)

    told = [json.loads(row) for row in done.stdout.splitlines()]
    assert {"request", "reply"} <= {one["kind"] for one in told}, done.stderr
    assert {one["unit"] for one in told} == {1}
    assert any("holding, PDU" in one["words"] for one in told)
    assert all(one["seconds"] < 5 for one in told if one["kind"] == "reply")
    assert saved.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"
    gateway.awaits("plant/drive/beyond", quality="good")
    assert ferrule("monitor", "plant", "--save", saved, "--state", site.state).returncode == 2
    assert "it has: plant" in ferrule("monitor", "other", "--state", site.state).stderr


def test_listening_on_a_port_says_nothing_on_it(ports: Path) -> None:
    done = ferrule("monitor", "--port", ports / "tty-meter", "--seconds", "1")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("0 requests, 0 answers")
    assert ferrule("monitor", "--port", ports / "none").returncode == 1


def test_check_tries_every_tag_on_a_port(ports: Path) -> None:
    config = ports / "plant.toml"
    config.write_text(
        f"""
[[line]]
name = "bus"
transport = "rtu"
port = "{ports / "tty-meter"}"
stopbits = 2
timeout = "300ms"
[[line.device]]
name = "meter"
unit = 3
tag = [
  {{ name = "volts", table = "input", address = 0, type = "float32", word_order = "little", units = "V" }},
  {{ name = "missing", table = "holding", address = 7, type = "uint16" }},
]
[[line.device]]
name = "gone"
unit = 9
tag = [{{ name = "a", table = "holding", address = 0, type = "uint16" }}]
"""
    )

    done = ferrule("check", "--bus", config, "--json", "--state", ports / "none")

    told = {one["tag"]: one for one in json.loads(done.stdout)["tags"]}
    assert done.returncode == 8
    assert 227 < told["bus/meter/volts"]["value"] < 233
    assert "exception 2" in told["bus/meter/missing"]["reason"]
    assert "no answer in time" in told["bus/gone/a"]["reason"]


def test_check_goes_through_the_gateway_where_it_has_the_line(site: Site, gateway: Gateway) -> None:
    done = ferrule("check", "--bus", site.config, "--json", "--state", site.state)

    told = json.loads(done.stdout)
    assert "through the running gateway" in told["notes"][0]
    assert any(one["tag"] == "plant/drive/beyond" and one["value"] == 66 for one in told["tags"])
    gateway.awaits("plant/drive/beyond", quality="good")
