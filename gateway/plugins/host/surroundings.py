"""What all instances share."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.plugins.host.process import Runner
from gateway.plugins.host.services import HostServices
from gateway.plugins.host.states import Timing


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all instances share.

    Attributes:
        runner: starts them.
        services: of the gateway.
        tell: emits an event of the catalogue.
        wall: Unix seconds.
        timing: how long things may take.
        chance: 0 to 1, for jitter.
    """

    runner: Runner
    services: HostServices
    tell: Callable[[str, Mapping[str, object]], None]
    wall: Callable[[], float]
    timing: Timing
    chance: Callable[[], float] = random.random
