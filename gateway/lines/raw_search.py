"""Finds values in messages by pattern, and ends soon whatever the pattern and the message are.

Whoever looks for a value holds up everybody else on this board meanwhile: other lines, callers, the end of the process.
"""

from __future__ import annotations

import math
import time

from gateway.settings.patterns import compiled

# A search takes some microseconds; the few that go wrong take for ever.
AT_ONCE_S = 0.05
# Of the time of a line, in the long run.
SHARE = 0.02
# Less than this is no fair try.
LEAST_S = 0.001
# A pattern that took too long is left alone for so long, then for twice as long each time.
REST_S = 1.0
LONGEST_REST_S = 60.0


class TooSlow(Exception):  # noqa: N818 - what the pattern did with the message
    """A message was not searched to its end; ``news`` where the pattern has done well until now."""

    def __init__(self, *, news: bool = False) -> None:
        super().__init__(news)
        self.news = news


class Effort:
    """What a line may still spend on searches, in seconds of the processor."""

    def __init__(self) -> None:
        self._left = AT_ONCE_S
        self._at = -math.inf

    def left(self, now: float) -> float:
        """Return how much there is by now; ``now`` never goes back."""
        self._left = min(AT_ONCE_S, self._left + (now - self._at) * SHARE)
        self._at = now
        return self._left

    def spend(self, seconds: float) -> None:
        """So much is gone."""
        self._left -= seconds


class Search:
    """Looks for the value of one tag.

    Args:
        pattern: its one group, or else all it finds, is the value.
        effort: of the line, shared by its tags.
    """

    def __init__(self, pattern: str, effort: Effort) -> None:
        self._pattern = compiled(pattern)
        self._effort = effort
        self._rest = REST_S
        self._rests_until = -math.inf

    def find(self, text: str, now: float) -> str | None:
        """Return what stands for the value; None where the message does not speak of it.

        Raises:
            TooSlow: nobody knows, because that would take too long.
        """
        if now < self._rests_until or (left := self._effort.left(now)) < LEAST_S:
            raise TooSlow
        began = time.thread_time()
        try:
            match = self._pattern.search(text, timeout=left)
        except TimeoutError:
            # Good messages in between prove nothing: it is the others that cost.
            news = now - self._rests_until > LONGEST_REST_S
            self._rest = REST_S if news else min(self._rest * 2, LONGEST_REST_S)
            self._rests_until = now + self._rest
            raise TooSlow(news=news) from None
        finally:
            took = time.thread_time() - began
            if took > LEAST_S:
                # What takes microseconds is no effort, however many messages there are.
                self._effort.spend(took)
        if match is None:
            return None
        return (match.group(1) if self._pattern.groups else match.group()) or ""
