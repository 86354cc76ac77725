"""Messages between agents: who may write, who may read, and what is said when one cannot be taken."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import msgspec
import pytest
import trio
from trio.testing import MockClock

from gateway.core.catalogue import CATALOGUE
from gateway.core.channels import may_receive
from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import Priority
from gateway.events.messages import MOST_CONTENT, TTL_S
from tests.gateway.events.desk import ADMIN, ONE, TWO, agent, desk, operator


async def test_a_message_is_on_the_disk_told_and_waiting_when_it_is_taken(autojump_clock: MockClock) -> None:
    async with desk() as d:
        d.board.disk.slowness = 0.3
        sent = await d.messages.send(ONE, "two", "hello", category="coordination", correlation_id="c-1")
        (event,) = d.board.told
        assert dict(event.data) == {
            "message_id": sent.id,
            "from_agent": "one",
            "to_agent": "two",
            "content": "hello",
            "priority": "regular",
            "category": "coordination",
            "correlation_id": "c-1",
            "expires_at": event.data["expires_at"],
        }
        data = CATALOGUE["message:received"].data
        assert data is not None
        msgspec.convert(event.data, data, strict=True)
        assert sent.priority == "normal"
        assert sent.sequence == event.sequence
        assert sent.expires == pytest.approx(sent.created + TTL_S, abs=1)
        assert [message.id for message in await d.messages.pull(TWO)] == [sent.id]


@pytest.mark.parametrize(
    ("said", "told", "kept"),
    [
        ("low", "low", Priority.LOW),
        ("normal", "regular", Priority.NORMAL),
        ("regular", "regular", Priority.NORMAL),
        ("high", "high", Priority.HIGH),
        ("urgent", "urgent", Priority.URGENT),
    ],
)
async def test_priorities_by_the_words_of_both_seeds(
    autojump_clock: MockClock, said: str, told: str, kept: Priority
) -> None:
    """D-117."""
    async with desk() as d:
        await d.messages.send(ONE, "two", "hello", priority=said)
        assert d.board.disk.writes[0][0].event.data["priority"] == told
        assert d.board.disk.writes[0][0].priority is kept


async def test_an_agent_writes_in_its_own_name_only(autojump_clock: MockClock) -> None:
    async with desk() as d:
        assert (await d.messages.send(ONE, "two", "x", from_agent="one")).from_agent == "one"
        for by in (ONE, agent("one", "*")):
            with pytest.raises(GatewayError) as raised:
                await d.messages.send(by, "one", "x", from_agent="two")
            assert (raised.value.code, raised.value.field) == (Code.FORBIDDEN, "from_agent")


async def test_an_operator_writes_as_its_subject_and_for_agents_where_it_may(autojump_clock: MockClock) -> None:
    async with desk() as d:
        assert (await d.messages.send(operator("messaging:write"), "two", "x")).from_agent == "plant"
        with pytest.raises(GatewayError, match="agents:write"):
            await d.messages.send(operator("messaging:write"), "two", "x", from_agent="one")
        acting = operator("messaging:write", "agents:write")
        assert (await d.messages.send(acting, "two", "x", from_agent="one")).from_agent == "one"
        with pytest.raises(GatewayError) as raised:
            await d.messages.send(acting, "two", "x", from_agent="nobody")
        assert raised.value.code is Code.AGENT_NOT_FOUND


async def test_who_may_not_write_or_read_is_told_so(autojump_clock: MockClock) -> None:
    async with desk() as d:
        sent = await d.messages.send(ONE, "two", "x")
        reader, writer = agent("two", "messaging:read"), agent("two", "messaging:write")
        for call in (
            lambda: d.messages.send(reader, "one", "x"),
            lambda: d.messages.pull(writer),
            lambda: d.messages.acknowledge(writer, sent.id),
        ):
            with pytest.raises(GatewayError) as raised:
                await call()
            assert raised.value.code is Code.FORBIDDEN


async def test_a_message_to_nobody_is_refused(autojump_clock: MockClock) -> None:
    async with desk() as d:
        with pytest.raises(GatewayError) as raised:
            await d.messages.send(ONE, "three", "x")
        assert (raised.value.code, raised.value.provided) == (Code.AGENT_NOT_FOUND, "three")
        assert d.board.disk.events == []


async def test_what_cannot_be_sent_is_told_with_its_place(autojump_clock: MockClock) -> None:
    async with desk() as d:
        send = d.messages.send
        for field, call in (
            ("content", partial(send, ONE, "two", "")),
            ("content", partial(send, ONE, "two", "é" * (MOST_CONTENT // 2 + 1))),
            # Few bytes that JSON makes many of: no webhook would take them.
            ("content", partial(send, ONE, "two", "\x00" * 10_000)),
            ("priority", partial(send, ONE, "two", "x", priority="soon")),
            ("category", partial(send, ONE, "two", "x", category="two words")),
            ("category", partial(send, ONE, "two", "x", category="")),
            ("correlation_id", partial(send, ONE, "two", "x", correlation_id="c" * 129)),
            ("ttl", partial(send, ONE, "two", "x", ttl=0.5)),
            ("ttl", partial(send, ONE, "two", "x", ttl=float("nan"))),
            ("ttl", partial(send, ONE, "two", "x", ttl=31 * 86400.0)),
        ):
            with pytest.raises(GatewayError) as raised:
                await call()
            assert (raised.value.code, raised.value.field) == (Code.INVALID, field)


async def test_a_message_can_be_read_by_its_two_ends_and_by_who_may_everything(autojump_clock: MockClock) -> None:
    """D-133: pulled by whom it is for; told to both ends."""
    async with desk() as d:
        sent = await d.messages.send(ONE, "two", "x")
        (event,) = d.board.told
        assert [may_receive(who, event) for who in (ONE, TWO, agent("three"), operator("messaging:read"), ADMIN)] == [
            True,
            True,
            False,
            False,
            True,
        ]
        assert await d.messages.pull(ONE) == []
        assert [m.id for m in await d.messages.pull(TWO, "two")] == [sent.id]
        assert [m.id for m in await d.messages.pull(ADMIN)] == [sent.id]
        assert await d.messages.pull(ADMIN, "one") == []
        for who in (ONE, operator("messaging:read", "messaging:write")):
            with pytest.raises(GatewayError) as raised:
                await d.messages.pull(who, "two")
            assert raised.value.code is Code.FORBIDDEN


async def test_messages_come_in_order_and_in_pages(autojump_clock: MockClock) -> None:
    async with desk() as d:
        sent = [await d.messages.send(ONE, "two", str(number)) for number in range(7)]
        first = await d.messages.pull(TWO, limit=4)
        rest = await d.messages.pull(TWO, after=first[-1].sequence, limit=4)
        assert [message.id for message in first + rest] == [message.id for message in sent]
        pull = d.messages.pull
        for call in (partial(pull, TWO, limit=0), partial(pull, TWO, limit=201), partial(pull, TWO, after=-1)):
            with pytest.raises(GatewayError) as raised:
                await call()
            assert raised.value.code is Code.INVALID


async def test_what_arrived_waits_no_longer_and_says_when_it_did(autojump_clock: MockClock) -> None:
    async with desk() as d:
        sent = await d.messages.send(ONE, "two", "x")
        await trio.sleep(5)
        noted = await d.messages.acknowledge(TWO, sent.id)
        assert noted.acknowledged == pytest.approx(d.board.timeline.now())
        await trio.sleep(5)
        assert (await d.messages.acknowledge(TWO, sent.id)).acknowledged == noted.acknowledged
        assert await d.messages.pull(TWO) == []
        assert [m.id for m in await d.messages.pull(TWO, waiting_only=False)] == [sent.id]


async def test_the_messages_of_others_are_not_there(autojump_clock: MockClock) -> None:
    async with desk() as d:
        sent = await d.messages.send(ONE, "two", "x")
        for who, id_ in ((ONE, sent.id), (agent("three"), sent.id), (TWO, "msg-0")):
            with pytest.raises(GatewayError) as raised:
                await d.messages.acknowledge(who, id_)
            assert raised.value.code is Code.NOT_FOUND
        assert d.post.acknowledged == {}
        await d.messages.acknowledge(ADMIN, sent.id)
        assert list(d.post.acknowledged) == [sent.id]


async def test_a_disk_in_trouble_is_told_and_nothing_is_acknowledged(autojump_clock: MockClock) -> None:
    async with desk() as d:
        sent = await d.messages.send(ONE, "two", "x")
        d.post.trouble = "no room"
        for call in (
            lambda: d.messages.send(ONE, "two", "x"),
            lambda: d.messages.pull(TWO),
            lambda: d.messages.acknowledge(TWO, sent.id),
        ):
            with pytest.raises(GatewayError, match="no room") as raised:
                await call()
            assert raised.value.code is Code.UNAVAILABLE
        d.post.trouble, d.board.disk.trouble = None, "no room"
        with pytest.raises(GatewayError, match="no room"):
            await d.messages.send(ONE, "two", "x")
        assert [replace(m, expires=0) for m in await d.messages.pull(TWO)] == [replace(sent, expires=0)]
