"""``make run`` as a newcomer types it, and as outside checks rely on it: port, state and output are fixed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import FERRULE, PATIENCE_S, ROOT, Program, ferrule, free_port, needed, until

URL = "https://127.0.0.1:3500"
READY = f"ready {URL}"
STATE = ROOT / "var" / "demo"
SILENT = {"rs485/spare/level", "rs485/spare/flow"}


@pytest.fixture
def demo_place() -> Iterator[Path]:
    """The demo's state directory, empty; what was there before comes back afterwards."""

    def free(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    for port in (3500, 15020):
        until(partial(free, port), f"port {port} is free: is a demo running? Stop it first")
    kept = STATE.with_name("demo-kept-by-test")
    if STATE.exists():
        STATE.rename(kept)
    yield STATE
    shutil.rmtree(STATE, ignore_errors=True)
    if kept.exists():
        kept.rename(STATE)


def make_run(start: Start) -> Program:
    program = start(needed("make"), "run", cwd=ROOT, own_group=True)
    program.line(READY)
    return program


def ask(method: str, params: dict[str, object], token: str) -> Any:
    trust = ssl.create_default_context(cafile=STATE / "ca.pem")
    with httpx.Client(verify=trust, trust_env=False, timeout=15) as client:
        answer = client.post(
            f"{URL}/api/v1/rpc",
            json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
            headers={"Authorization": f"Bearer {token}"},
        )
    return answer.json()["result"]


def gone(program: Program) -> None:
    """Wait until no process of the group is left."""

    def empty() -> bool:
        try:
            os.killpg(program.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    until(empty, "no process of the demo is left")


def test_make_run_serves_the_demo(demo_place: Path, start: Start) -> None:
    program = make_run(start)
    ready = time.monotonic()
    token = ferrule("token", "--state", STATE, "--scope", "devices:read").stdout.strip()

    rows = ask("tag.list", {}, token)["tags"]
    tags = [row["tag"] for row in rows]
    assert len(rows) >= 10
    assert sum((row["poll"] or 60) <= 1.0 for row in rows) > len(rows) / 2

    def readings() -> dict[str, dict[str, Any]]:
        return {reading["tag"]: reading for reading in ask("tag.read", {"tags": tags}, token)["readings"]}

    def settled() -> dict[str, dict[str, Any]] | None:
        now = readings()
        bad = {tag for tag in SILENT if (now[tag]["quality"], now[tag]["reason"]) == ("bad", "no_answer")}
        return now if bad == SILENT and sum(row["quality"] == "good" for row in now.values()) >= 10 else None

    first = until(settled, "the silent device is bad and the others are good")
    [spare] = [row for row in ask("device.list", {}, token)["devices"] if row["device"] == "rs485/spare"]
    assert spare["state"] == "silent"
    assert time.monotonic() - ready - spare["stateSeconds"] < 3.0
    assert all(first[tag]["value"] is None for tag in SILENT)

    def every_tag() -> dict[str, dict[str, Any]] | None:
        now = readings()
        # The inverter's wind input is not fitted: it always sends the code for "no value".
        others = {tag for tag, row in now.items() if row["quality"] != "good"}
        return now if others == SILENT | {"plant/inverter/wind-input"} else None

    later = until(every_tag, "every device that answers has been read")
    until(lambda: readings()["rs485/meter/power"]["value"] != first["rs485/meter/power"]["value"], "values move")
    assert later["plant/inverter/maker"]["value"] == "Ferrule Works"
    assert later["plant/inverter/wind-input"]["reason"] == "no_value"
    assert -2 - 10 <= later["rs485/temperature/outside"]["value"] <= 8

    check_what_it_prints(program, token)
    check_a_second_start(start)

    program.send(signal.SIGTERM)
    program.wait()
    gone(program)
    assert "Traceback" not in program.stderr
    assert not (STATE / "tty-rs485").is_symlink()


def check_what_it_prints(program: Program, token: str) -> None:
    lines = program.stdout.splitlines()
    assert lines.count(READY) == 1
    secret = json.loads((STATE / "admin.json").read_text())["client_secret"]
    for shown in (program.stdout, program.stderr):
        assert secret not in shown
        assert not re.search(r"eyJ[\w-]+\.", shown)
    assert token
    assert stat.S_IMODE((STATE / "admin.json").stat().st_mode) == 0o600
    assert "BEGIN CERTIFICATE" in (STATE / "ca.pem").read_text()

    needed("curl")
    [curl] = [line for line in lines if line.startswith("curl ")]
    pasted = subprocess.run(
        ["sh", "-c", curl], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert pasted.returncode == 0, pasted.stderr
    [reading] = json.loads(pasted.stdout)["result"]["readings"]
    assert reading["quality"] == "good"
    assert 228 <= reading["value"] <= 232


def check_a_second_start(start: Start) -> None:
    """The demo runs already: the second says so, ends, and the first goes on."""
    second = start(FERRULE, "demo", cwd=ROOT)
    assert second.wait() == 1
    [words] = second.stderr.splitlines()
    assert words.startswith("ferrule: ")
    assert "in use by another gateway" in words
    assert not second.stdout
    # The devices of the first are still where it finds them.
    assert (STATE / "tty-rs485").exists()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_demo_starts_from_what_is_there_and_ends_without_a_trace(
    demo_place: Path, start: Start, ending: signal.Signals
) -> None:
    first = make_run(start)
    admin, authority = (STATE / "admin.json").read_bytes(), (STATE / "ca.pem").read_bytes()
    first.send(ending)
    first.wait()
    gone(first)

    second = start(FERRULE, "demo", cwd=ROOT, own_group=True)
    second.line(READY)
    assert (STATE / "admin.json").read_bytes() == admin
    assert (STATE / "ca.pem").read_bytes() == authority
    token = ferrule("token", "--state", STATE, "--scope", "devices:read").stdout.strip()
    assert ask("tag.list", {}, token)["total"] >= 10
    second.send(ending)
    assert second.wait() == 0
    gone(second)
    for program in (first, second):
        assert "Traceback" not in program.stderr
    assert not (STATE / "tty-rs485").is_symlink()


def test_a_killed_demo_leaves_no_devices_behind(demo_place: Path, start: Start) -> None:
    program = start(FERRULE, "demo", cwd=ROOT)
    program.line(READY)
    assert (STATE / "tty-rs485").is_symlink()
    program.kill()
    until(lambda: not (STATE / "tty-rs485").is_symlink(), "its devices have ended")


def test_the_demo_runs_on_any_state_directory(start: Start, tmp_path: Path) -> None:
    port, devices = str(free_port()), str(free_port())
    for name in ("demo.toml", "demo-devices.toml"):
        text = (ROOT / "config" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("3500", port).replace("15020", devices), encoding="utf-8")
    state = tmp_path / "elsewhere"
    files = ("--config", tmp_path / "demo.toml", "--devices", tmp_path / "demo-devices.toml")
    program = start(FERRULE, "demo", *files, "--state", state, cwd=ROOT)
    program.line("ready https://127.0.0.1")

    def good() -> bool:
        said = ferrule("read", "rs485/meter/voltage-l1", "--state", state, "--json").stdout
        return '"good"' in said

    until(good, "the serial line is polled where the simulation is")
    told = ferrule("reload", "--state", state)
    assert told.returncode == 0, told.stderr
    assert "as they were" in told.stdout
    program.stop()
