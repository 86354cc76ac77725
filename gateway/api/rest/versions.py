"""Versions of this API: which there is, and what of it ends when (D-174, D-175; RFC 9745, RFC 8594, SemVer 2.0).

What is to go stands in the one table ``RETIREMENTS``. From it come the headers of answers, the 410 after the end, and
``deprecated`` in the description. Nothing goes without the grace that was promised: 6 months where it goes with a major
version, 3 months with a minor one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import Enum

from gateway.api.replies import ReplyHeaders
from gateway.api.rest.problems import Problem

API_VERSION = b"1.0.0"
# What was changed, and what to do about it: where every notice leads that has no page of its own.
CHANGELOG = "/v1/tools/changelog"

_VARIABLE = re.compile(r"\\{\w+\\}")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Change(Enum):
    """With which kind of version something goes; the value is its grace in months."""

    MAJOR = 6
    MINOR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """What of the API ends. The days begin at midnight UTC.

    Attributes:
        path: as in the table of routes; with ``/*`` at its end everything below it.
        method: of HTTP; None: all of them.
        change: what it goes with.
        announced: the day since which it is deprecated.
        sunset: the day from which on there is nothing there.
        successor: path of what takes its place; None: there is nothing.
        guide: path of a page that says what to do.
    """

    path: str
    method: str | None = None
    change: Change
    announced: date
    sunset: date
    successor: str | None = None
    guide: str = CHANGELOG

    def __post_init__(self) -> None:
        """See that it leaves the time that was promised.

        Raises:
            ValueError: it does not.
        """
        earliest = later(self.announced, self.change.value)
        if self.sunset < earliest:
            raise ValueError(f"{self.path}: may not end before {earliest}, {self.change.value} months after the notice")

    def covers(self, method: str, path: str) -> bool:
        """Whether a request, or a route with its variables, is one of those that end."""
        begin, everything, _ = self.path.partition("/*")
        pattern = _VARIABLE.sub("[^/]+", re.escape(begin)) + ("/.*" if everything else "")
        same = self.method is None or self.method == ("GET" if method == "HEAD" else method)
        return same and re.fullmatch(pattern, path, re.DOTALL) is not None

    def headers(self) -> ReplyHeaders:
        """What answers say of it: RFC 9745, 2; RFC 8594, 3 and 6; RFC 5829, 3.2."""
        links = [f'<{self.guide}>; rel="deprecation"', f'<{self.guide}>; rel="sunset"']
        if self.successor is not None:
            links.append(f'<{self.successor}>; rel="successor-version"')
        return (
            (b"deprecation", b"@%d" % _midnight(self.announced).timestamp()),
            (b"sunset", http_date(_midnight(self.sunset)).encode()),
            (b"link", ", ".join(links).encode()),
        )


# Nothing goes at present.
RETIREMENTS: tuple[Retirement, ...] = ()


class Lifecycle:
    """Says of requests that what they ask for ends, or ended.

    Args:
        now: Unix seconds.
        retirements: what ends.
    """

    def __init__(self, now: Callable[[], float], retirements: Sequence[Retirement] = RETIREMENTS) -> None:
        self._now = now
        self._retirements = tuple(retirements)

    def find(self, method: str, path: str) -> Retirement | None:
        """The notice for a request, or for a route with its variables; None: it stays."""
        return next((one for one in self._retirements if one.covers(method, path)), None)

    def headers(self, method: str, path: str) -> ReplyHeaders:
        """What an answer says of it."""
        found = self.find(method, path)
        return () if found is None else found.headers()

    def check(self, method: str, path: str) -> None:
        """See that it is still there.

        Raises:
            Problem: 410.
        """
        found = self.find(method, path)
        if found is None or self._now() < _midnight(found.sunset).timestamp():
            return
        instead = f"; {found.successor} takes its place" if found.successor is not None else ""
        raise Problem(
            410,
            "gone",
            f"{method} {found.path} ended on {found.sunset}{instead}. {found.guide} says what to do.",
            meta={"sunset": str(found.sunset), "successor": found.successor, "guide": found.guide},
        )


def later(day: date, months: int) -> date:
    """The same day some months later, or the last one of that month."""
    from calendar import monthrange  # noqa: PLC0415 - nothing goes, as a rule, and then nobody asks

    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def http_date(moment: datetime) -> str:
    """A moment in UTC as RFC 9110, 5.6.7 writes it, whatever the language of the system."""
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
