"""Sleeping more precisely than an event loop does, for the silence between frames.

trio waits in ``epoll_wait``, whose time-out is rounded up to whole milliseconds: half a millisecond late on average, a
third of the 3.5 character silence at 19200 Bd. A timer descriptor wakes the same loop 0.05 to 0.3 ms late, and mostly
by the same amount: set that much early, it wakes just before the moment, and the rest is spent looking at the clock.
"""

import ctypes
import math
import os
import sys
from collections.abc import Callable
from typing import Protocol

import trio

# How much early the timer is set, until its lateness is known and at most; so long the loop may be held up.
_FIRST_LEAD_S = 0.0001
_MOST_LEAD_S = 0.00025
# The lead stays near the upper end of the lateness seen: being late costs bus time, looking at the clock does not.
_UP = 1 / 4
_DOWN = 1 / 16


def loop_clock() -> Callable[[], float]:
    """Return what tells the time of the running loop, in seconds, at a third of what ``trio.current_time`` takes.

    That looks for the loop and its clock anew each time; a poll asks for the time again and again.
    """
    return trio.lowlevel.current_clock().current_time


class Sleeper(Protocol):
    """Sleeps until moments of trio's clock; never wakes early."""

    async def sleep_until(self, moment: float) -> None:
        """Sleep until `moment`; return at once when it has passed."""

    def close(self) -> None:
        """Give back what the sleeper holds."""


class LoopSleeper:
    """Sleeps with the event loop's own precision, on whatever clock the loop runs."""

    async def sleep_until(self, moment: float) -> None:
        """Sleep until `moment`; return at once when it has passed."""
        if trio.current_time() < moment:
            await trio.sleep_until(moment)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()

    def close(self) -> None:
        """Hold nothing, give nothing back."""


class TimerSleeper:
    """Sleeps with a timer descriptor of Linux; for one task at a time, on the real clock."""

    def __init__(self) -> None:
        """Make the timer.

        Raises:
            OSError: the process has no descriptors left.
        """
        self._fd = _create()
        self._lead = _FIRST_LEAD_S

    async def sleep_until(self, moment: float) -> None:
        """Sleep until `moment`; return at once when it has passed."""
        left = moment - trio.current_time() - self._lead
        if left > 0:
            # Arming clears the expiry of last time, so the descriptor need not be read.
            _arm(self._fd, left)
            await trio.lowlevel.wait_readable(self._fd)
            off = trio.current_time() - moment
            self._lead = min(_MOST_LEAD_S, self._lead + off * (_UP if off > 0 else _DOWN))
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        while trio.current_time() < moment:
            pass

    def close(self) -> None:
        """Close the descriptor."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            trio.lowlevel.notify_closing(fd)
            os.close(fd)


def sleeper() -> Sleeper:
    """Return the most precise sleeper for the clock of the running loop.

    A descriptor knows only real time. Whether a second of this clock is a real one is asked of the clock itself:
    that of a test on virtual time says that it is not.
    """
    clock = trio.lowlevel.current_clock()
    real = clock.deadline_to_sleep_time(clock.current_time() + 1.0)
    return TimerSleeper() if math.isclose(real, 1.0, abs_tol=0.1) else LoopSleeper()


if sys.version_info >= (3, 13):

    def _create() -> int:
        return os.timerfd_create(1, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)  # 1: CLOCK_MONOTONIC, as trio's

    def _arm(fd: int, seconds: float) -> None:
        os.timerfd_settime(fd, initial=seconds)

else:

    class _TimeSpec(ctypes.Structure):
        _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))

    class _TimerSpec(ctypes.Structure):
        _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))

    _libc = ctypes.CDLL(None, use_errno=True)
    _libc.timerfd_settime.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.POINTER(_TimerSpec), ctypes.c_void_p)

    def _create() -> int:
        fd: int = _libc.timerfd_create(1, os.O_NONBLOCK | os.O_CLOEXEC)  # 1: CLOCK_MONOTONIC, as trio's
        if fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return fd

    def _arm(fd: int, seconds: float) -> None:
        whole = int(seconds)
        nanoseconds = int((seconds - whole) * 1e9) or 1  # all zero would disarm the timer
        spec = _TimerSpec(_TimeSpec(0, 0), _TimeSpec(whole, nanoseconds))
        if _libc.timerfd_settime(fd, 0, ctypes.byref(spec), None) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
