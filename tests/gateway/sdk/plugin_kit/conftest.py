"""A gateway at the other end of two pipes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from gateway.sdk.ferrule_plugin import Plugin

PATIENCE_S = 30.0


class Gateway:
    """Says what a test wants, and remembers what the plugin asked."""

    def __init__(self) -> None:
        read, write = os.pipe()
        self.source, self._to = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        read, write = os.pipe()
        self._from, self.sink = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.answers: dict[str, Any] = {"event.subscribe": {}, "reading.publish": {}}
        self._results: dict[int, Mapping[str, Any]] = {}
        self._changed = threading.Condition()
        self._number = 0
        self._threads: list[threading.Thread] = []

    def start(self, plugin: Plugin) -> None:
        """Run a plugin, and initialise it."""
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, plugin.run)]
        for thread in self._threads:
            thread.start()
        config = {"factor": 2}
        self.call("initialize", {"config": config, "instance": "i-1", "permissions": ["read-tags"], "protocol": 1})

    def call(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the plugin; returns the whole answer."""
        self._number += 1
        number = self._number
        self.say({"id": number, "method": method, "params": params})
        found: Mapping[str, Any] = self.until(lambda: self._results.get(number))
        return found

    def say(self, message: Mapping[str, Any]) -> None:
        """Say anything."""
        self._to.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._to.flush()

    def event(self, subscription: str, type_: str, data: Mapping[str, Any], missed: int = 0) -> None:
        """Bring an event."""
        form = {"id": "e", "type": type_, "timestamp": "2026-11-22T00:00:00Z", "routingKey": None, "data": data}
        self.say({"method": "event", "params": {"subscriptions": [subscription], "event": form, "missed": missed}})

    def until(self, look: Callable[[], Any]) -> Any:
        """What a look brings, once it brings something."""
        with self._changed:
            assert self._changed.wait_for(look, PATIENCE_S), (self.asked, self.told)
            return look()

    def end(self) -> None:
        """Be gone."""
        if not self._to.closed:
            self._to.close()
        self.join()

    def join(self) -> None:
        """Wait for the plugin's end."""
        for thread in self._threads[1:]:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        if not self.sink.closed:
            self.sink.close()
        for thread in self._threads[:1]:
            thread.join(PATIENCE_S)

    def close(self) -> None:
        """Close what is open."""
        self.end()
        for file in (self.source, self._from):
            file.close()

    def _read(self) -> None:
        for line in self._from:
            message = json.loads(line)
            with self._changed:
                if "method" not in message:
                    self._results[message["id"]] = message
                elif "id" in message:
                    self.asked.append((message["method"], message["params"]))
                    answer = self.answers.get(message["method"], {"code": -32601, "message": "no such method"})
                    if callable(answer):
                        answer = answer(message["params"])
                    wrong = isinstance(answer, dict) and "code" in answer
                    self.say({"id": message["id"], "error" if wrong else "result": answer})
                else:
                    self.told.append((message["method"], message["params"]))
                self._changed.notify_all()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    found = Gateway()
    yield found
    found.close()


@pytest.fixture
def plugin(gateway: Gateway) -> Plugin:
    return Plugin(gateway.source, gateway.sink)
