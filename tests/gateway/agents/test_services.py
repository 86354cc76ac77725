"""Services are announced, found, and gone when their time or their agent is (D-085 to D-088)."""

from __future__ import annotations

import pytest

from gateway.agents.services import HOUR_S, MOST_AT_ONCE
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json
from gateway.core.roster import ServiceRow
from gateway.settings.model import AgentSettings
from tests.gateway.agents.board import NOON, Board, service_json

AGENT = "temp-sensor-001"
LINE = ServiceRow("line:a", "A", "protocol-gateway", ("modbus-rtu",), "https://192.168.1.5:3500", {"location": "hall"})


def board_with(*agents: str, **changes: AgentSettings | list[ServiceRow]) -> Board:
    board = Board(**changes)  # type: ignore[arg-type] # a test names the attributes it changes
    for agent in agents or (AGENT,):
        board.register(agent)
    return board


def listed(board: Board, capability: str | None = None, location: str | None = None) -> list[str]:
    return [row.service_id for row in board.directory.services(capability, location)]


def test_the_service_of_the_seed_is_announced_and_found() -> None:
    board = board_with()
    row = board.directory.announce(AGENT, service_json())
    assert (row.service_id, row.expires) == ("temp-logger-001", NOON + board.now + 300)
    assert board.directory.services() == [row]
    assert row == ServiceRow(
        service_id="temp-logger-001",
        name="Temperature Logger",
        type="data-logger",
        capabilities=("data-logging", "csv-export"),
        endpoint="https://192.168.1.102:8443",
        metadata={},
        owner=AGENT,
        expires=NOON + board.now + 300,
    )


def test_a_service_is_listed_for_its_ttl_and_not_longer() -> None:
    board = board_with()
    board.directory.announce(AGENT, service_json(ttl=30))
    board.directory.announce(AGENT, {key: value for key, value in service_json("long").items() if key != "ttl"})
    board.now += 29.9
    assert listed(board) == ["temp-logger-001", "long"]
    board.now += 0.1
    assert listed(board) == ["long"]
    board.now += 270
    assert listed(board) == []
    assert board.facts.kinds["service"] == {}


def test_announced_again_it_is_listed_for_longer_and_as_it_is_now() -> None:
    board = board_with()
    board.directory.announce(AGENT, service_json(ttl=100))
    board.now += 99
    row = board.directory.announce(AGENT, service_json(ttl=50, name="New"))
    assert row.expires == NOON + board.now + 50
    board.now += 49
    assert [found.name for found in board.directory.services()] == ["New"]
    board.now += 1
    assert listed(board) == []


def test_services_are_found_by_capability_and_by_location() -> None:
    board = board_with(own=[LINE])
    board.directory.announce(AGENT, service_json("a", metadata={"location": "hall"}))
    board.directory.announce(AGENT, service_json("b", metadata={"location": "hall 2"}, capabilities=["modbus-rtu"]))
    board.directory.announce(AGENT, service_json("c", capabilities=[]))
    assert listed(board) == ["line:a", "a", "b", "c"]
    assert listed(board, "modbus-rtu") == ["line:a", "b"]
    assert listed(board, location="hall") == ["line:a", "a"]
    assert listed(board, "modbus-rtu", "hall") == ["line:a"]
    assert listed(board, "modbus") == listed(board, location="Hall") == listed(board, location="") == []


def test_an_agent_that_is_gone_takes_its_services_with_it() -> None:
    board = board_with("a", "b")
    board.directory.announce("a", service_json("a1", ttl=86400))
    board.directory.announce("a", service_json("a2", ttl=86400))
    board.directory.announce("b", service_json("b1", ttl=86400))
    board.directory.announce(None, service_json("operator", ttl=86400))
    board.directory.registry.unregister("a")
    assert listed(board) == ["b1", "operator"]
    board.now += 86399
    board.directory.announce(None, service_json("operator", ttl=300))
    board.directory.announce("b", service_json("b1", ttl=300))
    board.now += 1
    assert board.directory.get("b") is None
    assert listed(board) == ["operator"]


def test_who_is_not_registered_announces_nothing() -> None:
    board = board_with()
    with pytest.raises(GatewayError) as error:
        board.directory.announce("nobody", service_json())
    assert (error.value.code, error.value.field) == (Code.AGENT_NOT_FOUND, "agentId")
    assert listed(board) == []


@pytest.mark.parametrize(
    ("first", "second"), [("a", "b"), ("a", None), (None, "a")], ids=["agents", "operator", "of an operator"]
)
def test_the_service_of_another_is_not_taken(first: str | None, second: str | None) -> None:
    board = board_with("a", "b")
    board.directory.announce(first, service_json())
    with pytest.raises(GatewayError) as error:
        board.directory.announce(second, service_json(name="Mine now"))
    assert (error.value.code, error.value.field) == (Code.FORBIDDEN, "service.serviceId")
    assert [row.name for row in board.directory.services()] == ["Temperature Logger"]
    board.now += 300
    board.directory.announce(second, service_json(name="Mine now"))
    assert [row.name for row in board.directory.services()] == ["Mine now"]


@pytest.mark.parametrize("service_id", ["line:a", "line:new", "device:a/b", "tag:x", "gateway:x"])
def test_nobody_speaks_for_the_gateway(service_id: str) -> None:
    board = board_with(own=[LINE])
    for owner in (AGENT, None):
        with pytest.raises(GatewayError) as error:
            board.directory.announce(owner, service_json(service_id.replace("/", "-")))
        assert error.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"serviceId": "a b"}, Code.INVALID, "service.serviceId"),
        ({"name": ""}, Code.INVALID, "service.name"),
        ({"type": "data logger"}, Code.INVALID, "service.type"),
        ({"capabilities": "x"}, Code.INVALID, "service.capabilities"),
        ({"capabilities": ["x", 1]}, Code.INVALID, "service.capabilities[1]"),
        ({"capabilities": ["x"] * 65}, Code.INVALID, "service.capabilities"),
        ({"ttl": 29}, Code.INVALID, "service.ttl"),
        ({"ttl": 86401}, Code.INVALID, "service.ttl"),
        ({"ttl": 300.5}, Code.INVALID, "service.ttl"),
        ({"ttl": None}, Code.INVALID, "service.ttl"),
        ({"metadata": "hall"}, Code.INVALID, "service.metadata"),
        ({"metadata": {"x": "y" * 17_000}}, Code.INVALID, "service.metadata"),
        ({"endpoint": None}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://8.8.8.8:8443"}, Code.NOT_PRIVATE, "service.endpoint"),
        ({"endpoint": "wss://169.254.169.254/latest"}, Code.NOT_PRIVATE, "service.endpoint"),
        ({"endpoint": "https://[fd00::1]:1"}, Code.NOT_PRIVATE, "service.endpoint"),
        ({"endpoint": "https://[::ffff:8.8.8.8]"}, Code.NOT_PRIVATE, "service.endpoint"),
        ({"endpoint": "http://192.168.1.102"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://logger.local:8443"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://192.168.1.102@8.8.8.8"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://user@192.168.1.102"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://192.168.1.102:0"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://192.168.1.102:65536"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://192.168.1.102:"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://192.168.1.102:1:2"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://[192.168.1.102]"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://192.168.1.102\\@8.8.8.8"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://192.168.1.102/x?y"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://192.168.1.102#x"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://192.168.1.102/ x"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://\t192.168.1.102"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "//192.168.1.102"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://127.0.0.1:1"}, Code.INVALID, "service.endpoint"),
        ({"endpoint": "https://localhost"}, Code.INVALID, "service.endpoint"),
    ],
)
def test_a_service_that_is_not_sound_is_refused_with_its_place(
    changes: dict[str, Json], code: Code, field: str
) -> None:
    board = board_with()
    with pytest.raises(GatewayError) as error:
        board.directory.announce(AGENT, {**service_json(), **changes})
    assert (error.value.code, error.value.field) == (code, field)
    assert listed(board) == []


def test_an_endpoint_elsewhere_is_refused_in_the_seeds_shape() -> None:
    with pytest.raises(GatewayError) as error:
        board_with().directory.announce(AGENT, service_json(endpoint="https://8.8.8.8"))
    assert error.value.reason == "Public IP addresses are not allowed"
    assert error.value.details == {
        "address": "8.8.8.8",
        "allowedRanges": ["192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "127.0.0.0/8"],
    }


@pytest.mark.parametrize(
    "endpoint", ["https://10.0.0.1", "WSS://172.20.1.1:443/", "https://192.168.1.1:65535/a/b;c=1", "https://10.0.0.1/"]
)
def test_endpoints_that_may_be_announced(endpoint: str) -> None:
    assert board_with().directory.announce(AGENT, service_json(endpoint=endpoint)).endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["https://localhost:1", "https://127.0.0.1", "wss://[::1]:5/x"])
def test_a_program_on_this_machine_may_announce_loopback(endpoint: str) -> None:
    board = board_with()
    board.directory.announce(AGENT, service_json(endpoint=endpoint), local_peer=True)
    assert listed(board) == ["temp-logger-001"]


def test_no_more_services_than_there_may_be_and_no_agent_takes_all() -> None:
    board = board_with("a", "b", settings=AgentSettings(max_services=8))
    for number in range(2):
        board.directory.announce("a", service_json(f"a{number}"))
    with pytest.raises(GatewayError) as error:
        board.directory.announce("a", service_json("a2"))
    assert (error.value.code, error.value.details) == (Code.UNAVAILABLE, {"maxServices": 2})
    for number in range(6):
        board.directory.announce(None, service_json(f"o{number}"))
    with pytest.raises(GatewayError) as error:
        board.directory.announce("b", service_json("b0"))
    assert (error.value.code, error.value.details) == (Code.UNAVAILABLE, {"maxServices": 8})
    board.directory.announce("a", service_json("a1", name="still mine"))
    board.now += 300
    board.directory.announce("b", service_json("b0"))
    assert listed(board) == ["b0"]


def test_a_service_is_withdrawn_by_whoever_has_it() -> None:
    board = board_with(AGENT, "other")
    board.directory.announce(AGENT, service_json())
    board.directory.announce(None, service_json("operators"))
    for owner in ("other", None):
        with pytest.raises(GatewayError, match="another") as refused:
            board.directory.announced.withdraw("temp-logger-001", owner)
        assert (refused.value.code, refused.value.field) == (Code.FORBIDDEN, "serviceId")
    board.directory.announced.withdraw("temp-logger-001", AGENT)
    board.directory.announced.withdraw("operators", "other", anybodys=True)
    assert listed(board) == []
    assert board.facts.kinds["service"] == {}


def test_neither_what_is_not_there_nor_what_is_the_gateways_is_withdrawn() -> None:
    board = board_with(own=[LINE])
    with pytest.raises(GatewayError, match="no such service") as unknown:
        board.directory.announced.withdraw("nothing", AGENT)
    assert unknown.value.code is Code.INVALID
    with pytest.raises(GatewayError, match="gateway itself") as own:
        board.directory.announced.withdraw("line:a", AGENT, anybodys=True)
    assert own.value.code is Code.FORBIDDEN
    assert listed(board) == ["line:a"]


def test_an_announcement_that_says_other_things_each_time_is_written_seldom() -> None:
    board = Board()
    for agent in ("chatty", "quiet"):
        board.register(agent)
    board.facts.writes.clear()
    for number in range(100):
        board.directory.announce("chatty", service_json(metadata={"number": number}))
    assert len(board.facts.writes) == MOST_AT_ONCE
    board.directory.announce("quiet", service_json("quiet"))
    assert len(board.facts.writes) == MOST_AT_ONCE + 1
    board.directory.keep()
    stored = board.facts.kinds["service"]["temp-logger-001"]
    assert isinstance(stored, dict)
    assert stored["service"] == service_json(metadata={"number": 99})
    board.facts.writes.clear()
    board.now += HOUR_S
    board.register("chatty")
    board.directory.announce("chatty", service_json())
    assert board.facts.writes.count(("service", "temp-logger-001")) == 2
