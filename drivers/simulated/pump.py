"""Carries bytes between a descriptor of the operating system and a simulated bus, in real time."""

import os
from collections.abc import Awaitable, Callable, Iterable

import trio

from drivers.simulated.bus import Bus
from drivers.simulated.faults import Window


async def pump(fd: int, bus: Bus, epoch: float) -> None:
    """Serve the master behind a non-blocking descriptor until it goes away.

    Args:
        fd: the far end of the master's port; stays open.
        bus: what answers.
        epoch: second 0 of the simulation on trio's clock.
    """
    while True:
        with trio.CancelScope(deadline=bus.next_at() + epoch):
            await trio.lowlevel.wait_readable(fd)
        now = trio.current_time() - epoch
        try:
            request = os.read(fd, 4096)
            if not request:
                return
            bus.send(request, now)
        except BlockingIOError:
            pass  # woken by time
        except OSError:
            return
        if answer := bus.take(now):
            try:
                os.write(fd, answer)
            except BlockingIOError:
                pass  # nobody reads: an overrun, and a UART loses the characters just so
            except OSError:
                return


class Plug:
    """Something that can be pulled out and put back."""

    def __init__(self) -> None:
        self._in = trio.Event()
        self._in.set()
        self._scope: trio.CancelScope | None = None

    def unplug(self) -> None:
        """Pull it out."""
        self._in = trio.Event()
        if self._scope is not None:
            self._scope.cancel()

    def replug(self) -> None:
        """Put it back."""
        self._in.set()

    async def run(self, while_plugged: Callable[[], Awaitable[None]]) -> None:
        """Run `while_plugged` again and again, cancelled whenever the plug is pulled."""
        while True:
            await self._in.wait()
            with trio.CancelScope() as self._scope:
                await while_plugged()

    async def follow(self, windows: Iterable[Window], epoch: float) -> None:
        """Pull the plug at the beginning of each window and put it back at its end."""
        for window in sorted(windows, key=lambda window: window.start):
            await trio.sleep_until(epoch + window.start)
            self.unplug()
            await trio.sleep_until(epoch + window.end)
            self.replug()
