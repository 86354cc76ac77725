"""A plugin, for its author."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, TypeVar

from .errors import InvalidError, PluginError
from .log import GatewayLog
from .storage import Storage
from .values import Event, Message, Reading, SerialMessage, Value, WriteResult
from .wire import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, PATIENCE_S, Refusal, Wire
from .worker import Worker

OnEvent = Callable[[Event], object]
OnMessage = Callable[[Message], Any]
OnConfig = Callable[[Mapping[str, Any]], object]
F = TypeVar("F", bound=Callable[..., Any])

_STATES = ("healthy", "degraded", "unhealthy")
# Seconds what it does at the end may take before it ends all the same.
_FAREWELL_S = 4.0


@dataclass(frozen=True, slots=True)
class _Subscription:
    name: str
    patterns: tuple[str, ...]
    wanted: Mapping[str, Sequence[Any]]
    handler: OnEvent


class Plugin:
    """One instance of a plugin.

    Everything it does (events, messages, timers) runs in one thread, one after the other. Any thread of its own may
    call the gateway, too.

    Args:
        source: what the gateway says; by default standard input.
        sink: takes what is said to it; by default standard output, which prints are then kept away from.

    Attributes:
        config: as it was given, validated by the schema of the manifest.
        instance: id of this instance.
        permissions: that were granted.
        storage: what it keeps.
        log: the log of this instance.
    """

    def __init__(self, source: BinaryIO | None = None, sink: BinaryIO | None = None) -> None:
        self.config: Mapping[str, Any] = {}
        self.instance = ""
        self.permissions: tuple[str, ...] = ()
        self._files = (source, sink)
        self._wire: Wire | None = None
        self._worker = Worker(self._failed)
        self._subscriptions: list[_Subscription] = []
        self._given: dict[str, OnEvent] = {}
        self._messages: dict[str, OnMessage] = {}
        self._timers: list[tuple[float, Callable[[], object]]] = []
        self._on_start: list[Callable[[], object]] = []
        self._on_stop: list[Callable[[], object]] = []
        self._on_config: list[OnConfig] = []
        self._health: tuple[str, str | None] = ("healthy", None)
        self._over = threading.Event()
        self.storage = Storage(self._ask)
        self.log = logging.getLogger("ferrule_plugin")
        self.log.setLevel(logging.DEBUG)
        self.log.propagate = False
        self.log.handlers = [GatewayLog(self._tell)]

    # What it does

    def on_event(
        self, *patterns: str, where: Mapping[str, Any] | None = None, name: str | None = None
    ) -> Callable[[OnEvent], OnEvent]:
        """Do something for every event of some types: ``@plugin.on_event("tag:changed", where={"tag": "a/b/c"})``.

        It needs the permission ``read-events``, and ``read-tags`` for events about tags.

        Args:
            patterns: ``*`` at the end stands for any words, elsewhere for one. None: what an operator subscribed this
                ``name`` to.
            where: members of the data, each with a value or a list of values it must have one of.
            name: of the subscription; by default that of the function.
        """
        wanted = {
            key: list(value) if isinstance(value, list | tuple) else [value] for key, value in (where or {}).items()
        }

        def take(handler: OnEvent) -> OnEvent:
            called = name or str(getattr(handler, "__name__", "event"))
            if patterns:
                unique = f"{called}#{len(self._subscriptions)}"
                self._subscriptions.append(_Subscription(unique, patterns, wanted, handler))
            else:
                self._given[called] = handler
            return handler

        return take

    def on_message(self, type_: str) -> Callable[[OnMessage], OnMessage]:
        """Answer messages of other plugins, of one type; what the function returns is the answer."""

        def take(handler: OnMessage) -> OnMessage:
            self._messages[type_] = handler
            return handler

        return take

    def every(self, seconds: float) -> Callable[[F], F]:
        """Do something every so often, the first time at the start."""
        if seconds <= 0:
            raise InvalidError("every: more than 0 seconds")

        def take(task: F) -> F:
            self._timers.append((seconds, task))
            return task

        return take

    def on_start(self, task: F) -> F:
        """Do something at the start, when ``config`` is known."""
        self._on_start.append(task)
        return task

    def on_stop(self, task: F) -> F:
        """Do something at the end; it has four seconds."""
        self._on_stop.append(task)
        return task

    def on_config(self, task: F) -> F:
        """Take another configuration while running; raise ``InvalidError`` to refuse it.

        Without such a function the instance is started anew with it.
        """
        self._on_config.append(task)
        return task

    # What it can ask for

    def read(self, tag: str, max_age: float | None = None) -> Reading:
        """What a tag says; with ``max_age`` (seconds) an older value is fetched from the device first."""
        return self.read_all([tag], max_age)[0]

    def read_all(self, tags: Sequence[str], max_age: float | None = None) -> list[Reading]:
        """What some tags say."""
        answer = self._ask("tag.read", {"tags": list(tags), "maxAge": max_age})
        return [Reading.of(form) for form in answer["readings"]]

    def tags(self) -> list[Mapping[str, Any]]:
        """Every tag this instance may read, with ``tag``, ``type``, ``units``, ``writable`` and ``poll``."""
        return list(self._ask("tag.list", {})["tags"])

    def write(self, tag: str, value: Value, lease: float | None = None) -> WriteResult:
        """Write a tag; with ``lease`` (seconds) it goes back to its safe value unless it is written again."""
        return WriteResult.of(self._ask("tag.write", {"tag": tag, "value": value, "lease": lease}))

    def publish_reading(
        self,
        tag: str,
        value: Value | None,
        *,
        quality: str = "good",
        units: str | None = None,
        timestamp: str | None = None,
        stale_after: float | None = None,
    ) -> None:
        """Say the value of a tag of this plugin's own; None with the quality ``bad``.

        It is good for ``stale_after`` seconds, a minute by default: say it again before that.
        """
        form = {"tag": tag, "value": value, "quality": quality, "units": units, "timestamp": timestamp}
        self._ask("reading.publish", {**form, "staleAfter": stale_after})

    def publish(
        self, type_: str, data: Mapping[str, Any], *, routing_key: str | None = None, persistent: bool = False
    ) -> str:
        """Publish an event; returns its id."""
        form = {"type": type_, "data": dict(data), "routingKey": routing_key, "persistent": persistent}
        return str(self._ask("event.publish", form)["eventId"])

    def send(
        self,
        to: str,
        type_: str,
        payload: Any = None,
        *,
        timeout: float | None = None,
        priority: str = "normal",
        correlation_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Write to another plugin; with ``timeout`` (seconds) its answer is waited for, and is in ``["answer"]``."""
        form = {
            "to": to,
            "type": type_,
            "payload": payload,
            "timeout": timeout,
            "priority": priority,
            "correlationId": correlation_id,
        }
        found: Mapping[str, Any] = self._ask("message.send", form, PATIENCE_S + (timeout or 0.0))
        return found

    def serial_read(self, line: str, max_age: float | None = None) -> SerialMessage:
        """The last message of a raw serial line."""
        return SerialMessage.of(self._ask("serial.read", {"line": line, "maxAge": max_age}))

    def serial_write(self, line: str, data: bytes) -> WriteResult:
        """Send bytes on a raw serial line."""
        return WriteResult.of(self._ask("serial.write", {"line": line, "data": data.hex()}))

    def health(self, status: str, detail: str | None = None) -> None:
        """Say how this instance is: ``healthy``, ``degraded`` or ``unhealthy``; it is asked for it now and then."""
        if status not in _STATES:
            raise InvalidError(f"health: one of {', '.join(_STATES)}")
        self._health = (status, detail)

    # Running

    def run(self) -> None:
        """Serve the gateway, until it says that this is the end."""
        source, sink = self._files
        self._wire = wire = Wire(source or _own_input(), sink or _own_output())
        threading.Thread(target=self._work, name="worker", daemon=True).start()
        reader = threading.Thread(target=self._read, args=(wire,), name="reader", daemon=True)
        reader.start()
        self._over.wait()

    def _read(self, wire: Wire) -> None:
        try:
            wire.read(self._take)
        finally:
            self._worker.end(self._farewell)

    def _work(self) -> None:
        try:
            self._worker.run()
        finally:
            self._over.set()

    def _take(self, method: str, params: Mapping[str, Any], id_: object) -> None:
        """Told by the reader: what takes time is left to the worker."""
        match method:
            case "health":
                status, detail = self._health
                self._answer(id_, {"status": status, "detail": detail})
            case "initialize":
                self.config = params["config"]
                self.instance = params["instance"]
                self.permissions = tuple(params["permissions"])
                self._answer(id_, {})
                self._worker.do(self._start)
            case "event":
                event = Event.of(params["event"], params.get("missed", 0))
                for name in params["subscriptions"]:
                    self._worker.do(partial(self._bring, name, event))
            case "message":
                message = Message.of(params)
                self._worker.do(lambda: self._answer_by(id_, lambda: self._hand_on(message)))
            case "config" if self._on_config:
                config = params["config"]
                self._worker.do(lambda: self._answer_by(id_, lambda: self._configure(config)))
            case "shutdown":
                self._worker.end(lambda: self._leave(id_))
                # Who hangs in what it does must not hang here as well.
                timer = threading.Timer(_FAREWELL_S, self._over.set)
                timer.daemon = True
                timer.start()
            case _ if id_ is not None:
                self._refuse(id_, Refusal(METHOD_NOT_FOUND, f"no such method: {method}"))

    def _start(self) -> None:
        try:
            for subscription in self._subscriptions:
                form = {"name": subscription.name, "patterns": subscription.patterns, "filter": subscription.wanted}
                self._ask("event.subscribe", form)
            for start in self._on_start:
                start()
        except Exception as error:
            # It goes on, and says that it is not what it should be.
            self._health = ("unhealthy", f"it did not start: {error}")
            raise
        for seconds, task in self._timers:
            self._worker.every(seconds, task)

    def _bring(self, name: str, event: Event) -> None:
        for subscription in self._subscriptions:
            if subscription.name == name:
                subscription.handler(event)
        if name in self._given:
            self._given[name](event)

    def _hand_on(self, message: Message) -> Any:
        handler = self._messages.get(message.type)
        if handler is None:
            known = ", ".join(sorted(self._messages)) or "none"
            raise Refusal(INVALID_PARAMS, f"type: this plugin answers {known}")
        return handler(message)

    def _configure(self, config: Mapping[str, Any]) -> Any:
        for task in self._on_config:
            task(config)
        self.config = config
        return {}

    def _leave(self, id_: object) -> None:
        self._farewell()
        self._answer(id_, {})

    def _farewell(self) -> None:
        stops, self._on_stop = self._on_stop, []
        for stop in stops:
            try:
                stop()
            except Exception as error:  # noqa: BLE001 - the others have something to finish, too
                self._failed(error)

    def _answer_by(self, id_: object, work: Callable[[], Any]) -> None:
        try:
            self._answer(id_, work())
        except Refusal as refusal:
            self._refuse(id_, refusal)
        except InvalidError as error:
            self._refuse(id_, Refusal(INVALID_PARAMS, str(error)))
        except Exception as error:
            self._refuse(id_, Refusal(INTERNAL_ERROR, f"{type(error).__name__}: {error}"))
            raise

    def _answer(self, id_: object, result: Any) -> None:
        if id_ is not None and self._wire is not None:
            self._wire.answer(id_, result)

    def _refuse(self, id_: object, refusal: Refusal) -> None:
        if id_ is not None and self._wire is not None:
            self._wire.refuse(id_, refusal)

    def _ask(self, method: str, params: Mapping[str, Any], patience: float = PATIENCE_S) -> Any:
        if self._wire is None:
            raise PluginError("the gateway can be asked from run() on: do it in on_start, every, or a handler")
        return self._wire.ask(method, params, patience)

    def _tell(self, method: str, params: Mapping[str, Any]) -> None:
        if self._wire is not None:
            self._wire.tell(method, params)

    def _failed(self, error: Exception) -> None:
        self.log.error("%s: %s", type(error).__name__, error, exc_info=error)


def _own_input() -> BinaryIO:
    """Standard input by another object: the interpreter stumbles at its end over its own while a thread reads it."""
    return os.fdopen(os.dup(0), "rb")


def _own_output() -> BinaryIO:
    """Standard output, for the gateway alone: what is printed goes to the log from now on."""
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return own
