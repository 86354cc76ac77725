"""Events that are kept reach plugins that were down when they came, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio
from trio.testing import MockClock

from gateway.core.eventlog import NotKept
from gateway.core.events import Event
from gateway.core.plugin_subscriptions import PluginSubscription
from gateway.plugins.exchange.catching_up import FACT, KEEP_S, SETTLED_S, TTL_S
from gateway.plugins.exchange.subscribing import Asked
from gateway.plugins.exchange.talk import Talk
from gateway.plugins.host.ground import Place
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.life import MOST_EVENTS
from gateway.plugins.host.states import Spec, Timing
from gateway.plugins.host.surroundings import Surroundings
from tests.gateway.agents.board import Facts
from tests.gateway.plugins.host.fakes import WALL, FakeGateway, FakeProcess, FakeRunner, spec

WANTED = Asked("user:action:*", "/plugins/scale/events/user-action", {"action": ["click"]})


@dataclass
class Disk:
    """What outlives the gateway: the log, subscriptions and cursors."""

    events: list[Event] = field(default_factory=list)
    rows: list[PluginSubscription] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)
    trouble: str | None = None

    @property
    def last(self) -> int:
        return self.events[-1].sequence if self.events else 0

    async def after(self, sequence: int, limit: int) -> Sequence[Event]:
        await trio.lowlevel.checkpoint()
        if self.trouble is not None:
            raise NotKept(self.trouble)
        return [event for event in self.events if event.sequence > sequence][:limit]

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


def known(cursor: int) -> Facts:
    """What is known of the instance."""
    return Facts({FACT: {"scale-1": cursor}})


@dataclass
class Scene:
    """A running gateway."""

    instances: list[Instance]
    begin: Callable[[Spec], Instance]
    talk: Talk
    disk: Disk
    got: list[int]
    gate: trio.Event

    @property
    def instance(self) -> Instance:
        return self.instances[0]

    def tell(self, action: str = "click", age: float = 0.0, *, type_: str = "user:action") -> int:
        """Something is published, and kept."""
        number = self.disk.last + 1
        time = WALL + trio.current_time() - age
        event = Event(f"e-{number}", "gw", number, type_, time, "synchronised", {"action": action})
        self.disk.events.append(event)
        for instance in self.instances:
            instance.offer(event)
        return number

    async def start(self, *permissions: str) -> None:
        given = self.talk.subscriptions.subscriptions_of("scale")
        made = self.begin(spec(permissions=permissions or ("read-events",), subscriptions=given))
        self.instances.append(made)
        await made.activate(None)


@asynccontextmanager
async def gateway(disk: Disk) -> AsyncIterator[Scene]:
    got: list[int] = []
    gate = trio.Event()
    gate.set()

    async def program(process: FakeProcess) -> None:
        while (heard := await process.hear()) is not None:
            if heard["method"] == "event":
                await found.gate.wait()
                got.append(heard["params"]["event"]["sequence"])
                assert heard["params"]["subscriptions"] == ["user-action"]
            elif "id" in heard:
                await process.say({"id": heard["id"], "result": {"status": "healthy"}})
        process.end(0)

    async def exists(plugin: str) -> None:
        raise AssertionError(plugin)

    fake = FakeGateway()
    async with trio.open_nursery() as outer:
        around = Surroundings(
            FakeRunner(outer, program),
            fake.services,
            fake.tell,
            lambda: WALL + trio.current_time(),
            Timing(health_misses=1000),
            lambda: 0.5,
        )
        instances: list[Instance] = []

        def begin(what: Spec) -> Instance:
            made = Instance(what, Place(Path("/nowhere"), None), around)
            outer.start_soon(made.run)
            return made

        talk = Talk(disk, lambda _: instances, exists, lambda *_: None, lambda: WALL + trio.current_time())
        found = Scene(instances, begin, talk, disk, got, gate)
        catching = talk.catching_up(lambda: instances, disk, lambda: disk.last, disk.facts)
        await outer.start(talk.run)
        outer.start_soon(catching.run)
        yield found
        await trio.sleep(2 * SETTLED_S)
        for instance in instances:
            await instance.deactivate(None)
        outer.cancel_scope.cancel()


async def test_who_was_down_gets_what_came_meanwhile(autojump_clock: MockClock) -> None:
    async with gateway(Disk()) as on:
        await on.talk.subscriptions.subscribe("scale", [WANTED], "user:ada", foreign=False)
        await on.start()
        on.tell()
        await trio.sleep(20)
        assert on.got == [1]
        await on.instance.deactivate(None)
        await trio.sleep(3)
        on.tell()
        on.tell("other")
        on.tell("click", type_="user:other")
        on.tell()
        await trio.sleep(3)
        await on.instance.activate(None)
        await trio.sleep(5)
        assert on.got == [1, 2, 5]
        on.tell()
        await trio.sleep(5)
        assert on.got == [1, 2, 5, 6]


async def test_it_outlives_the_gateway(autojump_clock: MockClock) -> None:
    disk = Disk()
    async with gateway(disk) as on:
        await on.talk.subscriptions.subscribe("scale", [WANTED], "user:ada", foreign=False)
        await on.start()
        on.tell()
        await trio.sleep(5)
    assert disk.facts.kinds == {FACT: {"scale-1": 1}}
    async with gateway(disk) as on:
        # The gateway is there, and the instance is not yet.
        on.tell()
        await trio.sleep(10)
        await on.start()
        await trio.sleep(5)
        assert on.got == [2]


async def test_who_was_too_slow_gets_what_was_dropped(autojump_clock: MockClock) -> None:
    async with gateway(Disk()) as on:
        await on.talk.subscriptions.subscribe("scale", [WANTED], "user:ada", foreign=False)
        await on.start()
        await trio.sleep(3)
        on.gate = trio.Event()
        many = MOST_EVENTS + 100
        for _ in range(many):
            on.tell()
        await trio.sleep(10)
        assert on.instance.missed > 0
        on.gate.set()
        await trio.sleep(60)
        assert set(on.got) == set(range(1, many + 1))
        # At least once, and not for ever.
        count = len(on.got)
        await trio.sleep(60)
        assert len(on.got) == count


async def test_what_was_before_a_subscription_or_is_too_old_stays_away(autojump_clock: MockClock) -> None:
    old, new = (
        PluginSubscription(
            number=number,
            plugin="scale",
            target="scale",
            handler="user-action",
            pattern=f"{word}:action",
            by="user:ada",
            created=WALL - age,
        )
        for number, word, age in ((1, "old", 2 * TTL_S), (2, "new", 100.0))
    )
    async with gateway(Disk(rows=[old, new], facts=known(0))) as on:
        on.tell(age=TTL_S + 10, type_="old:action")
        on.tell(age=TTL_S - 10, type_="old:action")
        on.tell(age=200.0, type_="new:action")
        on.tell(age=50.0, type_="new:action")
        await on.start()
        await trio.sleep(5)
        assert on.got == [2, 4]


async def test_it_does_not_get_what_it_may_not_have(autojump_clock: MockClock) -> None:
    disk = Disk(facts=known(0))
    async with gateway(disk) as on:
        await on.talk.subscriptions.subscribe("scale", [WANTED], "user:ada", foreign=False)
        on.tell()
        await on.start("read-events:alarm:*")
        await trio.sleep(5)
        assert on.got == []


async def test_a_disk_in_trouble_is_waited_for(autojump_clock: MockClock) -> None:
    disk = Disk(facts=known(0), trouble="the card is sick")
    async with gateway(disk) as on:
        await on.talk.subscriptions.subscribe("scale", [WANTED], "user:ada", foreign=False)
        on.tell()
        await on.start()
        await trio.sleep(60)
        assert on.got == []
        disk.trouble = None
        await trio.sleep(5)
        assert on.got == [1]


async def test_cursors_wear_out_no_card(autojump_clock: MockClock) -> None:
    disk = Disk()
    async with gateway(disk) as on:
        await on.talk.subscriptions.subscribe("scale", [WANTED], "user:ada", foreign=False)
        await on.start()
        for _ in range(100):
            on.tell()
            await trio.sleep(KEEP_S / 50)
        assert len(disk.facts.writes) <= 3


async def test_nobody_remembers_instances_that_are_gone(autojump_clock: MockClock) -> None:
    disk = Disk(facts=Facts({FACT: {"gone-1": 7}}))
    async with gateway(disk) as on:
        await on.talk.subscriptions.subscribe("scale", [WANTED], "user:ada", foreign=False)
        await on.start()
        assert disk.facts.kinds[FACT].keys() == {"gone-1"}
        await trio.sleep(KEEP_S + 5)
        assert disk.facts.kinds[FACT].keys() == {"scale-1"}


async def test_who_falls_soon_after_gets_it_again(autojump_clock: MockClock) -> None:
    """It may have been on the way to look at it."""
    async with gateway(Disk()) as on:
        await on.talk.subscriptions.subscribe("scale", [WANTED], "user:ada", foreign=False)
        await on.start()
        await trio.sleep(20)
        on.tell()
        await trio.sleep(1)
        assert on.got == [1]
        await on.instance.deactivate(None)
        await on.instance.activate(None)
        # While it is brought what came before, too.
        await trio.sleep(1.5)
        await on.instance.deactivate(None)
        await on.instance.activate(None)
        await trio.sleep(60)
        assert on.got == [1, 1, 1]


async def test_what_comes_right_after_a_subscription_is_not_missed(autojump_clock: MockClock) -> None:
    """Also where the gateway was killed before anybody looked at who is where."""
    disk = Disk()
    async with gateway(disk) as on:
        await on.start()
        await on.instance.deactivate(None)
        await on.talk.subscriptions.subscribe("scale", [WANTED], "user:ada", foreign=False)
        on.tell()
        killed = Disk(list(disk.events), list(disk.rows), Facts({FACT: dict(disk.facts.kinds[FACT])}))
    async with gateway(killed) as on:
        await on.start()
        await trio.sleep(5)
        assert on.got == [1]
