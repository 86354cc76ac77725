"""What a line is doing, kept and told the same way whatever it speaks."""

from __future__ import annotations

from enum import StrEnum

import structlog
import trio

from drivers.ports.port import Port
from gateway.core.reading import Reason
from gateway.lines.units import Announce
from gateway.settings.line_model import LineSettings

log = structlog.stdlib.get_logger(__name__)

# Why a line has closed its port by itself.
DESERTED = "nobody on this line has answered for long: its port was closed, and is being opened anew"
RESTARTED = "its port was closed, and its task is started anew"
REPLACED = "the configuration of this line has changed: its port was closed, and is opened as it says now"
REMOVED = "the configuration has this line no longer"


class State(StrEnum):
    """What a line is doing."""

    STARTING = "starting"
    UP = "up"
    DOWN = "down"
    PARKED = "parked"
    STOPPED = "stopped"


class LineState:
    """The state of one line, for those who look at it; the line itself is what changes it.

    Args:
        settings: of the line.
        announce: told of ``line:up``, ``line:down`` and ``line:parked``.

    Attributes:
        reason: one word for why it is not up.
        words: the same for people.
        port: the open one.
        opened: how often it was opened.
        alive_at: the last moment at which its task made progress.
    """

    def __init__(self, settings: LineSettings, announce: Announce) -> None:
        self.settings = settings
        self.state = State.STARTING
        self.reason: str | None = None
        self.words: str | None = None
        self.port: Port | None = None
        self.opened = 0
        self.alive_at = trio.current_time()
        self._announce = announce
        self._told_up = False

    def leave(self, words: str) -> None:
        """Another configuration is taken over, without this line or with another in its place: it has ended for good.

        Who was told that it is up is told that it is not, before the other one says that it is.
        """
        if self._told_up:
            self.state, self.reason, self.words = State.DOWN, "closed", words
            log.info("line closed", line=self.settings.name, words=words)
            self._tell("line:down")

    def _is_starting(self) -> None:
        """A new life begins; parked is what a line that was stays until it is up."""
        if self._told_up:
            # The life before ended without a word, by a restart: who was told that it is up is not told so twice.
            self._is_down("closed", RESTARTED)
        if self.state is not State.PARKED:
            self.state = State.STARTING

    def _is_up(self, port: Port) -> None:
        self.port = port
        self.state, self.reason, self.words = State.UP, None, None
        self.opened += 1
        log.info("line up", line=self.settings.name, port=port.name)
        if not self._told_up:
            self._tell("line:up")

    def _is_deserted(self) -> None:
        """Nobody answers, and the port is opened anew: silence is no broken link. It is told where that fails."""
        self.state, self.reason, self.words = State.DOWN, Reason.NO_ANSWER, DESERTED

    def _is_down(self, reason: str, words: str) -> None:
        """The same trouble again, after another try, is no news."""
        news = (self.state, self.reason) != (State.DOWN, reason)
        self.state, self.reason, self.words = State.DOWN, reason, words
        if news:
            log.warning("line down", line=self.settings.name, reason=reason, words=words)
            self._tell("line:down")

    def _is_parked(self, words: str) -> None:
        self.state, self.reason, self.words = State.PARKED, Reason.FAULT, words
        self._tell("line:parked")

    def _is_stopped(self) -> None:
        """Parked is what a line stays when its last life has ended."""
        if self.state is not State.PARKED:
            self.state = State.STOPPED

    def _tell(self, event: str) -> None:
        self._told_up = event == "line:up"
        self._announce(
            event, {"line": self.settings.name, "state": self.state, "reason": self.reason, "message": self.words}
        )
