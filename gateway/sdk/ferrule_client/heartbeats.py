"""An agent kept registered beside the program."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from .effects import Report

KeepAlive = Callable[[Callable[[], Report], Iterable[Mapping[str, object]], threading.Event], None]


class Heartbeats:
    """Keeps an agent registered in a thread of its own, for as long as a `with` block runs.

    Args:
        keep_alive: does so, until it is told to stop.
        report: asked before each heartbeat, in that thread.
        services: announced, and announced again within their ttl.
    """

    def __init__(
        self, keep_alive: KeepAlive, report: Callable[[], Report], services: Iterable[Mapping[str, object]]
    ) -> None:
        self._keep = keep_alive
        self._report = report
        self._services = tuple(services)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name="ferrule-heartbeats", daemon=True)
        self._error: Exception | None = None

    @property
    def error(self) -> Exception | None:
        """What ended it; None while it goes on."""
        return self._error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End it.

        Raises:
            FerruleError: it had ended before by itself.
        """
        self._stop.set()
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def _keep_alive(self) -> None:
        try:
            self._keep(self._report, self._services, self._stop)
        except Exception as error:  # noqa: BLE001 # raised where the block ends, in the program's own thread
            self._error = error
