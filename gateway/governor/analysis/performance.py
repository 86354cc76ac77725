"""The gateway itself examined: its answers, its run loop, its memory, its disk, and what governing costs."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.core.alerts import Severity
from gateway.core.ports import Json
from gateway.core.steering import ServerGlance
from gateway.governor.analysis.finding import Finding, Report

SLOW_MS = 100.0
FAULTY = 0.01
LATE_MS = 50.0
HEAVY = 128 << 20
FULL = 0.9
DEAR = 0.02


def examine_performance(before: ServerGlance, after: ServerGlance, cost: float | None) -> Report:
    """What two glances of the gateway show.

    Args:
        before: some seconds ago.
        after: now.
        cost: share of a core that governing takes; None before it was measured.
    """
    measured = [after.response_ms, after.error_rate, after.loop_lag_ms, after.memory, cost]
    known = sum(value is not None for value in measured)
    return Report((*_answers(before, after), *_process(after, cost), *_disk(after)), (), known / len(measured))


def _answers(before: ServerGlance, after: ServerGlance) -> Iterable[Finding]:
    evidence: dict[str, Json] = {"responseMs": after.response_ms, "requestsPerSecond": after.requests_per_second}
    if after.response_ms is not None and after.response_ms >= SLOW_MS:
        yield Finding(
            "slow-answers",
            Severity.WARNING,
            "server",
            f"answers take {after.response_ms:.0f} ms on average",
            "Look for callers that read with maxAge (the device is asked then), and for the load of the board.",
            evidence,
        )
    if after.error_rate is not None and after.error_rate >= FAULTY:
        yield Finding(
            "faulty-answers",
            Severity.WARNING,
            "server",
            f"{after.error_rate:.1%} of the answers are errors of the gateway",
            "The log names each with its id; send a report (ferrule report) to whoever maintains the gateway.",
            {"errorRate": after.error_rate},
        )
    refused = after.refused - before.refused
    if refused > 0:
        yield Finding(
            "refused-calls",
            Severity.INFO,
            "server",
            f"{refused} calls were refused by a rate limit just now",
            "Find the caller in the metrics; raise its limit in [limits] if it is right to call so often.",
            {"refused": refused},
        )
    if after.most_connections and after.connections >= FULL * after.most_connections:
        yield Finding(
            "many-connections",
            Severity.WARNING,
            "server",
            f"{after.connections} of {after.most_connections} connections are open",
            "Callers should keep one connection each and close it; or raise max_connections in [limits].",
            {"connections": after.connections, "most": after.most_connections},
        )


def _process(glance: ServerGlance, cost: float | None) -> Iterable[Finding]:
    if glance.loop_lag_ms is not None and glance.loop_lag_ms >= LATE_MS:
        yield Finding(
            "late-loop",
            Severity.WARNING,
            "process",
            f"the run loop woke up to {glance.loop_lag_ms:.0f} ms late: polls may go out late by that",
            "Look at what else runs on this board (ferrule doctor), and at its power: low voltage slows it down.",
            {"loopLagMs": glance.loop_lag_ms},
        )
    if glance.memory is not None and glance.memory >= HEAVY:
        yield Finding(
            "much-memory",
            Severity.WARNING,
            "process",
            f"the gateway uses {glance.memory >> 20} MB of memory",
            "",
            {"memory": glance.memory},
        )
    if cost is not None and cost >= DEAR:
        yield Finding(
            "dear-governors",
            Severity.INFO,
            "governor",
            f"the governors take {cost:.1%} of a core",
            "Fewer tags with baseline = true cost less.",
            {"cost": round(cost, 4)},
        )


def _disk(glance: ServerGlance) -> Iterable[Finding]:
    if not glance.durable:
        yield Finding(
            "no-disk",
            Severity.CRITICAL,
            "store",
            "the disk takes no data: history and learned things are kept in memory only",
            "ferrule doctor tells whether the card is full, read-only or worn.",
        )
    if glance.write_budget and glance.written_today >= FULL * glance.write_budget:
        yield Finding(
            "write-budget",
            Severity.INFO,
            "store",
            f"{glance.written_today >> 20} of {glance.write_budget >> 20} MB that may be written a day are used up: "
            "history is thinned out",
            "Keep history of fewer tags, give tags a deadband, or raise write_budget in [storage].",
            {"writtenToday": glance.written_today, "writeBudget": glance.write_budget},
        )
