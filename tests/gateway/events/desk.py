"""Messages with everything around them in memory: a mailbox, a roster of two agents, and who pays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from gateway.core import rfc3339
from gateway.core.channels import MESSAGE
from gateway.core.eventlog import Message, NotKept
from gateway.core.principal import Kind, Principal
from gateway.core.roster import AgentCounts, AgentRow, AgentStatus, Presence, ServiceRow
from gateway.events.charges import Charges
from gateway.events.messages import Messages
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
