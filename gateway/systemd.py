"""What systemd is told: ready, alive, stopping, and one line of status (sd_notify(3)). Nothing here waits for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import trio

# Seconds after which the manager is told again what it did not take, where it expects no signs of life.
TELL_AGAIN_S = 10.0


class Notifier:
    """Talks to the service manager, if there is one.

    Args:
        address: of the socket, as in ``$NOTIFY_SOCKET``; None or "" where nobody listens.
        watchdog: seconds within which a sign of life is expected; None where none is.
    """

    def __init__(self, address: str | None, watchdog: float | None) -> None:
        # A leading @ stands for the abstract namespace.
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self.watchdog = watchdog
        # What the manager did not take, by variable: it is said again with whatever is said next.
        self._owed: dict[str, str] = {}

    @classmethod
    def from_environment(cls) -> Notifier:
        """Take the service manager's variables out of the environment, so that child processes do not answer."""
        address = os.environ.pop("NOTIFY_SOCKET", None)
        microseconds = os.environ.pop("WATCHDOG_USEC", None)
        pid = os.environ.pop("WATCHDOG_PID", None)
        for_us = pid is None or pid == str(os.getpid())
        # 0 would ask for a sign of life without a pause.
        watchdog = int(microseconds) / 1e6 if microseconds and microseconds.isdigit() and for_us else 0.0
        return cls(address, watchdog or None)

    def _send(self, **said: str) -> None:
        if not self._address:
            return
        # The manager may be restarting, or not read what it is sent: a gateway that stops polling for that would serve
        # nobody.
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        message = self._owed | said
        try:
            with socket.socket(socket.AF_UNIX, kind) as sender:
                sender.sendto("\n".join(f"{name}={value}" for name, value in message.items()).encode(), self._address)
        except OSError:
            # A sign of life is worth nothing later.
            self._owed = {name: value for name, value in message.items() if name != "WATCHDOG"}
        else:
            self._owed = {}

    def again(self) -> None:
        """Say what the manager did not take, if there is such."""
        if self._owed:
            self._send()

    def ready(self, status: str) -> None:
        """The gateway serves."""
        self._send(READY="1", STATUS=status)

    def status(self, status: str) -> None:
        """One line for ``systemctl status``."""
        self._send(STATUS=status)

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._send(WATCHDOG="1")

    def stopping(self) -> None:
        """The gateway has begun to stop."""
        self._send(STOPPING="1", STATUS="stopping")


async def feed_watchdog(notifier: Notifier, alive: Callable[[float], bool]) -> None:
    """Fed by the work itself: it starves when the loop stalls or no line makes progress (ruling 21). Never returns.

    Args:
        notifier: tells the manager.
        alive: whether the lines make progress at a moment of the run loop's clock.
    """
    while True:
        if notifier.watchdog is not None and alive(trio.current_time()):
            notifier.alive()
        else:
            notifier.again()
        await trio.sleep(TELL_AGAIN_S if notifier.watchdog is None else notifier.watchdog / 3)
