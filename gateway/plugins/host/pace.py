"""How fast the other side may talk: so many lines and bytes a second, with room for a burst. Pure.

Who talks faster is not cut off but read later: its pipe fills, and it waits. So nobody loses anything, and whoever
floods costs no more than whoever talks at the highest pace.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A pace.

    Attributes:
        lines: a second.
        bytes: a second.
        burst: seconds worth of both that may come at once.
    """

    lines: float = 200.0
    bytes: float = 1024.0 * 1024.0
    burst: float = 2.0


class Pace:
    """Says how long to wait before the next read (a generic cell rate algorithm, in two dimensions).

    Args:
        rate: the highest.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        # When everything that came so far would have come at the highest pace.
        self._due = 0.0

    def wait(self, now: float, lines: int, size: int) -> float:
        """Count what came; seconds until more may be read.

        Args:
            now: seconds of a clock that does not go back.
            lines: that came.
            size: bytes that came.
        """
        cost = max(lines / self._rate.lines, size / self._rate.bytes)
        self._due = max(self._due, now) + cost
        return max(0.0, self._due - now - self._rate.burst)
