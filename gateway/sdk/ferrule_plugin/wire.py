"""JSON-RPC 2.0 over two files, one JSON text a line: any thread may ask, one thread reads."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from .errors import GoneError, InvalidError, NoAnswerError, error_of

# Bytes of a line, as the gateway takes them.
LONGEST = 256 * 1024
# Requests that wait for an answer at once: the gateway serves 16.
MOST_ASKED = 12
PATIENCE_S = 40.0

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603


class Refusal(Exception):  # noqa: N818 - it is an answer
    """The answer to a request is an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class _Waiting:
    done: threading.Event = field(default_factory=threading.Event)
    answer: Mapping[str, Any] | None = None


class Wire:
    """The gateway, at the other end of two files.

    Args:
        source: what it says.
        sink: takes what is said to it.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._writing = threading.Lock()
        self._asking = threading.BoundedSemaphore(MOST_ASKED)
        self._waiting: dict[int, _Waiting] = {}
        self._last = 0
        self._gone = False

    def ask(self, method: str, params: Mapping[str, Any], patience: float = PATIENCE_S) -> Any:
        """Ask the gateway, and wait for its answer. Not from the thread that reads.

        Raises:
            PluginError: one of its kinds.
        """
        with self._asking:
            waiting = _Waiting()
            with self._writing:
                if self._gone:
                    raise GoneError("the gateway is gone")
                self._last += 1
                number = self._last
                self._waiting[number] = waiting
            try:
                self._send({"id": number, "method": method, "params": params})
                if not waiting.done.wait(patience):
                    raise NoAnswerError(f"{method}: no answer within {patience:g} s")
            finally:
                self._waiting.pop(number, None)
        if waiting.answer is None:
            raise GoneError("the gateway is gone")
        if "error" in waiting.answer:
            raise error_of(waiting.answer["error"])
        return waiting.answer.get("result")

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Say something that is not answered."""
        self._send({"method": method, "params": params})

    def answer(self, id_: object, result: Any) -> None:
        """Answer a request of the gateway."""
        try:
            self._send({"id": id_, "result": result})
        except InvalidError as error:
            self.refuse(id_, Refusal(INTERNAL_ERROR, str(error)))

    def refuse(self, id_: object, refusal: Refusal) -> None:
        """Answer a request of the gateway with an error."""
        self._send({"id": id_, "error": {"code": refusal.code, "message": str(refusal)[:1000]}})

    def read(self, take: Callable[[str, Mapping[str, Any], object], None]) -> None:
        """Read until the gateway is gone.

        Args:
            take: given method, parameters and id (None: a notification) of what the gateway asks; it must return soon.
        """
        try:
            for line in self._source:
                message = json.loads(line)
                if "method" in message:
                    take(message["method"], message.get("params", {}), message.get("id"))
                elif (waiting := self._waiting.get(message.get("id"))) is not None:
                    waiting.answer = message
                    waiting.done.set()
        finally:
            self.leave()

    def leave(self) -> None:
        """No answer will come any more."""
        with self._writing:
            self._gone = True
            waiting = list(self._waiting.values())
        for one in waiting:
            one.done.set()

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            text = json.dumps({"jsonrpc": "2.0", **message}, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError) as error:
            raise InvalidError(f"this is no JSON: {error}") from None
        if len(text) > LONGEST:
            raise InvalidError(f"{len(text)} bytes of JSON: at most {LONGEST} at once")
        with self._writing:
            try:
                self._sink.write(text + b"\n")
                self._sink.flush()
            except (OSError, ValueError):
                self._gone = True
                raise GoneError("the gateway is gone") from None
