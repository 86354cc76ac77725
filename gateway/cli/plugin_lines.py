"""Steps that are typed, or come through a pipe, while a plugin is tried."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable

import trio

from gateway.plugins.author.steps import Step, parse_step

_CHUNK = 4096
_LONGEST = 256 * 1024


class Lines:
    """The steps that come in through a descriptor.

    Args:
        descriptor: standard input.
        wrong: told of a line that is no step.
        first: lines that come before.
    """

    def __init__(self, descriptor: int, wrong: Callable[[str], None], first: Iterable[bytes] = ()) -> None:
        self._descriptor, self._wrong = descriptor, wrong
        self._lines = deque(first)
        self._held = b""
        self._ended = False

    async def next(self) -> Step | None:
        """The next one; None: there will be no more."""
        while True:
            while self._lines:
                if (step := self._step(self._lines.popleft())) is not None:
                    return step
            if self._ended:
                return None
            data = await self._read()
            self._ended = not data
            *lines, self._held = (self._held + (data or b"\n")).split(b"\n")
            self._lines.extend(lines)
            if len(self._held) > _LONGEST:
                self._wrong(f"a line of more than {_LONGEST} bytes")
                self._held = b""

    def _step(self, line: bytes) -> Step | None:
        text = line.decode(errors="replace").strip()
        if not text or text.startswith("#"):
            return None
        try:
            return parse_step(text)
        except ValueError as error:
            self._wrong(str(error))
            return None

    async def _read(self) -> bytes:
        try:
            await trio.lowlevel.wait_readable(self._descriptor)
        except OSError:
            # Files, and /dev/null, never keep anybody waiting: the kernel does not even let us ask.
            await trio.lowlevel.checkpoint()
        return os.read(self._descriptor, _CHUNK)
