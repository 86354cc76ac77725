"""What a tag says: value, quality, reason, time. The vocabulary everything else speaks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from gateway.core.timeline import Era

Value = bool | int | float | str


class Quality(StrEnum):
    """How far a value can be trusted (OPC UA Part 8, 5.3: the severity bits of a StatusCode)."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


class Reason(StrEnum):
    """Why a reading is not good. One word for programs; ``WORDS`` has the sentence for people."""

    NOT_YET_READ = "not_yet_read"
    NO_ANSWER = "no_answer"
    LINK_DOWN = "link_down"
    BROKEN_ANSWER = "broken_answer"
    ILLEGAL_FUNCTION = "illegal_function"
    ILLEGAL_ADDRESS = "illegal_address"
    ILLEGAL_VALUE = "illegal_value"
    DEVICE_FAILURE = "device_failure"
    DEVICE_BUSY = "device_busy"
    GATEWAY_PATH = "gateway_path"
    GATEWAY_TARGET = "gateway_target"
    REFUSED = "refused"
    NO_VALUE = "no_value"
    NOT_A_NUMBER = "not_a_number"
    BAD_TEXT = "bad_text"
    PATTERN_TOO_SLOW = "pattern_too_slow"
    OUT_OF_RANGE = "out_of_range"
    STALE = "stale"
    LATE_POSSIBLE = "late_possible"
    FAULT = "fault"
    PLUGIN_SAYS = "plugin_says"
    PLUGIN_STOPPED = "plugin_stopped"


WORDS: dict[Reason, str] = {
    Reason.NOT_YET_READ: "not read since the gateway started",
    Reason.NO_ANSWER: "the device does not answer: check power, wiring (A and B swapped?), unit, baud rate and parity",
    Reason.LINK_DOWN: "the line is down: check the cable, the adapter or the network",
    Reason.BROKEN_ANSWER: "answers arrive damaged: check wiring, termination and earthing",
    Reason.ILLEGAL_FUNCTION: "the device does not know this function (exception 1)",
    Reason.ILLEGAL_ADDRESS: "the device has no such register (exception 2): check table and address",
    Reason.ILLEGAL_VALUE: "the device refuses the value or the count (exception 3)",
    Reason.DEVICE_FAILURE: "the device reports a failure of its own (exception 4)",
    Reason.DEVICE_BUSY: "the device is busy (exception 5 or 6)",
    Reason.GATEWAY_PATH: "a gateway on the way has no path to the device (exception 10): check its settings",
    Reason.GATEWAY_TARGET: "a gateway on the way got no answer from the device (exception 11): check power and wiring",
    Reason.REFUSED: "the device refuses with an exception of its own",
    Reason.NO_VALUE: "the device sends the code for 'no value'",
    Reason.NOT_A_NUMBER: "the device sends something that is not a number",
    Reason.BAD_TEXT: "the device sends bytes that are no text",
    Reason.PATTERN_TOO_SLOW: "its pattern took too long to look for: write a simpler one, without nested repetition",
    Reason.OUT_OF_RANGE: "the value is outside the plausible range set for this tag",
    Reason.STALE: "the value is older than it may be: the line is overloaded or held up, or the plugin says nothing",
    Reason.LATE_POSSIBLE: "this may be the late answer to an earlier request",
    Reason.PLUGIN_SAYS: "the plugin that makes this value says so",
    Reason.PLUGIN_STOPPED: "the plugin that makes this value does not run",
    Reason.FAULT: "this line stopped by a fault of the gateway; it is tried again every ten minutes",
}


class Sample(msgspec.Struct, frozen=True):
    """One answer from a device: when its last byte arrived. Shared by all tags read in that answer.

    Attributes:
        acquired: monotonic seconds (the run loop's clock).
        era: turns monotonic into wall time, and knows whether that wall time can be trusted.
        sequence: counts answers of this gateway process, from 1.
    """

    acquired: float
    era: Era
    sequence: int

    @property
    def wall(self) -> float:
        """Unix seconds of the acquisition; corrected when the clock first synchronises."""
        return self.era.wall(self.acquired)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a tag at one moment.

    ``value`` is None unless quality is good or uncertain: a dead device's last value never stands where a program
    would take it for a measurement. ``last_value`` keeps it for people, and ``sample`` says when it was acquired.
    """

    tag: str
    value: Value | None
    quality: Quality
    reason: Reason | None
    sample: Sample | None
    last_value: Value | None
