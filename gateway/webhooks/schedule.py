"""When a delivery that failed is tried again (ruling 19, D-144, D-145)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Pauses of Standard Webhooks before the second attempt and those after it; the first one is made at once.
STANDARD = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
LONGEST = 86400.0
# Spread over this part of the pause: what failed together is not tried again together.
JITTER = 0.2
# Answers that may say when to ask again.
_PATIENT = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an event is tried, and how long the pauses are.

    Attributes:
        max_attempts: 1 to 20, the first one counted.
        backoff_multiplier: 1 to 10; each pause is so many times the one before.
        initial_delay: seconds between the first and the second attempt, 1 to 3600.
    """

    max_attempts: int = 5
    backoff_multiplier: float = 2.0
    initial_delay: float = 1.0


def pause_after(policy: RetryPolicy | None, attempts: int) -> float | None:
    """Seconds until the next attempt, without jitter; None where that was the last one.

    Args:
        policy: the webhook's own; None: that of Standard Webhooks.
        attempts: how many were made, at least one.
    """
    if policy is None:
        return STANDARD[attempts - 1] if attempts <= len(STANDARD) else None
    if attempts >= policy.max_attempts:
        return None
    return float(min(LONGEST, policy.initial_delay * policy.backoff_multiplier ** (attempts - 1)))


def jittered(pause: float, chance: float) -> float:
    """A pause made up to a fifth longer, never shorter.

    Args:
        pause: seconds.
        chance: from 0 to 1.
    """
    return pause * (1 + JITTER * chance)


def asked_for(status: int, headers: Sequence[tuple[str, str]], wall: float) -> float:
    """Seconds the receiver asks to wait by ``Retry-After`` (RFC 9110, 10.2.3), at most a day; 0 where it does not.

    Args:
        status: of the answer; only those that mean "later" are heard.
        headers: of the answer, names in small letters.
        wall: Unix seconds; only where the answer has no ``Date``, whose clock is the one that counts.
    """
    if status not in _PATIENT:
        return 0.0
    found = dict(headers)
    said = found.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        # More digits than a day has are a day, and no number of a million digits is made.
        return min(LONGEST, float(said)) if len(said) <= len(str(int(LONGEST))) else LONGEST
    until, now = _moment(said), _moment(found.get("date", ""))
    return 0.0 if until is None else min(LONGEST, max(0.0, until - (wall if now is None else now)))


def _moment(date: str) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - half a megabyte, and few receivers say when

    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
