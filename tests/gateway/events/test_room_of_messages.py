"""Messages that wait take bounded room, and whoever writes them pays for it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import Message
from gateway.core.principal import Principal
from gateway.events.messages import MOST_WAITING
from tests.gateway.events.desk import ADMIN, ONE, TWO, desk, operator


async def test_messages_that_wait_leave_room_for_events(autojump_clock: MockClock) -> None:
    async with desk() as d:
        d.post.size = 100_000
        sent: list[Message] = []
        refused: list[GatewayError] = []

        async def call(by: Principal, to: str) -> None:
            try:
                sent.append(await d.messages.send(by, to, "x" * 30_000))
            except GatewayError as error:
                refused.append(error)

        async with trio.open_nursery() as senders:
            for _ in range(4):
                senders.start_soon(call, ONE, "two")
                senders.start_soon(call, TWO, "one")
        assert len(sent) == 3
        assert {(error.code, error.details["reason"]) for error in refused} == {(Code.UNAVAILABLE, "mailboxes_full")}
        await d.messages.acknowledge(ADMIN, sent[0].id)
        await trio.sleep(11)
        await call(ONE, "two")
        await call(ONE, "two")
        assert (len(sent), len(refused)) == (4, 6)


async def test_messages_are_charged_to_the_share_of_who_writes_them(autojump_clock: MockClock) -> None:
    """Else who may write messages would fill the log in the place of who may publish."""
    async with desk(log=40_000) as d:
        for _ in range(2):
            await d.messages.send(ONE, "two", "x" * 8_000)
        with pytest.raises(GatewayError, match="share of the log") as raised:
            await d.messages.send(ONE, "two", "x" * 8_000)
        assert raised.value.code is Code.TOO_MANY
        assert raised.value.details["reason"] == "share_used_up"
        wait = raised.value.details["retryAfter"]
        assert isinstance(wait, int)
        # Events and messages come out of the same share; that of another is another one.
        with pytest.raises(GatewayError, match="share of the log"):
            await d.publishers.publish(ONE, None, "user:action", {"text": "x" * 8_000})
        await d.messages.send(TWO, "one", "x" * 8_000)
        assert len(await d.post.all()) == 3
        assert d.board.alert_states == [("share", "firing")]
        await trio.sleep(wait)
        await d.messages.send(ONE, "two", "x" * 8_000)


async def test_who_writes_for_an_agent_pays_for_it_and_what_is_refused_costs_nothing(
    autojump_clock: MockClock,
) -> None:
    async with desk(log=40_000) as d:
        acting = operator("messaging:write", "agents:write")
        for _ in range(2):
            await d.messages.send(acting, "two", "x" * 8_000, from_agent="one")
        await d.messages.send(ONE, "two", "x" * 8_000)
        d.board.disk.trouble = "no room"
        for _ in range(3):
            with pytest.raises(GatewayError, match="no room"):
                await d.messages.send(ONE, "two", "x" * 8_000)
        d.board.disk.trouble = None
        await trio.sleep(10)
        await d.messages.send(ONE, "two", "x" * 8_000)


async def test_what_nobody_fetches_takes_no_room_of_messages_to_others(autojump_clock: MockClock) -> None:
    """Else one agent that writes to itself, and acknowledges nothing, would end all messages for a month."""
    async with desk() as d:
        d.post.of_one = 100_000
        refused: list[GatewayError] = []

        async def call() -> None:
            try:
                await d.messages.send(ONE, "one", "x" * 30_000)
            except GatewayError as error:
                refused.append(error)

        async with trio.open_nursery() as senders:
            for _ in range(6):
                senders.start_soon(call)
        assert len(await d.post.all()) == 3
        assert {error.details["reason"] for error in refused} == {"mailbox_full"}
        await d.messages.send(TWO, "two", "x" * 30_000)


async def test_a_full_mailbox_takes_none_however_many_come_at_once(autojump_clock: MockClock) -> None:
    async with desk() as d:
        d.post.slowness = 0.1
        refused: list[GatewayError] = []

        async def call() -> None:
            try:
                await d.messages.send(ONE, "two", "x")
            except GatewayError as error:
                refused.append(error)

        for _ in range(2):
            async with trio.open_nursery() as senders:
                for _ in range(MOST_WAITING // 2 + 3):
                    senders.start_soon(call)
        assert len(d.board.disk.events) == MOST_WAITING
        assert {(error.code, error.details["reason"]) for error in refused} == {(Code.UNAVAILABLE, "mailbox_full")}
        assert len(refused) == 6
        # There is room for others, and again when one arrived.
        await d.messages.send(TWO, "one", "x")
        (first,) = await d.messages.pull(TWO, limit=1)
        await d.messages.acknowledge(TWO, first.id)
        await d.messages.send(ONE, "two", "x")
