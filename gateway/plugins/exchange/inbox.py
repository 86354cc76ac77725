"""What waits for one instance: a bounded queue, the most urgent first. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

# From the first to the last that is taken.
PRIORITIES = ("urgent", "high", "normal", "low")


class Inbox(Generic[T]):
    """Things that wait to be taken: by priority, then in the order in which they came.

    Args:
        most: how many may wait.
        largest: bytes they may have together; one alone may have more.
    """

    def __init__(self, most: int, largest: int) -> None:
        self._most, self._largest = most, largest
        self._waiting: dict[str, dict[int, tuple[T, int]]] = {word: {} for word in PRIORITIES}
        self._last = 0
        self.size = 0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, thing: T, priority: str, size: int) -> int | None:
        """Have something wait.

        Args:
            thing: it.
            priority: one of ``PRIORITIES``.
            size: its bytes.

        Returns:
            Its number; None where there is no room for it.
        """
        waiting = len(self)
        if waiting >= self._most or (waiting and self.size + size > self._largest):
            return None
        self._last += 1
        self._waiting[priority][self._last] = (thing, size)
        self.size += size
        return self._last

    def take(self) -> T | None:
        """The next one, which waits no more; None: there is none."""
        for waiting in self._waiting.values():
            if waiting:
                thing, size = waiting.pop(next(iter(waiting)))
                self.size -= size
                return thing
        return None

    def withdraw(self, number: int) -> bool:
        """Have one wait no more; whether it did."""
        for waiting in self._waiting.values():
            if number in waiting:
                _, size = waiting.pop(number)
                self.size -= size
                return True
        return False
