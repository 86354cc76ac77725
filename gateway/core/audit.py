"""Who did what, and how it ended: what the parts of the gateway tell the audit log (D-180).

Noted are authentication, administration and every write; reading is not. A note says who, from where, what, on what,
and the outcome. It never carries a secret: a member of the details that is named like one is withheld.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.core.ports import Json
from gateway.core.principal import Principal

# What somebody who is not verified may make us keep: characters of a name, bytes of all details, and their depth.
MOST_CHARACTERS = 200
MOST_DETAILS = 2048
DEEPEST = 6
WITHHELD = "(withheld)"

_SECRET = re.compile(
    r"secret|password|passwd|passphrase|pwd|authorization|bearer|cookie|signature|assertion|credential|token$"
    r"|(?<!public)(?<!public[_-])key$",
    re.IGNORECASE,
)
# Integers beyond it lose digits in the JSON of others (RFC 8785, 3.2.2.3).
_EXACT = 1 << 53


class AuditOutcome(StrEnum):
    """How it ended."""

    DONE = "done"
    DENIED = "denied"  # not authenticated, not allowed, or too often
    FAILED = "failed"  # allowed, but it did not come about
    UNKNOWN = "unknown"  # it was sent, and nobody knows (ruling 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that somebody did or tried. Make it with ``entry``, which keeps it small and free of secrets.

    Attributes:
        action: dotted words, as methods are called where there is one: ``tag.write``, ``auth.token``.
        outcome: how it ended.
        kind: what the caller is (``core.principal.Kind``); None where nobody was verified.
        subject: who it is (``Principal.known_as``); where ``kind`` is None, who it claims to be.
        token_id: the token's ``jti``.
        peer: the address it came from; None for the gateway itself.
        target: on what: a tag, an agent, a file.
        details: what belongs to the action; never a secret.
    """

    action: str
    outcome: AuditOutcome
    kind: str | None = None
    subject: str | None = None
    token_id: str | None = None
    peer: str | None = None
    target: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


class AuditLog(Protocol):
    """Keeps notes for good: in order, and so that a change of them shows."""

    def note(
        self,
        action: str,
        outcome: AuditOutcome = AuditOutcome.DONE,
        *,
        by: Principal | None = None,
        claimed: str | None = None,
        peer: str | None = None,
        target: str | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> None:
        """Keep a note. Returns at once and never raises for the disk: the note is on it within seconds.

        Equal denials of an address are counted, not kept one by one.

        Args:
            action: dotted words, as methods are called where there is one: ``tag.write``, ``auth.token``.
            outcome: how it ended.
            by: who was verified; None for the gateway itself and for those who were not.
            claimed: who somebody claimed to be that was not verified.
            peer: the address it came from; None for the gateway itself.
            target: on what: a tag, an agent, a file.
            details: what belongs to the action. Members named like secrets are withheld, large ones left out.
        """
        ...


def entry(
    action: str,
    outcome: AuditOutcome = AuditOutcome.DONE,
    *,
    by: Principal | None = None,
    claimed: str | None = None,
    peer: str | None = None,
    target: str | None = None,
    details: Mapping[str, Json] | None = None,
) -> AuditEntry:
    """What ``AuditLog.note`` was told, cut to size and without secrets. The arguments are those of ``note``."""
    return AuditEntry(
        action=_short(action),
        outcome=outcome,
        kind=None if by is None else by.kind.value,
        subject=_short_or_none(claimed if by is None else by.known_as),
        token_id=_short_or_none(by.token_id or None) if by is not None else None,
        peer=_short_or_none(peer),
        target=_short_or_none(target),
        details=_small(details or {}),
    )


def _short_or_none(text: str | None) -> str | None:
    return None if text is None else _short(text)


def _short(text: str) -> str:
    # Half of a surrogate pair is no text that JSON or a terminal could carry.
    clean = text[: MOST_CHARACTERS + 1].encode("utf-8", "replace").decode()
    return clean if len(clean) <= MOST_CHARACTERS else clean[: MOST_CHARACTERS - 1] + "…"


def _small(details: Mapping[str, Json]) -> dict[str, Json]:
    kept = {_short(name): _plain(name, value, 1) for name, value in details.items()}
    size = len(json.dumps(kept, ensure_ascii=False).encode())
    return kept if size <= MOST_DETAILS else {"left_out": [name[:40] for name in sorted(kept)[:10]], "bytes": size}


def _plain(name: str, value: Json, depth: int) -> Json:
    """A value as JSON carries it everywhere; what is named like a secret, or nested too deep, is not kept."""
    if value is not None and not isinstance(value, bool) and _SECRET.search(name):
        return WITHHELD
    if isinstance(value, str):
        return _short(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth == DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {_short(key): _plain(key, member, depth + 1) for key, member in value.items()}
    return _members(value, depth)


def _members(values: Sequence[Json], depth: int) -> list[Json]:
    """The members of a list, as far as they can fit at all."""
    return [_plain("", value, depth + 1) for value in values[:MOST_DETAILS]]
