"""Notes in the audit log what commands did beside the gateway, and who asked for a reload."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import structlog
import trio

from gateway.access.acts import Act, forget, left
from gateway.access.keys import RootKey
from gateway.core import rfc3339
from gateway.core.audit import AuditLog
from gateway.core.principal import OPERATOR, Kind, Principal

log = structlog.stdlib.get_logger(__name__)

# What ``ferrule reload`` leaves is no row of its own: it says who is behind the next ones.
RELOAD = "gateway.reload"
# Seconds between two looks.
LOOK_S = 10.0
# A signal follows within moments; who left it longer ago did not send this one.
_ASKED_LATELY_S = 60.0


class Acts:
    """What was left in a state directory.

    Args:
        state: the state directory.
        root: its key.
        audit: is told.
    """

    def __init__(self, state: Path, root: RootKey, audit: AuditLog) -> None:
        self._state = state
        self._root = root
        self._audit = audit
        self._looking = trio.Lock()
        # Noted, and on the disk by the next look: then they are removed.
        self._noted: set[str] = set()
        self._asked: Principal | None = None
        self._asked_at = 0.0
        self._begun = False

    async def run(self) -> None:
        """Look from time to time, until cancelled."""
        try:
            while True:
                await self.look()
                await trio.sleep(LOOK_S)
        finally:
            # The log itself is written after this.
            self._forget()

    async def look(self) -> None:
        """Note what was left since the last look."""
        async with self._looking:
            self._forget()
            try:
                found = await trio.to_thread.run_sync(partial(left, self._state, self._root, frozenset(self._noted)))
            except OSError as error:
                log.warning("what commands did is not noted", reason=error.strerror)
                return
            for name, act in found.items():
                self._note(name, act)
            self._begun = True

    def asker(self) -> Principal | None:
        """Who asked for the reload that begins now, the last one where several did; None where nobody knows."""
        asked, self._asked = self._asked, None
        return asked if trio.current_time() - self._asked_at <= _ASKED_LATELY_S else None

    def _note(self, name: str, act: Act | None) -> None:
        self._noted.add(name)
        if act is None:
            log.warning("left out of the audit log: it was not sealed with the key of this gateway", file=name)
            return
        # Who left it needed the key that all of operators' tokens are made with.
        by = Principal(OPERATOR, frozenset(), Kind.OPERATOR, "", name=act.by)
        if act.action != RELOAD:
            self._audit.note(act.action, by=by, target=act.target, details={**act.details, "at": rfc3339.text(act.at)})
        elif self._begun:
            # One from before the start reached nobody.
            self._asked, self._asked_at = by, trio.current_time()

    def _forget(self) -> None:
        try:
            forget(self._state, self._noted)
        except OSError as error:
            # It is not noted again, at least not by this process.
            log.warning("what was noted cannot be removed", reason=error.strerror, file=error.filename)
        else:
            self._noted.clear()
