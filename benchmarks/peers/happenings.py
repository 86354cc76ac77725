"""What all servers of events tell: new values of ten tags in turn, and who has subscribed to which of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

TAGS = 10
# Seconds between two events.
INTERVAL = 0.02
TYPE = "tag:changed"


def data_of(number: int) -> dict[str, object]:
    """The data of an event."""
    return {
        "tag": f"line0/device/t{number % TAGS}",
        "value": number / 10,
        "quality": "good",
        "reason": None,
        "timestamp": "2026-01-01T00:00:00.000Z",
        "clock": "synchronised",
        "sequence": number,
        "units": "kW",
    }


def subscription(client: int) -> dict[str, object]:
    """The frame with which a client subscribes to one tag."""
    return {"type": "subscribe", "channels": ["tag:changes"], "filter": {"tag": [data_of(client)["tag"]]}}


def text_of(number: int) -> str:
    """The whole event as our server frames it."""
    event: dict[str, object] = {
        "type": TYPE,
        "timestamp": "2026-01-01T00:00:00Z",
        "data": data_of(number),
        "id": "019b76da-a800-7000-8000-000000000000",
        "seq": number,
        "gateway": "gw-benchmark",
        "clock": "synchronised",
    }
    return json.dumps(event, separators=(",", ":"))


def tag_of(frame: str) -> str:
    """The tag that a subscription is to."""
    wanted: Mapping[str, list[str]] = json.loads(frame)["filter"]
    return wanted["tag"][0]


class Groups(Generic[T]):
    """Who has subscribed to which tag, for servers on asyncio."""

    def __init__(self) -> None:
        self._of: defaultdict[str, set[T]] = defaultdict(set)

    def join(self, socket: T, frame: str) -> None:
        """Somebody subscribes."""
        self._of[tag_of(frame)].add(socket)

    def leave(self, socket: T) -> None:
        """Somebody has left."""
        for sockets in self._of.values():
            sockets.discard(socket)

    async def tell(self, broadcast: Callable[[set[T], str], Awaitable[None]]) -> None:
        """Make events at their pace, for ever."""
        begun, number = time.monotonic(), 0
        while True:
            number += 1
            await asyncio.sleep(begun + number * INTERVAL - time.monotonic())
            await broadcast(self._of[str(data_of(number)["tag"])], text_of(number))
