"""What is kept of requests that may come twice, and the contract of what keeps it (D-179)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """What is known of a request that came before.

    Attributes:
        mark: the same for the same request.
        answer: what it was answered; None: it was begun, and nobody knows how it ended.
    """

    mark: bytes
    answer: bytes | None


class ReplayStore(Protocol):
    """Requests and their answers, by names that stand for a caller and its key; bounded, for a day.

    What is changed is on the disk (fsync) when it returns. All raise NotKept for a disk in trouble.
    """

    async def find(self, name: bytes, since: float) -> KeptRequest | None:
        """What is kept of a request, unless it is older than that (Unix seconds)."""
        ...

    async def begin(self, name: bytes, caller: bytes, mark: bytes, at: float, since: float) -> None:
        """Keep that a request is begun, in the place of what is older than ``since`` or one too many of its caller."""
        ...

    async def finish(self, name: bytes, answer: bytes) -> None:
        """Keep what it was answered."""
        ...

    async def forget(self, name: bytes) -> None:
        """Forget that it was begun: nothing was done."""
        ...
