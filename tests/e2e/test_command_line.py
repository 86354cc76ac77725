"""The technician's commands against a real gateway."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import FERRULE, ferrule, free_port, needed, until
from tests.e2e.simulated import POLL, TAGS, Drive, drive
from tests.e2e.site import Gateway, Site, device, tcp_line

Run = Callable[..., CompletedProcess[str]]
ALARM = '[[alarm]]\nname = "beyond-it"\ntag = "plant/drive/beyond"\nhigh = 60\nmessage = "look at the drive"\n'
HOLDING = ["--line", "plant", "--table", "holding"]
COIL = ["--line", "plant", "--table", "coil", "--unit", "1", "--address", "0"]


@pytest.fixture
def plant(site: Site, start: Start) -> Drive:
    made = drive(start, site.directory)
    level = device("absent", 9, ['name = "level", table = "holding", address = 0, type = "uint16"'], POLL)
    plugged = tcp_line("plant", made.port, device("drive", 1, TAGS, POLL))
    site.configure(plugged + tcp_line("dead", free_port(), level) + ALARM)
    return made


@pytest.fixture
def gateway(site: Site, plant: Drive) -> Gateway:
    running = site.start()
    running.awaits("plant/drive/beyond", quality="good")
    return running


@pytest.fixture
def run(site: Site, gateway: Gateway) -> Run:
    def call(*words: str | Path) -> CompletedProcess[str]:
        return ferrule(*words, "--state", site.state)

    return call


def answer(done: CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def test_reading_tags_and_registers(run: Run) -> None:
    done = run("read", "plant/drive/beyond", "--json")
    [reading] = answer(done)["readings"]
    assert (done.returncode, reading["value"], reading["quality"]) == (0, 66, "good")
    assert 0 <= reading["age"] < 60

    done = run("read", "plant/drive/*nd", "--raw")
    assert "40007 = holding, PDU 6, 0x06; unit 1, uint16" in done.stdout
    assert "00 00 00 06 01 03 00 06 00 01" in done.stdout
    assert "00 00 00 05 01 03 02 00 42  after" in done.stdout
    assert "values   0042" in done.stdout

    done = run("read", "--bad")
    assert done.returncode == 8
    assert "dead/absent/level" in done.stdout
    assert "the line is down" in done.stdout
    assert "beyond" not in done.stdout

    done = run("read", *HOLDING, "--unit", "1", "--address", "6", "--json")
    assert (done.returncode, answer(done)["decoded"][0]["value"], answer(done)["modicon"]) == (0, 66, "40007")
    assert answer(done)["frames"]["checksum"] == "none"
    done = run("read", *HOLDING, "--unit", "1", "--address", "4")
    assert done.returncode == 8
    assert "illegal" in done.stdout

    done = run("read", *COIL)
    assert (done.returncode, "unit 1, bool, 1 read with function 1" in done.stdout) == (0, True)
    assert "uint16" not in done.stdout
    done = run("read", *COIL, "--type", "bool", "--json")
    assert (answer(done)["type"], answer(done)["decoded"][0]["value"]) == ("bool", True)
    done = run("read", *COIL, "--type", "uint16")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--type uint16: a coil is one bit, true or false. Leave --type out" in done.stderr


def test_writing_says_what_became_of_it(run: Run, plant: Drive) -> None:
    done = run("write", "plant/drive/setpoint", "12")
    assert (done.returncode, done.stdout) == (0, "confirmed: plant/drive/setpoint = 12\n")
    assert answer(run("read", "plant/drive/setpoint", "--max-age", "0", "--json"))["readings"][0]["value"] == 12
    done = run("write", "plant/drive/ticks", "1")
    assert (done.returncode, "nothing was written" in done.stderr) == (2, True)

    words = [*HOLDING, "--unit", "1", "--address", "0", "33"]
    done = run("write", *words)
    assert (done.returncode, "Add --yes" in done.stderr) == (2, True)
    assert run("write", *words, "--yes").returncode == 0
    done = run("write", *HOLDING, "--unit", "1", "--address", "4", "--yes", "1", "--json")
    assert (done.returncode, answer(done)["outcome"]) in {(3, "refused"), (0, "confirmed")}

    plant.die()
    until(
        lambda: run("write", "plant/drive/setpoint", "5").returncode == 4, "a write to a line that is down is not sent"
    )


def test_history_as_table_csv_and_json(run: Run, site: Site) -> None:
    def several() -> list[Any]:
        found = answer(run("history", "plant/drive/ticks", "--since", "5m", "--json"))["samples"]
        return found if len(found) > 3 else []

    until(several, "there is a history")
    rows = list(csv.reader(run("history", "plant/drive/ticks", "--csv").stdout.splitlines()))
    assert rows[0] == ["timestamp", "value", "quality", "clock"]
    assert any(row[2] == "good" and float(row[1]) >= 0 for row in rows[1:])
    # The second in which the first value came is uncertain: a part of it had none.
    until(lambda: "good" in run("history", "plant/drive/ticks", "--resolution", "1s").stdout, "a second is whole")
    assert run("history", "plant/drive/tick").returncode == 2


def test_status_shows_what_is_wrong(run: Run, gateway: Gateway) -> None:
    until(lambda: gateway.lines()["dead"]["state"] == "down", "the dead line is down")
    until(lambda: answer(run("alarms", "--json"))["alarms"], "the alarm is raised")
    done = run("status")
    assert done.returncode == 0
    # What somebody asked to be told of comes first.
    assert done.stdout.splitlines()[1].startswith("! warning: alarm beyond-it: look at the drive, now 66")
    assert "! line dead is down: " in done.stdout
    found = answer(run("status", "--json"))
    assert found["tags"]["bad"] == 1
    assert found["worst"][0]["tag"] == "dead/absent/level"
    assert [(one["alarm"], one["state"]) for one in found["alarms"]] == [("beyond-it", "raised")]
    assert {
        "url",
        "server",
        "health",
        "lines",
        "devices",
        "tags",
        "worst",
        "alarms",
        "alerts",
        "standing",
        "governors",
        "plugins",
    } == set(found)
    assert "\nplugins: none installed\n" in done.stdout


def test_why_a_gateway_cannot_be_reached(run: Run, site: Site, gateway: Gateway, tmp_path: Path) -> None:
    remote = ["--url", gateway.url, "--ca", str(site.state / "ca.pem"), "--token"]
    assert ferrule("read", "plant/drive/beyond", *remote, gateway.token(["devices:read"])).returncode == 0
    done = ferrule("write", "plant/drive/setpoint", "1", *remote, gateway.token(["devices:read"]))
    assert done.returncode == 7
    assert "nothing was written" in done.stderr
    assert 'ferrule token --scope "devices:write"' in done.stderr
    done = ferrule("status", *remote, "nonsense")
    assert (done.returncode, "does not take the token" in done.stderr) == (7, True)
    nobody = f"https://127.0.0.1:{free_port()}"
    done = ferrule("status", "--url", nobody, *remote[2:], "x")
    assert (done.returncode, "is the gateway running there" in done.stderr) == (6, True)

    other = Site(tmp_path / "other")
    other.configure()
    second = other.start()
    assert second.stop() == 0
    done = ferrule("status", "--url", gateway.url, "--ca", other.state / "ca.pem", "--token", "x")
    assert (done.returncode, "does not vouch for" in done.stderr) == (6, True)
    done = ferrule("status", "--state", other.state)
    assert (done.returncode, "no gateway runs on" in done.stderr) == (6, True)


def test_a_backup_of_a_running_gateway_makes_another_board_the_same(
    run: Run, site: Site, gateway: Gateway, tmp_path: Path
) -> None:
    file = tmp_path / "plant.backup"
    until(lambda: answer(run("history", "plant/drive/ticks", "--json"))["samples"], "there is a history")
    assert run("backup", file).returncode == 0
    done = run("restore", file, "--config", site.config)
    assert (done.returncode, "a gateway runs on" in done.stderr) == (1, True)
    token = gateway.token()

    board = Site(tmp_path / "board")
    done = ferrule("restore", file, "--state", board.state, "--config", board.config)
    assert done.returncode == 0, done.stderr
    second = board.start()
    try:
        remote = ["--url", second.url, "--ca", str(site.state / "ca.pem"), "--token", token]
        assert ferrule("status", *remote).returncode == 0
        past = ferrule("history", "plant/drive/ticks", "--json", *remote)
        assert answer(past)["samples"]
    finally:
        assert second.stop() == 0


def test_a_report_of_a_running_gateway_helps_and_holds_no_secret(run: Run, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "plant.zip"
    done = run("report", file, "--json")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(file) as bundle:
        texts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert set(texts) == {member["name"] for member in answer(done)["members"]}
    assert json.loads(texts["device.list.json"])["devices"][0]["device"] == "plant/drive"
    assert json.loads(texts["system.json"])["process"]["VmRSS"] > 0
    assert "beyond-it" in {one["alarm"] for one in json.loads(texts["alarm.list.json"])["alarms"]}
    assert {"alert.list.json", "governor.status.json"} <= set(texts)
    secrets = [
        (site.state / "root.key").read_bytes().hex(),
        json.loads((site.state / "admin.json").read_text())["client_secret"],
        (site.state / "ca.key").read_text().splitlines()[1],
    ]
    assert not [name for name, text in texts.items() for secret in secrets if secret in text]


def test_a_report_is_made_without_a_gateway(site: Site, tmp_path: Path) -> None:
    site.configure()
    done = ferrule("report", tmp_path / "r.zip", "--state", site.state, "--config", site.config, "--json")
    assert done.returncode == 0, done.stderr
    assert "gateway.json" in {member["name"] for member in answer(done)["members"]}


def test_a_reader_that_has_seen_enough_gets_no_complaint() -> None:
    shell = f'set -o pipefail; "{FERRULE}" config explain | head -1'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("key")


def test_a_watch_goes_on_until_it_is_told_to_end(site: Site, gateway: Gateway, start: Start) -> None:
    watch = start(FERRULE, "read", "plant/drive/ticks", "--watch", "0.1", "--json", "--state", site.state)
    watch.line('{"readings": [{"tag": "plant/drive/ticks"')
    gateway.hang_up()
    gateway.stop()
    watch.line('{"error": "https://127.0.0.1')
    assert watch.stop(signal.SIGINT) == 0


def test_a_past_that_is_watched_goes_on_with_what_is_new(site: Site, gateway: Gateway, start: Start) -> None:
    words: list[str | Path] = ["history", "plant/drive/ticks", "--state", site.state]
    watch = start(FERRULE, *words, "--watch", "0.5", "--csv")
    watch.line("timestamp,value,quality,clock")
    again = start(FERRULE, *words, "--watch", "0.5", "--json")
    again.line('{"tag": "plant/drive/ticks"')

    def new() -> bool:
        return len(watch.stdout.splitlines()) > 3 and len(again.stdout.splitlines()) > 1

    until(new, "new rows are shown")
    assert (watch.stop(signal.SIGINT), again.stop(signal.SIGINT)) == (0, 0)
    stamps = [row.partition(",")[0] for row in watch.stdout.splitlines()[1:]]
    assert stamps == sorted(set(stamps)), "each row once, and no header again"
    told = [sample["timestamp"] for line in again.stdout.splitlines() for sample in json.loads(line)["samples"]]
    assert told == sorted(set(told))
    refused = ferrule(*words, "--watch", "--until", "1m")
    assert (refused.returncode, "leave --until out" in refused.stderr) == (2, True)


def test_a_gateway_that_asks_for_a_certificate_gets_one_or_says_so(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, own, pem = tmp_path / "key.pem", site.directory / "ines.pem", tmp_path / "both.pem"
    make = f"{needed('openssl')} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ines"
    subprocess.run([*make.split(), "-keyout", key, "-out", own], check=True, capture_output=True)
    pem.write_bytes(own.read_bytes() + key.read_bytes())
    site.configure(server='bind = "127.0.0.1"\nport = 0\nclient_ca = "ines.pem"')
    site.start()

    def status(*words: str | Path) -> tuple[int, str]:
        done = ferrule("status", "--state", site.state, *words)
        return done.returncode, done.stderr

    code, words = status()
    assert (code, "none was shown" in words, "--client-cert FILE" in words) == (7, True, True), words
    monkeypatch.setenv("FERRULE_CLIENT_CERT", str(pem))
    assert status() == (0, "")
    report = ferrule("report", site.directory / "with.zip", "--state", site.state)
    assert (report.returncode, report.stderr) == (0, "")
    monkeypatch.delenv("FERRULE_CLIENT_CERT")
    report = ferrule("report", site.directory / "without.zip", "--state", site.state)
    assert (report.returncode, "was not asked: " in report.stderr, "none was shown" in report.stderr) == (0, True, True)
    code, words = status("--client-cert", own)
    assert (code, "a PEM file with certificate and key" in words) == (2, True), words
    assert status("--client-cert", pem) == (0, "")
