"""What an instance says on its error stream and by ``log``: the last lines of it, and no more than so many a minute.

What is beyond is counted, and the count is said with the next line that is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.plugins.host.allowance import Allowance

LINES = 200
LONGEST = 1000
A_MINUTE = 120
# What the host itself has to say; never suppressed.
HOST = "host"


@dataclass(frozen=True, slots=True)
class Note:
    """A line.

    Attributes:
        number: counts up over all lines, also those that are gone.
        time: Unix seconds.
        source: ``log``, ``stderr``, ``stdout`` or ``host``.
        level: ``debug``, ``info``, ``warning`` or ``error``.
        text: what it says.
    """

    number: int
    time: float
    source: str
    level: str
    text: str


class Notes:
    """The last lines of one instance.

    Args:
        wall: Unix seconds.
        monotonic: seconds of a clock that does not go back.
        write: told of every line that is kept: the log of the gateway.
        conceal: covers secrets in a text.

    Attributes:
        conceal: the same.
        suppressed: lines that were not kept.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        write: Callable[[Note], None],
        conceal: Callable[[str], str] = str,
    ) -> None:
        self._wall, self._write, self.conceal = wall, write, conceal
        self._kept: deque[Note] = deque(maxlen=LINES)
        self._number = 0
        self._allowance = Allowance(A_MINUTE, monotonic)
        self._unsaid = 0
        self.suppressed = 0

    def add(self, source: str, text: str, level: str = "info") -> None:
        """Take a line; those of the host are always kept."""
        if source != HOST and not self._allowance.take():
            self.suppressed += 1
            self._unsaid += 1
            return
        if self._unsaid:
            unsaid, self._unsaid = self._unsaid, 0
            self._keep(HOST, "warning", f"{unsaid} lines were not kept: more than {A_MINUTE} a minute")
        self._keep(source, level, _clean(self.conceal(text)))

    def last(self, most: int = LINES, after: int = 0) -> list[Note]:
        """The newest lines, oldest first.

        Args:
            most: of them.
            after: only those with a higher number.
        """
        found = [note for note in self._kept if note.number > after]
        return found[-most:] if most else []

    def _keep(self, source: str, level: str, text: str) -> None:
        self._number += 1
        note = Note(self._number, self._wall(), source, level, text)
        self._kept.append(note)
        self._write(note)


def _clean(text: str) -> str:
    """Nothing that moves a cursor or fakes a line."""
    cut = text[:LONGEST]
    clean = "".join(one if one.isprintable() or one == "\t" else f"\\x{ord(one):02x}" for one in cut)
    return clean if len(text) <= LONGEST else f"{clean} ..."
