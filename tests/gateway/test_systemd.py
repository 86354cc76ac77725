"""What the service manager hears."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.systemd import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


@pytest.mark.parametrize(
    ("say", "heard"),
    [
        ("ready", "READY=1\nSTATUS=serving"),
        ("status", "STATUS=serving"),
        ("alive", "WATCHDOG=1"),
        ("stopping", "STOPPING=1\nSTATUS=stopping"),
    ],
)
def test_each_message_is_one_datagram(manager: socket.socket, tmp_path: Path, say: str, heard: str) -> None:
    notifier = Notifier(str(tmp_path / "notify"), None)
    words = ["serving"] if say in {"ready", "status"} else []
    getattr(notifier, say)(*words)
    assert manager.recv(1000).decode() == heard
    with pytest.raises(BlockingIOError):
        manager.recv(1000)


def test_an_abstract_address_is_understood() -> None:
    name = f"ferrule-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.setblocking(False)
        Notifier(f"@{name}", None).alive()
        assert listener.recv(1000) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all"])
def test_without_a_manager_nothing_happens(address: str | None) -> None:
    notifier = Notifier(address, None)
    notifier.ready("x")
    notifier.alive()
    notifier.stopping()


@pytest.mark.parametrize(
    ("environment", "watchdog"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        # sd_watchdog_enabled(3): another process is meant.
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_environment_is_read_and_taken_away(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], watchdog: float | None
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"NOTIFY_SOCKET": "/run/notify", **environment}.items():
        monkeypatch.setenv(name, value)
    assert Notifier.from_environment().watchdog == watchdog
    # A child that inherited them could report itself ready in our name.
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & os.environ.keys()
