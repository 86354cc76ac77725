"""Tags by name or pattern, and their readings with the age each had when the gateway answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from gateway.cli.client import Call, Client, Json
from gateway.cli.main import WRONG, CommandError
from gateway.core import rfc3339
from gateway.settings.suggest import did_you_mean

# What tag.read takes at once (docs/api.md).
MOST_TAGS = 1000
_PATTERN = frozenset("*?[")


def chosen(rows: Mapping[str, Json], words: Sequence[str]) -> list[Json]:
    """The rows of ``tag.list`` that are meant, each once, in the order of the words.

    Args:
        rows: by name.
        words: names, patterns with ``*``, ``?`` and ``[...]``, or the name of a line or device for all its tags.

    Raises:
        CommandError: a word means none.
    """
    if not words:
        return list(rows.values())
    found: dict[str, Json] = {}
    for word in words:
        if word in rows:
            found[word] = rows[word]
            continue
        below = f"{word.rstrip('/')}/"
        matches = [
            name
            for name in rows
            if name.startswith(below) or (not _PATTERN.isdisjoint(word) and fnmatchcase(name, word))
        ]
        if not matches:
            hint = did_you_mean(word, rows) or "ferrule read without a name shows all tags"
            raise CommandError(f'no tag is called "{word}". {hint}', WRONG)
        found.update((name, rows[name]) for name in matches)
    return list(found.values())


def list_tags(client: Client) -> dict[str, Json]:
    """The rows of ``tag.list`` by name."""
    return {row["tag"]: row for row in client.call("tag.list")["tags"]}


def read_tags(client: Client, rows: Sequence[Json], max_age: float | None = None) -> list[Json]:
    """Readings with ``type`` and ``units`` of their tags, and ``age`` in seconds by the gateway's own clock.

    Args:
        client: the gateway.
        rows: of ``tag.list``.
        max_age: seconds; older readings are fetched from the device first.
    """
    more = {} if max_age is None else {"maxAge": max_age}
    readings: list[Json] = []
    for start in range(0, len(rows), MOST_TAGS):
        part = rows[start : start + MOST_TAGS]
        names = [row["tag"] for row in part]
        answer, health = client.calls([Call("tag.read", {"tags": names, **more}), Call("server.health", {})])
        now = rfc3339.parse(health["timestamp"])
        for row, reading in zip(part, answer["readings"], strict=True):
            acquired = reading["timestamp"]
            age = None if acquired is None else round(max(now - rfc3339.parse(acquired), 0.0), 3)
            readings.append({**reading, "type": row["type"], "units": row["units"], "age": age})
    return readings
