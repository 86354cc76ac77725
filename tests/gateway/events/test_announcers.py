"""The catalogue does not lie: what the gateway announces is what it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import trio
from trio.testing import MockClock

from gateway.access.scopes import SCOPES
from gateway.core.alerts import Alerts, Severity
from gateway.core.catalogue import CATALOGUE, reserved
from gateway.core.channels import CHANNELS
from gateway.core.ports import Json
from gateway.governor.actions import ActionDoor, Mode, Proposal
from gateway.governor.detector import Anomaly, Rule
from gateway.governor.level import LevelName
from tests.gateway.agents.board import Board as AgentBoard
from tests.gateway.events.board import NOON
from tests.gateway.governor.analysis.test_analyses import Scene
from tests.gateway.governor.bench import Bench
from tests.gateway.governor.test_intelligence import DAY_S
from tests.gateway.governor.test_intelligence import Plant as LearningPlant
from tests.gateway.lines.bench import device, open_bench, tag
from tests.gateway.lines.test_glance import registers
from tests.gateway.lines.test_lines import Plant as LinePlant

GATEWAY = Path(__file__).parents[3] / "gateway"
EVENT_NAME = re.compile(r"[a-z]+:[a-z_]+")


class Book:
    """Takes announcements as receivers get them: through JSON."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def take(self, type_: str, data: Mapping[str, object]) -> None:
        assert type_ in CATALOGUE, type_
        struct = CATALOGUE[type_].data
        assert struct is not None
        msgspec.json.decode(msgspec.json.encode(data), type=struct, strict=True)
        self.types.append(type_)

    def take_all(self, told: list[tuple[str, dict[str, object]]]) -> set[str]:
        for type_, data in told:
            self.take(type_, data)
        return set(self.types)


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.AST]:
    """What the gateway is made of, by file."""
    paths = [path for path in GATEWAY.rglob("*.py") if "sdk" not in path.parts]
    return {str(path.relative_to(GATEWAY)): ast.parse(path.read_text()) for path in paths}


def test_no_name_of_an_event_in_the_code_is_missing_in_the_catalogue(sources: dict[str, ast.AST]) -> None:
    unknown = {
        (path, node.value)
        for path, tree in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and EVENT_NAME.fullmatch(node.value)
        # Scopes and channels are called alike.
        if reserved(node.value) and node.value not in {*CATALOGUE, *SCOPES, *CHANNELS}
    }
    assert unknown == set()


def test_what_is_announced_in_one_piece_has_the_members_of_its_type(sources: dict[str, ast.AST]) -> None:
    found = set()
    for path, tree in sources.items():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or len(call.args) < 2:
                continue
            name, data = call.args[:2]
            type_ = name.value if isinstance(name, ast.Constant) else None
            if not (isinstance(type_, str) and type_ in CATALOGUE and isinstance(data, ast.Dict)):
                continue
            struct = CATALOGUE[type_].data
            assert struct is not None
            members = {key.value for key in data.keys if isinstance(key, ast.Constant)}
            required = {field.name for field in msgspec.structs.fields(struct) if field.required}
            where = f"{path}:{call.lineno} {type_}"
            assert members <= set(struct.__struct_fields__), where
            # A key of None is `**more`.
            assert None in data.keys or required <= members, where
            found.add(type_)
    assert found >= {"webhook:delivery_failed", "webhook:disabled", "webhook:overflow", "governor:anomaly"}


async def test_devices_and_lines(autojump_clock: MockClock) -> None:
    book = Book()
    async with open_bench([device(1, tag("a", 1)), device(2, tag("a", 1))], [registers(1)]) as bench:
        await trio.sleep(20)
        bench.memory.unplug()
        await trio.sleep(20)
    assert book.take_all(bench.events) == {"line:up", "line:down", "device:up", "device:down"}
    plant = LinePlant()
    plant.faulty.add("a")
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    assert "line:parked" in book.take_all(plant.events)


def test_agents() -> None:
    board, book = AgentBoard(), Book()
    board.register()
    for seconds in (board.settings.stale, board.settings.inactive, board.settings.drop_after):
        board.now += seconds + 1
        board.directory.registry.sweep()
    board.register()
    board.now += board.settings.stale + 1
    board.directory.registry.sweep()
    board.directory.registry.heartbeat("temp-sensor-001", "busy")
    board.directory.registry.unregister("temp-sensor-001")
    for type_, data in board.told:
        book.take(type_, data)
    assert set(book.types) == {name for name in CATALOGUE if name.startswith("agent:")}


@pytest.mark.parametrize("value", [None, 1, 0.5, "text", True, ["a"], {"a": 1}])
def test_alerts(value: Json) -> None:
    book = Book()
    alerts = Alerts(lambda: NOON, book.take, lambda: "alert-1")
    for severity in Severity:
        alerts.fire("line:bus", "down", severity, "look at it", value=value, threshold=value)
    alerts.resolve("line:bus", "down")
    assert book.types == ["system:alert"] * 4


def test_actions_of_governors() -> None:
    book, modes = Book(), {LevelName.META: Mode.ADVISE}
    door = ActionDoor(lambda level: modes.get(level, Mode.GOVERN), lambda: NOON, book.take)
    for level in LevelName:
        for value in (None, 2.0, {"a": [1]}):
            door.propose(Proposal(level, "stretch", "bus", "busy", lambda: True, lambda: True, value, {"busy": 0.9}), 0)
    door.propose(Proposal(LevelName.OPERATIONAL, "reopen", "bus", "dead", lambda: False), 0)
    assert len(book.types) >= 14


def test_anomalies(bench: Bench) -> None:
    book = Book()
    plant = LearningPlant(bench)
    plant.run(2.2 * DAY_S)
    plant.temperature = 31.0
    plant.run(120)
    plant.temperature = 20.0
    plant.run(600)
    book.take_all(bench.told)
    assert book.types.count("governor:anomaly") == 2
    for rule in Rule:
        shown = plant.level._shown("tag:bus/meter/temperature", Anomaly(rule, NOON, 31.0, 20.0, 0.3, 36.0, True))
        book.take("governor:anomaly", {"series": "tag:bus/meter/temperature", "state": "firing", **shown})


@pytest.mark.parametrize("faulty", [False, True])
async def test_analyses(bench: Bench, autojump_clock: MockClock, faulty: bool) -> None:  # noqa: FBT001 - a parameter
    book, scene = Book(), Scene(bench)
    scene.faulty = faulty
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.analyses.run)
        scene.analyses.start("network", "normal")
        await trio.sleep(15)
        nursery.cancel_scope.cancel()
    assert book.take_all(bench.told) == {"governor:analysis_completed"}


@pytest.fixture
def bench() -> Bench:
    return Bench()
