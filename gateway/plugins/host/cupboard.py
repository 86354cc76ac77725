"""What one instance keeps, within its quota."""

from __future__ import annotations

import json

import trio

from gateway.core.ports import Json
from gateway.plugins.host.services import Storage

# Bytes of one value as JSON.
LARGEST = 64 * 1024
MOST_KEYS = 1000


class QuotaError(Exception):
    """There is no room for it; the text says how much there is."""


class Cupboard:
    """The values of one instance.

    Args:
        storage: where they are.
        instance: whose they are.
        quota: bytes of all values and their keys.

    Attributes:
        quota: the same; it may change.
    """

    def __init__(self, storage: Storage, instance: str, quota: int) -> None:
        self._storage, self._instance, self.quota = storage, instance, quota
        self._sizes: dict[str, int] | None = None
        # One change at a time: the room is looked at before, and taken after.
        self._changing = trio.Lock()

    async def get(self, key: str) -> Json:
        """A value; None: there is none."""
        text = await self._storage.get(self._instance, key)
        value: Json = None if text is None else json.loads(text)
        return value

    async def put(self, key: str, value: Json) -> None:
        """Keep a value.

        Raises:
            QuotaError: there is no room.
            NotKept: the disk does not take it.
        """
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        size = len(text.encode()) + len(key.encode())
        if size > LARGEST:
            raise QuotaError(f"{size} bytes: a value has at most {LARGEST}")
        async with self._changing:
            sizes = await self._known()
            used = sum(sizes.values()) - sizes.get(key, 0)
            if used + size > self.quota:
                raise QuotaError(f"{used} of {self.quota} bytes are used, and these are {size}: delete something first")
            if key not in sizes and len(sizes) >= MOST_KEYS:
                raise QuotaError(f"{MOST_KEYS} values are kept: delete one first")
            await self._storage.put(self._instance, key, text)
            sizes[key] = size

    async def delete(self, key: str) -> bool:
        """Forget a value; whether there was one."""
        async with self._changing:
            sizes = await self._known()
            there = await self._storage.delete(self._instance, key)
            sizes.pop(key, None)
            return there

    async def contents(self, prefix: str) -> tuple[list[str], int, int]:
        """Keys that begin so, bytes that are used by all, and the quota."""
        async with self._changing:
            sizes = await self._known()
        return sorted(key for key in sizes if key.startswith(prefix)), sum(sizes.values()), self.quota

    async def _known(self) -> dict[str, int]:
        if self._sizes is None:
            self._sizes = dict(await self._storage.sizes(self._instance))
        return self._sizes
