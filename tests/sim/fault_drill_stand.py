"""The stand of the fault drill: a small plant on simulated wires, with everything that governs it, on virtual time.

Lines, write door, governors, registry, limits and store are the product's own, put together by the product's own
wiring. Only wires, devices and the clock on the wall are simulated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import trio

from drivers.ports.port import Port
from drivers.simulated.device import AddressRange, SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from drivers.simulated.memory_port import MemoryLine
from drivers.simulated.wire import NetworkWire, SerialWire
from gateway.access.keys import RootKey
from gateway.access.limits.rates import RateLimits
from gateway.agents.card import validate_card
from gateway.agents.grant import Grant
from gateway.core.alerts import Alerts
from gateway.core.errors import GatewayError
from gateway.core.ports import WriteResult
from gateway.core.principal import Kind, Principal
from gateway.core.steering import LineGlance, ServerGlance
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.governor.arbitration import Arbitration, Conflict
from gateway.governor.level import LevelName
from gateway.lines.exchange import Talk
from gateway.lines.fieldside import FieldSide
from gateway.lines.line import Opener
from gateway.lines.lines import Lines
from gateway.lines.opener import talk_on
from gateway.lines.steering import LineSteering
from gateway.settings.line_model import DeviceSettings, LineSettings, TagSettings
from gateway.settings.model import GovernorSettings, Settings
from gateway.storage import Boot, Storage, StoreSettings, open_storage
from gateway.wiring import Governed, agent_parts, governing

# Any moment would do; days of the plant begin with it.
WALL = 1_779_444_000.0
HEARTBEAT_S = 30.0
SETPOINT = "bus/drive/setpoint"
# Of a block that is read in pieces: a device that comes back may be another one, with other addresses.
HOLE = 44


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened.

    Attributes:
        at: seconds after the fault.
        who: a governor, the line, the write door, the limits, or the field.
        what: in words.
    """

    at: float
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.at:8.1f} s  {self.who:12}  {self.what}"


@dataclass(slots=True)
class Track:
    """Figures by the second.

    Attributes:
        times: seconds after the fault.
        figures: by name, None where there was none.
    """

    times: list[float] = field(default_factory=list)
    figures: dict[str, list[float | None]] = field(default_factory=dict)

    def add(self, at: float, figures: dict[str, float | None]) -> None:
        self.times.append(at)
        for name, figure in figures.items():
            self.figures.setdefault(name, []).append(figure)

    def between(self, name: str, begin: float, end: float) -> list[float]:
        """The known figures of some seconds."""
        pairs = zip(self.times, self.figures[name], strict=True)
        return [figure for at, figure in pairs if begin <= at < end and figure is not None]


def tags() -> tuple[TagSettings, ...]:
    """What each serial device has: two fast blocks and one that can wait."""
    fast = [TagSettings(name=f"fast{n}", table="holding", address=n, type="uint16", poll=1.0) for n in range(20)]
    flow = [TagSettings(name=f"flow{n}", table="input", address=n, type="uint16", poll=1.0) for n in range(10)]
    slow = [
        TagSettings(name=f"slow{n}", table="input", address=200 + n, type="uint16", poll=2.0, priority="low")
        for n in range(20)
    ]
    return (*fast, *flow, *slow)


def bus() -> tuple[LineSettings, list[SimulatedDevice]]:
    """A serial line at 9600 Bd with four devices; the second one has a set-point, and a hole in its registers."""
    more = (
        TagSettings(name="setpoint", table="holding", address=30, type="uint16", poll=2.0, writable=True, safe=0),
        TagSettings(name="before", table="holding", address=HOLE - 1, type="uint16", poll=5.0),
        TagSettings(name="behind", table="holding", address=HOLE + 1, type="uint16", poll=5.0),
    )
    names = ("meter", "drive", "station", "heater")
    devices = tuple(
        DeviceSettings(name=name, unit=unit, tags=(*tags(), *more) if name == "drive" else tags())
        for unit, name in enumerate(names, 1)
    )
    simulated = [
        SimulatedDevice(
            unit,
            holding={n: n for n in range(60)},
            input={n: n for n in range(220)},
            refused=[AddressRange("holding", HOLE)] if name == "drive" else [],
        )
        for unit, name in enumerate(names, 1)
    ]
    return (
        LineSettings(name="bus", transport="rtu", port="sim", baudrate=9600, timeout=0.5, devices=devices),
        simulated,
    )


def net() -> tuple[LineSettings, list[SimulatedDevice]]:
    """A Modbus TCP line with one device."""
    device = DeviceSettings(name="inverter", unit=1, tags=tags())
    simulated = SimulatedDevice(1, holding={n: n for n in range(60)}, input={n: n for n in range(220)})
    return LineSettings(name="net", transport="tcp", host="sim", timeout=0.5, devices=(device,)), [simulated]


class Stand:
    """The plant in operation.

    Attributes:
        entries: what happened, from the fault on.
        track: figures by the second, from a minute before the fault on.
        refused: calls that limits refused.
    """

    def __init__(self, storage: Storage, timeline: Timeline) -> None:
        serial, network = bus(), net()
        self.settings = Settings(lines=(serial[0], network[0]), governor=GovernorSettings(memory_bound=1 << 32))
        self.memory = {
            "bus": MemoryLine(serial[1], SerialWire(9600), name="bus", epoch=0.0),
            "net": MemoryLine(network[1], NetworkWire(0.0005), framing="tcp", name="net", epoch=0.0),
        }
        self.entries: list[Entry] = []
        self.track = Track()
        self.refused = 0
        self.began: float | None = None
        numbers = count(1)
        self._store = TagStore(trio.current_time, timeline)
        self.limits = RateLimits(self.settings.limits, trio.current_time)
        self.alerts = Alerts(timeline.now, self._announce, lambda: f"alert-{next(numbers)}")
        self.agents = agent_parts(
            RootKey(bytes(32)),
            storage.facts,
            timeline,
            lambda: self.settings,
            self._announce,
            is_own=lambda _host, _port: False,
        ).directory

        def conflict(found: Conflict) -> None:
            self.parts.conflict(found)

        arbitration = self.arbitration = Arbitration(trio.current_time, conflict)
        self.lines = Lines(
            self._store,
            storage.facts,
            self._announce,
            make_opener=self._opener,
            arbiter=arbitration,
            released=arbitration.released,
        )
        self.steering = LineSteering(self.lines)
        self.field = FieldSide(self.lines, self._store)
        governed = Governed(
            steering=self.steering,
            arbitration=arbitration,
            directory=self.agents,
            alerts=self.alerts,
            server=ServerGlance,
            reading=self._store.read,
            facts=storage.facts,
            store=storage,
        )
        self.parts = governing(governed, timeline, lambda: self.settings, self._announce)
        self.governors = self.parts.parts.governors

    def _opener(self, settings: LineSettings) -> Opener:
        memory = self.memory[settings.name]

        async def open_line() -> tuple[Port, Talk]:
            port = await memory.open()
            return port, talk_on(settings, port)

        return open_line

    # What happens

    def begin(self) -> None:
        """The fault happens now: times count from here."""
        self.began = trio.current_time()

    @property
    def at(self) -> float:
        """Seconds after the fault."""
        return trio.current_time() - (self.began or 0.0)

    def note(self, who: str, what: str) -> None:
        if self.began is not None:
            self.entries.append(Entry(round(self.at, 1), who, what))

    def _announce(self, type_: str, data: dict[str, object]) -> None:
        if type_ == "governor:action":
            self.note(str(data["level"]), f"{data['kind']} {data['verdict']}: {data['reason']}")
        elif type_ == "system:alert":
            raised = "raised" if data["state"] == "firing" else "resolved"
            self.note("alert", f"{raised} ({data['severity']}) {data['component']} {data['metric']}: {data['summary']}")
        elif type_.partition(":")[0] in {"device", "line"}:
            self.note("line", f"{type_} {data.get('device') or data.get('line')}")

    def found(self, who: str, begins: str) -> Entry:
        """The first entry of somebody that begins so.

        Raises:
            AssertionError: there is none.
        """
        for entry in self.entries:
            if entry.who == who and entry.what.startswith(begins):
                return entry
        raise AssertionError(f"{who} never said '{begins}'\n" + "\n".join(map(str, self.entries)))

    def missed(self, begin: float, end: float) -> int:
        """Deadlines of tags that were missed between two moments after the fault."""
        return round(sum(self.track.between("deadlines missed", begin, end)))

    def ended(self, words: str) -> str:
        """How it ended: as before, with nothing left behind.

        Raises:
            AssertionError: something was left behind.
        """
        now, glance = trio.current_time(), self.steering.glance()
        left = [f"{action.kind} of {action.target}" for action in self.governors.door.in_force()]
        left += [f"alert {alert.component} {alert.metric}" for alert in self.alerts.standing()]
        left += [f"{line.name} is {line.state}" for line in glance.lines if line.state != "up"]
        left += [f"{device.name} has {device.good} good tags" for device in glance.devices if device.good < device.tags]
        left += [f"{level} is held back" for level, _, _ in self.governors.door.holds(now)]
        assert not left, f"left behind: {', '.join(left)}\n" + "\n".join(map(str, self.entries))
        return f"all is as before after {self.at:.0f} s; {words}"

    # Callers

    def agent(self, name: str) -> Principal:
        """Register an agent, as after its enrolment and signature were proven."""
        card = validate_card(
            {"agentId": name, "name": name, "description": "", "version": "1.0.0", "capabilities": [], "endpoints": []}
        ).card
        assert card is not None
        scopes = frozenset({"devices:read", "devices:write"})
        self.agents.registry.register(card, Grant(scopes=scopes))
        return Principal(name, scopes, Kind.AGENT, f"token of {name}")

    def admitted(self, agent: Principal, method: str) -> bool:
        """Whether the limits let a call of an agent through."""
        refused = self.limits.visit("192.168.1.20", agent).admit(method)
        self.refused += refused is not None
        return refused is None

    async def write(self, agent: Principal, value: int, lease: float | None = None) -> WriteResult | None:
        """Write the set-point; None where the write door refuses it."""
        if not self.admitted(agent, "tag.write"):
            return None
        try:
            return await self.field.write(SETPOINT, value, lease, agent)
        except GatewayError:
            return None

    async def beat(self) -> None:
        """Heartbeats of all agents, for ever."""
        while True:
            for row in self.agents.agents():
                self.agents.registry.heartbeat(row.agent_id)
            await trio.sleep(HEARTBEAT_S)

    # Looking

    def line(self, name: str) -> LineGlance:
        found = self.steering.glance().line(name)
        assert found is not None
        return found

    async def watch(self) -> None:
        """Take the figures of each second, for ever."""
        before, left = 0, 0.0
        while True:
            kept = self.arbitration.kept()
            longest = max((seconds for *_, seconds in kept), default=0.0)
            if longest > left:
                self.note(
                    "write door", f"keeps {kept[0][0]} for {kept[0][1]}, for {longest / 60:.0f} min; others are refused"
                )
            left = longest
            now, glance = trio.current_time(), self.steering.glance()
            missed = sum(line.missed for line in glance.lines)
            line = self.line("bus")
            status = self.governors.status(now)["overall"]
            overall = status["health"] if isinstance(status, dict) else None
            good, tags = sum(device.good for device in glance.devices), sum(device.tags for device in glance.devices)
            figures: dict[str, float | None] = {
                "overall health": float(overall) if isinstance(overall, int) else None,
                "good tags, %": 100.0 * good / tags,
                "line busy, %": _percent(line.utilisation),
                "reads on demand, %": _percent(line.on_demand),
                "bound, %": _percent(line.on_demand_bound),
                "kept for, s": longest,
                "deadlines missed": float(missed - before),
            }
            for name in LevelName:
                health = self.governors.health(name, now)
                figures[name] = None if health is None else float(health)
            if self.began is not None:
                self.track.add(round(self.at), figures)
            before = missed
            await trio.sleep(1.0)

    def silence(self, line: str, units: Iterable[int], *, silent: bool) -> None:
        """Let devices die, or come back."""
        for unit in units:
            self.memory[line].stations.faults[unit] = DeviceFaults(silent=silent)


def _percent(part: float | None) -> float | None:
    return None if part is None else 100.0 * part


@asynccontextmanager
async def standing(directory: Path, settle: float = 120.0) -> AsyncIterator[Stand]:
    """A plant that has run undisturbed for a while."""
    timeline = Timeline(trio.current_time, lambda: WALL + trio.current_time(), lambda: True)
    async with (
        open_storage(
            directory,
            settings=StoreSettings(ballast=0),
            monotonic=trio.current_time,
            wall=timeline.now,
            boot=Boot("drill", trio.current_time),
            announce=lambda *_: None,
            inline=True,
        ) as storage,
        trio.open_nursery() as nursery,
    ):
        stand = Stand(storage, timeline)
        nursery.start_soon(storage.run)
        await nursery.start(stand.lines.run, stand.settings.lines)
        nursery.start_soon(stand.agents.run)
        nursery.start_soon(stand.governors.run)
        nursery.start_soon(stand.beat)
        nursery.start_soon(stand.watch)
        await trio.sleep(settle)
        yield stand
        nursery.cancel_scope.cancel()
