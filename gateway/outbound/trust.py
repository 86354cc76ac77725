"""Whom to trust: TLS contexts, made once for each file of authorities and anew when it changes."""

from __future__ import annotations

import ssl
from pathlib import Path

import structlog
import trio

from gateway.outbound.route import WireError

log = structlog.stdlib.get_logger(__name__)

# Contexts that are kept; each holds a list of authorities.
_MOST = 16


class Trust:
    """Makes TLS contexts for calls: TLS 1.2 or later, the certificate proven, and for the name that was asked for."""

    def __init__(self) -> None:
        self._made: dict[str | None, tuple[tuple[int, int, int], ssl.SSLContext]] = {}

    async def context(self, ca: str | None) -> ssl.SSLContext:
        """The context that trusts the authorities in a file; None: those the system knows.

        Raises:
            WireError: the file cannot be used; the log says why.
        """
        try:
            state = _state(ca)
            known = self._made.get(ca)
            if known is not None and known[0] == state:
                return known[1]
            # A list of all authorities takes long to read for a board.
            context = await trio.to_thread.run_sync(_make, ca)
        except (OSError, ssl.SSLError) as error:
            log.warning("authorities cannot be used", file=ca, reason=str(error))
            raise WireError("cannot be proven: the file with its authority cannot be used, the log says why") from None
        if len(self._made) >= _MOST:
            self._made.clear()
        self._made[ca] = (state, context)
        return context


def _state(ca: str | None) -> tuple[int, int, int]:
    if ca is None:
        return 0, 0, 0
    found = Path(ca).stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _make(ca: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
