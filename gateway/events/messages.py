"""Messages between agents: sent once, on the disk before that is said, and there until they arrived or expired."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
import trio

from gateway.core import rfc3339
from gateway.core.channels import EVERYTHING, MESSAGE
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.eventlog import Mailbox, Message, NotKept, Priority
from gateway.core.events import uuid7
from gateway.core.principal import Kind, Principal
from gateway.core.roster import Roster
from gateway.events.charges import Charges
from gateway.events.journal import Journal

READ, WRITE = "messaging:read", "messaging:write"
# On behalf of agents (ruling 24).
ACT = "agents:write"
# Seconds a message waits for its agent.
TTL_S = 7 * 86400.0
MOST_TTL_S = 30 * 86400.0
# Messages that may wait for one agent.
MOST_WAITING = 1000
# Bytes that a message takes beside its content, and seconds between two looks at how many bytes wait: those are dear.
_AROUND = 400
_LOOK_S = 10.0
# Bytes of UTF-8, and as JSON writes it: with all that goes with it, a message fits into a frame and the body of a
# webhook (D-148).
MOST_CONTENT, MOST_WRITTEN = 32_768, 49_152
MOST_PULLED = 200
_CATEGORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", re.ASCII)
_MOST_CORRELATION = 128
_LONGEST_SHOWN = 128

_PRIORITIES = {"low": Priority.LOW, "normal": Priority.NORMAL, "high": Priority.HIGH, "urgent": Priority.URGENT}
# D-117: one may say regular for normal, and regular is what the event says.
_REGULAR = "regular"


class Messages:
    """Takes messages, hands them out, and notes that they arrived.

    Args:
        journal: has them kept, and tells whom they are for.
        mailbox: where they wait.
        roster: who can get messages.
        charges: to whose share of the log they are put down.
        now: Unix seconds.

    Attributes:
        sent: messages that were taken in this run of the gateway.
    """

    def __init__(
        self, journal: Journal, mailbox: Mailbox, roster: Roster, charges: Charges, now: Callable[[], float]
    ) -> None:
        self._journal = journal
        self._charges = charges
        self._mailbox = mailbox
        self._roster = roster
        self._now = now
        self.sent = 0
        # On their way to an agent: how many, and their bytes.
        self._under_way: Counter[str] = Counter()
        self._coming: Counter[str] = Counter()
        # Bytes that may come before somebody has to look.
        self._left = 0
        self._look_at = -math.inf
        self._looking = trio.Lock()

    async def send(
        self,
        by: Principal,
        to_agent: str,
        content: str,
        *,
        priority: str = "normal",
        category: str = "general",
        correlation_id: str | None = None,
        ttl: float | None = None,
        from_agent: str | None = None,
    ) -> Message:
        """Take a message; it is on the disk when this returns.

        Args:
            by: who writes.
            to_agent: id of a registered agent.
            content: text.
            priority: low, normal (or regular), high or urgent.
            category: a word of the sender's.
            correlation_id: ties an answer to a question.
            ttl: seconds after which it is no longer there; None: a week.
            from_agent: in whose name; None: the writer's own.

        Raises:
            GatewayError: FORBIDDEN without ``messaging:write``, or in the name of another; INVALID; AGENT_NOT_FOUND;
                TOO_MANY, the writer's share of the log is used up; UNAVAILABLE where too many wait for that agent or
                for all already, or the disk does not take it.
        """
        _need(by, WRITE)
        ttl = TTL_S if ttl is None else ttl
        sender = self._sender(by, from_agent)
        word = "normal" if priority == _REGULAR else priority
        size = _AROUND + _check(content, word, category, correlation_id, ttl)
        self._registered(to_agent, "to_agent")
        # Whoever writes in another's name pays for it.
        with self._charges.charged(by, size):
            await self._take_room(size)
            async with self._room(to_agent, size):
                expires = self._now() + ttl
                id_ = f"msg-{uuid7(self._now())}"
                event = await self._journal.accept(
                    MESSAGE,
                    {
                        "message_id": id_,
                        "from_agent": sender,
                        "to_agent": to_agent,
                        "content": content,
                        "priority": _REGULAR if word == "normal" else word,
                        "category": category,
                        "correlation_id": correlation_id,
                        "expires_at": rfc3339.text(expires),
                    },
                    priority=_PRIORITIES[word],
                )
        self.sent += 1
        return Message(
            id_,
            event.sequence,
            sender,
            to_agent,
            content,
            word,
            category,
            correlation_id,
            event.time,
            expires,
        )

    async def pull(
        self,
        by: Principal,
        agent: str | None = None,
        *,
        waiting_only: bool = True,
        after: int = 0,
        limit: int = 50,
    ) -> list[Message]:
        """Messages to an agent, oldest first; they wait until they are acknowledged.

        Args:
            by: who asks: for its own messages, or, who may everything, for anybody's.
            agent: whose; None: the reader's own, or everybody's for who may everything.
            waiting_only: leave out those that arrived.
            after: only those with higher numbers.
            limit: at most so many.

        Raises:
            GatewayError: FORBIDDEN without ``messaging:read`` or for the messages of others; INVALID; UNAVAILABLE.
        """
        _need(by, READ)
        if not 1 <= limit <= MOST_PULLED:
            raise invalid("limit", f"ask for 1 to {MOST_PULLED} messages at once", limit)
        if after < 0:
            raise invalid("after", "the number of the last message that is known, or 0", after)
        if EVERYTHING not in by.scopes:
            if agent not in {None, by.subject}:
                raise GatewayError(
                    Code.FORBIDDEN, 'these are messages to another agent; only a token with the scope "*" sees them'
                )
            agent = by.subject
        async with _disk():
            return await self._mailbox.fetch(agent, waiting_only=waiting_only, after=after, limit=limit)

    async def acknowledge(self, by: Principal, message_id: str) -> Message:
        """Note that a message arrived; that is on the disk when this returns. A second time changes nothing.

        Args:
            by: whom it is for, or who may everything.
            message_id: of the message.

        Raises:
            GatewayError: FORBIDDEN without ``messaging:read``; NOT_FOUND where there is none for this caller;
                UNAVAILABLE.
        """
        _need(by, READ)
        async with _disk():
            message = self._visible(by, message_id, await self._mailbox.find(message_id))
            if message.acknowledged is not None:
                return message
            at = self._now()
            if await self._mailbox.acknowledge(message_id, at):
                return replace(message, acknowledged=at)
            # Another came first, or it has just expired.
            return self._visible(by, message_id, await self._mailbox.find(message_id))

    @staticmethod
    def _visible(by: Principal, message_id: str, message: Message | None) -> Message:
        if message is None or (message.to_agent != by.subject and EVERYTHING not in by.scopes):
            # What is not for this caller is not there for it: ids of others' messages cannot be tried out.
            reason = "there is no such message to you, or not any more"
            raise GatewayError(Code.NOT_FOUND, reason, field="message_id", provided=message_id[:_LONGEST_SHOWN])
        return message

    def _sender(self, by: Principal, from_agent: str | None) -> str:
        """In whose name: an agent writes in its own; who acts for agents may write in theirs."""
        if from_agent is None or from_agent == by.subject:
            return by.subject
        if by.kind is not Kind.OPERATOR or not by.may(ACT):
            raise GatewayError(
                Code.FORBIDDEN,
                f'this token writes as "{by.subject}"; only an operator with the scope "{ACT}" writes for agents',
                field="from_agent",
                provided=from_agent[:_LONGEST_SHOWN],
            )
        self._registered(from_agent, "from_agent")
        return from_agent

    def _registered(self, agent: str, field: str) -> None:
        if self._roster.get(agent) is None:
            reason = "no agent is registered under this id. Register it first"
            shown = agent[:_LONGEST_SHOWN]
            raise GatewayError(Code.AGENT_NOT_FOUND, reason, field=field, provided=shown, details={"provided": shown})

    async def _take_room(self, size: int) -> None:
        """Leave room in the log for events: messages that wait would otherwise be the last to give way to anything."""
        async with self._looking:
            if self._left < size and trio.current_time() >= self._look_at:
                async with _disk():
                    self._left = await self._mailbox.room()
                self._look_at = trio.current_time() + _LOOK_S
            if self._left < size:
                raise GatewayError(
                    Code.UNAVAILABLE,
                    "the messages that wait take a quarter of the log already. Try again when agents acknowledged some",
                    details={"reason": "mailboxes_full"},
                )
            self._left -= size

    @asynccontextmanager
    async def _room(self, agent: str, size: int) -> AsyncIterator[None]:
        """Hold a place in an agent's mailbox: of many that come at once, none goes beyond its end."""
        self._under_way[agent] += 1
        self._coming[agent] += size
        try:
            async with _disk():
                waiting, left = await self._mailbox.waiting(agent), await self._mailbox.room_of(agent)
            if waiting + self._under_way[agent] > MOST_WAITING or self._coming[agent] > left:
                raise GatewayError(
                    Code.UNAVAILABLE,
                    f"{waiting} messages wait for this agent already. Try again when it has acknowledged some",
                    details={"reason": "mailbox_full", "waiting": waiting},
                )
            yield
        finally:
            self._under_way[agent] -= 1
            self._coming[agent] -= size
            if not self._under_way[agent]:
                del self._under_way[agent], self._coming[agent]


def _need(principal: Principal, scope: str) -> None:
    if not principal.may(scope):
        raise GatewayError(Code.FORBIDDEN, f'this needs the scope "{scope}"', details={"scope": scope})


def _check(content: str, priority: str, category: str, correlation_id: str | None, ttl: float) -> int:
    """Refuse what is no message; returns the bytes its content takes as JSON."""
    if not content:
        raise invalid("content", "say something", content)
    if (size := len(content.encode("utf-8", "surrogatepass"))) > MOST_CONTENT:
        raise invalid("content", f"at most {MOST_CONTENT} bytes, this is {size}: put it elsewhere, and write where")
    written = len(msgspec.json.encode(content.encode("utf-8", "replace").decode()))
    if written > MOST_WRITTEN:
        words = (
            f"at most {MOST_WRITTEN} bytes as JSON writes it, this is {written}: it escapes what is no printable text"
        )
        raise invalid("content", words)
    if priority not in _PRIORITIES:
        raise invalid("priority", f"one of {', '.join(_PRIORITIES)}", priority)
    if not _CATEGORY.fullmatch(category):
        raise invalid("category", "one word of letters, digits, _ . : and -, at most 64 characters", category)
    if correlation_id is not None and not 1 <= len(correlation_id) <= _MOST_CORRELATION:
        raise invalid("correlation_id", f"1 to {_MOST_CORRELATION} characters, or none", correlation_id)
    if not 1 <= ttl <= MOST_TTL_S:
        raise invalid("ttl", f"seconds, 1 to {MOST_TTL_S:.0f}", ttl)
    return written


@asynccontextmanager
async def _disk() -> AsyncIterator[None]:
    try:
        yield
    except NotKept as trouble:
        raise GatewayError(Code.UNAVAILABLE, f"{trouble}. Try again later", details={"reason": str(trouble)}) from None
