"""The one door through which governors act: each action is logged, bounded and reversible where it can be.

A level proposes; the door decides whether that is done, only advised, held back by the meta governor, or too much.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import structlog

from gateway.core.ports import Json
from gateway.governor.level import LevelName

log = structlog.stdlib.get_logger(__name__)

# Actions that are remembered for callers; the log keeps all.
REMEMBERED = 500
# The same action on the same target may be done so often in an hour; beyond, it is a sign that it does not help.
MOST_AN_HOUR = 12
HOUR_S = 3600.0
# What is not done is told of once in so many seconds, not at every tick.
REPEAT_S = 600.0
# Targets whose allowance is remembered; the field has fewer.
MOST_TARGETS = 4096


class Mode(StrEnum):
    """Whether a level acts or only says what it would do."""

    GOVERN = "govern"
    ADVISE = "advise"


class Verdict(StrEnum):
    """What became of a proposal."""

    DONE = "done"
    ADVISED = "advised"
    HELD = "held"
    TOO_OFTEN = "too_often"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a level wants done.

    Attributes:
        level: who wants it.
        kind: what, in one word, e.g. "stretch".
        target: on what, e.g. a line's name.
        why: a sentence with the figures that led to it.
        do: does it; False where it could not be done.
        undo: takes it back; None where nothing is left in force (a port that was opened anew).
        value: what is in force when it is done, e.g. the factor.
        evidence: the figures, for programs.
        effect: what it moves, e.g. "load"; by it two levels are seen to pull in opposite directions.
        direction: which way: 1 or -1; 0 where there is none.
    """

    level: LevelName
    kind: str
    target: str
    why: str
    do: Callable[[], bool]
    undo: Callable[[], bool] | None = None
    value: Json = None
    evidence: Mapping[str, Json] = field(default_factory=dict)
    effect: str | None = None
    direction: int = 0


@dataclass(frozen=True, slots=True)
class Action:
    """A proposal and what became of it; or the end of what stood, whose direction is the opposite.

    Attributes:
        number: counts up from 1.
        at: on the run loop's clock.
        wall: Unix seconds.
        standing: it is in force and can be taken back.
        ended: Unix seconds of when it was taken back or replaced; None while it stands, or where nothing stood.
    """

    number: int
    at: float
    wall: float
    level: LevelName
    kind: str
    target: str
    why: str
    value: Json
    evidence: Mapping[str, Json]
    verdict: Verdict
    effect: str | None = None
    direction: int = 0
    standing: bool = False
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is in force.

    Attributes:
        action: the last one that set it.
        undo: takes it back.
        pull: the direction of the first one that set it; the opposite is a step back.
    """

    action: Action
    undo: Callable[[], bool]
    pull: int


class ActionDoor:
    """Decides on proposals and remembers what was done.

    Args:
        mode: whether a level acts, looked up at each proposal, so that a reload takes effect at once.
        wall: Unix seconds.
        announce: told of every action that was done, advised or ended, as ``governor:action``.
    """

    def __init__(
        self,
        mode: Callable[[LevelName], Mode],
        wall: Callable[[], float],
        announce: Callable[[str, dict[str, object]], None],
    ) -> None:
        self._mode = mode
        self._wall = wall
        self._announce = announce
        self._number = 0
        self._actions: deque[Action] = deque(maxlen=REMEMBERED)
        self._ends: deque[Action] = deque(maxlen=REMEMBERED)
        self._standing: dict[tuple[str, str], _Standing] = {}
        self._done: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        self._told: OrderedDict[tuple[str, str, Verdict], float] = OrderedDict()
        self._holds: dict[tuple[LevelName, str | None], float] = {}

    # Acting

    def propose(self, proposal: Proposal, now: float) -> Verdict:
        """Do what a level wants, or say why not. Equal proposals that are not done are told of once in a while.

        A step back of what stands is never held or too often, no more than its end: it leads to what was configured.
        """
        key = (proposal.kind, proposal.target)
        before = self._standing.get(key)
        back = before is not None and before.pull != 0 and proposal.direction == -before.pull
        if self._mode(proposal.level) is Mode.ADVISE:
            return self._decline(proposal, Verdict.ADVISED, now)
        if not back and self.held(proposal.level, proposal.target, now):
            return self._decline(proposal, Verdict.HELD, now)
        if not back and self._used(key, now) >= MOST_AN_HOUR:
            return self._decline(proposal, Verdict.TOO_OFTEN, now)
        try:
            done = proposal.do()
        except Exception:
            log.exception("governor action failed", kind=proposal.kind, target=proposal.target)
            done = False
        if not done:
            return self._decline(proposal, Verdict.FAILED, now)
        self._end(key)
        action = self._record(proposal, Verdict.DONE, now, standing=proposal.undo is not None)
        if proposal.undo is not None:
            pull = proposal.direction if before is None else before.pull
            self._standing[key] = _Standing(action, proposal.undo, pull)
        if not back:
            self._count(key, now)
        return Verdict.DONE

    def _count(self, key: tuple[str, str], now: float) -> None:
        self._done.setdefault(key, deque()).append(now)
        self._done.move_to_end(key)
        while len(self._done) > MOST_TARGETS:
            self._done.popitem(last=False)

    def withdraw(self, kind: str, target: str, why: str, now: float) -> bool:
        """Take back what stands. Taking back is never held, advised or too often: it leads to what was configured."""
        found = self._standing.pop((kind, target), None)
        if found is None:
            return False
        action = found.action
        try:
            found.undo()
        except Exception:
            log.exception("governor action could not be taken back", kind=kind, target=target)
        self._close(action)
        end = Proposal(action.level, kind, target, why, do=found.undo, effect=action.effect, direction=-found.pull)
        self._record(end, Verdict.ENDED, now, standing=False)
        return True

    def withdraw_all(self, level: LevelName, why: str, now: float) -> int:
        """Take back everything a level has in force. Returns how much that was."""
        keys = [key for key, standing in self._standing.items() if standing.action.level is level]
        return sum(self.withdraw(*key, why, now) for key in keys)

    def note(self, proposal: Proposal, verdict: Verdict, now: float) -> None:
        """Remember and tell what a level did, or advises, by other means than this door, e.g. a hold."""
        self._record(proposal, verdict, now, standing=False)

    # Holding: the meta governor's means

    def hold(self, level: LevelName, target: str | None, until: float) -> None:
        """Let a level do nothing to a target (None: to anything) until a moment on the run loop's clock."""
        self._holds[level, target] = max(until, self._holds.get((level, target), 0.0))

    def held(self, level: LevelName, target: str, now: float) -> bool:
        """Whether a level is held back from a target."""
        return any(self._holds.get((level, key), 0.0) > now for key in (target, None))

    def holds(self, now: float) -> list[tuple[LevelName, str | None, float]]:
        """Holds in force: level, target, and until when."""
        self._holds = {key: until for key, until in self._holds.items() if until > now}
        return [(level, target, until) for (level, target), until in self._holds.items()]

    # Looking back

    def actions(self) -> Iterable[Action]:
        """What was done or advised, oldest first."""
        return tuple(self._actions)

    def moves(self) -> list[Action]:
        """What was done and what was ended, oldest first: all that moved something."""
        done = [action for action in self._actions if action.verdict is Verdict.DONE]
        return sorted([*done, *self._ends], key=lambda action: action.number)

    def standing(self, kind: str, target: str) -> Action | None:
        """The action of a kind that is in force on a target."""
        found = self._standing.get((kind, target))
        return None if found is None else found.action

    def in_force(self) -> list[Action]:
        """All actions in force, oldest first."""
        return sorted((standing.action for standing in self._standing.values()), key=lambda action: action.number)

    # How

    def _used(self, key: tuple[str, str], now: float) -> int:
        times = self._done.get(key)
        if times is None:
            return 0
        while times and now - times[0] >= HOUR_S:
            times.popleft()
        return len(times)

    def _decline(self, proposal: Proposal, verdict: Verdict, now: float) -> Verdict:
        key = (proposal.kind, proposal.target, verdict)
        last = self._told.get(key)
        if last is None or now - last >= REPEAT_S:
            self._told[key] = now
            self._told.move_to_end(key)
            while len(self._told) > MOST_TARGETS:
                self._told.popitem(last=False)
            self._record(proposal, verdict, now, standing=False)
        return verdict

    def _record(self, proposal: Proposal, verdict: Verdict, now: float, *, standing: bool) -> Action:
        self._number += 1
        action = Action(
            number=self._number,
            at=now,
            wall=self._wall(),
            level=proposal.level,
            kind=proposal.kind,
            target=proposal.target,
            why=proposal.why,
            value=proposal.value,
            evidence=proposal.evidence,
            verdict=verdict,
            effect=proposal.effect,
            direction=proposal.direction,
            standing=standing,
        )
        (self._ends if verdict is Verdict.ENDED else self._actions).append(action)
        words: dict[str, object] = {
            "level": proposal.level,
            "kind": proposal.kind,
            "target": proposal.target,
            "verdict": verdict,
        }
        log.info("governor action", **words, value=proposal.value, why=proposal.why)
        data = {**words, "reason": proposal.why}
        if verdict is not Verdict.ENDED:
            data |= {"value": proposal.value, "evidence": dict(proposal.evidence)}
        self._announce("governor:action", data)
        return action

    def _end(self, key: tuple[str, str]) -> None:
        found = self._standing.pop(key, None)
        if found is not None:
            self._close(found.action)

    def _close(self, action: Action) -> None:
        for place, remembered in enumerate(self._actions):
            if remembered.number == action.number:
                self._actions[place] = replace(remembered, standing=False, ended=self._wall())
                return
