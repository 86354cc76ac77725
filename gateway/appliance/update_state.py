"""What runs, and what became of the last update: told by the board itself, read by everybody else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from gateway.access.files import replace
from gateway.appliance.places import SYSTEM

# On the partition that is the board's own: both systems read it.
PLACE = Path("/data/update/state.json")
# Below the state directory: what the gateway was sent, for the update that runs as root to take, and who sent it.
INBOX = "update"
WANTED = "wanted.raucb"
NOTE = "wanted.json"

# idle: no update yet. installing: the other slot is being written. restarting: it is written, and the next start tries
# it. on_trial: it runs, and has to prove itself. kept: it did. fell_back: it did not, and the board runs what it ran
# before. refused: the bundle was not installed, or not whole, and nothing has changed.
Phase = Literal["idle", "installing", "restarting", "on_trial", "kept", "fell_back", "refused"]
Slot = Literal["a", "b"]


class System(msgspec.Struct, frozen=True, kw_only=True):
    """A system that is in a slot, or would be.

    Attributes:
        version: of the software.
        built: Unix seconds, of the sources it was made of; later is newer where versions are equal.
        build: what tells it from every other, 16 hexadecimal digits.
    """

    version: str
    built: int
    build: str


class UpdateState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the last update stands.

    Attributes:
        phase: see ``Phase``.
        since: Unix seconds, by the board's clock.
        before: the system that ran when it began.
        target: the system that was to come; None: it is not known what was in the bundle.
        reason: why it was refused or fell back, in words with the cure.
        lines: names of the lines whose devices answered before: they have to on trial.
        backup: file with state and configuration as they were before.
        asked_by: who sent it by the network; None: it was given on the board.
        bringing_back: the saved state is being put back.
    """

    phase: Phase = "idle"
    since: float | None = None
    before: System | None = None
    target: System | None = None
    reason: str | None = None
    lines: tuple[str, ...] = ()
    backup: str | None = None
    asked_by: str | None = None
    bringing_back: bool = False


def read_system(place: Path = SYSTEM) -> System | None:
    """What is in the slot that runs; None: nothing there says so."""
    try:
        return msgspec.json.decode(place.read_bytes(), type=System)
    except (OSError, msgspec.DecodeError):
        return None


def read_state(place: Path = PLACE) -> UpdateState:
    """What was written last; idle where nothing was, or where it cannot be understood."""
    try:
        return msgspec.json.decode(place.read_bytes(), type=UpdateState)
    except (OSError, msgspec.DecodeError):
        return UpdateState()


def write_state(state: UpdateState, place: Path = PLACE) -> None:
    """Keep it, whole or not at all, for everybody to read.

    Raises:
        OSError: the disk does not take it.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    replace(place, msgspec.json.format(msgspec.json.encode(state)), 0o644)
