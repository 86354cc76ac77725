"""What a level of governance is: a name, a pace, a tick that decides, and a health made of measured terms."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from gateway.core.ports import Json
from gateway.governor.health import Term


class LevelName(StrEnum):
    """The five levels, lowest first; a higher one may overrule a lower one (D-094)."""

    OPERATIONAL = "operational"
    COORDINATION = "coordination"
    MANAGEMENT = "management"
    INTELLIGENCE = "intelligence"
    META = "meta"


class Level(Protocol):
    """One governor.

    A tick is plain computation on a glance: it awaits nothing, so it cannot hang on anything, and what it wants done
    goes through the action door. Its loop measures how long ticks take.
    """

    @property
    def name(self) -> LevelName:
        """Which level it is."""
        ...

    @property
    def pace(self) -> float:
        """Seconds between two ticks."""
        ...

    def tick(self, now: float) -> None:
        """Look, decide, propose. ``now`` is on the run loop's clock."""
        ...

    def terms(self) -> tuple[Term, ...]:
        """What its health is made of at this moment."""
        ...

    def figures(self) -> Mapping[str, Json]:
        """What else ``governor.status`` shows of it, the seed's own member first (AG-06 to AG-14)."""
        ...
