"""One life of an instance: from the start of its process until nothing of it is left."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import structlog
import trio

from gateway.core.events import Event
from gateway.core.ports import Json
from gateway.plugins.host import forms
from gateway.plugins.host.conversation import AskedTooMuchError
from gateway.plugins.host.desk import Desk
from gateway.plugins.host.frames import LineReader, TooLong
from gateway.plugins.host.link import GoneError, Link, RefusedError
from gateway.plugins.host.measured import Measured, crowded
from gateway.plugins.host.messages import TooLargeError
from gateway.plugins.host.notes import HOST, Notes
from gateway.plugins.host.pace import Pace, Rate
from gateway.plugins.host.process import Running
from gateway.plugins.host.states import Fall, Health, Spec, Timing
from gateway.plugins.host.tally import Tally

log = structlog.stdlib.get_logger(__name__)

PROTOCOL = 1
# Events that wait to be taken by the process; beyond that the oldest are dropped, and it is told how many.
MOST_EVENTS = 256
_LONGEST_COMPLAINT = 4096
# Characters of what it says of its health.
_DETAIL = 1000
# What is complained of is for people: who complains faster waits.
_COMPLAINTS = Rate(lines=100.0, bytes=64.0 * 1024.0, burst=4.0)
_CHUNK = 16 * 1024
# Between the end of its output and its own end.
_ENDING_S = 1.0
# Until nothing of it is left.
_END_S = 15.0


class Life:
    """One process of an instance.

    Args:
        running: the process.
        spec: what it is.
        config: its configuration.
        desk: serves what it asks for.
        notes: its log.
        measured: what it takes.
        timing: how long things may take.
        health: times its answers.

    Attributes:
        link: speaks with it.
        status, detail: its health.
        events, missed: that it was given; that it was too slow for.
    """

    def __init__(  # noqa: PLR0917 - parts it is made of
        self,
        running: Running,
        spec: Spec,
        config: Mapping[str, Json],
        desk: Desk,
        notes: Notes,
        measured: Measured,
        timing: Timing,
        health: Tally,
    ) -> None:
        self._running, self._spec, self._config = running, spec, config
        self._notes, self._measured, self._timing, self._health = notes, measured, timing, health
        self.link: Final = Link(running.stdin, running.stdout, desk.serve, self._overheard)
        self.status: Health | None = None
        self.detail: str | None = None
        self.events = self.missed = 0
        self._queue: deque[tuple[list[str], Event]] = deque()
        self._queued = trio.Event()
        self._unsaid = 0
        self._giving = False
        self._fall: Fall | None = None
        self._leaving = self._initialized = False

    async def run(self, stop: trio.Event, started: Callable[[], None]) -> Fall | None:
        """Live, until ``stop`` or a fall; None: it was stopped.

        Args:
            stop: it shall end.
            started: called when it is initialised.
        """
        self._measured.begin(trio.current_time())
        try:
            async with trio.open_nursery() as nursery:
                scope = nursery.cancel_scope
                nursery.start_soon(self._listen)
                nursery.start_soon(self._speak, scope)
                nursery.start_soon(self._measure, scope)
                nursery.start_soon(self._abandon, stop, scope)
                if await self._initialize(scope):
                    self._initialized = True
                    started()
                    nursery.start_soon(self._check, scope)
                    nursery.start_soon(self._bring)
                    await stop.wait()
                    await self._farewell()
                scope.cancel()
        finally:
            with trio.move_on_after(_END_S, shield=True):
                await self._running.destroy()
            self._measured.end()
        return self._fall

    def offer(self, names: list[str], event: Event) -> None:
        """Bring it an event, when it has time."""
        if len(self._queue) >= MOST_EVENTS:
            self._queue.popleft()
            self.missed += 1
            self._unsaid += 1
        self._queue.append((names, event))
        self._queued.set()

    @property
    def pending(self) -> int:
        """Events that its process was not given yet."""
        return len(self._queue) + self._giving

    def _fell(self, reason: str, message: str, scope: trio.CancelScope) -> None:
        if self._fall is None and not self._leaving:
            self._fall = Fall(reason, self._notes.conceal(message))
        scope.cancel()

    async def _abandon(self, stop: trio.Event, scope: trio.CancelScope) -> None:
        """Who is not initialised has nothing to finish."""
        await stop.wait()
        if not self._initialized:
            self._leaving = True
            scope.cancel()

    def _overheard(self, text: str) -> None:
        self._notes.add("stdout", text, "warning")

    async def _initialize(self, scope: trio.CancelScope) -> bool:
        spec, timing = self._spec, self._timing
        about: dict[str, Json] = {
            "protocol": PROTOCOL,
            "instance": spec.instance,
            "plugin": spec.plugin,
            "version": spec.version,
            "config": self._config,
            "permissions": list(spec.permissions),
            "subscriptions": sorted(spec.subscriptions),
        }
        try:
            await self.link.call("initialize", about, timing.initialize)
            await self._ask_health()
        except RefusedError as error:
            self._fell("not_initialized", f"it refused to be initialised: {error}", scope)
        except trio.TooSlowError:
            message = f"it did not answer initialize within {timing.initialize:g} s: see its log"
            self._fell("not_initialized", message, scope)
        except TooLargeError as error:
            self._fell("not_initialized", f"its configuration: {error}", scope)
        except GoneError:
            # Whoever reads its output says why.
            await trio.sleep_forever()
        else:
            return True
        return False

    async def _speak(self, scope: trio.CancelScope) -> None:
        await self.link.run()
        code: int | None = None
        with trio.move_on_after(_ENDING_S):
            code = await self._running.wait()
        if self._leaving:
            return
        self._fell(*_how(code), scope)

    async def _listen(self) -> None:
        lines, pace = LineReader(_LONGEST_COMPLAINT), Pace(_COMPLAINTS)
        while data := await _receive(self._running.stderr):
            found = lines.feed(data)
            for line in found:
                self._complain(line)
            await trio.sleep(pace.wait(trio.current_time(), len(found), len(data)))
        if (rest := lines.end()) is not None:
            self._complain(rest)

    def _complain(self, line: bytes | TooLong) -> None:
        text = f"(a line of {line.size} bytes)" if isinstance(line, TooLong) else line.decode(errors="replace")
        self._notes.add("stderr", text)

    async def _measure(self, scope: trio.CancelScope) -> None:
        bounds, timing = self._spec.bounds, self._timing
        while True:
            await trio.sleep(timing.measure_every)
            usage = self._running.usage()
            if usage is not None:
                self._measured.look(trio.current_time(), usage)
            fall = self._measured.excess(bounds, timing.cpu_window)
            if fall is None:
                fall = crowded(*await self._running.data_size(), bounds)
            if fall is not None:
                self._fell(fall.reason, fall.message, scope)

    async def _check(self, scope: trio.CancelScope) -> None:
        timing, misses = self._timing, 0
        while True:
            await trio.sleep(timing.health_every)
            try:
                await self._ask_health()
                misses = 0
            except trio.TooSlowError:
                misses += 1
                self._notes.add(HOST, f"no answer to health within {timing.health_within:g} s", "warning")
            except GoneError:
                return
            if misses >= timing.health_misses and not self._leaving:
                self._fell("silent", f"it did not answer {misses} questions for its health", scope)

    async def _ask_health(self) -> None:
        begun, failed = trio.current_time(), True
        try:
            answer = await self.link.call("health", {}, self._timing.health_within)
            status, detail = _health(answer)
            self.status, self.detail = status, None if detail is None else self._notes.conceal(detail)[:_DETAIL]
            failed = False
        except RefusedError as error:
            self.status, self.detail = Health.UNHEALTHY, self._notes.conceal(str(error))
        except AskedTooMuchError:
            # Everything it is asked waits: so would this.
            raise trio.TooSlowError from None
        finally:
            self._health.note(trio.current_time() - begun, failed=failed)

    async def _bring(self) -> None:
        while True:
            await self._queued.wait()
            while self._queue:
                names, event = self._queue.popleft()
                self._giving = True
                missed, self._unsaid = self._unsaid, 0
                try:
                    await self.link.tell(
                        "event", {"subscriptions": names, "event": forms.event(event), "missed": missed}
                    )
                    self.events += 1
                except TooLargeError:
                    self.missed += 1
                    self._unsaid = missed + 1
                except GoneError:
                    return
                self._giving = False
            self._queued = trio.Event()

    async def _farewell(self) -> None:
        """Ask it to end by itself, then by a signal; who does neither is killed after that."""
        self._leaving = True
        timing = self._timing
        with trio.move_on_after(timing.shutdown):
            try:
                await self.link.call("shutdown", {}, timing.shutdown)
                await self._running.stdin.aclose()
                await self._running.wait()
                return
            except (RefusedError, GoneError, AskedTooMuchError, trio.TooSlowError, trio.BusyResourceError):
                pass
        self._running.terminate()
        with trio.move_on_after(timing.terminate):
            await self._running.wait()
            return
        self._notes.add(HOST, "it did not end when told to, and was killed", "warning")


def _how(code: int | None) -> tuple[str, str]:
    if code is None:
        return "ended", "it closed its standard input or output and went on"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = str(-code)
        return "killed", f"it was ended by signal {name}: see its log"
    return "ended", f"it ended by itself with code {code}: see its log"


def _health(answer: Json) -> tuple[Health, str | None]:
    status = answer.get("status") if isinstance(answer, Mapping) else None
    detail = answer.get("detail") if isinstance(answer, Mapping) else None
    text = detail if isinstance(detail, str) else None
    if not isinstance(status, str) or status not in set(Health):
        return Health.UNHEALTHY, 'its answer to health must be {"status": "healthy" | "degraded" | "unhealthy"}'
    return Health(status), text


async def _receive(stream: trio.abc.ReceiveStream) -> bytes:
    try:
        return bytes(await stream.receive_some(_CHUNK))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return b""
