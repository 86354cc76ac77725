"""What is used, how much and by whom: tables in the file of plugins, behind the contract of ``core.usage``."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from gateway.core.usage import DAY_S, HOUR_S, Batch, Hour, PluginDay, SubjectDay
from gateway.storage.database import Database
from gateway.storage.part import Part

_PART = "usage"
_HOURS_OF_DAY = DAY_S // HOUR_S
# Days so old were summed up and forgotten.
_SUM = 0

_KEEP_HOUR = (
    "INSERT INTO usage_hour VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (hour) DO UPDATE SET calls = calls + excluded.calls,"
    " faults = faults + excluded.faults, seconds = seconds + excluded.seconds,"
    " messages = messages + excluded.messages, up = up + excluded.up"
)
_KEEP_SUBJECT = (
    "INSERT INTO usage_subject VALUES (?, ?, ?, ?, ?) ON CONFLICT (subject, day) DO UPDATE SET"
    " calls = calls + excluded.calls, faults = faults + excluded.faults, last = max(last, excluded.last)"
)
# Of two peaks the one there is, or the higher one.
_HIGHER = "max(coalesce(peak, excluded.peak), coalesce(excluded.peak, peak))"
_COLUMNS = "invocations, errors, seconds, wanted, up, looks, memory, peak, cpu, watched"
_ADD_PLUGIN = (
    " ON CONFLICT (plugin, day) DO UPDATE SET invocations = invocations + excluded.invocations,"
    " errors = errors + excluded.errors, seconds = seconds + excluded.seconds, wanted = wanted + excluded.wanted,"
    f" up = up + excluded.up, looks = looks + excluded.looks, memory = memory + excluded.memory, peak = {_HIGHER},"
    " cpu = cpu + excluded.cpu, watched = watched + excluded.watched"
)
_KEEP_PLUGIN = f"INSERT INTO usage_plugin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?){_ADD_PLUGIN}"  # noqa: S608 - our columns
_SUM_PLUGIN = (
    "INSERT INTO usage_plugin SELECT plugin, 0, sum(invocations), sum(errors), sum(seconds), sum(wanted), sum(up),"  # noqa: S608 - our columns
    " sum(looks), sum(memory), max(peak), sum(cpu), sum(watched) FROM usage_plugin WHERE day > 0 AND day < ?"
    f" GROUP BY plugin{_ADD_PLUGIN}"
)


class StoredUsage:
    """Implements ``core.usage.UsageStore``.

    Args:
        database: the file of plugins, open.
    """

    def __init__(self, database: Database) -> None:
        self._part = Part(database, _PART)

    async def keep(self, batch: Batch, oldest_day: int) -> None:
        """See ``core.usage.UsageStore``, as for the others."""
        hours = [
            (number, hour.calls, hour.faults, hour.seconds, hour.messages, hour.up)
            for number, hour in batch.hours.items()
        ]
        subjects = [(*key, day.calls, day.faults, day.last) for key, day in batch.subjects.items()]
        plugins = [(*key, *_row(day)) for key, day in batch.plugins.items()]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_KEEP_HOUR, hours)
            connection.executemany(_KEEP_SUBJECT, subjects)
            connection.executemany(_KEEP_PLUGIN, plugins)
            connection.execute("DELETE FROM usage_hour WHERE hour < ?", (oldest_day * _HOURS_OF_DAY,))
            connection.execute("DELETE FROM usage_subject WHERE day < ?", (oldest_day,))
            connection.execute(_SUM_PLUGIN, (oldest_day,))
            connection.execute("DELETE FROM usage_plugin WHERE day > 0 AND day < ?", (oldest_day,))

        await self._part.write(job)

    async def hours(self, since: int) -> Mapping[int, Hour]:
        """Hours from one on."""

        def job(connection: sqlite3.Connection) -> dict[int, Hour]:
            rows = connection.execute("SELECT * FROM usage_hour WHERE hour >= ?", (since,))
            return {
                hour: Hour(calls=calls, faults=faults, seconds=seconds, messages=messages, up=up)
                for hour, calls, faults, seconds, messages, up in rows
            }

        return await self._part.read(job)

    async def first_hour(self) -> int | None:
        """The oldest hour there is."""

        def job(connection: sqlite3.Connection) -> int | None:
            (hour,) = connection.execute("SELECT min(hour) FROM usage_hour").fetchone()
            return None if hour is None else int(hour)

        return await self._part.read(job)

    async def callers(self, since: int) -> Sequence[str]:
        """Who called."""

        def job(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("SELECT DISTINCT subject FROM usage_subject WHERE day >= ?", (since,))
            return [str(subject) for (subject,) in rows]

        return await self._part.read(job)

    async def subject(self, subject: str, since: int) -> Mapping[int, SubjectDay]:
        """The days of one caller."""

        def job(connection: sqlite3.Connection) -> dict[int, SubjectDay]:
            rows = connection.execute(
                "SELECT day, calls, faults, last FROM usage_subject WHERE subject = ? AND day >= ?", (subject, since)
            )
            return {day: SubjectDay(calls=calls, faults=faults, last=last) for day, calls, faults, last in rows}

        return await self._part.read(job)

    async def plugin(self, plugin: str, since: int) -> Mapping[int, PluginDay]:
        """The days of one plugin."""

        def job(connection: sqlite3.Connection) -> dict[int, PluginDay]:
            rows = connection.execute(
                f"SELECT day, {_COLUMNS} FROM usage_plugin WHERE plugin = ? AND (day >= ? OR day = {_SUM})",  # noqa: S608 - our columns
                (plugin, since),
            )
            return {day: PluginDay(*did) for day, *did in rows}

        return await self._part.read(job)


def _row(day: PluginDay) -> tuple[int | float | None, ...]:
    """In the order of the columns."""
    return (
        day.invocations,
        day.errors,
        day.seconds,
        day.wanted,
        day.up,
        day.looks,
        day.memory,
        day.peak,
        day.cpu,
        day.watched,
    )
