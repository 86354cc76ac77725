"""Serves what one instance asks for. Permissions are checked here, and nowhere behind it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec
import structlog
import trio
from msgspec import UNSET

from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.events import RESERVED
from gateway.core.patterns import parse_selection
from gateway.core.ports import Json
from gateway.plugins.host import forms
from gateway.plugins.host import requests as ask
from gateway.plugins.host.allowance import Allowance
from gateway.plugins.host.cupboard import Cupboard
from gateway.plugins.host.faults import BusyError, fault_of
from gateway.plugins.host.messages import INTERNAL_ERROR, METHOD_NOT_FOUND, Fault
from gateway.plugins.host.notes import Notes
from gateway.plugins.host.permissions import Permissions, Word
from gateway.plugins.host.services import Caller, DerivedReading, HostServices, MessageOut
from gateway.plugins.host.subscriptions import Subscriptions
from gateway.plugins.host.tally import Tally

log = structlog.stdlib.get_logger(__name__)

# Seconds after which a request is given up; a message may wait longer for its answer.
DEADLINE_S = 30.0
_GRACE_S = 5.0
# A minute: what costs the disk a write.
PUTS_A_MINUTE = 60
EVENTS_A_MINUTE = 600


class Desk:
    """Serves one instance, over all its lives.

    Args:
        caller: the instance.
        permissions: what it may.
        services: of the gateway.
        notes: its log.
        subscriptions: its events.
        quota: bytes it may keep.
        monotonic: seconds of a clock that does not go back.

    Attributes:
        tally: of all it asked for.
    """

    def __init__(  # noqa: PLR0917 - parts it is made of
        self,
        caller: Caller,
        permissions: Permissions,
        services: HostServices,
        notes: Notes,
        subscriptions: Subscriptions,
        quota: int,
        monotonic: Callable[[], float],
    ) -> None:
        self.tally = Tally()
        self._caller, self._permissions, self._services = caller, permissions, services
        self._notes, self._subscriptions = notes, subscriptions
        self._cupboard = Cupboard(services.storage, caller.instance, quota)
        self._monotonic = monotonic
        self._puts = Allowance(PUTS_A_MINUTE, monotonic)
        self._events = Allowance(EVENTS_A_MINUTE, monotonic)
        self._served: Mapping[str, Callable[[Any], Awaitable[Json]]] = {
            "tag.list": self._tag_list,
            "tag.read": self._tag_read,
            "tag.write": self._tag_write,
            "reading.publish": self._reading_publish,
            "event.publish": self._event_publish,
            "event.subscribe": self._event_subscribe,
            "event.unsubscribe": self._event_unsubscribe,
            "message.send": self._message_send,
            "storage.get": self._storage_get,
            "storage.put": self._storage_put,
            "storage.delete": self._storage_delete,
            "storage.list": self._storage_list,
            "log": self._log,
            "serial.read": self._serial_read,
            "serial.write": self._serial_write,
        }

    def bound(self, quota: int) -> None:
        """It may keep so many bytes from now on; what is beyond that stays."""
        self._cupboard.quota = quota

    async def serve(self, method: str, params: Mapping[str, Json]) -> Json | Fault:
        """Do what is asked for, in bounded time. Never raises, save what cancels."""
        begun = self._monotonic()
        answer = await self._serve(method, params)
        self.tally.note(self._monotonic() - begun, failed=isinstance(answer, Fault))
        return answer

    async def _serve(self, method: str, params: Mapping[str, Json]) -> Json | Fault:
        model = ask.METHODS.get(method)
        if model is None:
            return Fault(METHOD_NOT_FOUND, f"no such method: use one of {', '.join(ask.METHODS)}", {"method": method})
        try:
            asked = msgspec.convert(params, model)
            with trio.fail_after(_deadline(asked)):
                return await self._served[method](asked)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                log.exception("a plugin was not served", instance=self._caller.instance, method=method)
                fault = Fault(INTERNAL_ERROR, "the gateway failed; its log says how")
            return fault

    # Tags

    async def _tag_list(self, _: ask.TagList) -> Json:
        self._permissions.require(Word.READ_TAGS)
        await trio.lowlevel.checkpoint()
        may = partial(self._permissions.allow, Word.READ_TAGS)
        return {"tags": [forms.tag_row(row) for row in self._services.tags.list() if may(row.name)]}

    async def _tag_read(self, asked: ask.TagRead) -> Json:
        for name in asked.tags:
            self._permissions.require(Word.READ_TAGS, name)
        return {"readings": forms.readings(await self._services.tags.read(asked.tags, asked.max_age))}

    async def _tag_write(self, asked: ask.TagWrite) -> Json:
        self._permissions.require(Word.WRITE_TAGS, asked.tag)
        _finite("value", asked.value)
        return forms.write_result(await self._services.tags.write(self._caller, asked.tag, asked.value, asked.lease))

    async def _reading_publish(self, asked: ask.ReadingPublish) -> Json:
        self._permissions.require(Word.PUBLISH_READINGS, asked.tag)
        _finite("value", asked.value)
        if (asked.value is None) != (asked.quality == "bad"):
            raise invalid("value", "null where quality is bad, and only there", asked.value)
        time = None
        if asked.timestamp is not None:
            try:
                time = rfc3339.parse(asked.timestamp)
            except ValueError as error:
                raise invalid("timestamp", str(error), asked.timestamp) from None
        await trio.lowlevel.checkpoint()
        reading = DerivedReading(asked.tag, asked.value, asked.quality, asked.units, time, asked.stale_after)
        self._services.tags.publish(self._caller, reading)
        return {}

    # Serial lines

    async def _serial_read(self, asked: ask.SerialRead) -> Json:
        self._permissions.require(Word.READ_SERIAL, asked.line)
        return forms.serial_answer(await self._services.serial.read(asked.line, asked.max_age))

    async def _serial_write(self, asked: ask.SerialWrite) -> Json:
        self._permissions.require(Word.WRITE_SERIAL, asked.line)
        if (asked.text is UNSET) == (asked.data is UNSET):
            raise invalid("text", "give text, or data in hex, and not both")
        data = asked.text.encode("ascii") if asked.text is not UNSET else bytes.fromhex(asked.data or "")
        return forms.write_result(await self._services.serial.write(self._caller, asked.line, data))

    # Events and messages

    async def _event_publish(self, asked: ask.EventPublish) -> Json:
        if asked.type.startswith(RESERVED):
            raise GatewayError(
                Code.INVALID,
                "only the gateway emits events of this type: choose a first word of your own",
                field="type",
            )
        self._permissions.require(Word.PUBLISH_EVENTS, asked.type)
        if not self._events.take():
            raise BusyError(f"at most {EVENTS_A_MINUTE} events a minute")
        id_ = await self._services.events.publish(
            self._caller, asked.type, asked.data, asked.routing_key, persistent=asked.persistent
        )
        return {"eventId": id_}

    async def _event_subscribe(self, asked: ask.EventSubscribe) -> Json:
        self._permissions.require(Word.READ_EVENTS)
        await trio.lowlevel.checkpoint()
        self._subscriptions.add(asked.name, parse_selection(asked.patterns, asked.filter, "patterns"))
        return {}

    async def _event_unsubscribe(self, asked: ask.EventUnsubscribe) -> Json:
        await trio.lowlevel.checkpoint()
        return {"removed": self._subscriptions.remove(asked.name)}

    async def _message_send(self, asked: ask.MessageSend) -> Json:
        self._permissions.require(Word.SEND_MESSAGES, asked.to)
        priority = "normal" if asked.priority == "regular" else asked.priority
        message = MessageOut(asked.to, asked.type, asked.payload, priority, asked.correlation_id, asked.timeout)
        return dict(await self._services.messages.send(self._caller, message))

    # Storage and log

    async def _storage_get(self, asked: ask.StorageGet) -> Json:
        self._permissions.require(Word.USE_STORAGE)
        return {"value": await self._cupboard.get(asked.key)}

    async def _storage_put(self, asked: ask.StoragePut) -> Json:
        self._permissions.require(Word.USE_STORAGE)
        if not self._puts.take():
            raise BusyError(f"at most {PUTS_A_MINUTE} values are kept a minute: the disk of a board wears out")
        await self._cupboard.put(asked.key, asked.value)
        return {}

    async def _storage_delete(self, asked: ask.StorageDelete) -> Json:
        self._permissions.require(Word.USE_STORAGE)
        if not self._puts.take():
            raise BusyError(f"at most {PUTS_A_MINUTE} changes a minute: the disk of a board wears out")
        return {"removed": await self._cupboard.delete(asked.key)}

    async def _storage_list(self, asked: ask.StorageList) -> Json:
        self._permissions.require(Word.USE_STORAGE)
        keys, used, quota = await self._cupboard.contents(asked.prefix)
        return {"keys": keys, "used": used, "quota": quota}

    async def _log(self, asked: ask.Log) -> Json:
        await trio.lowlevel.checkpoint()
        self._notes.add("log", asked.message, asked.level)
        return {}


def _deadline(asked: ask.Params) -> float:
    if isinstance(asked, ask.MessageSend) and asked.timeout is not None:
        return max(DEADLINE_S, asked.timeout + _GRACE_S)
    return DEADLINE_S


def _finite(field: str, value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise invalid(field, "must be finite")
