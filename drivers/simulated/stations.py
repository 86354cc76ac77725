"""The devices on one line, with their faults: a request frame in, timed answers out. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import NamedTuple

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, garble
from drivers.simulated.framing import Framing, Request

DUPLICATE_AFTER_S = 0.020
_BUSY = 6
_NO_TARGET = 11  # gateway target device failed to respond


class LineEvent(NamedTuple):
    """Something that happened on a simulated line, for invariants and replays. Unit 0 is the line itself."""

    at: float
    unit: int
    kind: str


class Emission(NamedTuple):
    """What a device sends: `after_s` seconds behind the request's end, or behind the emission before this one.

    With `beside` it is another device that sends: `after_s` counts from the request's end whoever else talks.
    """

    after_s: float
    unit: int
    data: bytes
    beside: bool = False


class Stations:
    """Everybody who listens on one line.

    Attributes:
        counts: how often each kind of event happened.
        record: called with every event when given.
    """

    def __init__(
        self,
        devices: Iterable[SimulatedDevice],
        framing: Framing,
        *,
        faults: Mapping[int, DeviceFaults] | None = None,
        seed: int = 0,
        record: Callable[[LineEvent], object] | None = None,
    ) -> None:
        """Gather devices on a line.

        Raises:
            ValueError: two devices share a unit number.
        """
        self.framing = framing
        self.devices: dict[int, SimulatedDevice] = {}
        for device in devices:
            if device.unit in self.devices:
                raise ValueError(f"two devices have unit {device.unit}")
            self.devices[device.unit] = device
        self.faults: dict[int, DeviceFaults] = dict(faults or {})
        self.counts: Counter[str] = Counter()
        self.record = record
        # One stream of chance per device: a device added to a line leaves the others' bad luck as it was.
        self._chance = {unit: Random(f"{seed}/{unit}") for unit in self.devices}  # noqa: S311 - to be replayed

    def note(self, at: float, unit: int, kind: str) -> None:
        """Count an event and pass it on."""
        self.counts[kind] += 1
        if self.record is not None:
            self.record(LineEvent(at, unit, kind))

    def hear(self, frame: bytes, now: float) -> list[Emission]:
        """Give a whole frame to the devices and return what they will send, one after the other."""
        request = self.framing.decode(frame)
        if request is None:
            self.note(now, 0, "unheard")
            return []
        if request.unit == 0 and self.framing.by_silence:
            self.note(now, 0, "broadcast")
            for unit, device in self.devices.items():
                if not (unit in self.faults and self.faults[unit].is_silent(now)):
                    device.answer(request.pdu, now)
            return []
        device_or_none = self.devices.get(request.unit)
        if device_or_none is None:
            return self._nobody(request, now)
        self.note(now, request.unit, "request")
        return self._answer(device_or_none, request, now)

    def _nobody(self, request: Request, now: float) -> list[Emission]:
        self.note(now, request.unit, "no_such_unit")
        if not self.framing.gateway:
            return []
        refusal = bytes((request.pdu[0] | 0x80, _NO_TARGET))
        return [Emission(0.0, request.unit, self.framing.encode(request, request.unit, refusal))]

    def give_up(self, frame: bytes, now: float, *, aloud: bool) -> list[Emission]:
        """Say what a gateway says of a request that it got no answer to, if it says anything."""
        request = self.framing.decode(frame)
        if request is None:
            return []
        self.note(now, request.unit, "given_up")
        refusal = bytes((request.pdu[0] | 0x80, _NO_TARGET))
        return [Emission(0.0, request.unit, self.framing.encode(request, request.unit, refusal))] if aloud else []

    def _answer(self, device: SimulatedDevice, request: Request, now: float) -> list[Emission]:
        unit = device.unit
        faults = self.faults.get(unit)
        if faults is None:
            pdu = device.answer(request.pdu, now)
            if pdu is None:
                return []
            self.note(now, unit, "reply")
            return [Emission(device.turnaround_s, unit, self.framing.encode(request, unit, pdu))]
        if faults.is_silent(now):
            self.note(now, unit, "silent")
            return []
        return self._answer_badly(device, request, now, faults)

    def _answer_badly(
        self, device: SimulatedDevice, request: Request, now: float, faults: DeviceFaults
    ) -> list[Emission]:
        unit, rng = device.unit, self._chance[device.unit]

        def strikes(probability: float, kind: str) -> bool:
            if probability > 0.0 and rng.random() < probability:
                self.note(now, unit, kind)
                return True
            return False

        after = device.turnaround_s + (faults.jitter.draw(rng) if faults.jitter is not None else 0.0)
        busy = strikes(faults.busy, "busy")
        pdu = bytes((request.pdu[0] | 0x80, _BUSY)) if busy else device.answer(request.pdu, now)
        if pdu is None or strikes(faults.lost, "lost"):
            return []
        if strikes(faults.late, "late"):
            after += faults.late_by.draw(rng)
        shown = unit % 247 + 1 if strikes(faults.wrong_unit, "wrong_unit") else unit
        if strikes(faults.wrong_function, "wrong_function"):
            pdu = bytes((pdu[0] ^ 7,)) + pdu[1:]
        data = self.framing.encode(request, shown, pdu)
        if strikes(faults.corrupt, "corrupt"):
            data = garble(data, self.framing, rng, faults.corrupt_bytes)
        if strikes(faults.truncated, "truncated"):
            data = data[: rng.randrange(1, len(data))]
        single = data
        if strikes(faults.noise_before, "noise_before"):
            data = rng.randbytes(rng.randrange(1, 4)) + data
        if strikes(faults.noise_after, "noise_after"):
            data += rng.randbytes(rng.randrange(1, 4))
        self.note(now, unit, "reply")
        emissions = [Emission(after, unit, data)]
        if strikes(faults.duplicate, "duplicate"):
            emissions.append(Emission(DUPLICATE_AFTER_S, unit, single))
        if faults.twin is not None:
            self.note(now, unit, "twin")
            emissions.append(Emission(after + faults.twin.draw(rng), unit, single, beside=True))
        return emissions
