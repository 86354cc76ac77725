"""Deletes what is too old, and the oldest of what takes too much room."""

from __future__ import annotations

import sqlite3

from gateway.storage.layers import HOUR_MS, PERIOD, oldest, set_oldest
from gateway.storage.settings import StoreSettings
from gateway.storage.upkeep import Step

# Deleting in portions of this share of the retention: every deletion rewrites a page of every tag.
_PORTION = 28
_DAY_MS = 86_400_000
# How much of a layer's stretch goes when the file is too large.
_SHED = 4


class Aging:
    """Plans deletions.

    Args:
        settings: how long each layer is kept.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._slice = settings.slice_rows
        self._kept = {0: round(settings.raw_retention * 1000)}
        self._kept.update((round(tier.resolution * 1000), round(tier.retention * 1000)) for tier in settings.tiers)

    def by_age(self, connection: sqlite3.Connection, now: int) -> list[Step]:
        """Steps that delete what is older than its layer is kept.

        Args:
            connection: reads only.
            now: milliseconds of Unix time. Ask only while the clock is synchronised: a clock that nobody vouches
                for may stand in the far future, and deletes nothing.
        """
        steps: list[Step] = []
        for resolution, kept in self._kept.items():
            portion = max(kept // _PORTION, 1)
            cutoff = (now - kept) // portion * portion
            if cutoff > oldest(connection, resolution):
                steps.extend(self._delete(resolution, cutoff))
        for resolution in _resolutions(connection):
            if resolution not in self._kept:
                steps.extend(self._delete(resolution, now))
        return steps

    def by_size(self, connection: sqlite3.Connection) -> list[Step]:
        """Steps that delete the oldest quarter of the finest layer that still has more than a day."""
        layers = [(resolution, self._stretch(connection, resolution)) for resolution in self._kept]
        chosen = next((layer for layer in layers if layer[1][1] - layer[1][0] > _DAY_MS), layers[0])
        resolution, (first, last) = chosen
        return self._delete(resolution, first + max((last - first) // _SHED, HOUR_MS))

    @staticmethod
    def _stretch(connection: sqlite3.Connection, resolution: int) -> tuple[int, int]:
        """First and last time in a layer, to the hour or period."""
        if resolution:
            first, last = connection.execute(
                "SELECT (SELECT min(period) FROM tier WHERE resolution = ?1),"
                " (SELECT max(period) FROM tier WHERE resolution = ?1)",
                (resolution,),
            ).fetchone()
            unit = resolution * PERIOD
        else:
            first, last = connection.execute(
                "SELECT (SELECT min(hour) FROM raw), (SELECT max(hour) FROM raw)"
            ).fetchone()
            unit = HOUR_MS
        return (0, 0) if first is None else (first * unit, (last + 1) * unit)

    def _delete(self, resolution: int, cutoff: int) -> list[Step]:
        """Steps that delete whole hours or periods that end before ``cutoff``."""

        def note(connection: sqlite3.Connection) -> bool:
            set_oldest(connection, resolution, cutoff)
            return False

        def rows(connection: sqlite3.Connection) -> bool:
            deleted = connection.execute(
                "DELETE FROM raw WHERE (hour, tag, at) IN"
                " (SELECT hour, tag, at FROM raw WHERE hour < ? ORDER BY hour, tag, at LIMIT ?)",
                (cutoff // HOUR_MS, self._slice),
            ).rowcount
            return deleted >= self._slice

        def buckets(connection: sqlite3.Connection) -> bool:
            deleted = connection.execute(
                "DELETE FROM tier WHERE (resolution, period, tag, bucket) IN"
                " (SELECT resolution, period, tag, bucket FROM tier WHERE resolution = ? AND period < ?"
                " ORDER BY period, tag, bucket LIMIT ?)",
                (resolution, cutoff // (resolution * PERIOD), self._slice),
            ).rowcount
            return deleted >= self._slice

        return [note, buckets if resolution else rows]


def _resolutions(connection: sqlite3.Connection) -> list[int]:
    """The resolutions that occur, found by jumping from one to the next."""
    found: list[int] = []
    while True:
        (following,) = connection.execute(
            "SELECT min(resolution) FROM tier WHERE resolution > ?", (found[-1] if found else 0,)
        ).fetchone()
        if following is None:
            return found
        found.append(following)
