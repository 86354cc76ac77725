"""Some tables of a file, whose trouble with the disk is ``NotKept``: what the contracts of the core say."""

from __future__ import annotations

from typing import TypeVar

from gateway.core.eventlog import NotKept
from gateway.storage.database import Database
from gateway.storage.readers import Job
from gateway.storage.trouble import StoreTrouble

T = TypeVar("T")


class Part:
    """Some tables of a file.

    Args:
        database: the file.
        name: what they are called in the write budget.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    async def read(self, job: Job[T]) -> T:
        """Run a job that changes nothing.

        Raises:
            NotKept: the disk is in trouble, as for ``write``.
        """
        try:
            return await self._database.read(job)
        except StoreTrouble as trouble:
            raise NotKept(str(trouble)) from trouble

    async def write(self, job: Job[T]) -> T:
        """Run a job in one transaction; it is on the disk (fsync) when this returns."""
        try:
            return await self._database.write(job, self._name)
        except StoreTrouble as trouble:
            raise NotKept(str(trouble)) from trouble
