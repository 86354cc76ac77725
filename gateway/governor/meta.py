"""The meta governor: watches the other four, ends what they do to each other, and says whether and why all is not well.

Three things are looked for: a level whose loop does not tick; one that does and undoes the same thing over and over;
two that undo each other's work. The last two end in a hold: the loser leaves that target alone for a while, and what it
had in force there is taken back. The higher level wins; of one level, what was configured wins.

Levels damp their own steps (``Relief``), so that both are signs of a fault of ours: once to and fro is no fault, and a
hold where there is none would leave a line without relief.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import pairwise

from gateway.core.alerts import Alerts, Severity
from gateway.core.ports import Json
from gateway.governor.actions import Action, ActionDoor, Mode, Proposal, Verdict
from gateway.governor.governors import Pulse
from gateway.governor.health import OPTIMAL, Term, counted, falling, health_of, share
from gateway.governor.level import LevelName

PACE_S = 5.0
# The same level setting the same thing to and fro so often in so long is oscillation: more than damped steps can make.
TURNS = 10
# So many changes between two levels that pull in opposite directions are a contradiction.
AGAINST = 6
WITHIN_S = 900.0
HOLD_S = 1800.0
LONGEST_HOLD_S = 4 * 3600.0
# Who was not held for so long is held as if he never was.
FORGOTTEN_AFTER_S = 86400.0
# What all five loops may cost, as a share of one core.
CHEAP = 0.02
DEAR = 0.10
# What they cost is judged by the last hour: after months the mean since the start says nothing.
COST_STEP_S = 300.0
COST_STEPS = 12
ORDER = tuple(LevelName)


class Meta:
    """Level five.

    Args:
        door: what the others act through; it holds them by it.
        alerts: where a level that does not work is raised.
        others: the pulses of the other levels, looked up at each tick.
        mode: whether it holds, or only says whom it would.
    """

    name = LevelName.META
    pace = PACE_S

    def __init__(
        self,
        door: ActionDoor,
        alerts: Alerts,
        others: Callable[[], Mapping[LevelName, Pulse]],
        mode: Callable[[LevelName], Mode],
    ) -> None:
        self._door = door
        self._alerts = alerts
        self._others = others
        self._mode = mode
        self._judged = 0
        self._holds_given: dict[tuple[LevelName, str], tuple[int, float]] = {}
        self._asleep: set[LevelName] = set()
        self._begun: float | None = None
        self._spent: deque[tuple[float, float]] = deque(maxlen=COST_STEPS)
        self._now = 0.0
        self._reasons: list[str] = []

    def _pulses(self) -> Mapping[LevelName, Pulse]:
        return {name: pulse for name, pulse in self._others().items() if name is not self.name}

    def tick(self, now: float) -> None:
        """Look at the other levels and at what they did."""
        self._now = now
        if self._begun is None:
            self._begun = now
        if not self._spent or now - self._spent[-1][0] >= COST_STEP_S:
            self._spent.append((now, self._busy()))
        self._stuck(now)
        moves = [action for action in self._door.moves() if action.direction and now - action.at <= WITHIN_S]
        fresh = [action for action in moves if action.number > self._judged]
        if fresh:
            self._judged = fresh[-1].number
        for action in fresh:
            self._oscillation(action, moves, now)
            self._contradiction(action, moves, now)
        self._reasons = self._why_not(now)

    def _stuck(self, now: float) -> None:
        asleep = {name for name, pulse in self._pulses().items() if pulse.stuck(now)}
        # Where the whole process was stopped for a while all are late, this one too: it is looked at once more.
        asleep, self._asleep = asleep & self._asleep, asleep
        for name, pulse in self._pulses().items():
            component = f"governor:{name}"
            if pulse.parked:
                words = f"the {name} governor fell too often by a fault of its own; it is tried again every ten minutes"
            elif name in asleep:
                words = f"the {name} governor has not looked for {now - (pulse.ticked or now):.0f} s"
            else:
                self._alerts.resolve(component, "stuck")
                continue
            self._alerts.fire(component, "stuck", Severity.WARNING, words, value=pulse.falls)
            self._door.withdraw_all(name, words, now)

    def _oscillation(self, action: Action, moves: list[Action], now: float) -> None:
        own = [
            other.direction
            for other in moves
            if (other.level, other.kind, other.target) == (action.level, action.kind, action.target)
        ]
        turns = sum(before != after for before, after in pairwise(own))
        if turns >= TURNS:
            words = f"{action.kind} of {action.target} was turned round {turns} times in {WITHIN_S / 60:g} minutes"
            self._hold(action, words, now)

    def _contradiction(self, action: Action, moves: list[Action], now: float) -> None:
        if action.effect is None:
            return
        same = [move for move in moves if (move.effect, move.target) == (action.effect, action.target)]
        against = [
            (before, after)
            for before, after in pairwise(same)
            if before.level is not after.level and before.direction == -after.direction
        ]
        if len(against) < AGAINST:
            return
        loser, winner = sorted(against[-1], key=lambda one: ORDER.index(one.level))
        words = (
            f"the {winner.level} governor's {winner.kind} and the {loser.level} governor's {loser.kind} of "
            f"{loser.target} undid each other {len(against)} times in {WITHIN_S / 60:g} minutes: the {winner.level} "
            "governor decides"
        )
        self._hold(loser, words, now)

    def _hold(self, action: Action, words: str, now: float) -> None:
        if self._door.held(action.level, action.target, now):
            return
        key = (action.level, action.target)
        times, last = self._holds_given.get(key, (0, now))
        if now - last > FORGOTTEN_AFTER_S:
            times = 0
        self._holds_given[key] = times + 1, now
        seconds = min(HOLD_S * 2 ** min(times, 8), LONGEST_HOLD_S)
        if self._mode(self.name) is Mode.ADVISE:
            self._note(action.target, f"{words}; it would be held for {seconds / 60:g} minutes", Verdict.ADVISED, now)
            return
        self._door.hold(action.level, action.target, now + seconds)
        self._door.withdraw(action.kind, action.target, words, now)
        self._note(action.target, f"{words}; held for {seconds / 60:g} minutes", Verdict.DONE, now)

    def _note(self, target: str, words: str, verdict: Verdict, now: float) -> None:
        self._door.note(Proposal(self.name, "hold", target, words, do=lambda: True), verdict, now)

    # What it is asked

    def _why_not(self, now: float) -> list[str]:
        reasons = []
        for name, pulse in self._pulses().items():
            if not pulse.active(now):
                reasons.append(f"{name}: not active" + (" (parked)" if pulse.parked else ""))
                continue
            health = health_of(pulse.terms)
            if health is not None and health < OPTIMAL:
                _, words = min((term.score, term.words) for term in pulse.terms if term.score is not None)
                reasons.append(f"{name}: health {health}, {words}")
        reasons += [
            f"{level}: held back from {target or 'everything'} for {until - now:.0f} s more"
            for level, target, until in self._door.holds(now)
        ]
        return reasons

    def cost(self) -> float | None:
        """Share of a core that the ticks of all levels have taken in the last hour; None at the start."""
        if not self._spent or self._now - self._spent[0][0] < PACE_S:
            return None
        since, before = self._spent[0]
        return (self._busy() - before) / (self._now - since)

    def _busy(self) -> float:
        return sum(pulse.busy for pulse in self._others().values())

    def terms(self) -> tuple[Term, ...]:
        """Levels that tick, holds that had to be made, and what governing costs."""
        if self._begun is None:
            return ()
        pulses = self._pulses()
        active = sum(pulse.active(self._now) for pulse in pulses.values())
        holds = len(self._door.holds(self._now))
        cost = self.cost()
        return (
            Term("levelsActive", share(active, len(pulses)), 3.0, f"{active} of {len(pulses)} other levels are active"),
            Term("holds", falling(holds, 0, 4), 1.0, f"{counted(holds, 'hold')} in force"),
            Term(
                "cost",
                None if cost is None else falling(cost, CHEAP, DEAR),
                1.0,
                "not measured yet" if cost is None else f"{cost:.2%} of a core",
            ),
        )

    def figures(self) -> Mapping[str, Json]:
        """``systemOptimal`` (AG-14), and why not; what is held back."""
        cost = self.cost()
        return {
            "systemOptimal": self._begun is not None and not self._reasons,
            "reasons": list(self._reasons),
            "cost": None if cost is None else round(cost, 5),
        }
