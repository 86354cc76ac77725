"""One order, carried out: what has to be sent for it, and what may be believed of the answer.

Used by the one task that owns the line.
"""

from __future__ import annotations

import math

import trio

from drivers.modbus.pdu import Data, Refusal, Request
from drivers.ports.port import LinkDown
from gateway.core.reading import Reason
from gateway.lines.certain import read_for_certain
from gateway.lines.exchange import Answer, Lost, Talk
from gateway.lines.fence import shape
from gateway.lines.health import Cause, Presence
from gateway.lines.orders import Order, Writing, reason_of
from gateway.lines.polling import Polling
from gateway.lines.refusals import FUNCTION_CODE, GATEWAY_CODES
from gateway.lines.unit import Unit


class Fulfilment:
    """Carries out orders on one line.

    Args:
        polling: knows the units, and does the exchanges.
    """

    def __init__(self, polling: Polling) -> None:
        self._polling = polling

    async def carry_out(self, order: Order, talk: Talk) -> None:
        """Send an order and wait for its outcome; every order has one afterwards.

        Raises:
            LinkDown: the wire is gone.
        """
        if trio.current_time() > order.expires:
            order.fail("expired", "the line had no time for it before it expired")
            return
        unit = self._polling.unit(order.unit)
        try:
            if order.unit == 0 and not self._polling.numbered:
                await self._broadcast(order, talk)
            elif await self._reachable(unit, order) and await self._composed(unit, order):
                await self._send(unit, order)
        except LinkDown as down:
            order.fail(Reason.LINK_DOWN, down.words)
            raise
        finally:
            order.fail("stopping", "the gateway or this line is being stopped")

    async def _broadcast(self, order: Order, talk: Talk) -> None:
        order.sent = True
        try:
            await talk.broadcast(order.request, self._polling.settings.broadcast_delay)
        except BaseException:
            order.sent = talk.left
            raise
        order.fail("broadcast", "sent to all units; nobody answers a broadcast")

    async def _reachable(self, unit: Unit, order: Order) -> bool:
        """Whether the unit answers, asked by a fence first where it failed to: only then may an order follow.

        A unit in doubt is most likely there, and two more misses make it silent. So orders to it can cost no more than
        these, and are worth that whatever the budget says. A read of a device that is silent is worth nobody's
        deadline: it is looked for in any case, and says that it does not answer. A unit that is not configured is
        asked by orders alone.
        """
        health, absent = unit.health, self._polling.absent
        if health.usable:
            return True
        now = trio.current_time()
        patience: float | None = absent.patience(unit, now)
        if health.presence is not Presence.DOUBTFUL:
            if unit.device is not None and not isinstance(order, Writing):
                patience = absent.spare(unit, now)
            if not absent.affordable(unit, now) and not (order.owed and absent.on_credit(now)):
                patience = None
        if patience is None:
            words = f"{unit.name} is silent and looked for from time to time only: the request was not sent"
        elif await self._polling.probe(unit, patience):
            return True
        else:
            words = f"{unit.name} did not answer when it was looked for, so the request itself was not sent"
        order.fail(Reason.NO_ANSWER, words)
        return False

    async def _composed(self, unit: Unit, order: Order) -> bool:
        """Whether the request is complete, after the read that the write of a bit field begins with on some devices."""
        modify = order.modify if isinstance(order, Writing) else None
        if modify is None or not unit.no_mask_write:
            return True
        read = await self._read(unit, order, modify[0])
        if isinstance(read, Data):
            order.request = modify[1](read.payload)
            return True
        if read is not None:
            order.answered(read)
        return False

    async def _send(self, unit: Unit, order: Order) -> None:
        if not order.request.writes:
            read = await self._read(unit, order, order.request)
            if read is not None:
                order.answered(read)
            return
        now = trio.current_time()
        ambiguous = unit.outstanding(order.request, now)
        doubts = unit.doubts(order.request.function, now)
        order.sent = True
        try:
            answer = await self._ask(unit, order)
        except BaseException:
            # Also where the line is stopped in the silence before a request: then nothing of it has left.
            order.sent = self._polling.left
            raise
        if isinstance(answer, Data):
            await self._acknowledged(unit, order, answer, ambiguous=ambiguous)
        elif answer is not None:
            await self._refused(unit, order, answer, ambiguous=doubts)

    async def _refused(self, unit: Unit, order: Order, refusal: Refusal, *, ambiguous: bool) -> None:
        if ambiguous:
            words = "the refusal may be the late one of an earlier write"
            order.fail(Reason.LATE_POSSIBLE, f"{words}{_wait(unit, order.request)}")
        elif (
            refusal.code == FUNCTION_CODE
            and isinstance(order, Writing)
            and order.modify is not None
            and not unit.no_mask_write
        ):
            # It knows no function 22: its bit fields are written by read, modify and write from now on.
            unit.no_mask_write = True
            order.sent = False
            if await self._composed(unit, order):
                await self._send(unit, order)
        else:
            order.answered(refusal)

    async def _acknowledged(self, unit: Unit, order: Order, answer: Data, *, ambiguous: bool) -> None:
        echoed = self._polling.echoed(order.request)
        certain = not ambiguous and not echoed
        if isinstance(order, Writing) and (order.reads_back or (ambiguous and not echoed)):
            await self._read_back(unit, order)
            # What was read after the write says more than its acknowledgement. A register that is not said to read
            # back what was written to it may show something else in any case.
            certain = certain or (order.checked is not None and (order.reads_back or order.checked[0]))
        if certain:
            order.answered(answer)
        elif echoed:
            order.fail("echo", "the adapter echoes, and this echo looks like an answer: set echo = true on the line")
        else:
            words = "the answer may be the late one to an earlier write"
            order.fail(Reason.LATE_POSSIBLE, f"{words}{_wait(unit, order.request)}")

    async def _read_back(self, unit: Unit, order: Writing) -> None:
        """Read what was written, where that can be read, and compare."""
        if order.read_back is None or order.check is None:
            return
        result = await read_for_certain(self._polling, unit, order.read_back, unit.health.bound)
        if result is None:
            order.unread = "but was not read after it: the answer could have been the late one to an earlier request"
        elif isinstance(result, Lost):
            if result.cause is not Cause.TIMEOUT:
                order.unread = "but its answer to the read after it arrived damaged"
        elif isinstance(result.answer, Data):
            order.checked = order.check(result.answer.payload)
        elif result.answer.code in GATEWAY_CODES:
            order.unread = f"but {_of_gateway(result.answer)} for the read after it"
        else:
            order.unread = f"but refused the read after it: {result.answer.name.replace('_', ' ')}"

    async def _read(self, unit: Unit, order: Order, request: Request) -> Data | Refusal | None:
        """Read for an order; None when the order has failed by it."""
        patience = unit.health.bound if unit.health.presence is Presence.ONLINE else None
        result = await read_for_certain(self._polling, unit, request, patience)
        if result is None:
            words = "the answer could not be told from the late one to an earlier request"
            order.fail(Reason.LATE_POSSIBLE, f"{words}{_wait(unit, request)}")
            return None
        return self._usable(unit, order, result)

    async def _ask(self, unit: Unit, order: Order) -> Data | Refusal | None:
        """Exchange for an order that writes; None when the order has failed by it.

        It gets all the time the configuration allows: a write can take far longer than the reads that the time-out
        follows (EEPROM), and to call it lost then would be a lie.
        """
        return self._usable(unit, order, await self._polling.exchange(unit, order.request, unit.health.bound))

    def _usable(self, unit: Unit, order: Order, result: Answer | Lost) -> Data | Refusal | None:
        """What the unit itself answered; where it did not, the order has failed."""
        if isinstance(result, Answer):
            if isinstance(result.answer, Data) or result.answer.code not in GATEWAY_CODES:
                return result.answer
            # Also without a path it is not known for sure: there are gateways that say so of a unit that is silent.
            order.fail(reason_of(result.answer), _of_gateway(result.answer))
        elif result.cause is Cause.TIMEOUT:
            order.fail(Reason.NO_ANSWER, f"{unit.name} did not answer in time")
        else:
            order.fail(Reason.BROKEN_ANSWER, f"the answer of {unit.name} arrived damaged")
        return None


def _of_gateway(refusal: Refusal) -> str:
    """What a gateway on the way says of the unit behind it, in words."""
    said = "got no answer from" if reason_of(refusal) is Reason.GATEWAY_TARGET else "has no path to"
    return f"a gateway on the way {said} the unit"


def _wait(unit: Unit, request: Request) -> str:
    """When to ask again for what was asked in doubt, as the end of a sentence."""
    seconds = math.ceil(unit.health.open_until(shape(request)) - trio.current_time())
    return f": ask again in {max(seconds, 1)} s, not before"
