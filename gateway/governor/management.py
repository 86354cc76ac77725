"""The management governor: recovery with escalation, attempts counted and backed off, and alerts raised and resolved.

Lines have their own fast loops: they open a lost port again, probe what is silent, and restart a task that hangs. What
stays broken in spite of that climbs a ladder here: the port is opened anew, learned things are forgotten, the line's
task is restarted, and at last, for a fault that can only be ours, the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.core import rfc3339
from gateway.core.alerts import Alerts, Severity
from gateway.core.ports import FactStore, Json
from gateway.core.steering import DeviceGlance, FieldGlance, FieldSteering, LineGlance
from gateway.governor.actions import ActionDoor, Proposal, Verdict
from gateway.governor.health import Term, counted, falling
from gateway.governor.ladder import Ladder, Rung
from gateway.governor.level import LevelName
from gateway.governor.watchlist import ANSWERING, Watchlist

PACE_S = 5.0
DAY_S = 86400.0
# A device that was away for so long may be another one now; what was learned of the old one's addresses is forgotten.
REPLACED_AFTER_S = 60.0
RELEARN_EVERY_S = DAY_S
# The process is restarted at most so often by its own decision.
PROCESS_EVERY_S = DAY_S
# Memory above the bound for so long is a leak of ours.
MEMORY_PATIENCE_S = 300.0
GOVERNOR_FACTS = "governor"
RECOVERIES = "recoveries"
PROCESS_RESTARTED = "process_restarted"
MOST_RECOVERIES = 500
# How much an alert counts; what can wait tells nothing of how things are.
WEIGHTS = {Severity.CRITICAL: 3, Severity.WARNING: 1, Severity.INFO: 0}


@dataclass(frozen=True, slots=True)
class Means:
    """What management may use beside the lines.

    Attributes:
        memory: resident bytes of this process; None where that cannot be told.
        memory_bound: more than this for long is a leak.
        durable: whether the store's disk takes data.
        end_process: ends this process for the service manager to start again; None where there is none.
    """

    memory: Callable[[], int | None]
    memory_bound: int
    durable: Callable[[], bool]
    end_process: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """What is done about one kind of trouble.

    Attributes:
        trouble: its name.
        patience: seconds it may last before anything is done.
        rungs: the remedies, mildest first.
    """

    trouble: str
    patience: float
    rungs: tuple[Rung, ...]


# Nobody answers on a line that is up: its own loop opens the port anew after 30 s, so this begins later.
SILENT = Course("silent", 120.0, (Rung("reopen", 180.0), Rung("restart", 600.0)))
# A task that shows no sign of life is restarted by the lines after 60 s: where that did not help, this begins.
HUNG = Course("hung", 90.0, (Rung("restart", 120.0), Rung("restart", 300.0), Rung("process", 3600.0)))


class Management:
    """Level three.

    Args:
        steering: the lines.
        door: what it acts through.
        alerts: where it raises what people should see to.
        facts: keep the recoveries of the last day over restarts.
        wall: Unix seconds.
        means: what else it may use.
    """

    name = LevelName.MANAGEMENT
    pace = PACE_S

    def __init__(
        self,
        *,
        steering: FieldSteering,
        door: ActionDoor,
        alerts: Alerts,
        facts: FactStore,
        wall: Callable[[], float],
        means: Means,
    ) -> None:
        self._steering = steering
        self._door = door
        self._alerts = alerts
        self._facts = facts
        self._wall = wall
        self._means = means
        self._watchlist = Watchlist(alerts)
        self._troubles: dict[tuple[str, str], Ladder] = {}
        self._away: dict[str, float] = {}
        self._relearned: dict[str, float] = {}
        self._heavy_since: float | None = None
        self._healed = 0
        self._looked = False
        kept = facts.recall(GOVERNOR_FACTS).get(RECOVERIES)
        times = kept if isinstance(kept, list) else []
        self._recoveries = [float(time) for time in times if isinstance(time, int | float)]

    def tick(self, now: float) -> None:
        """Look for what stays broken, and do the next thing about it."""
        glance = self._steering.glance()
        self._looked = True
        self._watchlist.look(glance)
        devices: dict[str, list[DeviceGlance]] = {}
        for device in glance.devices:
            devices.setdefault(device.line, []).append(device)
        for line in glance.lines:
            self._nobody_answers(line, devices.get(line.name, []), now)
            self._hangs(line, now)
            self._relearn(line, devices.get(line.name, []), now)
        self._forget(glance)
        self._memory(now)
        self._disk()

    # Troubles

    def _nobody_answers(self, line: LineGlance, devices: list[DeviceGlance], now: float) -> None:
        # Where nobody has ever answered there is nothing to recover: that is a matter of wiring or configuration.
        known = [device for device in devices if device.answers]
        judged = line.state == "up" and not line.lent and bool(known)
        # A device without polls is never asked, and stays unproven.
        if judged and all(device.state == "silent" for device in devices if device.state != "unproven"):
            since = now - min(device.since for device in known)
            words = f"nobody has answered on {line.name} for {now - since:.0f} s, though its port is open"
            self._climb(SILENT, line.name, since, words, now)
        elif any(device.state in ANSWERING for device in devices):
            self._heal(SILENT, line.name, now)

    def _hangs(self, line: LineGlance, now: float) -> None:
        if line.idle >= HUNG.patience and line.state not in {"parked", "stopped"}:
            words = f"the task of {line.name} has shown no sign of life for {line.idle:.0f} s"
            self._climb(HUNG, line.name, now - line.idle, words, now)
        else:
            self._heal(HUNG, line.name, now)

    def _relearn(self, line: LineGlance, devices: list[DeviceGlance], now: float) -> None:
        returned = []
        for device in devices:
            if device.state == "silent":
                self._away[device.name] = device.since
            elif device.state == "online" and self._away.pop(device.name, 0.0) >= REPLACED_AFTER_S:
                returned.append(device.name)
        last = self._relearned.setdefault(line.name, now)
        if not line.splits or line.state != "up" or line.lent:
            return
        if returned:
            one = len(returned) == 1
            why = (
                f"{', '.join(returned)} {'was away and is' if one else 'were away and are'} back: "
                f"{'it may be another device' if one else 'they may be other devices'}, with other addresses"
            )
        elif now - last >= RELEARN_EVERY_S:
            why = f"once a day: the {line.splits} cuts in the blocks of {line.name} may not be needed any more"
        else:
            return
        self._relearned[line.name] = now
        name = line.name
        proposal = Proposal(
            self.name, "relearn", name, why, lambda: self._steering.relearn(name), evidence={"splits": line.splits}
        )
        # Nothing was broken: that is upkeep, and no recovery.
        self._door.propose(proposal, now)

    def _climb(self, course: Course, line: str, begun: float, words: str, now: float) -> None:
        ladder = self._troubles.setdefault((course.trouble, line), Ladder(course.rungs))
        rung = ladder.due(now, begun, course.patience)
        if rung is None:
            return
        ladder.climb(now)
        attempt = ladder.attempts
        evidence: dict[str, Json] = {"trouble": course.trouble, "attempt": attempt, "seconds": round(now - begun)}
        if rung.kind == "process":
            self._end_process(f"{words}, and restarting it did not help", evidence, now)
            return
        hands = {"reopen": self._steering.reopen, "restart": self._steering.restart}
        does = {"reopen": "its port is opened anew", "restart": "its task is restarted"}
        proposal = Proposal(
            self.name,
            rung.kind,
            line,
            f"{words}: {does[rung.kind]} (attempt {attempt})",
            lambda: hands[rung.kind](line),
            evidence=evidence,
        )
        self._done(self._door.propose(proposal, now))

    def _heal(self, course: Course, line: str, now: float) -> None:
        known = self._troubles.get((course.trouble, line))
        if known is not None and known.healthy(now):
            del self._troubles[course.trouble, line]
            self._healed += known.attempts > 0

    def _forget(self, glance: FieldGlance) -> None:
        lines = {line.name for line in glance.lines}
        devices = {device.name for device in glance.devices}
        for key in [key for key in self._troubles if key[1] not in lines]:
            del self._troubles[key]
        for name in self._away.keys() - devices:
            del self._away[name]
        for name in self._relearned.keys() - lines:
            del self._relearned[name]

    def _memory(self, now: float) -> None:
        used, bound = self._means.memory(), self._means.memory_bound
        if used is None or used <= bound:
            self._heavy_since = None
            self._alerts.resolve("process", "memory")
            return
        if self._heavy_since is None:
            self._heavy_since = now
        if now - self._heavy_since < MEMORY_PATIENCE_S:
            return
        words = f"the gateway uses {used >> 20} MB of memory; more than {bound >> 20} MB for long is a fault of its own"
        self._alerts.fire("process", "memory", Severity.CRITICAL, words, value=used, threshold=bound)
        self._end_process(words, {"memory": used, "bound": bound}, now)

    def _disk(self) -> None:
        if self._means.durable():
            self._alerts.resolve("store", "durable")
        else:
            words = (
                "the disk takes no data: history and learned things are kept in memory only (ferrule doctor tells why)"
            )
            self._alerts.fire("store", "durable", Severity.CRITICAL, words, value=False, threshold=True)

    def _end_process(self, why: str, evidence: dict[str, Json], now: float) -> None:
        end, wall = self._means.end_process, self._wall()
        last = self._facts.recall(GOVERNOR_FACTS).get(PROCESS_RESTARTED)
        # The clock may have been set back meanwhile: a moment in the future says nothing.
        recently = isinstance(last, int | float) and 0 <= wall - last < PROCESS_EVERY_S
        if end is None or recently:
            return

        def hand() -> bool:
            self._facts.remember(GOVERNOR_FACTS, PROCESS_RESTARTED, wall, urgent=True)
            return end(why)

        self._done(self._door.propose(Proposal(self.name, "process", "gateway", why, hand, evidence=evidence), now))

    def _done(self, verdict: Verdict) -> None:
        if verdict is Verdict.DONE:
            self._recoveries = [*self._last_day(), self._wall()][-MOST_RECOVERIES:]
            self._facts.remember(GOVERNOR_FACTS, RECOVERIES, list(self._recoveries))

    def _last_day(self) -> list[float]:
        wall = self._wall()
        return [time for time in self._recoveries if 0 <= wall - time < DAY_S]

    # What it is asked

    def terms(self) -> tuple[Term, ...]:
        """How much had to be done in a day, what stands unresolved, whether what was tried helped, and the disk."""
        if not self._looked:
            return ()
        recoveries = len(self._last_day())
        standing = self._alerts.standing()
        weighed = sum(WEIGHTS[alert.severity] for alert in standing)
        tried = sum(ladder.attempts > 0 for ladder in self._troubles.values())
        healed = None if not tried + self._healed else 100.0 * self._healed / (tried + self._healed)
        return (
            Term(
                "recoveries", falling(recoveries, 0, 48), 2.0, f"{counted(recoveries, 'recovery action')} in 24 hours"
            ),
            Term("alerts", falling(weighed, 0, 12), 3.0, counted(len(standing), "alert stands", "alerts stand")),
            Term(
                "healed",
                healed,
                1.0,
                f"{counted(self._healed, 'trouble')} healed, {counted(tried, 'is', 'are')} being tried",
            ),
            Term("disk", 100.0 if self._means.durable() else 0.0, 2.0, "whether the disk takes data"),
        )

    def figures(self) -> Mapping[str, Json]:
        """``recoveryActions`` (AG-10): those of the last 24 hours; and what is being tried."""
        last = self._last_day()
        return {
            "recoveryActions": len(last),
            "lastRecovery": rfc3339.text(last[-1]) if last else None,
            "alerts": len(self._alerts.standing()),
            "trying": [
                {"trouble": trouble, "line": line, "attempts": ladder.attempts}
                for (trouble, line), ladder in self._troubles.items()
                if ladder.attempts
            ],
        }
