"""A simulated line behind the `Port` protocol, on trio's clock: a day of polling takes minutes of test time."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import trio

from drivers.ports.port import LineFaults, LinkDown
from drivers.simulated.bus import Bus, NetworkBus, SerialBus
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, WireFaults
from drivers.simulated.framing import AsciiFraming, Framing, RtuFraming, TcpFraming
from drivers.simulated.stations import LineEvent, Stations
from drivers.simulated.wire import NetworkWire, SerialWire

FramingName = Literal["rtu", "tcp", "ascii"]
_FRAMINGS: dict[FramingName, Callable[[], Framing]] = {"rtu": RtuFraming, "tcp": TcpFraming, "ascii": AsciiFraming}


class MemoryLine:
    """Devices on a timed wire; `open` gives the master's end of it.

    Time 0 of signals, windows and events is the moment of construction, or `epoch` on trio's clock.

    Attributes:
        name: what the ports call themselves.
        stations: the devices, their faults (which may be changed at any time) and the event counts.
    """

    def __init__(
        self,
        devices: Iterable[SimulatedDevice],
        wire: SerialWire | NetworkWire | None = None,
        faults: Mapping[int, DeviceFaults] | None = None,
        *,
        framing: FramingName | None = None,
        wire_faults: WireFaults | None = None,
        seed: int = 0,
        record: Callable[[LineEvent], object] | None = None,
        name: str = "simulated",
        epoch: float | None = None,
    ) -> None:
        """Build a line.

        Args:
            devices: who listens.
            wire: `SerialWire` (the default) or `NetworkWire`, whose connections are instant to open.
            faults: by unit.
            framing: "rtu" on a serial wire and "tcp" on a network when not given.
            wire_faults: echo, noise and unplug windows; a network knows only the windows.
            seed: the same seed, devices and requests give the same trace.
            record: called with each event; keep what you need.
            name: for messages.
            epoch: trio time of second 0; the first `open` when not given.
        """
        self.name = name
        wire = wire if wire is not None else SerialWire()
        framing = framing or ("rtu" if isinstance(wire, SerialWire) else "tcp")
        self.stations = Stations(devices, _FRAMINGS[framing](), faults=faults, seed=seed, record=record)
        self._bus: Bus = (
            SerialBus(wire, self.stations, faults=wire_faults, seed=seed)
            if isinstance(wire, SerialWire)
            else NetworkBus(wire, self.stations)
        )
        self._windows = wire_faults.unplugged if wire_faults is not None else ()
        self._plugged = True
        self._port: MemoryPort | None = None
        self._epoch = epoch

    @property
    def busy_s(self) -> float:
        """For how many seconds anything was talking, late answers and noise included."""
        return self._bus.busy_s

    @property
    def gap_violations(self) -> int:
        """How many requests began before the wire had been silent long enough."""
        return self.stations.counts["gap_violation"]

    def now(self) -> float:
        """Return the time of the simulation."""
        if self._epoch is None:
            self._epoch = trio.current_time()
        return trio.current_time() - self._epoch

    def pending(self) -> list[tuple[float, bytes]]:
        """Return what is on its way to the master: simulation time and bytes."""
        return self._bus.pending()

    async def open(self) -> "MemoryPort":
        """Open the master's end.

        Raises:
            LinkDown: ``not_found`` while unplugged, ``busy`` while another port is open.
        """
        await trio.lowlevel.checkpoint()
        now = self.now()
        if not self._plugged or any(window.holds(now) for window in self._windows):
            raise LinkDown("not_found", f"{self.name} is not there: the simulated adapter is unplugged")
        if self._port is not None and not self._port.is_dead(now):
            raise LinkDown("busy", f"{self.name} is open already")
        until = min((window.start for window in self._windows if window.start > now), default=math.inf)
        self._bus.clear(now)
        self._port = MemoryPort(self, self._bus, self._epoch or 0.0, until)
        return self._port

    def unplug(self) -> None:
        """Take the adapter away: the open port hangs up, and none can be opened until `replug`."""
        self._plugged = False
        if self._port is not None:
            self._port.hang_up(self.now())
            self._port = None
        self.stations.note(self.now(), 0, "unplugged")

    def replug(self) -> None:
        """Put the adapter back; the port has to be opened anew."""
        self._plugged = True
        self.stations.note(self.now(), 0, "replugged")


class MemoryPort:
    """The master's end of a `MemoryLine`; satisfies `drivers.ports.port.Port`."""

    def __init__(self, line: MemoryLine, bus: Bus, epoch: float, plugged_until: float) -> None:
        self._line = line
        self._bus = bus
        self._epoch = epoch
        self._plugged_until = plugged_until
        self._closed = False
        self._waiting: trio.CancelScope | None = None
        self._noise_before = line.stations.counts["noise"]
        self._collisions_before = line.stations.counts["collision"]

    @property
    def name(self) -> str:
        """The line's name."""
        return self._line.name

    def is_dead(self, now: float) -> bool:
        """Tell whether this port can no longer be used at `now` (time of the simulation)."""
        return self._closed or now >= self._plugged_until - 1e-9

    def hang_up(self, now: float) -> None:
        """End this port at `now`, waking whoever waits on it."""
        self._plugged_until = min(self._plugged_until, now)
        if self._waiting is not None:
            self._waiting.cancel()

    def _check(self, now: float) -> None:
        if self._closed:
            raise LinkDown("closed", f"{self.name} was closed")
        if now >= self._plugged_until - 1e-9:  # the same moment, seen through two subtractions
            self._bus.clear(now)
            raise LinkDown("hung_up", f"{self.name} hung up: the simulated adapter was unplugged")

    async def send(self, data: bytes) -> None:
        """Put bytes on the wire; returns while they are still on their way, as a UART does."""
        now = trio.current_time() - self._epoch
        try:
            self._check(now)
        except LinkDown as down:
            down.unsent = True
            raise
        self._bus.send(data, now)

    async def receive(self, deadline: float) -> bytes | None:
        """Return bytes as soon as any are there, or None when none came until `deadline`."""
        await trio.lowlevel.checkpoint_if_cancelled()  # before anything is taken, so that nothing is lost
        while True:
            time = trio.current_time()
            now = time - self._epoch
            self._check(now)
            if data := self._bus.take(now):
                return data
            if time >= deadline:
                return None
            next_at = min(self._bus.next_at(), self._plugged_until) + self._epoch
            with trio.CancelScope(deadline=min(deadline, next_at)) as self._waiting:
                await trio.sleep_forever()
            self._waiting = None

    def drain(self) -> bytes:
        """Take what has already arrived."""
        now = trio.current_time() - self._epoch
        self._check(now)
        return self._bus.take(now)

    async def pause_until(self, moment: float) -> None:
        """Sleep until `moment`."""
        if trio.current_time() < moment:
            await trio.sleep_until(moment)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()

    def faults(self) -> LineFaults:
        """Count noise and collisions as framing errors, which is how a UART sees them."""
        counts = self._line.stations.counts
        noise = counts["noise"] - self._noise_before + counts["collision"] - self._collisions_before
        return LineFaults(parity=0, framing=noise, overrun=0, breaks=0)

    async def aclose(self) -> None:
        """Close the port; the line can be opened again."""
        self._closed = True
        if self._waiting is not None:
            self._waiting.cancel()
        await trio.lowlevel.checkpoint()
