"""How often the detector is wrong on seeds not used for tuning: ``python -m tests.gateway.governor.rates``.

For each kind of series: false alarms a day without a fault, and for each fault how many were found within its last day,
of a creep within two weeks, and after how long in the middle. The table goes into docs/governors.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median

from tests.gateway.governor.plants import Fault, Kind, Outcome, watch

# Tuning used seeds below 100.
FIRST_SEED = 1000
SERIES = 20
DAYS = 7
# A jump of ten deviations of the noise; a drift that reaches fifteen after twelve hours.
SIZES = {Fault.JUMP: 10.0, Fault.DRIFT: 15.0, Fault.FROZEN: 0.0}
# One deviation of the noise a day, for two weeks after ten sound days.
CREEP_A_DAY, SOUND_DAYS, CREEP_DAYS = 1.0, 10, 14
MOST_FALSE_A_DAY = 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of series.

    Attributes:
        kind: of the series.
        false_a_day: alarms on series without a fault, a day.
        found: of each fault, how many of how many, and the median seconds until then.
    """

    kind: Kind
    false_a_day: float
    found: dict[Fault, tuple[int, int, float | None]]


def measured(kind: Kind, seeds: Sequence[int]) -> Row:
    """Watch series of a kind, undisturbed and with each fault."""
    calm = [watch(kind, seed, days=DAYS) for seed in seeds]
    found = {}
    for fault, size in SIZES.items():
        outcomes = [watch(kind, seed, fault=fault, size=size, days=DAYS) for seed in seeds[: len(seeds) // 2]]
        times = [outcome.found for outcome in outcomes if outcome.found is not None]
        found[fault] = len(times), len(outcomes), median(times) if times else None
    creeps = [
        watch(kind, seed, fault=Fault.CREEP, size=CREEP_A_DAY, days=SOUND_DAYS + CREEP_DAYS, lasting=CREEP_DAYS)
        for seed in seeds[: len(seeds) // 2]
    ]
    times = [outcome.found for outcome in creeps if outcome.found is not None]
    found[Fault.CREEP] = len(times), len(creeps), median(times) if times else None
    return Row(kind, _rate(calm), found)


def _rate(outcomes: Iterable[Outcome]) -> float:
    outcomes = list(outcomes)
    return sum(outcome.false for outcome in outcomes) / sum(outcome.days for outcome in outcomes)


def table(rows: Iterable[Row]) -> str:
    """The rows as a table for a page."""
    lines = ["| series | false alarms a day | jump | drift | frozen | creep |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = []
        for fault, (number, of, seconds) in row.found.items():
            span = "" if seconds is None else f"{seconds / 60:.0f} min"
            if seconds is not None and fault is Fault.CREEP:
                span = f"{seconds / 86400:.1f} days"
            after = f", {span}" if span else ""
            cells.append(f"{number} of {of}{after}")
        lines.append(f"| {row.kind} | {row.false_a_day:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def drill(series: int = SERIES, processes: int = 2) -> str:
    """Measure all kinds. Returns the table.

    Raises:
        AssertionError: more false alarms than promised.
    """
    seeds = range(FIRST_SEED, FIRST_SEED + series)
    with ProcessPoolExecutor(processes) as pool:
        rows = list(pool.map(partial(measured, seeds=seeds), Kind))
    rate = sum(row.false_a_day for row in rows) / len(rows)
    assert rate <= MOST_FALSE_A_DAY, f"{rate:.3f} false alarms a series and day\n{table(rows)}"
    return table(rows)


if __name__ == "__main__":
    print(drill(int(sys.argv[1]) if len(sys.argv) > 1 else SERIES))  # noqa: T201 - a drill reports
