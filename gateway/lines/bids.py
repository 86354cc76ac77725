"""Writes that ask to be let through: what the arbiter is told of each, before it is queued and when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gateway.core.ports import Outcome
from gateway.core.principal import Principal
from gateway.core.reading import Value
from gateway.core.steering import Arbiter, Bid, Span
from gateway.lines.line import Line
from gateway.lines.orders import Writing
from gateway.settings.line_model import DeviceSettings, TagSettings

# Outcomes after which what was written may stand in the device.
MAYBE_THERE = frozenset({Outcome.CONFIRMED, Outcome.UNKNOWN})


class Everybody:
    """Implements ``core.steering.Arbiter`` where nobody judges."""

    def admit(self, bid: Bid) -> None:
        """See ``Arbiter.admit``: every write is let through."""

    def settled(self, bid: Bid, *, sent: bool) -> None:
        """See ``Arbiter.settled``."""


class Admission:
    """A write that was let through, until it is over: then each of its bids is settled, once.

    Args:
        arbiter: judges.
        bids: all that the write touches; a broadcast touches every device of its line.

    Raises:
        GatewayError: UNAVAILABLE where it is not let through; nothing of it is left then.
    """

    def __init__(self, arbiter: Arbiter, bids: Sequence[Bid]) -> None:
        self._arbiter = arbiter
        self._open: list[Bid] = []
        try:
            for bid in bids:
                arbiter.admit(bid)
                self._open.append(bid)
        except BaseException:
            self.over(sent=False)
            raise

    def over(self, *, sent: bool) -> None:
        """It is over; ``sent`` tells whether what it wrote may stand in the device."""
        while self._open:
            self._arbiter.settled(self._open.pop(0), sent=sent)

    def follow(self, order: Writing) -> None:
        """Be over when an order has its outcome, whether its caller waits for that or not."""
        order.then = partial(self._ended, order)

    def _ended(self, order: Writing) -> None:
        self.over(sent=order.result().outcome in MAYBE_THERE)


def bids_for_tag(
    line: Line, device: DeviceSettings, tag: TagSettings, *, name: str, value: Value, lease: float | None, by: Principal
) -> list[Bid]:
    """What a write of a tag touches."""
    span = Span(line.settings.name, device.unit, tag.table, tag.address, tag.length, _bits(tag))
    return [Bid(by, span, value, name, lease)]


def _bits(tag: TagSettings) -> range | None:
    """The bits of its register that a tag is; None where it is the whole of it, or of several."""
    if tag.length != 1 or tag.table != "holding":
        return None
    if tag.bit is not None:
        return range(tag.bit, tag.bit + tag.width)
    if tag.type in {"uint8", "int8"}:
        return range(8, 16) if tag.byte == "high" else range(8)
    return None


def bids_for_registers(
    line: Line, unit: int, table: str, address: int, values: Sequence[int | bool], *, by: Principal
) -> list[Bid]:
    """What a write of bare registers or coils touches; a broadcast touches those of all devices of the line."""
    broadcast = unit == 0 and not line.polling.numbered
    units = [device.unit for device in line.settings.devices] if broadcast else [unit]
    return [Bid(by, Span(line.settings.name, one, table, address, len(values)), tuple(values)) for one in units]
