"""What a scan has found, and what that means in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from drivers.modbus.pdu import Data, Refusal
from gateway.field.monitor_messages import Message
from gateway.field.scan_bus import Heard
from gateway.lines.health import Cause
from gateway.settings.line_model import LineSettings

# So many bytes without sense are somebody who talks at another rate; fewer are noise.
TALK_BYTES = 8


@dataclass(slots=True)
class Found:
    """A unit that is there.

    Attributes:
        unit: its number.
        line: the settings it answers at.
        patience: seconds its answer is waited for.
        asked: how often it was asked.
        answered: how often it answered.
        refused: how often that answer was a refusal, which proves it as well.
        damaged: how often something came that was broken.
        doubled: how often another answer followed the first.
        holding: whether holding register 0 can be read.
        identity: what it says of itself (function 43/14), by the names of the standard.
        seconds: its slowest answer, None where none was whole.
    """

    unit: int
    line: LineSettings
    patience: float
    asked: int = 0
    answered: int = 0
    refused: int = 0
    damaged: int = 0
    doubled: int = 0
    holding: bool = False
    identity: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None

    def note(self, heard: Heard) -> None:
        """Count one more question."""
        self.asked += 1
        self.damaged += heard.damaged or Cause.CRC in heard.causes
        if heard.answer is None:
            return
        self.answered += 1
        self.refused += isinstance(heard.answer, Refusal)
        self.holding = self.holding or isinstance(heard.answer, Data)
        if heard.seconds is not None:
            self.seconds = max(self.seconds or 0.0, heard.seconds)


@dataclass(slots=True)
class Scan:
    """What a scan has found so far; it is kept when the scan is broken off.

    Attributes:
        found: the units, in the order in which they were met.
        overheard: what others said before anything was asked.
        heard_at: the setting at which that was heard.
        echo: the adapter hears itself.
        rubbish: the settings at which nothing but rubbish came back.
        one_device: all units answer: the number is not looked at.
        tried: settings and how many units were asked at each.
        complete: it came to its end.
    """

    found: list[Found] = field(default_factory=list)
    overheard: list[Message] = field(default_factory=list)
    heard_at: LineSettings | None = None
    echo: bool = False
    rubbish: list[LineSettings] = field(default_factory=list)
    one_device: bool = False
    tried: list[tuple[LineSettings, int]] = field(default_factory=list)
    complete: bool = False

    @property
    def foreign_master(self) -> bool:
        """Whether somebody else asks on this line; a crackle now and then, or a break, is nobody."""
        if talkers(self.overheard):
            return True
        rubbish = b"".join(message.raw for message in self.overheard if message.kind == "damaged")
        return len(rubbish) >= TALK_BYTES and any(rubbish)


def verdict(one: Found) -> list[str]:
    """What is wrong with a unit, or may be, in words; nothing where all is well."""
    words = []
    if one.doubled:
        words.append(
            f"answers come twice ({one.doubled} of {one.asked}): two devices have number {one.unit}. Switch "
            "one of them off and scan again"
        )
    if one.damaged and not one.answered:
        words.append(
            f"something answers, but never whole ({one.damaged} of {one.asked} damaged): a bad line, A and B swapped, "
            f"two devices with number {one.unit}, or another rate or parity"
        )
    elif one.damaged:
        words.append(
            f"{one.damaged} of {one.asked} answers damaged: wiring, termination or earthing; where other units answer "
            f"well, two devices with number {one.unit}"
        )
    elif one.answered < one.asked:
        words.append(
            f"{one.asked - one.answered} of {one.asked} questions not answered: a loose contact, or a slow device"
        )
    return words


def advice(result: Scan) -> list[str]:
    """What a scan says of the line as a whole, with what to do."""
    words = []
    if result.foreign_master:
        units = talkers(result.overheard)
        if units:
            rate = say_setting(result.heard_at) if result.heard_at else "these settings"
            words.append(
                f"another master talks on this line at {rate}, with unit {', '.join(map(str, units))}: two masters "
                "disturb each other. Stop it, or look with ferrule monitor --port; --disturb scans all the same"
            )
        else:
            words.append(
                "somebody talks on this line, and it makes sense at no rate that was tried: another master with other "
                f"settings, {_other_framing(result)}, noise without bias resistors, or A and B swapped. --disturb "
                "scans all the same"
            )
    if result.echo:
        words.append("the adapter echoes what is sent: echo = true belongs to the line (it is in what --write writes)")
    if result.rubbish:
        where = ", ".join(say_setting(line) for line in result.rubbish)
        words.append(
            f"every request brings rubbish at {where}: A and B may be swapped at the adapter (swap them, "
            "nothing breaks), or the bias resistors are missing"
        )
    if result.one_device:
        words.append(
            "every number answers: there is one device behind this address, and it does not look at the number"
        )
    if not result.found and not result.foreign_master and not result.rubbish:
        words.append(f"nobody answers. In this order: {_silence_cures(result)}")
    return words


def _silence_cures(result: Scan) -> str:
    """Where to look when nothing comes, the likeliest first."""
    if result.heard_at is not None and result.heard_at.port is None:
        other = "Modbus TCP" if result.heard_at.transport == "rtu-over-tcp" else "RTU over TCP (--rtu-over-tcp)"
        return (
            f"is it another protocol, such as {other}; unit numbers outside what was tried; behind a serial server: "
            "power of the devices, A and B, and its rate and parity"
        )
    return (
        "power of the devices; A and B (swap them at the adapter, nothing breaks); the common wire; rate, parity and "
        f"unit numbers outside what was tried; {_other_framing(result)}"
    )


def _other_framing(result: Scan) -> str:
    ascii_ = result.heard_at is not None and result.heard_at.transport == "ascii"
    return "RTU (leave --ascii out)" if ascii_ else "Modbus ASCII (--ascii)"


def say_setting(line: LineSettings) -> str:
    """Rate and form of characters as technicians write them: ``19200 8N2``."""
    if line.transport in {"tcp", "rtu-over-tcp"}:
        return f"{line.host}:{line.tcp_port}"
    framing = " ASCII" if line.transport == "ascii" else ""
    return f"{line.baudrate} {line.bytesize}{line.parity[0].upper()}{line.stopbits}{framing}"


def talkers(overheard: Sequence[Message]) -> list[int]:
    """The units that were asked or answered, as overheard."""
    seen = Counter(message.unit for message in overheard if message.unit is not None)
    return [unit for unit, _ in seen.most_common()]
