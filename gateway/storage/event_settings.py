"""What the file of events needs to be told."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.storage.settings import DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStoreSettings:
    """Limits and intervals of the file of events; times in seconds, sizes in bytes.

    Attributes:
        retention: how long events, finished deliveries and messages that arrived are kept.
        size: what the file may take; the oldest of the lowest priority go first.
        patience: how long the record of a delivery waits for others, to share one fsync with them (ruling 19).
        upkeep: between two looks for what is too old or too much.
        steady: how long the clock must have run without a leap before it says that something is too old.
        slice_rows: rows one step of upkeep removes before others may write.
        slice_bytes: bytes of events one step of upkeep removes at most; one event may have more.
        spare_deliveries: how many finished deliveries do not give way to events of normal priority.
    """

    retention: float = 7 * DAY
    size: int = 64_000_000
    patience: float = 0.02
    upkeep: float = 60.0
    steady: float = 3600.0
    slice_rows: int = 200
    slice_bytes: int = 256 * 1024
    spare_deliveries: int = 1000
