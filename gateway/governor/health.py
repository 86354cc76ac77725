"""Health figures: weighted means of terms that were measured, each shown with what it was made of (D-093)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

OPTIMAL = 90
DEGRADED = 70


@dataclass(frozen=True, slots=True)
class Term:
    """One measured part of a health figure.

    Attributes:
        name: what was measured, in camelCase as it is exported.
        score: 0 (worst) to 100; None where nothing was measured yet: it does not count then.
        weight: relative to the other terms.
        words: the measurement itself, e.g. "3 of 5 devices answer".
    """

    name: str
    score: float | None
    weight: float
    words: str


def health_of(terms: Iterable[Term]) -> int | None:
    """The weighted mean of what was measured, rounded to a whole number; None where nothing was.

    A score out of 0 to 100 is a mistake of ours and is cut to that rather than passed on.
    """
    weighed = [(min(max(term.score, 0.0), 100.0), term.weight) for term in terms if term.score is not None]
    total = sum(weight for _, weight in weighed)
    return None if total <= 0 else round(sum(score * weight for score, weight in weighed) / total)


def overall(healths: Iterable[int]) -> int | None:
    """The rounded mean of the levels that have a health: 92 of 95, 88, 92, 90, 94, as the seed shows (AG-15)."""
    known = list(healths)
    return None if not known else round(sum(known) / len(known))


def status(health: int | None) -> str:
    """One word for a figure (D-093); "unknown" where there is none."""
    if health is None:
        return "unknown"
    return "optimal" if health >= OPTIMAL else "degraded" if health >= DEGRADED else "critical"


def share(part: float, whole: float) -> float | None:
    """A part of a whole as a score: 100 when it is all of it; None where there is no whole."""
    return None if whole <= 0 else 100.0 * part / whole


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with what it counts: "1 alert stands", "2 alerts stand"; without ``many`` an s makes it many."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def falling(value: float, best: float, worst: float) -> float:
    """A score that falls in a straight line from 100 at ``best`` to 0 at ``worst``; either may be the larger."""
    if best == worst:
        return 100.0 if value == best else 0.0
    return min(max(100.0 * ((worst - value) / (worst - best)), 0.0), 100.0)
