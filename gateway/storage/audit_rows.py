"""A row of the audit log: what it says as JSON, and the hash that ties it to the row before.

The hash is HMAC-SHA256 over the hash of the row before, the row's number and the bytes of its JSON as they are stored.
So a row can be neither changed, left out, added nor moved without the key, and there is no second way to write a row
that would have to be told apart from the first.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import msgspec

from gateway.core import rfc3339
from gateway.core.audit import AuditEntry

# The hash before the first row of all.
GENESIS = bytes(32)
# How rows call a clock that could be trusted (ruling 22).
SYNCHRONISED = "synchronised"
_KEY_ID_LENGTH = 8


class Head(NamedTuple):
    """The newest row: whoever knows it can tell whether it is still there.

    Attributes:
        seq: its number; 0 where there is none yet.
        hash: of the chain up to it.
    """

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


BEGINNING = Head(0, GENESIS)


def parse_head(text: str) -> Head:
    """A head as ``Head`` writes it.

    Raises:
        ValueError: it is none.
    """
    number, _, digest = text.partition(":")
    if not (number.isdecimal() and number.isascii() and len(digest) == 2 * len(GENESIS)):
        raise ValueError(f'"{text}" is no head of an audit log: it is a number, a colon and 64 hexadecimal digits')
    return Head(int(number), bytes.fromhex(digest))


class AuditKey:
    """What rows and anchors are sealed with.

    Args:
        secret: a key for this purpose only, at least 32 bytes.

    Attributes:
        id: names the key in every row; gives nothing away.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.id = hmac.digest(secret, b"name", "sha256").hex()[:_KEY_ID_LENGTH]

    def row(self, seq: int, previous: bytes, entry: bytes) -> bytes:
        """The hash of a row."""
        return hmac.digest(self._secret, b"row\0" + previous + _number(seq) + entry, "sha256")

    def anchor(self, head: Head, entry: bytes) -> bytes:
        """The seal of an anchor."""
        return hmac.digest(self._secret, b"anchor\0" + head.hash + _number(head.seq) + entry, "sha256")


# Milliseconds of Unix time. What lies beyond was not written by the gateway.
Milliseconds = Annotated[int, msgspec.Meta(ge=-(1 << 53), le=1 << 53)]


class Who(msgspec.Struct, omit_defaults=True, frozen=True):
    """Who did it, as a row has it; see ``core.audit.AuditEntry``."""

    kind: str | None = None
    subject: str | None = None
    token: str | None = None


class Written(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True):
    """What the JSON of a row says.

    Attributes:
        time: milliseconds of Unix time.
        clock: ``synchronised`` or ``unsynchronised``.
        key: id of the key the row is sealed with.
        count: how many equal ones this row stands for.
        since: of several, when the first was; milliseconds of Unix time.
    """

    time: Milliseconds
    clock: str
    key: str
    action: str
    outcome: str
    who: Who = Who()
    peer: str | None = None
    target: str | None = None
    details: dict[str, object] = {}
    count: int = 1
    since: Milliseconds | None = None


class Anchored(msgspec.Struct, frozen=True):
    """What the JSON of an anchor says.

    Attributes:
        key: id of the key it is sealed with.
        rows: how many rows were removed in all.
        time: of the newest of them, milliseconds of Unix time.
        why: ``age``, ``size``, or ``damage`` where the file was lost and the chain goes on in a new one.
    """

    key: str
    rows: int
    time: Milliseconds
    why: str


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was noted: Unix seconds, and whether that clock could be trusted."""

    time: float
    clock: str


def write(entry: AuditEntry, moment: Moment, key: AuditKey, count: int = 1, since: float | None = None) -> bytes:
    """The JSON of a row."""
    return _encode(
        Written(
            time=round(moment.time * 1000),
            clock=moment.clock,
            key=key.id,
            action=entry.action,
            outcome=entry.outcome.value,
            who=Who(entry.kind, entry.subject, entry.token_id),
            peer=entry.peer,
            target=entry.target,
            details=dict(entry.details),
            count=count,
            since=None if since is None else round(since * 1000),
        )
    )


_written = msgspec.json.Decoder(Written)
_anchored = msgspec.json.Decoder(Anchored)


def read(entry: bytes) -> Written | None:
    """What the JSON of a row says; None where it is none that the gateway wrote."""
    try:
        return _written.decode(entry)
    except (ValueError, RecursionError):
        return None


def read_anchor(entry: bytes) -> Anchored | None:
    """What the JSON of an anchor says; None where it is none that the gateway wrote."""
    try:
        return _anchored.decode(entry)
    except (ValueError, RecursionError):
        return None


def write_anchor(anchored: Anchored) -> bytes:
    """The JSON of an anchor."""
    return _encode(anchored)


def _number(seq: int) -> bytes:
    # Signed, because a number that somebody changed may be anything that SQLite holds.
    return seq.to_bytes(8, "big", signed=True)


def _encode(thing: msgspec.Struct) -> bytes:
    return msgspec.json.encode(thing, order="sorted")


def shown(seq: int, written: Written) -> dict[str, object]:
    """A row for programs, with every member."""
    return {
        "seq": seq,
        "time": rfc3339.text(written.time / 1000),
        "clock": written.clock,
        "who": {"kind": written.who.kind, "subject": written.who.subject, "token": written.who.token},
        "peer": written.peer,
        "action": written.action,
        "target": written.target,
        "outcome": written.outcome,
        "count": written.count,
        "since": None if written.since is None else rfc3339.text(written.since / 1000),
        "details": written.details,
    }
