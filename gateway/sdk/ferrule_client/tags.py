"""What calls about tags are answered with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .errors import ProtocolError
from .members import Members

Scalar = bool | float | str


class Quality(StrEnum):
    """How far a reading can be relied on."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


class Outcome(StrEnum):
    """What became of a write. Only `CONFIRMED` is a success; after `UNKNOWN` read the value before writing again."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """One tag as the gateway knows it.

    Attributes:
        tag: its name.
        value: None unless quality is good or uncertain.
        quality: how far it can be relied on.
        reason: why it is not good.
        message: that in words.
        timestamp: when the value, or `last_value`, was acquired; None if never.
        synchronised: whether that time can be trusted.
        sequence: readings with the same number came in one answer of the device.
        last_value: of a bad reading, what was read last.
    """

    tag: str
    value: Scalar | None
    quality: Quality
    reason: str | None
    message: str | None
    timestamp: datetime | None
    synchronised: bool
    sequence: int | None
    last_value: Scalar | None

    @classmethod
    def read(cls, given: Members) -> Reading:
        """Read one reading of `tag.read`."""
        return cls(
            given.text("tag"),
            given.scalar("value"),
            _quality(given),
            given.text_or_none("reason"),
            given.text_or_none("message"),
            given.moment_or_none("timestamp"),
            given.text_or_none("clock") == "synchronised",
            given.whole_or_none("sequence"),
            given.scalar("lastValue"),
        )


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of a write.

    Attributes:
        outcome: honest: `UNKNOWN` also where the answer was lost on its way here.
        reason: why it was not confirmed; `unreachable` and `no_answer_here` are said by this kit.
        message: that in words.
        read_back: what the device held afterwards, for a tag with `readback`.
    """

    outcome: Outcome
    reason: str | None = None
    message: str | None = None
    read_back: Scalar | None = None

    @property
    def confirmed(self) -> bool:
        """The device took it."""
        return self.outcome is Outcome.CONFIRMED

    @classmethod
    def read(cls, result: object) -> WriteResult:
        """Read the result of `tag.write`."""
        given = Members(result, "tag.write")
        try:
            outcome = Outcome(given.text("outcome"))
        except ValueError:
            raise ProtocolError(f"tag.write.outcome: {given.text('outcome')!r} is none") from None
        return cls(outcome, given.text_or_none("reason"), given.text_or_none("message"), given.scalar("readBack"))


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the configuration.

    Attributes:
        name: as `read_tags` takes it: `line/device/tag`.
        type: of its value, such as `uint16` or `float32`.
        units: of its value.
        writable: whether `write_tag` may be tried.
        poll: seconds between readings; None: whenever there is time.
        description: for people.
    """

    name: str
    type: str
    units: str | None
    writable: bool
    poll: float | None
    description: str | None

    @classmethod
    def read(cls, given: Members) -> Tag:
        """Read one tag of `tag.list`."""
        return cls(
            given.text("tag"),
            given.text("type"),
            given.text_or_none("units"),
            given.truth("writable"),
            given.number_or_none("poll"),
            given.text_or_none("description"),
        )


@dataclass(frozen=True, slots=True)
class Tags:
    """What `list_tags` found: those of this answer, and how many there are."""

    tags: tuple[Tag, ...]
    total: int

    @classmethod
    def read(cls, result: object) -> Tags:
        """Read the result of `tag.list`."""
        given = Members(result, "tag.list")
        return cls(tuple(map(Tag.read, given.objects("tags"))), given.whole("total"))


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of history, or with a resolution the mean of one stretch.

    Attributes:
        timestamp: when it was acquired, or when the stretch began.
        value: None where quality is bad.
        quality: how far it can be relied on.
        synchronised: whether the time can be trusted.
        low: the least of a stretch.
        high: the most of a stretch.
        count: how many readings a stretch had.
    """

    timestamp: datetime
    value: Scalar | None
    quality: Quality
    synchronised: bool
    low: Scalar | None
    high: Scalar | None
    count: int | None

    @classmethod
    def read(cls, given: Members) -> Sample:
        """Read one sample of `tag.history`."""
        return cls(
            given.moment("timestamp"),
            given.scalar("value"),
            _quality(given),
            given.text_or_none("clock") == "synchronised",
            given.scalar("min"),
            given.scalar("max"),
            given.whole_or_none("count"),
        )


@dataclass(frozen=True, slots=True)
class History:
    """What `history` found, oldest first; `truncated` where there was more than one answer holds."""

    samples: tuple[Sample, ...]
    truncated: bool

    @classmethod
    def read(cls, result: object) -> History:
        """Read the result of `tag.history`."""
        given = Members(result, "tag.history")
        return cls(tuple(map(Sample.read, given.objects("samples"))), given.truth("truncated"))


def readings(result: object) -> dict[str, Reading]:
    """Read the result of `tag.read`."""
    read = [Reading.read(given) for given in Members(result, "tag.read").objects("readings")]
    return {reading.tag: reading for reading in read}


def _quality(given: Members) -> Quality:
    try:
        return Quality(given.text("quality"))
    except ValueError:
        raise ProtocolError(f"quality: {given.text('quality')!r} is none") from None
