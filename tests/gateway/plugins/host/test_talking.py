"""Two plugins as real processes, with the kit: they ask each other, and get the events they were subscribed to."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.plugin_subscriptions import PluginSubscription
from gateway.plugins.exchange.letters import Status
from gateway.plugins.exchange.subscribing import Asked
from gateway.plugins.exchange.talk import Talk
from gateway.plugins.host.ground import Ground
from gateway.plugins.host.host import Host
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.process import ProcessRunner
from gateway.plugins.host.sandbox import MEBI, Bounds, Means
from gateway.plugins.host.services import HostServices, MessageOut
from gateway.plugins.host.surroundings import Surroundings

from .fakes import WALL, FakeGateway, event, spec
from .real import PATIENCE_S, TIMING

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[4]

SCALE = """
from ferrule_plugin import Plugin, UnavailableError

plugin = Plugin()


@plugin.on_message("weigh")
def weigh(message):
    if message.payload == "broken":
        raise RuntimeError("no scale")
    return {"kg": 21.5, "unit": message.payload}


@plugin.on_message("turn around")
def turn(message):
    return {"heard": plugin.send("pump", "ping", {"from": "scale"}, timeout=60)["answer"]}


@plugin.on_event(name="user-action")
def acted(event):
    plugin.log.info("acted %s", event.data["action"])


plugin.run()
"""
PUMP = """
from ferrule_plugin import NotPermittedError, Plugin, UnavailableError

plugin = Plugin()


@plugin.on_start
def begin():
    plugin.log.info("weighed %s", plugin.send("scale", "weigh", "kg", timeout=60)["answer"])
    try:
        plugin.send("scale", "weigh", "broken", timeout=60)
    except UnavailableError as error:
        plugin.log.info("refused %s", error)
    try:
        plugin.send("other", "weigh", timeout=60)
    except NotPermittedError as error:
        plugin.log.info("needs %s", error.permission)


@plugin.on_message("ping")
def ping(message):
    return "pong to " + message.payload["from"]


@plugin.on_message("response")
def answered(message):
    plugin.log.info("answered %s %s", message.correlation_id, message.payload)


plugin.run()
"""


class Memory:
    """Keeps subscriptions."""

    def __init__(self) -> None:
        self.rows: list[PluginSubscription] = []

    async def all(self) -> Sequence[PluginSubscription]:
        await trio.lowlevel.checkpoint()
        return self.rows

    async def add(self, subscriptions: Sequence[PluginSubscription]) -> Sequence[PluginSubscription]:
        await trio.lowlevel.checkpoint()
        made = [replace(one, number=len(self.rows) + count) for count, one in enumerate(subscriptions, 1)]
        self.rows += made
        return made

    async def remove(self, number: int) -> None:
        await trio.lowlevel.checkpoint()


@dataclass
class Pair:
    """Both of them."""

    talk: Talk
    host: Host
    told: list[tuple[str, Mapping[str, object]]]
    start: Callable[[str, str, tuple[str, ...]], Awaitable[Instance]]


async def says(instance: Instance, start: str) -> str:
    """The first line of a log that starts so."""
    with trio.fail_after(PATIENCE_S):
        while True:
            for note in instance.notes.last():
                if note.text.startswith(start):
                    return note.text
            await trio.sleep(0.02)


@asynccontextmanager
async def pair(means: Means, place: Path) -> AsyncIterator[Pair]:
    kit = place / "kit"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gateway" / "sdk" / "ferrule_plugin", kit / "ferrule_plugin", ignore=ignored)
    told: list[tuple[str, Mapping[str, object]]] = []

    async def exists(plugin: str) -> None:
        await trio.lowlevel.checkpoint()
        raise GatewayError(Code.NOT_FOUND, f"there is no plugin {plugin}")

    def of(plugin: str) -> Sequence[Instance]:
        return host.of(plugin)

    talk = Talk(Memory(), of, exists, lambda *each: told.append(each), lambda: WALL)
    known = FakeGateway().services
    services = HostServices(known.tags, known.serial, known.events, talk.exchange, known.storage)
    around = Surroundings(ProcessRunner(means), services, lambda *_: None, lambda: WALL, TIMING, lambda: 0.5)
    host = Host(around, Ground(place / "data", own_users=means.root))

    async def start(plugin: str, code: str, permissions: tuple[str, ...]) -> Instance:
        package = place / plugin
        package.mkdir(mode=0o755)
        (package / "main.py").write_text(code)
        made = await host.add(
            spec(
                instance=f"{plugin}-1",
                plugin=plugin,
                package=package,
                permissions=permissions,
                subscriptions=talk.subscriptions.subscriptions_of(plugin),
                bounds=Bounds(memory=64 * MEBI, tasks=16),
                kit=kit,
            )
        )
        with trio.fail_after(PATIENCE_S):
            await made.activate(None)
        return made

    async with trio.open_nursery() as nursery:
        await nursery.start(host.run)
        await nursery.start(talk.run)
        yield Pair(talk, host, told, start)
        for instance in host:
            await instance.deactivate(None)
        nursery.cancel_scope.cancel()


async def test_two_plugins_ask_each_other(means: Means, place: Path) -> None:
    async with pair(means, place) as on:
        scale = await on.start("scale", SCALE, ("send-messages:pump", "read-events:user:*"))
        pump = await on.start("pump", PUMP, ("send-messages:scale",))
        assert await says(pump, "weighed") == "weighed {'kg': 21.5, 'unit': 'kg'}"
        assert "no scale" in await says(pump, "refused")
        assert await says(pump, "needs") == "needs send-messages:other"
        # Asked over HTTP, it asks another one itself before it answers.
        message = MessageOut("scale", "turn around", None, "normal", "c-1", 60.0)
        sent = await on.talk.exchange.communicate("pump", message, wait=PATIENCE_S)
        assert sent.reply is not None
        assert (sent.status, sent.reply.value) == (Status.DELIVERED, {"heard": "pong to scale"})
        # Who does not wait has the answer in its process.
        message = MessageOut("scale", "weigh", "g", "urgent", "c-2", 60.0)
        await on.talk.exchange.communicate("pump", message)
        assert await says(pump, "answered") == "answered c-2 {'kg': 21.5, 'unit': 'g'}"
        assert scale.report().invocations == 4
        kinds = {(told["from_plugin"], told["to_plugin"], told["message_type"]) for _, told in on.told}
        assert kinds == {
            ("pump", "scale", "weigh"),
            ("scale", "pump", "response"),
            ("pump", "scale", "turn around"),
            ("scale", "pump", "ping"),
            ("pump", "scale", "response"),
        }


async def test_a_plugin_gets_what_it_was_subscribed_to_from_outside(means: Means, place: Path) -> None:
    wanted = Asked("user:action:*", "/plugins/scale/events/user-action", {"action": ["button_click", "form_submit"]})
    async with pair(means, place) as on:
        await on.talk.subscriptions.subscribe("scale", [wanted], "user:ada", foreign=False)
        scale = await on.start("scale", SCALE, ("read-events:user:*",))
        for number, action in enumerate(("other", "button_click"), 1):
            on.host.offer(event("user:action", {"action": action}, number))
        assert await says(scale, "acted") == "acted button_click"
        # One that is there before its plugin runs, and one that comes while it does, are the same to it.
        await on.talk.subscriptions.remove("scale", "sub-1")
        on.host.offer(event("user:action", {"action": "form_submit"}, 3))
        await on.talk.subscriptions.subscribe("scale", [wanted], "user:ada", foreign=False)
        on.host.offer(event("user:action:late", {"action": "form_submit"}, 4))
        assert await says(scale, "acted form") == "acted form_submit"
        assert scale.report().events == 2
