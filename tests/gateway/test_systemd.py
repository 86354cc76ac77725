"""What the service manager hears."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.systemd import Notifier, feed_watchdog


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


def filled(manager: socket.socket, address: str) -> int:
    """Have the manager's queue full, as where it hangs; returns how many messages are in it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        for count in range(100_000):
            try:
                sender.sendto(b"STATUS=of others", address)
            except BlockingIOError:
                return count
    raise AssertionError("the queue of a socket has no end here")


def test_a_manager_that_hangs_holds_nothing_up_and_is_told_later(manager: socket.socket, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    notifier = Notifier(address, None)
    full = filled(manager, address)

    def say() -> None:
        notifier.ready("serving on one address")
        notifier.alive()
        notifier.status("serving on two addresses")

    # On a thread, since it would wait for ever.
    saying = threading.Thread(target=say, daemon=True)
    saying.start()
    saying.join(20)
    assert not saying.is_alive()

    for _ in range(full):
        assert manager.recv(1000) == b"STATUS=of others"
    notifier.again()
    assert manager.recv(1000) == b"READY=1\nSTATUS=serving on two addresses"
    notifier.again()
    notifier.alive()
    assert manager.recv(1000) == b"WATCHDOG=1", "what was taken is said once"


@pytest.mark.parametrize("watchdog", [None, 30.0])
async def test_what_was_not_taken_is_said_without_anybody_asking(
    manager: socket.socket, tmp_path: Path, autojump_clock: MockClock, watchdog: float | None
) -> None:
    address = str(tmp_path / "notify")
    notifier = Notifier(address, watchdog)
    full = filled(manager, address)
    notifier.ready("serving")
    for _ in range(full):
        manager.recv(1000)
    with trio.move_on_after(60):
        # A line that stalls feeds no watchdog, but is no reason to leave the manager in the dark.
        await feed_watchdog(notifier, lambda _: False)
    assert manager.recv(1000) == b"READY=1\nSTATUS=serving"
    with pytest.raises(BlockingIOError):
        manager.recv(1000)


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
