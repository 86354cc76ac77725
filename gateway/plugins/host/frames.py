"""One JSON text a line: bytes to lines, each of a bounded length. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# Bytes of a line, without its end.
LONGEST_FRAME = 256 * 1024


@dataclass(frozen=True, slots=True)
class TooLong:
    """Stands where a line was that is longer than lines may be; it was not kept.

    Attributes:
        size: bytes it had.
    """

    size: int


class LineReader:
    """Cuts a stream of bytes into lines. Never holds more than one line and what was fed last.

    Args:
        longest: bytes a line may have.
    """

    def __init__(self, longest: int = LONGEST_FRAME) -> None:
        self._longest = longest
        self._held = bytearray()
        # Bytes of a line that is too long already, and is passed over to its end; None: it is not.
        self._passed: int | None = None

    @property
    def held(self) -> int:
        """Bytes that are kept of a line whose end has not come."""
        return len(self._held)

    def feed(self, data: bytes) -> list[bytes | TooLong]:
        """Take what came; returns the lines that ended in it. Empty lines are left out."""
        lines: list[bytes | TooLong] = []
        *ended, rest = data.split(b"\n")
        for part in ended:
            self._take(part)
            if self._passed is not None:
                lines.append(TooLong(self._passed))
                self._passed = None
            elif line := bytes(self._held).strip(b" \t\r"):
                lines.append(line)
            self._held.clear()
        self._take(rest)
        return lines

    def end(self) -> bytes | TooLong | None:
        """What stands at the end of the stream without an end of line; None: nothing."""
        lines = self.feed(b"\n")
        return lines[0] if lines else None

    def _take(self, part: bytes) -> None:
        if self._passed is None and len(self._held) + len(part) > self._longest:
            self._passed = len(self._held)
            self._held.clear()
        if self._passed is None:
            self._held += part
        else:
            self._passed += len(part)
