"""What relief of a line is judged by: deadlines it missed lately, and how long to wait before relief is taken back.

Both who stretch polls and who bound callers use it: they tighten when deadlines are missed, ease when none were for a
while, and ease later the next time when easing brought the trouble back. What comes and goes is so left tightened, and
what is over is eased step by step.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 10.0
# On-demand reads count as the cause of missed deadlines from this share of the line's time on.
MUCH = 0.15
# A step needs time to show what it did; more than the window it is judged by.
BETWEEN_STEPS_S = 15.0
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0
# Trouble within so many pauses after a step back came with it; when there was none, the pause is halved again.
SOON = 10


@dataclass(slots=True)
class Relief:
    """One line's missed deadlines, and the steps taken because of them.

    Attributes:
        seen: (time, deadlines missed until then), over the last window.
        quiet_since: since when no deadline was missed.
        stepped: when the last step was taken, in either direction.
        pause: seconds without a missed deadline before the first step that eases; those after it come every minute.
        eased: when the last such step was taken; None after one that tightens, and when all was well for long.
    """

    seen: deque[tuple[float, int]] = field(default_factory=deque)
    quiet_since: float = 0.0
    stepped: float = -BETWEEN_STEPS_S
    pause: float = FIRST_PAUSE_S
    eased: float | None = None

    def look(self, now: float, missed: int) -> int:
        """Take one more count of missed deadlines. Returns how many were missed within the window."""
        if not self.seen or missed != self.seen[-1][1]:
            self.quiet_since = now
        if self.eased is not None and now - self.eased >= SOON * self.pause:
            self.pause = max(self.pause / 2, FIRST_PAUSE_S)
            self.eased = now if self.pause > FIRST_PAUSE_S else None
        self.seen.append((now, missed))
        while now - self.seen[0][0] > WINDOW_S:
            self.seen.popleft()
        return missed - self.seen[0][1]

    def watched(self, now: float) -> bool:
        """Whether it has been looked at for a whole window, so that something can be said at all."""
        return bool(self.seen) and now - self.seen[0][0] >= WINDOW_S - 1

    def may_step(self, now: float) -> bool:
        """Whether the last step has had time to show what it did."""
        return now - self.stepped >= BETWEEN_STEPS_S

    def may_ease(self, now: float) -> bool:
        """Whether deadlines were kept for long enough to take a step back."""
        pause = self.pause if self.eased is None else FIRST_PAUSE_S
        return self.may_step(now) and now - self.quiet_since >= pause and now - self.stepped >= FIRST_PAUSE_S

    def tighten(self, now: float) -> None:
        """A step against missed deadlines is taken; soon after one that eased, the next such one comes later."""
        if self.eased is not None:
            self.pause = min(self.pause * 2, LONGEST_PAUSE_S)
        self.eased = None
        self.stepped = now

    def ease(self, now: float) -> None:
        """A step back is taken."""
        self.eased = self.stepped = now
