"""How a board is brought to another system: written beside the one that runs, tried once, then kept or left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from gateway.appliance.bundles import Bundle, UpdateError, describe, refuse_older
from gateway.appliance.card import Card, CardError
from gateway.appliance.choice import AUTOBOOT, other, started_always, started_once
from gateway.appliance.trial import Proof, Seen, Verdict
from gateway.appliance.update_state import Phase, Slot, System, UpdateState, read_state, write_state

_INTERRUPTED = (
    "the new system did not come up, or the power went off while it was on trial. The board runs what it ran before; "
    "the update may be given once more"
)


class Machine(Protocol):
    """What an update does to the board and learns from it."""

    def inspect(self, file: Path) -> Bundle:
        """Hold a bundle against the authority of the image; UpdateError where it is not good."""

    def install(self, file: Path) -> None:
        """Write a bundle to the slot that does not run; UpdateError where that fails."""

    def compare(self, slot: Slot, bundle: Bundle) -> None:
        """Read from the card what was written; UpdateError where it is not what should be there."""

    def save(self) -> Path:
        """Save state and configuration in one file; UpdateError where that fails."""

    def bring_back(self, backup: Path) -> bool:
        """Put a saved state back, where what is there was written by a newer version that this one cannot read."""

    def look(self, at: float) -> Seen:
        """See how the gateway fares."""

    def restart(self) -> None:
        """Restart the board."""


@dataclass(frozen=True, slots=True)
class Running:
    """What runs on a board that was flashed.

    Attributes:
        slot: it was started from.
        system: in it.
        on_trial: it was started once, and has to be kept.
    """

    slot: Slot
    system: System
    on_trial: bool


class Updating:
    """Updates of one board.

    Args:
        running: what runs.
        machine: does it.
        card: the partition with ``autoboot.txt``.
        place: of the state file.
        wall: Unix seconds.
        say: told what is being done.
    """

    def __init__(  # noqa: PLR0917 - the parts it is made of
        self,
        running: Running,
        machine: Machine,
        card: Card,
        place: Path,
        wall: Callable[[], float],
        say: Callable[[str], None],
    ) -> None:
        self._running = running
        self._machine = machine
        self._card = card
        self._place = place
        self._wall = wall
        self._say = say

    def install(self, file: Path, *, asked_by: str | None = None, older: bool = False) -> None:
        """Write a bundle to the other slot and have the next start try it.

        Args:
            file: the bundle.
            asked_by: who sent it by the network.
            older: a system that is older than the one that runs is taken, too.

        Raises:
            UpdateError: it is not taken, and the board goes on as it is.
            CardError: the card cannot be written.
            OSError: the board's own partition does not take it.
        """
        if self._running.on_trial:
            raise UpdateError(
                f"system {self._running.slot.upper()} is on trial, and kept when it has proved itself: some minutes"
            )
        before = self._state()
        self._put(UpdateState(phase="installing", before=self._running.system, asked_by=asked_by))
        try:
            bundle = self._admit(file, older=older)
        except UpdateError as error:
            if asked_by is None:
                # Whoever typed it has read why, and nothing has been done.
                write_state(before, self._place)
            else:
                self._note("refused", str(error))
            raise
        try:
            self._write(file, bundle)
        except (UpdateError, CardError) as error:
            self._note("refused", str(error))
            raise
        except OSError as error:
            self._note("refused", f"{error.filename}: {error.strerror}")
            raise

    def _admit(self, file: Path, *, older: bool) -> Bundle:
        self._say("looking at the signature")
        bundle = self._machine.inspect(file)
        self._put(replace(self._state(), target=bundle.system))
        if not older:
            refuse_older(self._running.system, bundle.system)
        return bundle

    def _write(self, file: Path, bundle: Bundle) -> None:
        self._say("saving state and configuration")
        backup = self._machine.save()
        seen = self._machine.look(0.0)
        lines = tuple(sorted(seen.answering or ()))
        self._put(replace(self._state(), backup=str(backup), lines=lines))
        slot = other(self._running.slot)
        self._say(f"writing {describe(bundle.system)} to slot {slot.upper()}")
        self._machine.install(file)
        self._say("reading it back from the card")
        self._machine.compare(slot, bundle)
        # The word of the state comes first: a start between the two finds nothing on trial, and says so.
        self._note("restarting")
        self._card.overwrite(AUTOBOOT, started_once(slot))
        self._say(f"the next start tries slot {slot.upper()}")

    def prove(self, clock: Callable[[], float], pause: Callable[[], None]) -> None:
        """Watch the system that is on trial, and keep it; else restart the board, which starts what it ran before.

        Args:
            clock: seconds, only forward.
            pause: waits between two looks.
        """
        if not self._running.on_trial:
            return
        state = self._state()
        self._put(replace(state, phase="on_trial", since=self._wall()))
        proof = Proof(clock(), state.lines)
        said = ""
        while True:
            verdict, words = proof.look(self._machine.look(clock()))
            if words != said:
                self._say(words)
                said = words
            if verdict is Verdict.PROVED:
                self._card.overwrite(AUTOBOOT, started_always(self._running.slot))
                self._note("kept")
                self._say(f"slot {self._running.slot.upper()} has proved itself and is kept")
                return
            if verdict is Verdict.FAILED:
                self._note("fell_back", words)
                self._say("the board goes back to what it ran before")
                self._machine.restart()
                return
            pause()

    def settle(self) -> None:
        """At a start that is no trial: say what became of an update that was under way, and mend what it left."""
        state = self._state()
        if self._running.on_trial:
            return
        if state.phase == "installing":
            self._note("refused", "the power went off, or it was ended, while it was written. Give it once more")
        elif state.phase in {"restarting", "on_trial"}:
            if state.target == self._running.system:
                # It was kept; the word of it was not written any more.
                self._note("kept")
                return
            self._note("fell_back", _INTERRUPTED)
        if self._state().phase == "fell_back" and state.backup is not None:
            backup = Path(state.backup)
            if self._machine.bring_back(backup):
                self._say(f"the state of before the update is in force again, from {backup}")

    def _state(self) -> UpdateState:
        return read_state(self._place)

    def _note(self, phase: Phase, reason: str | None = None) -> None:
        self._put(replace(self._state(), phase=phase, reason=reason))

    def _put(self, state: UpdateState) -> None:
        write_state(replace(state, since=self._wall()), self._place)
