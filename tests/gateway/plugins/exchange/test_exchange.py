"""Messages between plugins, in virtual time: their processes are coroutines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json
from gateway.plugins.exchange.exchange import AT_ONCE, MESSAGES_A_MINUTE, MOST_OF_ONE, MOST_WAITING, Exchange
from gateway.plugins.exchange.letters import LARGEST_PAYLOAD, Reply, Sent, Status
from gateway.plugins.host.ground import Ground
from gateway.plugins.host.host import Host
from gateway.plugins.host.services import Caller, MessageOut
from gateway.plugins.host.states import Timing
from gateway.plugins.host.surroundings import Surroundings
from tests.gateway.plugins.host.fakes import WALL, FakeGateway, FakeProcess, FakeRunner, spec

Answer = Callable[[Mapping[str, Any]], Awaitable[Any]]


@dataclass
class Scene:
    """A host with instances, and what lies between them."""

    host: Host
    exchange: Exchange
    told: list[tuple[str, Mapping[str, object]]]
    owners: dict[str, str]
    heard: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    ends: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def run(self, instance: str, plugin: str, answer: Answer | None = None, owner: str | None = None) -> None:
        """An instance that answers so; by default with what it was sent."""
        self.answers[instance] = answer or echo
        if owner is not None:
            self.owners[instance] = owner
        made = await self.host.add(spec(instance=instance, plugin=plugin))
        await made.activate(None)

    async def say(self, source: str, to: str, payload: Json = None, **more: Any) -> Sent:
        wait, sender = more.pop("wait", None), more.pop("sender", None)
        members = {"type": "ask", "priority": "normal", "correlation_id": None, "timeout": None, **more}
        out = MessageOut(to=to, payload=payload, **members)
        return await self.exchange.communicate(source, out, sender=sender, wait=wait)

    def of(self, type_: str) -> list[Mapping[str, object]]:
        return [data for name, data in self.told if name == type_]


async def echo(message: Mapping[str, Any]) -> Any:
    await trio.lowlevel.checkpoint()
    return {"echo": message["payload"]}


def after(seconds: float) -> Answer:
    async def answer(message: Mapping[str, Any]) -> Any:
        await trio.sleep(seconds)
        return {"echo": message["payload"]}

    return answer


async def never(_: Mapping[str, Any]) -> Any:
    await trio.sleep_forever()


async def exists(plugin: str) -> None:
    await trio.lowlevel.checkpoint()
    if plugin not in {"scale", "pump", "idle"}:
        raise GatewayError(Code.NOT_FOUND, f"there is no plugin {plugin}")


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as found:
        yield found


@asynccontextmanager
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with trio.open_nursery() as outer:
        gateway = FakeGateway()

        async def program(process: FakeProcess) -> None:
            asked = await process.hear()
            assert asked is not None
            name = asked["params"]["instance"]
            await process.say({"id": asked["id"], "result": {}})
            lock = trio.Lock()

            async def answer(id_: int, result: Any) -> None:
                failed = isinstance(result, dict) and "code" in result
                async with lock:
                    await process.say({"id": id_, "error" if failed else "result": result})

            async def serve(heard: Mapping[str, Any]) -> None:
                if heard["method"] == "message":
                    found.heard.append((name, heard["params"]))
                    await answer(heard["id"], await found.answers[name](heard["params"]))
                    return
                await answer(heard["id"], {"status": "healthy"})
                if heard["method"] == "shutdown":
                    process.end(0)

            async with trio.open_nursery() as nursery:
                while (heard := await process.hear()) is not None:
                    nursery.start_soon(serve, heard)
                nursery.cancel_scope.cancel()

        around = Surroundings(
            FakeRunner(outer, program), gateway.services, gateway.tell, lambda: WALL, Timing(), lambda: 0.5
        )
        host = Host(around, Ground(tmp_path / "data", own_users=False))
        told: list[tuple[str, Mapping[str, object]]] = []
        owners: dict[str, str] = {}
        exchange = Exchange(host.of, exists, lambda *each: told.append(each), lambda: WALL, owners.get)
        found = Scene(host, exchange, told, owners)

        async def carry(*, task_status: trio.TaskStatus[None]) -> None:
            with found.ends:
                await found.exchange.run(task_status=task_status)

        await outer.start(host.run)
        await outer.start(carry)
        yield found
        for instance in host:
            await instance.deactivate(None)
        outer.cancel_scope.cancel()


async def test_a_question_is_answered_where_it_is_waited_for(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump", after(2.0))
    sent = await on.say("scale", "pump", {"kg": 5}, timeout=30.0, wait=10.0, correlation_id="req-789")
    assert (sent.status, sent.reply, sent.correlation_id) == (Status.DELIVERED, Reply({"echo": {"kg": 5}}), "req-789")
    assert sent.response_expected
    # Nothing had been measured of it before.
    assert sent.estimated_response_time is None
    [(_, params)] = on.heard
    assert {name: params[name] for name in ("id", "from", "type", "payload", "priority", "correlationId")} == {
        "id": sent.message_id,
        "from": "scale",
        "type": "ask",
        "payload": {"kg": 5},
        "priority": "normal",
        "correlationId": "req-789",
    }
    question, answer = on.of("plugin:message")
    assert (question["from_plugin"], question["to_plugin"], question["message_id"]) == (
        "scale",
        "pump",
        sent.message_id,
    )
    assert (answer["from_plugin"], answer["to_plugin"], answer["correlation_id"]) == ("pump", "scale", "req-789")
    assert answer["payload"] == {"echo": {"kg": 5}}
    again = await on.say("scale", "pump", timeout=30.0)
    assert again.estimated_response_time == pytest.approx(2, abs=0.1)


async def test_who_does_not_wait_is_told_that_it_arrived_and_has_the_answer_as_a_message(
    autojump_clock: MockClock, on: Scene
) -> None:
    await on.run("s1", "scale")
    await on.run("p1", "pump", after(3.0))
    sent = await on.say("scale", "pump", 1, timeout=30.0, correlation_id="c-1")
    assert (sent.status, sent.reply, sent.response_expected) == (Status.DELIVERED, None, True)
    await trio.sleep(4)
    assert [(name, each["type"], each["payload"], each["correlationId"]) for name, each in on.heard] == [
        ("p1", "ask", 1, "c-1"),
        ("s1", "response", {"echo": 1}, "c-1"),
    ]


async def test_without_a_timeout_nobody_expects_an_answer(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump")
    sent = await on.say("scale", "pump", 1)
    assert (sent.response_expected, sent.status) == (False, Status.DELIVERED)
    await trio.sleep(1)
    assert len(on.of("plugin:message")) == 1


async def test_a_message_with_the_same_correlation_is_the_answer(autojump_clock: MockClock, on: Scene) -> None:
    """D-115: the other plugin writes back, while it still works on the question."""
    await on.run("p1", "pump", never)
    got: list[Sent] = []

    async def ask() -> None:
        got.append(await on.say("scale", "pump", 1, timeout=60.0, wait=60.0, correlation_id="c-1"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(5)
        # The asker runs nowhere, and has its answer all the same.
        back = await on.say("pump", "scale", {"kg": 7}, type="data_response", correlation_id="c-1")
    assert (back.status, back.response_expected) == (Status.DELIVERED, False)
    assert got[0].reply == Reply({"kg": 7})
    await trio.sleep(120)
    assert on.of("plugin:message_timeout") == []
    assert [each["message_type"] for each in on.of("plugin:message")] == ["ask", "data_response"]


async def test_an_answer_that_nobody_waits_for_is_brought_to_the_asker(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("s1", "scale")
    await on.run("p1", "pump", never)
    await on.say("scale", "pump", 1, timeout=60.0, correlation_id="c-1")
    await on.say("pump", "scale", {"kg": 7}, type="data_response", correlation_id="c-1")
    await wait_all_tasks_blocked()
    assert on.heard[-1][0] == "s1"
    assert on.heard[-1][1]["payload"] == {"kg": 7}


async def test_somebody_else_does_not_answer_for_another(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump", never)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: on.say("scale", "pump", 1, timeout=60.0, wait=60.0, correlation_id="c-1"))
        await trio.sleep(1)
        with pytest.raises(GatewayError) as caught:
            await on.say("idle", "scale", 1, correlation_id="c-1")
        assert caught.value.code is Code.CONFLICT
        nursery.cancel_scope.cancel()


async def test_what_is_not_answered_in_time_is_told(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump", never)
    begun = trio.current_time()
    sent = await on.say("scale", "pump", 1, timeout=20.0, wait=60.0, correlation_id="c-1")
    assert trio.current_time() - begun == pytest.approx(20)
    assert (sent.status, sent.reason, sent.reply) == (Status.FAILED, "timeout", None)
    [told] = on.of("plugin:message_timeout")
    assert told == {
        "message_id": sent.message_id,
        "from_plugin": "scale",
        "to_plugin": "pump",
        "correlation_id": "c-1",
        "timeout": 20.0,
    }


async def test_who_waits_less_than_it_takes_hears_that_it_arrived(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump", after(10.0))
    begun = trio.current_time()
    sent = await on.say("scale", "pump", 1, timeout=20.0, wait=3.0)
    assert trio.current_time() - begun == pytest.approx(3)
    assert (sent.status, sent.reply) == (Status.DELIVERED, None)
    await trio.sleep(30)
    assert on.of("plugin:message_timeout") == []


async def test_a_plugin_that_fails_fails_the_question(autojump_clock: MockClock, on: Scene) -> None:
    async def fails(_: Mapping[str, Any]) -> Any:
        await trio.lowlevel.checkpoint()
        return {"code": -32603, "message": "the pump is dry"}

    await on.run("p1", "pump", fails)
    sent = await on.say("scale", "pump", 1, timeout=20.0, wait=10.0)
    assert (sent.status, sent.reason) == (Status.FAILED, "failed")
    assert "the pump is dry" in (sent.words or "")


async def test_a_queue_that_is_full_refuses_and_says_when(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump", never)
    statuses = []

    async def ask(source: str) -> None:
        statuses.append((await on.say(source, "pump", 1, timeout=100.0)).status)

    async with trio.open_nursery() as nursery:
        for number in range(AT_ONCE + MOST_WAITING):
            nursery.start_soon(ask, ("scale", "idle")[number % 2])
    # Those that wait for their turn were accepted, and nothing more is said of them yet.
    assert (statuses.count(Status.DELIVERED), statuses.count(Status.ACCEPTED)) == (AT_ONCE, MOST_WAITING)
    with pytest.raises(GatewayError) as caught:
        await on.say("scale", "pump", 1, timeout=100.0)
    assert (caught.value.code, caught.value.details) == (
        Code.UNAVAILABLE,
        {"reason": "queue_full", "retryAfter": 1},
    )
    # What waited in vain gives its place back.
    await trio.sleep(101)
    assert len(on.of("plugin:message_timeout")) == AT_ONCE + MOST_WAITING
    assert (await on.say("scale", "pump", 1, timeout=100.0)).status is Status.DELIVERED


async def test_one_plugin_leaves_room_for_others(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump", never)
    async with trio.open_nursery() as nursery:
        for _ in range(MOST_OF_ONE):
            nursery.start_soon(partial(on.say, "scale", "pump", 1, timeout=100.0))
    with pytest.raises(GatewayError) as caught:
        await on.say("scale", "pump", 1, timeout=100.0)
    assert caught.value.details["reason"] == "queue_full"
    assert (await on.say("idle", "pump", 1, timeout=100.0)).status is Status.ACCEPTED
    await trio.sleep(101)
    assert (await on.say("scale", "pump", 1, timeout=100.0)).status is Status.DELIVERED


async def test_the_most_urgent_is_handed_over_first(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump", after(1.0))
    async with trio.open_nursery() as nursery:
        for number in range(AT_ONCE):
            nursery.start_soon(on.say, "scale", "pump", number)
        await wait_all_tasks_blocked()
        for word in ("low", "normal", "urgent", "high"):
            nursery.start_soon(partial(on.say, "scale", "pump", word, priority=word))
            await wait_all_tasks_blocked()
    await trio.sleep(5)
    assert [each["payload"] for _, each in on.heard][AT_ONCE:] == ["urgent", "high", "normal", "low"]


async def test_instances_have_their_turns(autojump_clock: MockClock, on: Scene) -> None:
    for name in ("p1", "p2", "p3"):
        await on.run(name, "pump")
    for _ in range(6):
        await on.say("scale", "pump", 1, timeout=5.0, wait=5.0)
    assert [name for name, _ in on.heard] == ["p1", "p2", "p3"] * 2


async def test_instances_of_the_same_owner_come_first(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("s1", "scale", owner="user:ada")
    await on.run("p1", "pump", owner="user:bob")
    await on.run("p2", "pump", owner="user:ada")
    for _ in range(3):
        await on.say("scale", "pump", 1, timeout=5.0, wait=5.0, sender="s1")
    assert {name for name, _ in on.heard} == {"p2"}


async def test_an_instance_does_not_write_to_itself(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump")
    with pytest.raises(GatewayError) as caught:
        await on.say("pump", "pump", 1, sender="p1")
    assert caught.value.code is Code.CONFLICT
    await on.run("p2", "pump")
    await on.say("pump", "pump", 1, sender="p1")
    await wait_all_tasks_blocked()
    assert [name for name, _ in on.heard] == ["p2"]


@pytest.mark.parametrize(("to", "code"), [("nobody", Code.NOT_FOUND), ("idle", Code.CONFLICT)])
async def test_whom_nobody_can_reach_is_named(autojump_clock: MockClock, on: Scene, to: str, code: Code) -> None:
    with pytest.raises(GatewayError) as caught:
        await on.say("scale", to, 1)
    assert (caught.value.code, caught.value.field) == (code, "to")
    assert on.told == []


async def test_an_open_question_is_not_asked_again(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump", after(5.0))
    await on.say("scale", "pump", 1, timeout=20.0, correlation_id="c-1")
    with pytest.raises(GatewayError) as caught:
        await on.say("scale", "pump", 1, timeout=20.0, correlation_id="c-1")
    assert (caught.value.code, caught.value.field) == (Code.CONFLICT, "correlationId")
    await trio.sleep(6)
    assert (await on.say("scale", "pump", 1, timeout=20.0, correlation_id="c-1")).status is Status.DELIVERED


async def test_a_payload_has_bounds(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump")
    payloads: list[Json] = ["x" * LARGEST_PAYLOAD, [0] * 3000]
    for payload in payloads:
        with pytest.raises(GatewayError) as caught:
            await on.say("scale", "pump", payload)
        assert (caught.value.code, caught.value.field) == (Code.INVALID, "payload")


async def test_a_plugin_writes_so_much_a_minute(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump")
    with pytest.raises(GatewayError) as caught:
        for _ in range(2 * MESSAGES_A_MINUTE):
            await on.say("scale", "pump", 1, timeout=5.0, wait=5.0)
    assert len(on.heard) >= MESSAGES_A_MINUTE
    assert (caught.value.code, caught.value.details) == (Code.TOO_MANY, {"retryAfter": 1})
    assert (await on.say("idle", "pump", 1)).status is Status.DELIVERED


async def test_an_instance_that_asks_over_its_pipe_has_the_answer_or_an_error(
    autojump_clock: MockClock, on: Scene
) -> None:
    """What ``message.send`` gives: see docs/plugin-kit.md."""
    await on.run("p1", "pump", after(1.0))
    caller = Caller("s1", "scale")
    known = await on.exchange.send(caller, MessageOut("pump", "ask", 3, "normal", "c-1", 5.0))
    assert known == {
        "message_id": known["message_id"],
        "correlation_id": "c-1",
        "status": "delivered",
        "response_expected": True,
        "estimated_response_time": None,
        "answer": {"echo": 3},
    }
    assert "answer" not in await on.exchange.send(caller, MessageOut("pump", "ask", 3, "normal", None, None))
    with pytest.raises(GatewayError) as caught:
        await on.exchange.send(caller, MessageOut("pump", "ask", 3, "normal", None, 0.5))
    assert (caught.value.code, caught.value.details) == (Code.UNAVAILABLE, {"code": "timeout"})


async def test_what_is_under_way_when_the_gateway_ends_fails(autojump_clock: MockClock, on: Scene) -> None:
    await on.run("p1", "pump", never)
    got: list[Sent] = []

    async def ask() -> None:
        got.append(await on.say("scale", "pump", 1, timeout=60.0, wait=60.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        on.ends.cancel()
    assert (got[0].status, got[0].reason) == (Status.FAILED, "gone")
    with pytest.raises(GatewayError) as caught:
        await on.say("scale", "pump", 1)
    assert caught.value.code is Code.UNAVAILABLE
