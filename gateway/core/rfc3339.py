"""Points in time as text: RFC 3339, UTC, ``Z``; milliseconds, or seconds for the plugin API (D-015)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FORM = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
# What datetime can say; a board without a clock may stand at either end of nonsense.
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def text(unix_seconds: float) -> str:
    """A moment as ``2026-11-22T08:13:46.123Z``."""
    return _written(unix_seconds, "milliseconds")


def seconds(unix_seconds: float) -> str:
    """A moment as ``2026-11-22T08:13:46Z``: what came after the second is cut off."""
    return _written(unix_seconds, "seconds")


def _written(unix_seconds: float, precision: str) -> str:
    moment = datetime.fromtimestamp(min(max(unix_seconds, _EARLIEST), _LATEST), UTC)
    return moment.isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def parse(moment: str) -> float:
    """Unix seconds of an RFC 3339 date-time with any offset.

    Raises:
        ValueError: it is no such date-time.
    """
    if _FORM.fullmatch(moment):
        # fromisoformat accepts far more than RFC 3339, hence the pattern first; it rejects days that do not exist.
        try:
            return datetime.fromisoformat(moment.replace(",", ".").upper()).timestamp()
        except (ValueError, OverflowError):
            pass
    raise ValueError(f'"{moment}" is no RFC 3339 time. Write it as 2026-11-22T08:13:46Z')
