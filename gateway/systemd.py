"""What systemd is told: ready, alive, stopping, and one line of status (sd_notify(3))."""

from __future__ import annotations

import os
import socket


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

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto(message.encode(), self._address)
        except OSError:
            # The manager may be restarting; a gateway that stops polling for that would serve nobody.
            return

    def ready(self, status: str) -> None:
        """The gateway serves."""
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The gateway has begun to stop."""
        self._send("STOPPING=1\nSTATUS=stopping")
