"""What serial ports and sockets have in common: a non-blocking descriptor, read when the loop says so."""

import os
from typing import Protocol

import trio

from drivers.ports.alarm import Alarm
from drivers.ports.port import LineFaults, LinkDown
from drivers.ports.timer import Sleeper, loop_clock

# More than any frame, and all that the kernel's terminal buffer holds.
_READ_BYTES = 4096
# A kernel buffer holds thousands of characters: who cannot take one frame in this time takes none.
_STUCK_AFTER_S = 5.0


class Channel(Protocol):
    """What a `DescriptorPort` needs to know about the thing behind its descriptor."""

    name: str

    def ended(self) -> LinkDown:
        """Say what an end of file means here."""

    def failed(self, error: OSError) -> LinkDown:
        """Say what an error of the operating system means here."""

    def faults(self) -> LineFaults | None:
        """Return the hardware's error counts since opening."""

    def close(self) -> None:
        """Close the descriptor, without waiting for anything."""


class DescriptorPort:
    """A `drivers.ports.port.Port` on a non-blocking descriptor.

    Args:
        fd: the descriptor.
        channel: the thing behind it.
        sleeper: for the silence between frames.
        alarm: ends receives that wait in vain; None: each has a cancel scope of its own.
    """

    def __init__(self, fd: int, channel: Channel, sleeper: Sleeper, alarm: Alarm | None = None) -> None:
        self._fd = fd
        self._channel = channel
        self._sleeper = sleeper
        self._alarm = alarm
        self._time = loop_clock()

    @property
    def name(self) -> str:
        """What a person calls this channel."""
        return self._channel.name

    async def send(self, data: bytes) -> None:
        """Hand all of `data` to the kernel; costs no pass of the loop when the kernel takes it at once.

        Raises:
            LinkDown: the wire is gone, or has taken nothing for 5 s (``stuck``); ``unsent`` where it took nothing at
                all.
        """
        sent = 0
        try:
            sent = self._write(data)
            if sent == len(data):
                return
            stuck_at = trio.current_time() + _STUCK_AFTER_S
            while sent < len(data):
                # The alarm of a reader wakes a writer too: that is no reason to begin the patience anew.
                with trio.CancelScope(deadline=stuck_at):
                    await self._wait(trio.lowlevel.wait_writable)
                taken = self._write(data[sent:])
                if taken:
                    stuck_at = trio.current_time() + _STUCK_AFTER_S
                elif trio.current_time() >= stuck_at:
                    raise LinkDown("stuck", f"{self.name} takes no more characters: check flow control and adapter")
                sent += taken
        except LinkDown as down:
            down.unsent = not sent
            raise

    async def receive(self, deadline: float) -> bytes | None:
        """Return bytes as soon as any are there, or None when none came until `deadline`.

        Bytes that are there when the deadline passes are returned, never kept back.

        Raises:
            LinkDown: the wire is gone.
        """
        alarm = self._alarm
        while True:
            if alarm is None:
                with trio.CancelScope(deadline=deadline):
                    await self._wait(trio.lowlevel.wait_readable)
            else:
                if self._fd < 0:
                    raise self._closed()
                alarm.deadlines[self] = deadline
                if deadline < alarm.soonest:
                    alarm.sooner(deadline, self._time())
                try:
                    await trio.lowlevel.wait_readable(self._fd)
                except trio.ClosedResourceError:
                    # Woken by the alarm, or closed, which reading will tell.
                    pass
                finally:
                    # Also where it is cancelled: nobody waits any more, so nobody may be woken for this.
                    alarm.deadlines.pop(self, None)
            data = self._read()
            if data is not None:
                return data
            if self._time() >= deadline:
                return None

    def drain(self) -> bytes:
        """Take what has already arrived, without waiting.

        Raises:
            LinkDown: the wire is gone.
        """
        taken = []
        while (data := self._read()) is not None:
            taken.append(data)
            if len(data) < _READ_BYTES:
                break
        return b"".join(taken)

    async def pause_until(self, moment: float) -> None:
        """Sleep until `moment`, as precisely as the clock allows."""
        await self._sleeper.sleep_until(moment)

    def faults(self) -> LineFaults | None:
        """Return the hardware's own error counts since opening, or None where there are none."""
        return self._channel.faults() if self._fd >= 0 else None

    def wake(self) -> None:
        """The deadline of the receive that waits has come."""
        if self._fd >= 0:
            # The one way to wake a waiting task from outside without a scope around it. Nothing is closed by it.
            trio.lowlevel.notify_closing(self._fd)

    async def aclose(self) -> None:
        """Close the port; whoever waits on it gets ``LinkDown("closed")``."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            trio.lowlevel.notify_closing(fd)
            self._channel.close()
            self._sleeper.close()
        await trio.lowlevel.checkpoint()

    async def _wait(self, until: "_Wait") -> None:
        if self._fd < 0:
            raise self._closed()
        try:
            await until(self._fd)
        except trio.ClosedResourceError:
            # Woken by the alarm while it is still open: whoever waits looks, and waits again if there is reason to.
            if self._fd < 0:
                raise self._closed() from None

    def _read(self) -> bytes | None:
        """Read once; None when nothing is there."""
        if self._fd < 0:
            raise self._closed()
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._channel.failed(error) from error
        if not data:
            raise self._channel.ended()
        return data

    def _write(self, data: bytes) -> int:
        if self._fd < 0:
            raise self._closed()
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._channel.failed(error) from error

    def _closed(self) -> LinkDown:
        return LinkDown("closed", f"{self.name} was closed")


class _Wait(Protocol):
    async def __call__(self, fd: int, /) -> None: ...
