"""Messages between agents: who may write, who may read, and what is said when one cannot be taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import msgspec
import pytest
import trio
from trio.testing import MockClock

from gateway.core import rfc3339
from gateway.core.catalogue import CATALOGUE
from gateway.core.channels import MESSAGE, may_receive
from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import Message, NotKept, Priority
from gateway.core.principal import Kind, Principal
from gateway.core.roster import AgentCounts, AgentRow, AgentStatus, Presence, ServiceRow
from gateway.events.charges import Charges
from gateway.events.messages import MOST_CONTENT, MOST_WAITING, TTL_S, Messages
from gateway.events.publishers import Publishers
from gateway.events.shares import Shares
from tests.gateway.agents.board import Facts
from tests.gateway.api.fakes import Notes
from tests.gateway.events.board import Board, Disk


class Post:
    """A mailbox of what is on the disk, and a roster of two agents."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.acknowledged: dict[str, float] = {}
        self.trouble: str | None = None
        self.slowness = 0.0
        self.known = {"one", "two"}
        self.size = self.of_one = 1_000_000_000

    async def all(self) -> list[Message]:
        await trio.sleep(self.slowness)
        if self.trouble is not None:
            raise NotKept(self.trouble)
        found = []
        for event in self.disk.events:
            if event.type != MESSAGE:
                continue
            data = {name: str(value) for name, value in event.data.items()}
            priority = data["priority"].replace("regular", "normal")
            found.append(
                Message(
                    data["message_id"],
                    event.sequence,
                    data["from_agent"],
                    data["to_agent"],
                    data["content"],
                    priority,
                    data["category"],
                    None,
                    event.time,
                    rfc3339.parse(data["expires_at"]),
                    self.acknowledged.get(data["message_id"]),
                )
            )
        return found

    async def fetch(self, agent: str | None, *, waiting_only: bool, after: int, limit: int) -> list[Message]:
        return [
            message
            for message in await self.all()
            if agent in {None, message.to_agent}
            and message.sequence > after
            and not (waiting_only and message.acknowledged)
        ][:limit]

    async def find(self, id_: str) -> Message | None:
        return next((message for message in await self.all() if message.id == id_), None)

    async def acknowledge(self, id_: str, at: float) -> bool:
        return self.acknowledged.setdefault(id_, at) == at

    async def room(self) -> int:
        waiting = [message for message in await self.all() if message.acknowledged is None]
        return self.size - sum(len(message.content) + 400 for message in waiting)

    async def room_of(self, agent: str) -> int:
        waiting = await self.fetch(agent, waiting_only=True, after=0, limit=100_000)
        return self.of_one - sum(len(message.content) + 400 for message in waiting)

    async def waiting(self, agent: str) -> int:
        return len(await self.fetch(agent, waiting_only=True, after=0, limit=100_000))

    def counts(self) -> AgentCounts:
        return AgentCounts()

    def agents(self, capability: str | None = None, *, active: bool | None = None) -> Sequence[AgentRow]:
        return []

    def get(self, agent_id: str) -> AgentRow | None:
        if agent_id not in self.known:
            return None
        return AgentRow(
            agent_id, agent_id, "1.0.0", AgentStatus.ACTIVE, Presence.ACTIVE, True, True, 0.0, "synchronised", (), ()
        )

    def services(self, capability: str | None = None, location: str | None = None) -> Sequence[ServiceRow]:
        return []


def agent(name: str, *scopes: str) -> Principal:
    return Principal(name, frozenset(scopes or ("messaging:read", "messaging:write")), Kind.AGENT, "t")


def operator(*scopes: str) -> Principal:
    return Principal("plant", frozenset(scopes), Kind.OPERATOR, "t")


ONE, TWO = agent("one"), agent("two")
ADMIN = operator("*")


class Desk:
    def __init__(self, board: Board, log: int) -> None:
        self.board = board
        self.post = Post(board.disk)
        charges = Charges(Shares(log, 604_800.0, Facts(), board.timeline.now), board.alerts)
        self.messages = Messages(board.journal, self.post, self.post, charges, board.timeline.now)
        self.publishers = Publishers(board.journal, charges, Notes(), board.timeline.now)


@asynccontextmanager
async def desk(*, log: int = 64_000_000) -> AsyncIterator[Desk]:
    board = Board()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(board.journal.run)
        yield Desk(board, log)
        nursery.cancel_scope.cancel()


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
