"""The bus: who publishes never waits, who is too slow is cut and told, and then reads the snapshot anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Cut(Exception):  # noqa: N818 - a state the subscriber handles, named by what happened to it
    """This subscriber fell behind by its whole queue and was cut; what it has missed stands in the snapshot."""


class Subscription(Generic[T]):
    """One subscriber's bounded queue. Iterate it with ``async for`` or ``receive``."""

    def __init__(self, size: int) -> None:
        self._send, self._receive = trio.open_memory_channel[T](size)
        self.cut = False

    def offer(self, item: T) -> bool:
        """Queue an item, or cut this subscriber when its queue is full. Returns whether it still listens."""
        try:
            self._send.send_nowait(item)
        except trio.WouldBlock:
            self.cut = True
            self._send.close()
            return False
        return True

    async def receive(self) -> T:
        """The next item, in the order of publication.

        Raises:
            Cut: the queue overflowed; all items queued before have been handed out.
        """
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise Cut from None

    def receive_nowait(self) -> T | None:
        """The next item when one waits, else None.

        Raises:
            Cut: as ``receive``.
        """
        try:
            return self._receive.receive_nowait()
        except trio.WouldBlock:
            return None
        except trio.EndOfChannel:
            raise Cut from None

    def close(self) -> None:
        """Stop listening."""
        self._send.close()
        self._receive.close()


class Bus(Generic[T]):
    """Hands every published item to every subscriber, synchronously and in order."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription[T]] = []
        self.published = 0
        self.cuts = 0

    @property
    def listened_to(self) -> bool:
        """Whether anybody would hear: lets a publisher skip building what nobody wants."""
        return bool(self._subscriptions)

    def publish(self, item: T) -> None:
        """Hand an item to all subscribers. Never waits, never raises."""
        self.published += 1
        fallen = [subscription for subscription in self._subscriptions if not subscription.offer(item)]
        for subscription in fallen:
            self._subscriptions.remove(subscription)
            self.cuts += 1

    @contextmanager
    def subscribe(self, size: int = 256) -> Iterator[Subscription[T]]:
        """Listen for as long as the block runs, with a queue of ``size`` items."""
        subscription = Subscription[T](size)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)
            subscription.close()
