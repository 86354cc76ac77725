"""Tries every tag of a configuration on the wire, one by one, so that each has its own value or its own reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.modbus.pdu import Data, Refusal, Request, read_bits, read_registers
from drivers.modbus.values import BlockCodec
from gateway.core.reading import WORDS, Reason, Value
from gateway.field.scan_bus import Bus, Heard, LineLostError
from gateway.field.scan_site import Site
from gateway.lines.health import CAUSE_WORDS, Cause
from gateway.lines.orders import reason_of
from gateway.lines.plan import BIT_TABLES
from gateway.lines.unit import FUNCTION_OF, field_of, usable
from gateway.settings.line_model import DeviceSettings, LineSettings, TagSettings

ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Tried:
    """One tag that was tried.

    Attributes:
        line: its line.
        device: its device; empty where the line itself cannot be had.
        unit: of the device.
        tag: its settings; None for a device without tags, or a line that cannot be had.
        value: what it says; None where it says nothing.
        words: why there is no value, and what to do; empty where there is one.
        raw: what stood in the answer.
        attempts: how often it was asked.
    """

    line: str
    device: str
    unit: int
    tag: TagSettings | None
    value: Value | None
    words: str
    raw: bytes = b""
    attempts: int = 0

    @property
    def sound(self) -> bool:
        """Whether it said something."""
        return not self.words


Tell = Callable[[Tried], None]


async def try_line(site: Site, line: LineSettings, tell: Tell) -> None:
    """Try all devices of a line.

    Args:
        site: gives the line.
        line: as configured.
        tell: is given each outcome as soon as it is known.
    """
    try:
        async with site.open(line) as bus:
            for device in line.devices:
                await _try_device(bus, line, device, tell)
    except LineLostError as lost:
        tell(Tried(line.name, "", 0, None, None, str(lost)))


async def _try_device(bus: Bus, line: LineSettings, device: DeviceSettings, tell: Tell) -> None:
    patience = device.timeout or line.timeout
    silent = ""
    if not device.tags:
        heard, asked = await _ask(bus, read_registers(device.unit, FUNCTION_OF["holding"], 0, 1), patience)
        words = "" if heard.answer is not None else _why(heard)
        tell(Tried(line.name, device.name, device.unit, None, None, words, attempts=asked))
    for tag in device.tags:
        if silent:
            # Asking each of its tags would cost a time-out each and say nothing new.
            tell(Tried(line.name, device.name, device.unit, tag, None, silent))
            continue
        heard, asked = await _ask(bus, request_of(device, tag), patience)
        value, words, raw = _read(tag, heard)
        if heard.answer is None and not heard.damaged:
            silent = words
        tell(Tried(line.name, device.name, device.unit, tag, value, words, raw, asked))


async def _ask(bus: Bus, request: Request, patience: float) -> tuple[Heard, int]:
    heard = Heard(None, ())
    for attempt in range(1, ATTEMPTS + 1):
        heard = await bus.ask(request, patience)
        if heard.answer is not None:
            return heard, attempt
    return heard, ATTEMPTS


def request_of(device: DeviceSettings, tag: TagSettings) -> Request:
    """What reads this tag and nothing else."""
    make = read_bits if tag.table in BIT_TABLES else read_registers
    return make(device.unit, FUNCTION_OF[tag.table], tag.address, tag.length)


def _read(tag: TagSettings, heard: Heard) -> tuple[Value | None, str, bytes]:
    answer = heard.answer
    if isinstance(answer, Refusal):
        return None, f"{WORDS[reason_of(answer)]}; exception {answer.code}", b""
    if not isinstance(answer, Data):
        return None, _why(heard), b""
    [decoded] = BlockCodec(tag.length, [field_of(tag, 0)], bits=tag.table in BIT_TABLES).decode(answer.payload)
    value = usable(decoded)
    if isinstance(value, Reason):
        return None, WORDS[value], answer.payload
    return value, "", answer.payload


def _why(heard: Heard) -> str:
    """The cause that says most, in words."""
    causes = dict.fromkeys(heard.causes)
    telling = [CAUSE_WORDS[cause] for cause in causes if cause is not Cause.TIMEOUT]
    return "; ".join(telling) or CAUSE_WORDS[Cause.TIMEOUT]
