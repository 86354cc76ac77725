"""Brings messages of plugins to each other, and answers back (D-115 to D-117).

Each active instance has a bounded queue, the most urgent message first, and so many at once. The answer to a message
is what the other plugin returns, or a message it writes back with the same correlation, whichever comes first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.events import uuid7
from gateway.core.ports import Json
from gateway.plugins.exchange.inbox import Inbox
from gateway.plugins.exchange.letters import Letter, Reply, Sent, Status, size_of
from gateway.plugins.host.allowance import Allowance
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.services import Caller, MessageOut
from gateway.plugins.host.states import State

log = structlog.stdlib.get_logger(__name__)

# Messages, and bytes of their payloads, that wait for an instance; and how many it works on at once.
MOST_WAITING = 32
LARGEST_WAITING = 512 * 1024
AT_ONCE = 8
# Of them and of what is worked on, those of one plugin: others have room beside it.
MOST_OF_ONE = 20
# Of one plugin: what costs memory and processor here.
MESSAGES_A_MINUTE = 600
# Seconds a message has that nobody waits for an answer to.
UNASKED_S = 30.0
# Seconds a sender that does not wait for the answer waits to hear that the other plugin has its message.
HANDING_S = 1.0
LONGEST_TIMEOUT = 300.0
# The type of a message that brings an answer.
RESPONSE = "response"
_LONGEST_RETRY_S = 60

Find = Callable[[str], Sequence[Instance]]


@dataclass(slots=True)
class _Place:
    """One instance, and what is for it."""

    instance: Instance
    inbox: Inbox[Letter] = field(default_factory=lambda: Inbox(MOST_WAITING, LARGEST_WAITING))
    under_way: int = 0
    turn: int = 0
    sources: Counter[str] = field(default_factory=Counter)

    @property
    def idle(self) -> bool:
        return not self.under_way and not len(self.inbox)

    @property
    def load(self) -> tuple[int, int]:
        """Who has least to do comes first, then who had its turn longest ago."""
        return self.under_way + len(self.inbox), self.turn


class Exchange:
    """The messages of all plugins. Implements ``plugins.host.services.Messages``.

    Args:
        instances: those of a plugin (``Host.of``).
        exists: raises NOT_FOUND where there is no such plugin (``Registry.get``).
        tell: emits an event of the catalogue.
        wall: Unix seconds.
        owner: subject of whoever installed an instance; None where that is not known.

    Attributes:
        owner: as it was given; whoever knows owners later sets it.
        sent: messages that were put into a queue in this run of the gateway.
    """

    def __init__(
        self,
        instances: Find,
        exists: Callable[[str], Awaitable[object]],
        tell: Callable[[str, Mapping[str, object]], None],
        wall: Callable[[], float],
        owner: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._instances, self._exists, self._tell, self._wall, self.owner = instances, exists, tell, wall, owner
        self._places: dict[str, _Place] = {}
        self._questions: dict[tuple[str, str, str], Letter] = {}
        self._allowances: dict[str, Allowance] = {}
        self.sent = 0
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry messages, until cancelled; those that are under way fail then."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None
            self._places.clear()
            self._questions.clear()

    async def send(self, caller: Caller, message: MessageOut) -> Mapping[str, Json]:
        """See ``plugins.host.services.Messages``: with a ``timeout``, what it returns has the ``answer``.

        Raises:
            GatewayError: NOT_FOUND, CONFLICT, INVALID; TOO_MANY; UNAVAILABLE, the queue is full, or, with a timeout,
                there is no answer.
        """
        wait = None if message.timeout is None else LONGEST_TIMEOUT
        sent = await self.communicate(caller.plugin, message, sender=caller.instance, wait=wait)
        if sent.status is Status.FAILED:
            raise GatewayError(Code.UNAVAILABLE, sent.words or "it failed", details={"code": sent.reason})
        known: dict[str, Json] = {
            "message_id": sent.message_id,
            "correlation_id": sent.correlation_id,
            "status": sent.status.value,
            "response_expected": sent.response_expected,
            "estimated_response_time": sent.estimated_response_time,
        }
        return known if sent.reply is None else {**known, "answer": sent.reply.value}

    async def communicate(
        self, source: str, message: MessageOut, *, sender: str | None = None, wait: float | None = None
    ) -> Sent:
        """Send a message.

        Args:
            source: the plugin that writes.
            message: to whom, and what; with a ``timeout`` an answer is expected.
            sender: which instance of it writes; None: it came over HTTP.
            wait: seconds to wait for the answer; None: only until the other plugin has the message, for a second.

        Raises:
            GatewayError: NOT_FOUND or CONFLICT, about ``to``: no such plugin, none of it is active; CONFLICT, a
                question with this ``correlationId`` is open; INVALID; TOO_MANY; UNAVAILABLE, the queue is full.
        """
        size = size_of(message.payload)
        if self._nursery is None:
            raise GatewayError(Code.UNAVAILABLE, "the gateway is starting or ending")
        letter = self._letter(source, message, sender, size, waited=wait is not None and message.timeout is not None)
        if letter.expected and letter.question in self._questions:
            raise GatewayError(
                Code.CONFLICT,
                "a question with this correlation waits for an answer of that plugin already: choose another one",
                field="correlationId",
            )
        asked = self._questions.get((letter.target, letter.source, letter.correlation_id))
        place = await self._place_for(letter, needed=asked is None)
        self._count(source)
        if asked is not None:
            letter.expected = letter.waited = False
            place = self._answered(asked, letter, place)
        if place is not None:
            self._post(letter, place)
        self._tell("plugin:message", letter.told())
        estimate = None if place is None else _estimate(place.instance)
        waited = letter.waited
        await self._wait(letter, wait)
        return Sent(
            message_id=letter.id,
            correlation_id=letter.correlation_id,
            status=letter.status,
            response_expected=letter.expected,
            estimated_response_time=estimate,
            # Who did not wait gets it as a message, however soon it comes.
            reply=letter.reply if waited else None,
            reason=letter.reason,
            words=letter.words,
        )

    # Before it is on its way

    def _letter(self, source: str, message: MessageOut, sender: str | None, size: int, *, waited: bool) -> Letter:
        timeout = UNASKED_S if message.timeout is None else min(message.timeout, LONGEST_TIMEOUT)
        name = uuid7(self._wall())
        return Letter(
            id=f"msg-{name}",
            source=source,
            target=message.to,
            sender=sender,
            type=message.type,
            payload=message.payload,
            size=size,
            priority=message.priority,
            correlation_id=message.correlation_id or f"req-{name}",
            timeout=timeout,
            deadline=trio.current_time() + timeout,
            expected=message.timeout is not None,
            waited=waited,
        )

    async def _place_for(self, letter: Letter, *, needed: bool) -> _Place | None:
        """Which instance gets a message: one of the sender's owner where there is one; the least busy of them."""
        found = self._instances(letter.target)
        if not found:
            try:
                await self._exists(letter.target)
            except GatewayError as error:
                raise GatewayError(error.code, error.reason, field="to", details=error.details) from None
        active = [
            self._place(one)
            for one in found
            if one.state is State.ACTIVE and (letter.sender is None or one.spec.instance != letter.sender)
        ]
        if not active:
            if needed:
                raise GatewayError(
                    Code.CONFLICT, f"no instance of {letter.target} is active: activate one, then try again", field="to"
                )
            return None
        owner = None if letter.sender is None else self.owner(letter.sender)
        own = [place for place in active if owner is not None and self.owner(place.instance.spec.instance) == owner]
        return min(own or active, key=lambda place: place.load)

    def _place(self, instance: Instance) -> _Place:
        id_ = instance.spec.instance
        place = self._places.get(id_)
        if place is None or place.instance is not instance:
            for old in [
                name for name, one in self._places.items() if one.idle and one.instance.state is not State.ACTIVE
            ]:
                del self._places[old]
            place = self._places[id_] = _Place(instance)
        return place

    def _count(self, source: str) -> None:
        allowance = self._allowances.setdefault(source, Allowance(MESSAGES_A_MINUTE, trio.current_time))
        if not allowance.take():
            raise GatewayError(
                Code.TOO_MANY,
                f"{source} writes more than {MESSAGES_A_MINUTE} messages a minute",
                details={"retryAfter": 1},
            )

    def _answered(self, asked: Letter, letter: Letter, place: _Place | None) -> _Place | None:
        """A message is the answer to a question: who waits for that gets it so, and nobody else.

        Returns:
            Where the message goes beside that.
        """
        waited = asked.waited
        self._close(asked, Reply(letter.payload))
        if waited or place is None:
            letter.settle(None)
            return None
        return place

    def _post(self, letter: Letter, place: _Place) -> None:
        mine = place.sources[letter.source]
        number = place.inbox.put(letter, letter.priority, letter.size) if mine < MOST_OF_ONE else None
        if number is None or self._nursery is None:
            wait = _estimate(place.instance) or 1.0
            raise GatewayError(
                Code.UNAVAILABLE,
                f"{MOST_WAITING} messages, {LARGEST_WAITING} bytes, or {MOST_OF_ONE} messages of one plugin, wait for "
                f"{letter.target} already: try later",
                details={"reason": "queue_full", "retryAfter": max(1, min(math.ceil(wait), _LONGEST_RETRY_S))},
            )
        self.sent += 1
        place.turn = self.sent
        if letter.expected:
            self._questions[letter.question] = letter
        place.sources[letter.source] += 1
        self._nursery.start_soon(self._carry, letter, place, number)
        self._next(place)

    @staticmethod
    async def _wait(letter: Letter, wait: float | None) -> None:
        if letter.waited and wait is not None:
            try:
                with trio.move_on_after(wait):
                    await letter.done.wait()
            finally:
                letter.waited = False
            return
        with trio.move_on_after(HANDING_S):
            await letter.handed.wait()

    # On its way

    def _next(self, place: _Place) -> None:
        while place.under_way < AT_ONCE and (letter := place.inbox.take()) is not None:
            place.under_way += 1
            letter.turn.set()

    async def _carry(self, letter: Letter, place: _Place, number: int) -> None:
        try:
            with trio.CancelScope(deadline=letter.deadline):
                await letter.turn.wait()
            if place.inbox.withdraw(number):
                self._failed(letter, "timeout", f"it waited {letter.timeout:g} s for {letter.target}, which is busy")
                return
            try:
                await self._hand_over(letter, place)
            finally:
                place.under_way -= 1
                self._next(place)
        finally:
            place.sources -= Counter({letter.source: 1})
            letter.fail("gone", "the gateway ended")
            self._forget(letter)

    async def _hand_over(self, letter: Letter, place: _Place) -> None:
        letter.status = Status.DELIVERED
        letter.handed.set()
        left = letter.deadline - trio.current_time()
        try:
            answer = await place.instance.message(letter.params(), max(left, 0.0))
        except GatewayError as error:
            word = str(error.details.get("code", "failed"))
            self._failed(letter, word if word in {"timeout", "failed"} else "gone", error.reason)
        else:
            self._returned(letter, answer)

    def _returned(self, letter: Letter, answer: Json) -> None:
        """The other plugin has done with it."""
        if not letter.expected:
            letter.settle(None)
            return
        waited = letter.waited
        if not self._close(letter, Reply(answer)):
            return
        back = self._response(letter, answer)
        self._tell("plugin:message", back.told())
        if not waited:
            self._bring_back(back, letter.sender)

    def _response(self, letter: Letter, answer: Json) -> Letter:
        out = MessageOut(letter.source, RESPONSE, answer, letter.priority, letter.correlation_id, None)
        return self._letter(letter.target, out, None, 0, waited=False)

    def _bring_back(self, back: Letter, asker: str | None) -> None:
        """Nobody waits here for an answer: it is a message to who asked, where it runs and has room."""
        active = [self._place(one) for one in self._instances(back.target) if one.state is State.ACTIVE]
        own = [place for place in active if place.instance.spec.instance == asker]
        if not active:
            return
        try:
            back.size = size_of(back.payload)
            self._post(back, min(own or active, key=lambda place: place.load))
        except GatewayError as error:
            log.warning("an answer is lost", plugin=back.target, message=back.id, reason=error.reason)

    def _failed(self, letter: Letter, reason: str, words: str) -> None:
        self._forget(letter)
        if not letter.fail(reason, words):
            return
        if letter.expected and reason == "timeout":
            self._tell(
                "plugin:message_timeout",
                {
                    "message_id": letter.id,
                    "from_plugin": letter.source,
                    "to_plugin": letter.target,
                    "correlation_id": letter.correlation_id,
                    "timeout": letter.timeout,
                },
            )

    def _close(self, letter: Letter, reply: Reply) -> bool:
        """A question was answered; whether that is news."""
        self._forget(letter)
        return letter.settle(reply)

    def _forget(self, letter: Letter) -> None:
        if self._questions.get(letter.question) is letter:
            del self._questions[letter.question]


def _estimate(instance: Instance) -> float | None:
    smoothed = instance.report().smoothed_response
    return None if smoothed is None else round(smoothed, 3)
