"""What the author of a plugin relies on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.sdk.ferrule_plugin import (
    BusyError,
    Event,
    GoneError,
    InvalidError,
    Message,
    NotPermittedError,
    Plugin,
    PluginError,
    QuotaError,
    UnavailableError,
)

from .conftest import PATIENCE_S, Gateway

READING = {
    "tag": "a/b/c",
    "value": 21.5,
    "quality": "good",
    "reason": None,
    "message": None,
    "timestamp": "2026-11-22T00:00:00Z",
    "clock": "synchronised",
    "sequence": 1,
}


def test_config_is_known_at_the_start(gateway: Gateway, plugin: Plugin) -> None:
    seen = in_handler(gateway, plugin, lambda: (plugin.config["factor"], plugin.instance, plugin.permissions))
    assert seen == (2, "i-1", ("read-tags",))
    assert gateway.call("health", {})["result"] == {"status": "healthy", "detail": None}


def test_events_reach_their_function_in_order(gateway: Gateway, plugin: Plugin) -> None:
    seen: list[tuple[str, Any, int]] = []

    @plugin.on_event("tag:changed", where={"tag": "a/b/c"})
    def changed(event: Event) -> None:
        seen.append((event.type, event.data["value"], event.missed))
        plugin.publish_reading("derived/x", event.data["value"] * plugin.config["factor"], units="K")

    @plugin.on_event()
    def operators(event: Event) -> None:
        seen.append((event.type, None, 0))
        plugin.log.info("done")

    gateway.start(plugin)
    gateway.until(lambda: gateway.asked)
    assert gateway.asked[0] == (
        "event.subscribe",
        {"name": "changed#0", "patterns": ["tag:changed"], "filter": {"tag": ["a/b/c"]}},
    )
    for value in range(3):
        gateway.event("changed#0", "tag:changed", {"tag": "a/b/c", "value": value}, missed=value)
    gateway.event("operators", "system:health", {})
    gateway.event("nobody", "system:health", {})
    gateway.until(lambda: gateway.told)
    assert seen == [("tag:changed", 0, 0), ("tag:changed", 1, 1), ("tag:changed", 2, 2), ("system:health", None, 0)]
    assert gateway.asked[3] == (
        "reading.publish",
        {"tag": "derived/x", "value": 4, "quality": "good", "units": "K", "timestamp": None, "staleAfter": None},
    )


def in_handler(gateway: Gateway, plugin: Plugin, work: Any) -> Any:
    """What a piece of a plugin returns or raises, run where plugins run."""
    found: list[Any] = []

    @plugin.on_start
    def start() -> None:
        try:
            found.append(work())
        except PluginError as error:
            found.append(error)

        done.set()

    done = threading.Event()
    gateway.start(plugin)
    assert done.wait(PATIENCE_S)
    return found[0]


def test_reading_and_writing(gateway: Gateway, plugin: Plugin) -> None:
    gateway.answers["tag.read"] = {"readings": [READING]}
    gateway.answers["tag.write"] = {"outcome": "refused", "reason": "illegal_value", "message": "no", "readBack": None}
    reading, result = in_handler(gateway, plugin, lambda: (plugin.read("a/b/c", 5), plugin.write("a/b/c", 1, lease=60)))
    assert (reading.value, reading.good) == (21.5, True)
    assert (result.confirmed, result.reason) == (False, "illegal_value")
    assert gateway.asked == [
        ("tag.read", {"tags": ["a/b/c"], "maxAge": 5}),
        ("tag.write", {"tag": "a/b/c", "value": 1, "lease": 60}),
    ]


def test_storage(gateway: Gateway, plugin: Plugin) -> None:
    kept: dict[str, Any] = {}

    def put(params: Mapping[str, Any]) -> object:
        kept[params["key"]] = params["value"]
        return {}

    gateway.answers |= {
        "storage.put": put,
        "storage.get": lambda params: {"value": kept.get(params["key"])},
        "storage.list": lambda params: {"keys": [key for key in kept if key.startswith(params["prefix"])]},
        "storage.delete": lambda params: {"removed": kept.pop(params["key"], None) is not None},
    }

    def work() -> object:
        plugin.storage.put("total", {"kg": 12})
        got = plugin.storage.get("total"), plugin.storage.get("nothing", 7), plugin.storage.keys("to")
        return got, plugin.storage.delete("total"), plugin.storage.delete("total")

    assert in_handler(gateway, plugin, work) == (({"kg": 12}, 7, ["total"]), True, False)


def test_events_messages_and_serial_lines(gateway: Gateway, plugin: Plugin) -> None:
    gateway.answers |= {
        "event.publish": {"eventId": "e-1"},
        "message.send": {"message_id": "m-1", "answer": {"kg": 3}},
        "serial.read": {"data": "41", "text": "A", "timestamp": None, "reason": None, "message": None},
        "serial.write": {"outcome": "confirmed"},
        "tag.list": {"tags": [{"tag": "a/b/c"}]},
    }
    found = in_handler(
        gateway,
        plugin,
        lambda: (
            plugin.publish("scale:stable", {"kg": 1}),
            plugin.send("analytics", "ask", timeout=5)["answer"],
            plugin.serial_read("scale").data,
            plugin.serial_write("scale", b"P").confirmed,
            plugin.tags(),
        ),
    )
    assert found == ("e-1", {"kg": 3}, b"A", True, [{"tag": "a/b/c"}])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-32001, NotPermittedError),
        (-32002, BusyError),
        (-32003, UnavailableError),
        (-32004, QuotaError),
        (-32602, InvalidError),
        (-1, PluginError),
    ],
)
def test_errors_have_types(code: int, kind: type[PluginError], gateway: Gateway, plugin: Plugin) -> None:
    gateway.answers["tag.read"] = {"code": code, "message": "why", "data": {"permission": "read-tags:a"}}
    error = in_handler(gateway, plugin, lambda: plugin.read("a"))
    assert type(error) is kind
    assert (str(error), error.code) == ("why", code)
    if isinstance(error, NotPermittedError):
        assert error.permission == "read-tags:a"


@pytest.mark.parametrize("value", [object(), float("nan"), "x" * 300_000])
def test_what_cannot_be_sent_is_said_before(value: Any, gateway: Gateway, plugin: Plugin) -> None:
    error = in_handler(gateway, plugin, lambda: plugin.storage.put("a", value))
    assert isinstance(error, InvalidError)
    assert gateway.asked == []


def test_messages_are_answered(gateway: Gateway, plugin: Plugin) -> None:
    @plugin.on_message("weigh")
    def weigh(message: Message) -> object:
        if message.payload == "broken":
            raise RuntimeError("no scale")
        if message.payload == "wrong":
            raise InvalidError("payload: not that")
        return {"from": message.sender, "kg": 12}

    gateway.start(plugin)
    asked = {"type": "weigh", "payload": 1, "from": "analytics", "deadline": 5}
    assert gateway.call("message", asked)["result"] == {"from": "analytics", "kg": 12}
    assert gateway.call("message", {**asked, "payload": "broken"})["error"]["message"] == "RuntimeError: no scale"
    assert gateway.call("message", {**asked, "payload": "wrong"})["error"]["code"] == -32602
    assert "weigh" in gateway.call("message", {**asked, "type": "other"})["error"]["message"]
    gateway.until(lambda: [params for method, params in gateway.told if "no scale" in params["message"]])


def test_what_fails_is_logged_and_the_next_is_done(gateway: Gateway, plugin: Plugin) -> None:
    seen = []

    @plugin.on_event()
    def changed(event: Event) -> None:
        if event.data["value"] == 0:
            raise ValueError("zero")
        seen.append(event.data["value"])
        plugin.log.warning("seen %d", event.data["value"])

    gateway.start(plugin)
    gateway.event("changed", "x:y", {"value": 0})
    gateway.event("changed", "x:y", {"value": 1})
    gateway.until(lambda: len(gateway.told) == 2)
    assert [params["level"] for _, params in gateway.told] == ["error", "warning"]
    assert "ValueError: zero" in gateway.told[0][1]["message"]
    assert "test_plugin.py" in gateway.told[0][1]["message"]
    assert seen == [1]


def test_who_does_not_start_says_it_is_unhealthy(gateway: Gateway, plugin: Plugin) -> None:
    gateway.answers["event.subscribe"] = {
        "code": -32001,
        "message": "not granted",
        "data": {"permission": "read-events"},
    }

    @plugin.on_event("alarm:*")
    def alarm(event: Event) -> None: ...

    gateway.start(plugin)
    gateway.until(lambda: gateway.told)
    assert gateway.call("health", {})["result"] == {"status": "unhealthy", "detail": "it did not start: not granted"}


def test_timers_run_from_the_start(gateway: Gateway, plugin: Plugin) -> None:
    @plugin.every(0.01)
    def tick() -> None:
        plugin.log.info("tick")

    gateway.start(plugin)
    gateway.until(lambda: len(gateway.told) >= 3)


def test_another_configuration_is_taken_or_refused(gateway: Gateway, plugin: Plugin) -> None:
    @plugin.on_config
    def changed(config: Mapping[str, Any]) -> None:
        if config["factor"] < 0:
            raise InvalidError("factor: not below 0")

    gateway.start(plugin)
    assert gateway.call("config", {"config": {"factor": 3}})["result"] == {}
    assert plugin.config == {"factor": 3}
    assert gateway.call("config", {"config": {"factor": -3}})["error"]["message"] == "factor: not below 0"
    assert plugin.config == {"factor": 3}


def test_without_a_function_for_it_a_configuration_needs_a_start(gateway: Gateway, plugin: Plugin) -> None:
    gateway.start(plugin)
    assert gateway.call("config", {"config": {}})["error"]["code"] == -32601


def test_it_ends_in_order(gateway: Gateway, plugin: Plugin) -> None:
    done: list[str] = []

    @plugin.on_stop
    def stop() -> None:
        plugin.storage.put("total", 1)
        done.append("stored")

    gateway.answers["storage.put"] = {}
    gateway.start(plugin)
    assert gateway.call("shutdown", {})["result"] == {}
    gateway.join()
    assert done == ["stored"]


def test_it_ends_where_the_gateway_is_gone(gateway: Gateway, plugin: Plugin) -> None:
    gone: list[type[BaseException]] = []

    @plugin.on_stop
    def stop() -> None:
        try:
            plugin.read("a")
        except GoneError:
            gone.append(GoneError)

    gateway.start(plugin)
    gateway.end()
    assert gone == [GoneError]


def test_before_it_runs_nobody_can_be_asked() -> None:
    plugin = Plugin()
    with pytest.raises(PluginError, match="on_start"):
        plugin.read("a")
    with pytest.raises(InvalidError, match="more than 0"):
        plugin.every(0)
    with pytest.raises(InvalidError, match="degraded"):
        plugin.health("fine")
