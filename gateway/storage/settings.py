"""What the store needs to be told: limits, intervals and how long what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core.ports import Json

# (component, severity of D-135, a sentence for people, members for programs; ``state`` is firing or resolved)
Announce = Callable[[str, str, str, dict[str, Json]], None]

DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A coarser layer of the history.

    Attributes:
        resolution: seconds one bucket covers.
        retention: seconds the buckets are kept.
    """

    resolution: float
    retention: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Limits and intervals of the store; all times in seconds, all sizes in bytes.

    Attributes:
        write_budget: what may be written to the card in a day.
        database_limit: what the history may take; the oldest of it goes first.
        flush_interval: between two writes of history and of facts that are not urgent; what a power cut may cost.
        group: how long an urgent fact waits for others, to share one fsync with them (ruling 19).
        forget_within: the same for an urgent fact that is forgotten: for so long a power cut may bring it back.
        raw_retention: how long every single row of the history is kept.
        tiers: the coarser layers, finest first; each resolution is a multiple of the one before.
        heartbeat: a tag that says nothing new gets a row this often, so that constant and dead can be told apart.
        last_values_interval: between two writes of the tags' last values; five times that where they are many.
        memory_rows: rows of history kept in memory while the disk takes none; the oldest give way.
        ballast: size of a file that is given up when the disk is full, so that deleting can work again.
        check_limit: files larger than this are not checked as a whole at the start, which would delay it.
        slice_rows: how many rows one step of upkeep moves before others may write.
    """

    write_budget: int = 200_000_000
    database_limit: int = 1_000_000_000
    flush_interval: float = 30.0
    group: float = 0.02
    forget_within: float = 1.0
    raw_retention: float = 7 * DAY
    tiers: tuple[Tier, ...] = field(
        default=(Tier(resolution=60.0, retention=90 * DAY), Tier(resolution=3600.0, retention=1095 * DAY))
    )
    heartbeat: float = 900.0
    last_values_interval: float = 60.0
    memory_rows: int = 50_000
    ballast: int = 8 * 1024 * 1024
    check_limit: int = 32 * 1024 * 1024
    slice_rows: int = 2000

    def __post_init__(self) -> None:
        """Refuse layers that cannot be computed from each other.

        Raises:
            ValueError: naming the tier and the cure.
        """
        finer, kept = 0.001, self.raw_retention
        for number, tier in enumerate(self.tiers, 1):
            if round(tier.resolution * 1000) % round(finer * 1000) or tier.resolution <= finer:
                raise ValueError(f"history tier {number}: resolution must be a multiple of the finer one, {finer:g} s")
            if kept < 2 * tier.resolution:
                raise ValueError(f"history tier {number}: keep the finer layer for at least {2 * tier.resolution:g} s")
            finer, kept = tier.resolution, tier.retention

    @property
    def hold(self) -> int:
        """Milliseconds a recorded value is taken to be in force without another row: beyond it there is a gap."""
        return round(self.heartbeat * 1500)


@dataclass(frozen=True, slots=True)
class Boot:
    """Which start of the board this is, and its clock that all processes share.

    Attributes:
        id: changes with every boot, e.g. ``/proc/sys/kernel/random/boot_id``.
        uptime: seconds of a monotonic clock of the board; the run loop's clock has another origin in every process.
    """

    id: str
    uptime: Callable[[], float]
