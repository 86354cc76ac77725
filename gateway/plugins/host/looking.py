"""Starts instances with what this system has, which is looked for when the first one is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio

from gateway.plugins.host.door import DOOR, means_behind
from gateway.plugins.host.probe import find_means
from gateway.plugins.host.process import ProcessRunner, Running
from gateway.plugins.host.sandbox import Means, Protection, Sandbox, missing


class LookingRunner:
    """Implements ``process.Runner``.

    Args:
        found: told once what there is.
        door: where systemd would start them, each in a unit of its own.
    """

    def __init__(self, found: Callable[[Means], None], door: Path = DOOR) -> None:
        self._found, self._door = found, door
        self._means: Means | None = None
        self._runner: ProcessRunner | None = None
        self._looking = trio.Lock()

    @property
    def means(self) -> Means | None:
        """What there is; None: nobody looked yet."""
        return self._means

    async def look(self) -> None:
        """Find out what there is to start them with, where that is not known yet."""
        await self._known()

    def missing(self, sandbox: Sandbox) -> tuple[Protection, ...]:
        """What an instance will not be protected from; while that is not known, everything."""
        return missing(sandbox, self._means or Means())

    async def start(self, sandbox: Sandbox) -> Running:
        """Start an instance."""
        means = await self._known()
        # One for all: what it starts must not outlive it.
        self._runner = self._runner or ProcessRunner(means)
        return await self._runner.start(sandbox)

    async def _known(self) -> Means:
        async with self._looking:
            if self._means is None:
                self._means = await means_behind(self._door) or await find_means()
                self._found(self._means)
            return self._means
