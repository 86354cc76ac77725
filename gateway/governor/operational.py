"""The operational governor: how lines and devices do, and relief for a line that has more to do than it can.

A line is overloaded when it is busy nearly all the time and misses deadlines. Then the polls of its low-priority tags
are stretched, step by step, so that the others keep theirs; when there is room again they are restored, step by step.
A restoring step that brings the overload back is taken later the next time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.core import rfc3339
from gateway.core.alerts import Alerts, Severity
from gateway.core.ports import Json
from gateway.core.steering import MOST_STRETCH, FieldGlance, FieldSteering, LineGlance
from gateway.governor.actions import ActionDoor, Proposal, Verdict
from gateway.governor.health import Term, share
from gateway.governor.level import LevelName
from gateway.governor.relief import FIRST_PAUSE_S, MUCH, WINDOW_S, Relief

PACE_S = 1.0
# A line that misses deadlines is overloaded from this load on, and has room again below the lower one.
BUSY = 0.95
ROOM = 0.80
STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, MOST_STRETCH)
# Overload that nothing is done about for so long is somebody's to see to.
ALERT_AFTER_S = 60.0
# Where callers make the load they are bounded first; but who is to bound them may only advise, or be held back.
OTHERS_FIRST_S = 30.0
MINUTE_S = 60.0
STRETCH = "stretch"


@dataclass(slots=True)
class _Watch:
    """One line.

    Attributes:
        relief: its missed deadlines and the steps taken.
        overloaded_since: since when it has been overloaded.
        helped: when something was last done about it.
        bound: what callers were bounded to when it was last looked at.
    """

    relief: Relief = field(default_factory=Relief)
    overloaded_since: float | None = None
    helped: float = -math.inf
    bound: float | None = None


class Operational:
    """Level one.

    Args:
        steering: the lines.
        door: what it acts through.
        alerts: where lasting overload is raised.
        wall: Unix seconds.
    """

    name = LevelName.OPERATIONAL
    pace = PACE_S

    def __init__(self, steering: FieldSteering, door: ActionDoor, alerts: Alerts, wall: Callable[[], float]) -> None:
        self._steering = steering
        self._door = door
        self._alerts = alerts
        self._wall = wall
        self._watches: dict[str, _Watch] = {}
        self._glance = FieldGlance(0.0)
        self._counted: dict[str, tuple[int, int]] = {}
        self._minute: deque[tuple[float, int, int]] = deque()
        self._looked: float | None = None

    def tick(self, now: float) -> None:
        """Look at all lines; relieve those that are overloaded, restore those that have room again."""
        glance = self._glance = self._steering.glance()
        self._looked = self._wall()
        self._count(glance, now)
        present = {line.name for line in glance.lines}
        for name in self._watches.keys() - present:
            del self._watches[name]
            self._door.withdraw(STRETCH, name, "the line is gone", now)
            self._alerts.resolve(f"line:{name}", "overload")
        for line in glance.lines:
            if line.modbus:
                self._relieve(line, now)

    def _count(self, glance: FieldGlance, now: float) -> None:
        """Answers, and deadlines missed, within the last minute; a restarted line counts from nothing."""
        kept = missed = 0
        counted = {device.name: (device.answers, device.missed) for device in glance.devices}
        for name, (answers, late) in counted.items():
            before = self._counted.get(name)
            if before is not None and answers >= before[0] and late >= before[1]:
                kept += answers - before[0]
                missed += late - before[1]
        self._counted = counted
        self._minute.append((now, kept, missed))
        while now - self._minute[0][0] >= MINUTE_S:
            self._minute.popleft()

    def _relieve(self, line: LineGlance, now: float) -> None:
        watch = self._watches.setdefault(line.name, _Watch())
        relief = watch.relief
        missed = relief.look(now, line.missed)
        if self._differs(line, now):
            return
        if line.on_demand_bound is not None and (watch.bound is None or line.on_demand_bound < watch.bound):
            # Callers were just bounded: that has to show first.
            relief.stepped = watch.helped = now
        watch.bound = line.on_demand_bound
        if line.lent or line.state != "up" or line.utilisation is None or not relief.watched(now):
            watch.overloaded_since = None
            if line.state != "up":
                self._alerts.resolve(f"line:{line.name}", "overload")
            return
        overloaded = missed > 0 and line.utilisation >= BUSY
        if not overloaded:
            watch.overloaded_since = None
        elif watch.overloaded_since is None:
            watch.overloaded_since = now
        self._tell(line, watch, missed, now)
        if overloaded and relief.may_step(now) and not self._asked_for(line, watch, now):
            self._stretch(line, watch, missed, now)
        elif not overloaded and line.stretch > 1.0 and line.utilisation < ROOM and relief.may_ease(now):
            self._restore(line, relief, now)

    def _differs(self, line: LineGlance, now: float) -> bool:
        """Bring line and door together where they say different things: the line is new, or something fell between."""
        standing = self._door.standing(STRETCH, line.name)
        if standing is None and line.stretch > 1.0:
            return self._steering.stretch(line.name, 1.0) is not None
        if standing is not None and line.stretch == 1.0:
            return self._door.withdraw(STRETCH, line.name, f"{line.name} was set up anew", now)
        return False

    @staticmethod
    def _asked_for(line: LineGlance, watch: _Watch, now: float) -> bool:
        """Whether callers make the load: then they are bounded first, which is coordination's part."""
        asked = line.on_demand is not None and line.on_demand >= MUCH and line.on_demand_bound is None
        return asked and watch.overloaded_since is not None and now - watch.overloaded_since < OTHERS_FIRST_S

    def _stretch(self, line: LineGlance, watch: _Watch, missed: int, now: float) -> None:
        factor = next((step for step in STEPS if step > line.stretch), None)
        if factor is None or not line.stretchable:
            return
        watch.relief.tighten(now)
        done = self._set(
            line,
            factor,
            f"{line.name} was busy {line.utilisation or 0:.0%} of its time and missed {missed} deadlines in "
            f"{WINDOW_S:g} s: its {line.stretchable} low-priority tags are polled {factor:g} times less often",
            missed,
            now,
        )
        if done is Verdict.DONE:
            watch.helped = now

    def _restore(self, line: LineGlance, relief: Relief, now: float) -> None:
        factor = max(step for step in STEPS if step < line.stretch)
        relief.ease(now)
        quiet = (
            f"{line.name} is busy {line.utilisation or 0:.0%} of its time and missed no deadline for "
            f"{now - relief.quiet_since:.0f} s"
        )
        if factor == 1.0:
            self._door.withdraw(
                STRETCH, line.name, f"{quiet}: its low-priority tags are polled as configured again", now
            )
        else:
            self._set(line, factor, f"{quiet}: its low-priority tags are polled more often again", 0, now)

    def _set(self, line: LineGlance, factor: float, why: str, missed: int, now: float) -> Verdict:
        name = line.name
        evidence: dict[str, Json] = {"utilisation": line.utilisation, "missed": missed, "stretchable": line.stretchable}
        proposal = Proposal(
            self.name,
            STRETCH,
            name,
            why,
            do=lambda: self._steering.stretch(name, factor) == factor,
            undo=lambda: self._steering.stretch(name, 1.0) == 1.0,
            value=factor,
            evidence=evidence,
            effect="load",
            direction=-1 if factor > line.stretch else 1,
        )
        return self._door.propose(proposal, now)

    def _tell(self, line: LineGlance, watch: _Watch, missed: int, now: float) -> None:
        component = f"line:{line.name}"
        if watch.overloaded_since is None:
            if now - watch.relief.quiet_since >= FIRST_PAUSE_S:
                self._alerts.resolve(component, "overload")
            return
        if now - max(watch.overloaded_since, watch.helped) < ALERT_AFTER_S:
            return
        asked = line.on_demand or 0.0
        callers = f"; callers' reads take {asked:.0%} of its time" if asked >= MUCH else ""
        self._alerts.fire(
            component,
            "overload",
            Severity.WARNING,
            f"{line.name} has more to do than it can: {missed} deadlines missed in {WINDOW_S:g} s, and "
            f"{self._left(line)}{callers}. Poll less often, have callers read and write less, raise the baud rate, or "
            "spread its devices over two lines (ferrule check shows the load)",
            value=line.utilisation,
            threshold=BUSY,
        )

    @staticmethod
    def _left(line: LineGlance) -> str:
        if not line.stretchable:
            return 'no tag on it has priority = "low"'
        if line.stretch >= MOST_STRETCH:
            return "low-priority tags are stretched most"
        return "governors only advise, or are held back (governor.actions tells which)"

    # What it is asked

    def terms(self) -> tuple[Term, ...]:
        """Lines that are up, devices that answer, tags that are good, deadlines that were kept."""
        glance = self._glance
        if self._looked is None:
            return ()
        up = sum(line.state == "up" for line in glance.lines)
        judged = [device for device in glance.devices if device.state != "unproven"]
        online = sum(device.state in {"online", "doubtful"} for device in judged)
        tags = sum(device.tags for device in glance.devices)
        good = sum(device.good for device in glance.devices)
        kept = sum(kept for _, kept, _ in self._minute)
        missed = sum(missed for *_, missed in self._minute)
        return (
            Term("linesUp", share(up, len(glance.lines)), 3.0, f"{up} of {len(glance.lines)} lines are up"),
            Term("devicesAnswering", share(online, len(judged)), 3.0, f"{online} of {len(judged)} devices answer"),
            Term("tagsGood", share(good, tags), 2.0, f"{good} of {tags} tags are good"),
            Term(
                "deadlinesKept",
                share(kept, kept + missed),
                2.0,
                f"{missed} deadlines missed beside {kept} answers in the last minute",
            ),
            Term("looking", 100.0, 0.5, "it looks at the field every second"),
        )

    def figures(self) -> Mapping[str, Json]:
        """``lastProbe`` (AG-06), and what is stretched at the moment."""
        stretched = {action.target: action.value for action in self._door.in_force() if action.kind == STRETCH}
        return {
            "lastProbe": None if self._looked is None else rfc3339.text(self._looked),
            "stretched": stretched,
        }
