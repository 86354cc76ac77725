"""A stop that comes while the gateway starts: in order, at once, and never followed by the word that it is ready."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import trio

from gateway.app import SIGNALS, Gateway
from gateway.eventing import EVENT_SEQUENCE, STRIDE
from gateway.storage.storage import CONTROL_FILE
from gateway.systemd import Notifier

PATIENCE_S = 20.0
CONFIG = """\
[server]
bind = "127.0.0.1"
port = {port}

[[line]]
name = "plant"
transport = "tcp"
host = "127.0.0.1"
tcp_port = {silent}

[[line.device]]
name = "drive"
unit = 1

[[line.device.tag]]
name = "speed"
table = "holding"
address = 0
type = "uint16"
poll = "1s"
"""


class StopAt(trio.abc.Instrument):
    """Sends the signal before a step of the run loop, counted from the start.

    Attributes:
        steps: how many there were.
    """

    def __init__(self, step: int, number: signal.Signals = signal.SIGTERM) -> None:
        self._step = step
        self._number = number
        self.steps = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count."""
        del task
        if self.steps == self._step:
            signal.raise_signal(self._number)
        self.steps += 1


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


def heard(manager: socket.socket) -> list[str]:
    """The states that the service manager was told, in order."""
    states = []
    with suppress(BlockingIOError):
        while True:
            state = manager.recv(4096).decode().splitlines()[0]
            if state in {"READY=1", "STOPPING=1"}:
                states.append(state)
    return states


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        path = tmp_path / "ferrule.toml"
        path.write_text(CONFIG.format(port=port, silent=silent.getsockname()[1]), encoding="utf-8")
        yield path


def run_to_the_end(config: Path, instrument: StopAt | None = None) -> list[str]:
    """Run a gateway as ``ferrule run`` does; without an instrument that stops it, until it is ready.

    Returns:
        What the terminal was told: the URLs that are ready.
    """
    ready: list[str] = []
    state = config.parent / "state"
    state.mkdir(exist_ok=True)

    def on_ready(urls: list[str]) -> None:
        ready.extend(urls)
        if instrument is None:
            signal.raise_signal(signal.SIGTERM)

    gateway = Gateway(config, state, Notifier(str(config.parent / "notify"), None), on_ready)

    async def run() -> None:
        with trio.fail_after(PATIENCE_S):
            await gateway.run()

    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        trio.run(run, instruments=[instrument] if instrument else [])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return ready


def test_nothing_is_ready_after_it_began_to_stop_whenever_that_is(config: Path, manager: socket.socket) -> None:
    said = []
    for step in range(1000):
        ready = run_to_the_end(config, StopAt(step))
        said.append(heard(manager))
        assert said[-1] in (["STOPPING=1"], ["READY=1", "STOPPING=1"]), f"a stop at step {step}"
        assert len(ready) == said[-1].count("READY=1")
        if ready:
            break
    assert said[0] == ["STOPPING=1"]
    assert said[-1] == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_came_before_the_start_is_not_lost(config: Path, manager: socket.socket, number: signal.Signals) -> None:
    assert run_to_the_end(config, StopAt(0, number)) == []
    assert heard(manager) == ["STOPPING=1"]


def reserved(config: Path) -> int:
    """The number up to which events may have been made, as it is on disk."""
    with closing(sqlite3.connect(config.parent / "state" / CONTROL_FILE)) as connection:
        found = connection.execute("SELECT value FROM fact WHERE kind = ? AND key = 'reserved'", (EVENT_SEQUENCE,))
        return int(json.loads(found.fetchone()[0]))


def test_numbers_of_events_are_on_disk_before_there_are_events_and_go_on_elsewhere_at_each_start(config: Path) -> None:
    found = []
    for _ in range(3):
        run_to_the_end(config)
        found.append(reserved(config))
    assert found == sorted(set(found))
    assert found[0] >= STRIDE


def test_trouble_of_the_store_is_logged_as_severe_as_it_is(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = config.parent / "state"
    state.mkdir()
    (state / CONTROL_FILE).write_bytes(b"this is no database" * 100)
    run_to_the_end(config)
    told = [line for line in capsys.readouterr().out.splitlines() if "was damaged" in line]
    assert len(told) == 1
    assert "[critical" in told[0]
