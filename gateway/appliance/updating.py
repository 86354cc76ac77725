"""How a board is brought to another system: written beside the one that runs, tried once, then kept or left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
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
_ENDED = "it was ended, or the power went off, before all of it was written. Give it once more"


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

    def must_go_back(self) -> bool:
        """Whether a newer version has changed the databases so that the one that runs cannot read them."""

    def bring_back(self, backup: Path) -> None:
        """Put a saved state in the place of what is there, which is kept aside; UpdateError where that fails."""

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

    def install(self, file: Path, *, sent: bool = False, asked_by: str | None = None, older: bool = False) -> None:
        """Write a bundle to the other slot and have the next start try it.

        Args:
            file: the bundle.
            sent: it came by the network, where nobody reads what is said here.
            asked_by: who sent it; None: nobody knows.
            older: a system that is older than the one that runs is taken, too.

        Raises:
            UpdateError: it is not taken, and the board goes on as it is.
            CardError: the card cannot be written.
            OSError: the board's own partition does not take it.
        """
        self._refuse_on_trial()
        before = self._state()
        self._put(UpdateState(phase="installing", before=self._running.system, asked_by=asked_by))
        try:
            bundle = self._admit(file, older=older)
            before = self._state()
            self._write(file, bundle)
        except (UpdateError, CardError, OSError) as error:
            if sent or before.phase == "installing":
                self.refuse(_words_of(error))
            else:
                # Whoever typed it reads why, and nothing has been done.
                write_state(before, self._place)
            raise
        except BaseException:
            self.refuse(_ENDED)
            raise

    def refuse(self, reason: str) -> None:
        """Note that an update that was asked for is not made, for whoever looks from elsewhere.

        Raises:
            OSError: the board's own partition does not take it.
        """
        self._refuse_on_trial()
        self._note("refused", reason)

    def _refuse_on_trial(self) -> None:
        if self._running.on_trial:
            raise UpdateError(
                f"system {self._running.slot.upper()} is on trial, and kept when it has proved itself: some minutes"
            )

    def _admit(self, file: Path, *, older: bool) -> Bundle:
        self._say("looking at the signature")
        bundle = self._machine.inspect(file)
        self._put(replace(self._state(), target=bundle.system))
        if not older:
            refuse_older(self._running.system, bundle.system)
        return bundle

    def _write(self, file: Path, bundle: Bundle) -> None:
        slot = other(self._running.slot)
        # An update before this one may wait for its trial: while a slot is written, no start may take it.
        self._choose(started_always(self._running.slot))
        self._say("saving state and configuration")
        backup = self._machine.save()
        seen = self._machine.look(0.0)
        lines = tuple(sorted(seen.answering or ()))
        self._put(replace(self._state(), backup=str(backup), lines=lines))
        self._say(f"writing {describe(bundle.system)} to slot {slot.upper()}")
        self._machine.install(file)
        self._say("reading it back from the card")
        self._machine.compare(slot, bundle)
        # The word of the state comes first: a start between the two finds nothing on trial, and says so.
        self._note("restarting")
        try:
            self._choose(started_once(slot))
        except CardError:
            with suppress(CardError):
                self._choose(started_always(self._running.slot))
            raise
        self._say(f"the next start tries slot {slot.upper()}")

    def _choose(self, wanted: bytes) -> None:
        self._card.overwrite(AUTOBOOT, wanted)
        if self._card.read(AUTOBOOT) != wanted:
            raise CardError(f"the card does not keep what is written to {AUTOBOOT}: replace it, after ferrule backup")

    def prove(self, clock: Callable[[], float], pause: Callable[[], None]) -> bool:
        """Watch the system that is on trial, and keep it; else restart the board, which starts what it ran before.

        Args:
            clock: seconds, only forward.
            pause: waits between two looks.

        Returns:
            Whether it was kept.
        """
        state = self._state()
        self._put(replace(state, phase="on_trial"))
        # The initramfs has given the next start back; on a card that did not take it, it is tried once more.
        self._try_to_choose(started_always(other(self._running.slot)))
        proof = Proof(clock(), state.lines)
        said = ""
        while True:
            verdict, words = proof.look(self._machine.look(clock()))
            if words != said:
                self._say(words)
                said = words
            if verdict is Verdict.PROVED and self._try_to_choose(started_always(self._running.slot)):
                self._note("kept")
                self._say(f"slot {self._running.slot.upper()} has proved itself and is kept")
                return True
            if verdict is Verdict.FAILED:
                self._note("fell_back", words)
                self._say("the board goes back to what it ran before")
                self._machine.restart()
                return False
            pause()

    def _try_to_choose(self, wanted: bytes) -> bool:
        try:
            self._choose(wanted)
        except CardError as error:
            self._say(str(error))
            return False
        return True

    def ended(self) -> None:
        """Say so where an update was ended before all of it was written, and had no time to say it."""
        if self._state().phase == "installing":
            self._note("refused", _ENDED)

    def settle(self) -> None:
        """At a start that is no trial: say what became of an update that was under way, and mend what it left.

        Raises:
            UpdateError: the saved state cannot be put back.
        """
        if self._running.on_trial:
            return
        self.ended()
        state = self._state()
        if state.phase in {"restarting", "on_trial"}:
            chosen = self._card.read(AUTOBOOT) == started_always(self._running.slot)
            if state.target == self._running.system != state.before and chosen:
                # It was kept; the word of it was not written any more.
                self._note("kept")
                return
            self._note("fell_back", _INTERRUPTED)
        state = self._state()
        if state.phase == "fell_back" and state.backup is not None:
            backup = Path(state.backup)
            begun = state.bringing_back
            if begun or self._machine.must_go_back():
                # A power cut in the middle leaves half of each: then all of it is done again.
                self._put(replace(state, bringing_back=True))
                self._bring_back(backup, state)
                self._say(f"the state of before the update is in force again, from {backup}")
            # Once: what is written from now on is this version's own.
            self._put(replace(state, bringing_back=False, backup=None))

    def _bring_back(self, backup: Path, state: UpdateState) -> None:
        try:
            self._machine.bring_back(backup)
        except UpdateError as error:
            # The gateway cannot serve with what is there: whoever asks is to read why. The next start tries again.
            before = state.reason or ""
            if str(error) not in before:
                self._put(replace(state, bringing_back=True, reason=f"{error}. The update: {before}"))
            raise

    def _state(self) -> UpdateState:
        return read_state(self._place)

    def _note(self, phase: Phase, reason: str | None = None) -> None:
        self._put(replace(self._state(), phase=phase, reason=reason))

    def _put(self, state: UpdateState) -> None:
        write_state(replace(state, since=self._wall()), self._place)


def _words_of(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)
