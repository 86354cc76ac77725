"""What the audit log needs to be told."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.storage.settings import DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """Limits and intervals of the audit log; times in seconds, sizes in bytes.

    Attributes:
        retention: how long rows are kept (D-180).
        limit: what the log may take on the card; the oldest rows go first.
        batch: how long a row waits for others, to share one fsync with them; what a kill may cost.
        slow_batch: the same once many batches were written: so the log takes its share of the write budget and no more.
        upkeep: between two looks for rows that are too old, and between two tellings of the head.
        most_waiting: rows in memory while the disk takes none; what is beyond is counted.
    """

    retention: float = 30 * DAY
    limit: int = 100_000_000
    batch: float = 1.0
    slow_batch: float = 10.0
    upkeep: float = 3600.0
    most_waiting: int = 10_000
