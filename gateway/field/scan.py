"""Looks for devices: who answers, how well, and what it says it is. Says what it will cost before, and disturbs nobody.

The order is that of a careful technician: listen whether another master talks; ask all units at the likeliest rates;
then ask those that answered a few more times, because one answer says nothing of the wire, and two answers to one
question say that two devices have one number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import trio

from drivers.modbus.pdu import Data, Function, Refusal, Request, read_registers
from drivers.modbus.rare import decode_device_identification, read_device_identification
from gateway.field.scan_bus import Bus
from gateway.field.scan_found import Found, Scan, say_setting, talkers
from gateway.field.scan_site import Site
from gateway.field.scan_usual import LISTEN_S, PATIENCE_S
from gateway.lines.health import Cause
from gateway.lines.refusals import GATEWAY_CODES
from gateway.lines.wire import READ_REPLY_PDU, READ_REQUEST_PDU, Wire, data_bytes
from gateway.settings.line_model import LineSettings

UNITS = range(1, 248)
# Nearly all devices leave the works with one of these.
LIKELY_UNITS = range(1, 17)
# A damaged answer is asked for again so often before the unit is called damaged.
AGAIN = 2
# Further questions to whoever answered, with a pause in which a second answer would arrive.
VERIFY = 5
VERIFY_PAUSE_S = 0.1
# A unit whose answer came while the next one was asked is given so many times as long.
SLOW_TIMES = 5
# So many units in a row that all give nothing but rubbish: that is not a device, it is the wire.
RUBBISH_ROW = 6
# Behind one TCP address so many units in a row are one device that does not look at the number.
ALL_UNITS_ROW = 12
_IDENTITY = {0: "vendor", 1: "product", 2: "revision", 3: "url", 4: "name", 5: "model", 6: "application"}


Progress = Callable[[float, float, str], None]


def estimate(settings: Sequence[LineSettings], units: int, patience: float, *, listening: float) -> float:
    """Seconds a scan takes when nobody answers."""
    return listening + sum(units * _cost(line, patience) for line in settings)


async def scan(
    site: Site,
    result: Scan,
    *,
    units: Sequence[int] = UNITS,
    patience: float = PATIENCE_S,
    listening: float = LISTEN_S,
    every: bool = False,
    disturb: bool = False,
    progress: Progress = lambda _done, _left, _words: None,
) -> None:
    """Look for devices.

    Args:
        site: where.
        result: is filled as the scan goes on, so that a scan that is broken off has what it found.
        units: whom to ask.
        patience: seconds to wait for each answer.
        listening: seconds to listen before anything is asked.
        every: try the other settings too when devices were found at one.
        disturb: ask although another master talks.
        progress: told the share that is done, the seconds that are left, and what is being done.

    Raises:
        LineLostError: the port cannot be had, or went away.
    """
    # Where few are asked, fewer have to say it: but one alone may be a device on a bad wire.
    rubbish_row = max(2, min(RUBBISH_ROW, len(units)))
    first = [unit for unit in units if unit in LIKELY_UNITS]
    rest = [unit for unit in units if unit not in LIKELY_UNITS]
    costs = [(line, len(units) * _cost(line, patience)) for line in site.settings]
    whole = listening + sum(cost for _, cost in costs)
    spent = 0.0

    def show(words: str) -> None:
        progress(min(spent / whole, 1.0) if whole else 1.0, max(whole - spent, 0.0), words)

    show("listening")
    result.heard_at = site.settings[0]
    result.overheard = await site.overhear(site.settings[0], listening) if listening else []
    spent += listening
    if result.foreign_master and not disturb:
        await _understand(site, result, listening, progress)
        return
    async with site.held():
        settings = list(site.settings)
        for part in (first, rest):
            for line in list(settings):
                if not part or line not in settings:
                    continue
                async with site.open(replace(line, echo=line.echo or result.echo)) as bus:
                    search = _Search(bus, line, result, patience, rubbish_row)
                    for unit in part:
                        show(f"{say_setting(line)}, unit {unit}")
                        enough = await search.ask(unit)
                        spent += _cost(line, patience)
                        if enough:
                            break
                if search.hopeless:
                    settings.remove(line)
                if any(one.line == line and one.answered for one in result.found) and not every:
                    settings = [line]
                    break
            if settings and not every and any(one.answered for one in result.found):
                # The others are left out: what is left to do is the rest of the units at this setting.
                whole = spent + len(rest) * _cost(settings[0], patience)
        _forget_shadows(result)
        for number, one in enumerate(result.found):
            progress(number / len(result.found), 0.0, f"asking unit {one.unit} again")
            await _verify(site, result, one)
    result.complete = True


class _Search:
    """Asks units at one setting."""

    def __init__(self, bus: Bus, line: LineSettings, result: Scan, patience: float, rubbish_row: int) -> None:
        self.hopeless = False
        self._bus = bus
        self._line = line
        self._result = result
        self._patience = patience
        self._rubbish_row = rubbish_row
        self._rubbish = 0
        self._answers = 0
        self._before: Found | None = None
        result.tried.append((line, 0))

    async def ask(self, unit: int) -> bool:
        """Look for one unit. Returns whether to look no further at this setting."""
        line, tried = self._result.tried[-1]
        self._result.tried[-1] = line, tried + 1
        before, found = self._before, Found(unit, self._line, self._patience)
        self._before = found
        noisy, late = True, False
        for _ in range(1 + AGAIN):
            heard = await self._bus.ask(_question(unit), self._patience)
            self._result.echo = self._result.echo or Cause.ECHO in heard.causes
            late = late or not {Cause.LATE, Cause.WRONG_UNIT}.isdisjoint(heard.causes)
            if isinstance(heard.answer, Refusal) and heard.answer.code in GATEWAY_CODES:
                self._rubbish = self._answers = 0
                return False
            found.note(heard)
            noisy = noisy and Cause.NOISE in heard.causes
            if heard.answer is not None or not heard.damaged:
                break
        if late and before is not None and not before.answered:
            await self._slow(before)
        return self._judge(found, noisy=noisy)

    async def _slow(self, before: Found) -> None:
        """What came in was not for this unit: the one before may answer, but later than we waited."""
        before.patience = SLOW_TIMES * self._patience
        await trio.sleep(before.patience)
        before.note(await self._bus.ask(_question(before.unit), before.patience))
        if before.answered and before not in self._result.found:
            self._result.found.append(before)

    def _judge(self, found: Found, *, noisy: bool) -> bool:
        if found.answered or (found.damaged and not noisy):
            self._result.found.append(found)
            self._rubbish = 0
            self._answers += 1
            self._result.one_device = self._line.transport == "tcp" and self._answers >= ALL_UNITS_ROW
            return self._result.one_device
        self._answers = 0
        if not found.damaged:
            self._rubbish = 0
            return False
        self._rubbish += 1
        self._result.found.append(found)
        if self._rubbish < self._rubbish_row:
            return False
        # Every question brings rubbish, whoever is asked: these are no devices.
        self._result.found = [one for one in self._result.found if one.line != self._line or one.answered]
        self._result.rubbish.append(self._line)
        self.hopeless = True
        return True


def _cost(line: LineSettings, patience: float) -> float:
    """Seconds a question takes that nobody answers."""
    wire = Wire.of(line)
    reply = wire.carry(READ_REPLY_PDU + data_bytes("holding", 1))
    return wire.gap + wire.carry(READ_REQUEST_PDU) + patience + reply


def _question(unit: int) -> Request:
    """What everybody has an answer to, if only a refusal."""
    return read_registers(unit, Function.READ_HOLDING_REGISTERS, 0, 1)


async def _understand(site: Site, result: Scan, seconds: float, progress: Progress) -> None:
    """Somebody talks: find the rate at which it makes sense, still without a word."""
    if talkers(result.overheard):
        return
    others = site.settings[1:]
    for number, line in enumerate(others):
        left = seconds * (len(others) - number)
        progress(number / len(others), left, f"another master talks, listening at {say_setting(line)}")
        heard = await site.overhear(line, seconds)
        if talkers(heard):
            result.overheard, result.heard_at = heard, line
            return


def _forget_shadows(result: Scan) -> None:
    """Rubbish at one setting from a unit that answers well at another is the wrong rate, not a bad wire."""
    well = {one.unit for one in result.found if one.answered}
    best: dict[int, Found] = {}
    for one in result.found:
        if not one.answered and one.unit not in well:
            best.setdefault(one.unit, one)
    result.found = [one for one in result.found if one.answered or best.get(one.unit) is one]


async def _verify(site: Site, result: Scan, one: Found) -> None:
    async with site.open(replace(one.line, echo=one.line.echo or result.echo)) as bus:
        for _ in range(VERIFY):
            await trio.sleep(VERIFY_PAUSE_S)
            heard = await bus.ask(_question(one.unit), one.patience)
            one.note(heard)
            one.doubled += Cause.LATE in heard.causes
        if one.answered:
            one.identity = await _identity(bus, one.unit, one.patience)


async def _identity(bus: Bus, unit: int, patience: float) -> dict[str, str]:
    heard = await bus.ask(read_device_identification(unit), 2 * patience)
    if not isinstance(heard.answer, Data):
        return {}
    try:
        objects = decode_device_identification(heard.answer).objects
    except ValueError:
        return {}
    return {
        _IDENTITY.get(number, f"object_{number}"): "".join(
            letter if letter.isprintable() else "?" for letter in text.decode("latin-1")
        ).strip()
        for number, text in objects.items()
    }
