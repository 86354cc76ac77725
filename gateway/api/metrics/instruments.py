"""What is measured all the time, for ``/metrics`` to show."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import trio

from gateway.api.asgi import Scope
from gateway.api.metrics.exposition import Family, label_text
from gateway.api.metrics.histogram import Histogram
from gateway.plugins.host.states import Report
from gateway.settings.model import MetricsSettings

# Seconds; a good answer from memory takes one millisecond, the longest call 30 s.
DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LAGS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
# Seconds between two measurements of the event loop's lag.
LAG_INTERVAL = 0.5
# How many of them a minute has.
LATELY = 120


class HttpMeter:
    """Counts requests.

    Attributes:
        connections: tells how many are open; None: nobody knows.
        foreign: told of each WebSocket that a web page of another origin wanted, and of that origin.
    """

    def __init__(self) -> None:
        self.connections: Callable[[], int] | None = None
        self.foreign: list[Callable[[Scope, str], None]] = []
        self._in_progress = 0
        self._requests: dict[tuple[str, int], int] = {}
        self._durations: dict[str, Histogram] = {}
        self._calls: dict[tuple[str, str], int] = {}

    def begin(self) -> None:
        """A request has come."""
        self._in_progress += 1

    def count(self, family: str, status: int) -> None:
        """A request was answered; nobody knows how long that took."""
        self._requests[family, status] = self._requests.get((family, status), 0) + 1

    def end(self, family: str, status: int | None, seconds: float) -> None:
        """It was answered with this status, or its caller did not wait (None).

        Args:
            family: of its path; there must be few of them.
            status: of HTTP.
            seconds: from its header to its answer.
        """
        self._in_progress -= 1
        if status is None:
            return
        self.count(family, status)
        durations = self._durations.get(family)
        if durations is None:
            durations = self._durations[family] = Histogram(DURATIONS)
        durations.observe(seconds)

    def called(self, method: str, error: int | None) -> None:
        """A call was answered; HTTP says 200 of most errors too.

        Args:
            method: one that there is.
            error: its JSON-RPC code, None for a result.
        """
        key = method, "result" if error is None else str(error)
        self._calls[key] = self._calls.get(key, 0) + 1

    def families(self) -> list[Family]:
        """What was counted."""
        calls = Family("ferrule_rpc_calls_total", "counter", "Calls answered, by method and outcome: result or code.")
        for (method, outcome), number in sorted(self._calls.items()):
            calls.add(number, label_text(method=method, outcome=outcome))
        requests = Family("ferrule_http_requests_total", "counter", "Requests answered, by family of paths and status.")
        for (family, status), number in sorted(self._requests.items()):
            requests.add(number, label_text(family=family, status=str(status)))
        durations = Family(
            "ferrule_http_request_duration_seconds", "histogram", "Time from a request's header to its answer."
        )
        for family, histogram in sorted(self._durations.items()):
            histogram.write(durations, family=family)
        in_progress = Family("ferrule_http_requests_in_progress", "gauge", "Requests that are being answered.")
        in_progress.add(self._in_progress)
        connections = Family("ferrule_http_connections_open", "gauge", "Open connections of callers.")
        connections.add(None if self.connections is None else self.connections())
        return [requests, durations, in_progress, connections, calls]


class LoopLag:
    """Measures how late the event loop is: polls and answers are at least as late."""

    def __init__(self) -> None:
        self._lags = Histogram(LAGS)
        self._lately: deque[float] = deque(maxlen=LATELY)

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            due = trio.current_time() + LAG_INTERVAL
            await trio.sleep_until(due)
            lag = trio.current_time() - due
            self._lags.observe(lag)
            self._lately.append(lag)

    def worst_ms(self) -> float | None:
        """The longest lag of the last minute, in ms; None before the first was measured."""
        return round(1000 * max(self._lately), 3) if self._lately else None

    def families(self) -> list[Family]:
        """What was measured."""
        family = Family("ferrule_event_loop_lag_seconds", "histogram", "How late the event loop woke a sleeping task.")
        self._lags.write(family)
        return [family]


class SdkMeter:
    """Counts SDKs that callers have fetched whole, by language."""

    def __init__(self) -> None:
        self._fetched: dict[str, int] = {}

    def count(self, language: str) -> None:
        """Somebody has one."""
        self._fetched[language] = self._fetched.get(language, 0) + 1

    def families(self) -> list[Family]:
        """What was counted."""
        family = Family("ferrule_sdk_downloads_total", "counter", "SDKs fetched whole, by language.")
        for language, number in sorted(self._fetched.items()):
            family.add(number, label_text(language=language))
        return [family]


class Instruments:
    """All of them, and what of their figures is shown.

    Attributes:
        http: measured by the application and the server.
        lag: its ``run`` must run.
        sdks: told of each that is fetched.
        settings: what is shown; may be replaced while the gateway runs.
        plugins: tells how instances of plugins do; None: nobody runs any.
    """

    def __init__(self, settings: MetricsSettings) -> None:
        self.http = HttpMeter()
        self.lag = LoopLag()
        self.sdks = SdkMeter()
        self.settings = settings
        self.plugins: Callable[[], Sequence[Report]] | None = None
