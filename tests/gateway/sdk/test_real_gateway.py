"""The kit and its examples against the real gateway, the examples as a stranger runs them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.sdk.ferrule_client import (
    AgentNotFoundError,
    AgentStatus,
    AsyncFerruleClient,
    AuthenticationError,
    AuthorizationError,
    Call,
    Ed25519Key,
    Enrolment,
    FerruleClient,
    History,
    InvalidParamsError,
    NotPrivateError,
    Outcome,
    Quality,
    Report,
    RpcError,
    Sample,
    TokenManager,
    encoding,
)
from gateway.sdk.ferrule_client.session import Clocks
from tests.e2e.programs import Program, ferrule, free_port, until
from tests.e2e.simulated import POLL, TAGS, drive
from tests.e2e.site import Gateway, Site, device, tcp_line

from .server import Server

pytestmark = pytest.mark.e2e

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLES = DOCS / "examples"
MANUAL = (DOCS / "client.md").read_text()
QUICK = '[agents]\nheartbeat = "1s"\nstale = "5s"\ninactive = "10s"\n\n'


def card(agent_id: str, **more: Any) -> dict[str, Any]:
    return {
        "agentId": agent_id,
        "name": "An agent",
        "description": "",
        "version": "1.0.0",
        "capabilities": [],
        "endpoints": [],
        **more,
    }


def enrol(site: Site, agent_id: str, *more: str | Path) -> Path:
    """Enrol an agent as an operator does; the file with what was printed."""
    printed = ferrule("agents", "enrol", "--state", site.state, "--agent-id", agent_id, *more)
    assert printed.returncode == 0, printed.stderr
    path = site.directory / f"{agent_id}.json"
    path.write_text(printed.stdout)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One place for all: agents do not disturb each other, and none of them has the same id."""
    directory = tmp_path_factory.mktemp("real")
    made = Site(directory / "site")
    prints = directory / "programs"
    prints.mkdir()
    programs: list[Program] = []

    def start(*command: str | Path) -> Program:
        programs.append(Program(command, prints))
        return programs[-1]

    try:
        simulated = drive(start, made.directory)
        made.configure(
            QUICK + tcp_line("plant", simulated.port, device("drive", 1, TAGS, POLL), "writable = true"),
            server=f'bind = "127.0.0.1"\nport = {free_port()}',
        )
        yield made
        made.close()
    finally:
        for gateway in made.gateways:
            gateway.hang_up()
            gateway.kill()
        for program in programs:
            program.kill()


@pytest.fixture
def gateway(site: Site) -> Gateway:
    """The gateway, which wants to hear of its agents every second; started again where a test ended it."""
    if not site.gateways or site.gateways[-1].ended:
        site.start().awaits("plant/drive/setpoint", quality="good")
    return site.gateways[-1]


@pytest.fixture
def example(gateway: Gateway, unpacked: Path, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Runs an example with the kit's wheel alone on the path of modules."""
    prints = tmp_path / "examples"
    prints.mkdir()
    running: list[Program] = []

    def run(name: str, enrolment: Path, *arguments: str | Path) -> Program:
        common: list[str | Path] = [
            "--endpoint",
            gateway.url,
            "--ca",
            gateway.state / "ca.pem",
            "--enrolment",
            enrolment,
        ]
        command: list[str | Path] = [sys.executable, EXAMPLES / name, *common, *arguments]
        program = Program(command, prints, cwd=tmp_path, env={"PYTHONPATH": str(unpacked), "PYTHONSAFEPATH": "1"})
        running.append(program)
        return program

    yield run
    for program in running:
        program.kill()


def known(gateway: Gateway) -> dict[str, Any]:
    """The agents the gateway knows, by id."""
    gateway.client.headers["Authorization"] = f"Bearer {gateway.token(['agents:read', 'devices:read'])}"
    return {row["agentId"]: row for row in gateway.call("agent.list")["agents"]}


def connect(gateway: Gateway, enrolment: Path, **more: Any) -> FerruleClient:
    given = Enrolment.load(enrolment)
    own = more.pop("agent_card", card(given.agent_id))
    return FerruleClient(gateway.url, own, ca=gateway.state / "ca.pem", enrolment=given, **more)


def test_an_agent_that_registers_and_stays(site: Site, gateway: Gateway, example: Callable[..., Program]) -> None:
    enrolment = enrol(site, "temp-sensor-001")
    agent = example("register_and_heartbeat.py", enrolment)
    assert agent.line("Registered:").startswith("Registered: temp-sensor-001")
    agent.line("Heartbeat heard")
    seen = known(gateway)["temp-sensor-001"]
    assert seen["status"] == "active"
    until(lambda: known(gateway)["temp-sensor-001"]["lastSeen"] > seen["lastSeen"], "the next heartbeat comes")
    # Over a restart of the gateway, as after a power cut.
    gateway.kill()
    gateway.hang_up()
    again = site.start()
    before = known(again)["temp-sensor-001"]["lastSeen"]
    until(lambda: known(again)["temp-sensor-001"]["lastSeen"] > before, "the agent is heard again")
    agent.send(signal.SIGINT)
    assert (agent.wait(), "Traceback" in agent.stderr) == (0, False)
    # Over a restart of its own: the enrolment is used up, but the token was kept.
    agent = example("register_and_heartbeat.py", enrolment)
    agent.line("Registered:")
    agent.send(signal.SIGINT)
    assert agent.wait() == 0


def test_services_are_found_and_used(site: Site, gateway: Gateway, example: Callable[..., Program], ca: Path) -> None:
    secret = bytes(range(32))
    (site.directory / "secret").write_text(encoding.encode(secret))
    caller = {"agentId": "finder", "capabilities": [{"id": "temperature-read"}]}
    sensor = Server(ca)

    def temperature(seen: dict[str, Any]) -> object:
        token = seen["headers"]["authorization"].removeprefix("Bearer ")
        assert TokenManager(secret, audience="temp-1").validate(token, caller)
        assert (seen["path"], seen["params"]) == ("/temperature", {"address": 1})
        return {"value": 21.5}

    sensor.answers["temperature.read"] = temperature
    try:
        with connect(gateway, enrol(site, "sensor")) as client:
            client.register()
            service = {
                "serviceId": "temp-1",
                "name": "Hall 3",
                "type": "sensor",
                "capabilities": ["temperature-read"],
                "endpoint": sensor.url,
                "metadata": {"location": "factory-floor-a"},
            }
            assert 290 < client.announce_service(service).wait <= 301
            reader = enrol(site, "finder")
            asked = ["--capability", "temperature-read", "--location", "factory-floor-a"]
            user = example(
                "discover_and_use.py", reader, *asked, "--service-ca", ca,
                "--service-secret", site.directory / "secret",
            )  # fmt: skip
            assert user.wait() == 0, user.stderr
            assert f"- Hall 3 (temp-1) at {sensor.url}\n  Temperature: 21.5 °C" in user.stdout
            client.withdraw_service("temp-1")
            assert client.discover_services("temperature-read").total == 0
        user = example("discover_and_use.py", reader, "--capability", "modbus-tcp")
        assert user.wait() == 0, user.stderr
        assert "(device:plant/drive)" in user.stdout
        assert "  plant/drive/setpoint = 0\n" in user.stdout
    finally:
        sensor.close()


def test_addresses_and_cards_are_validated(site: Site, gateway: Gateway, example: Callable[..., Program]) -> None:
    enrolment = enrol(site, "validator")
    fine = example("security_validation.py", enrolment, "192.168.1.100")
    assert fine.wait() == 0, fine.stderr
    assert "192.168.1.100: valid (rfc1918-class-c)" in fine.stdout
    assert "card of validator: valid (signature: valid)" in fine.stdout
    wrong = site.directory / "card.json"
    wrong.write_text(json.dumps(card("another", version="one")))
    bad = example("security_validation.py", enrolment, "8.8.8.8", "--card", wrong)
    assert bad.wait() == 1, bad.stderr
    assert "8.8.8.8: invalid (public)" in bad.stdout
    assert "card of another: invalid (signature: none sent)" in bad.stdout
    assert "error version" in bad.stdout


def test_an_example_says_what_went_wrong(site: Site, gateway: Gateway, example: Callable[..., Program]) -> None:
    enrolment = enrol(site, "one")
    revoked = ferrule("agents", "revoke", "--state", site.state, "one")
    assert revoked.returncode == 0, revoked.stderr
    agent = example("register_and_heartbeat.py", enrolment)
    assert agent.wait() == 1
    assert agent.stderr.startswith("Registration failed: Authentication error (-32001)")


def good(history: History) -> list[Sample]:
    return [sample for sample in history.samples if sample.quality is Quality.GOOD]


def test_tags_are_read_and_written(site: Site, gateway: Gateway) -> None:
    with connect(gateway, enrol(site, "reader")) as client:
        client.register()
        assert client.read_tags(["plant/drive/setpoint"])["plant/drive/setpoint"].quality is Quality.GOOD
        with pytest.raises(AuthorizationError) as caught:
            client.write_tag("plant/drive/setpoint", 5)
        assert caught.value.data["requiredScope"] == "devices:write"
    with connect(gateway, enrol(site, "writer", "--scope", "devices:read devices:write")) as client:
        client.register()
        assert client.write_tag("plant/drive/setpoint", 42).outcome is Outcome.CONFIRMED
        fresh = client.read_tags(["plant/drive/setpoint"], max_age=0.001)["plant/drive/setpoint"]
        assert (fresh.value, fresh.quality) == (42, Quality.GOOD)
        assert fresh.timestamp is not None
        tags = client.list_tags(device="plant/drive", limit=2)
        assert (len(tags.tags), tags.total) == (2, 4)
        assert next(tag for tag in tags.tags if tag.name == "plant/drive/setpoint").writable
        with pytest.raises(InvalidParamsError) as wrong:
            client.read_tags(["plant/drive/none"])
        assert wrong.value.field
        result, refused = client.batch([Call("server.info"), Call("tag.read", {"tags": ["none"]})])
        assert isinstance(result, dict)
        assert isinstance(refused, RpcError)
        kept = until(lambda: good(client.history("plant/drive/ticks", 0, 4e9)), "history has been written")
        assert isinstance(kept[0].value, float | int)
        means = client.history("plant/drive/ticks", kept[0].timestamp, 4e9, "1m")
        assert means.samples[0].count


def test_calls_that_are_too_many_are_waited_for(site: Site, gateway: Gateway) -> None:
    with connect(gateway, enrol(site, "eager")) as client:
        client.register()
        for _ in range(24):
            assert client.list_tags(limit=1).total == 4


def test_agents_see_each_other(site: Site, gateway: Gateway) -> None:
    with connect(gateway, enrol(site, "seen"), agent_card=card("seen", metadata={"hall": 3})) as client:
        client.register()
        found = {agent.agent_id: agent for agent in client.list_agents(active=True).agents}
        assert (found["seen"].status, found["seen"].last_seen is not None) == ("active", True)
        assert client.agent_card("seen")["metadata"] == {"hall": 3}
        with pytest.raises(AgentNotFoundError):
            client.agent_card("nobody")


def test_an_agent_with_an_ed25519_key(site: Site, gateway: Gateway) -> None:
    private = Ed25519PrivateKey.generate()
    public = site.directory / "public.pem"
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    enrolment = enrol(site, "pinned", "--public-key", public)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = Ed25519Key(Enrolment.load(enrolment).kid, pem)
    with connect(gateway, enrolment, key=key) as client:
        assert client.register().agent_id == "pinned"
        assert client.validate_agent_card().signature_valid


def test_what_the_gateway_refuses_has_its_type_and_its_place(site: Site, gateway: Gateway) -> None:
    abroad = [{"protocol": "https", "host": "8.8.8.8", "port": 8443, "path": "/"}]
    enrolment = enrol(site, "abroad")
    with connect(gateway, enrolment, agent_card=card("abroad", endpoints=abroad)) as client:
        with pytest.raises(NotPrivateError) as caught:
            client.register()
        assert caught.value.data["address"] == "8.8.8.8"
        assert caught.value.field == "agentCard.endpoints[0].host"
    with connect(gateway, enrolment) as client:
        client.register()
        with pytest.raises(InvalidParamsError) as wrong:
            client.heartbeat(metrics={"cpu": 101})
        assert wrong.value.field == "metrics.cpu"


def test_whoever_left_or_was_revoked_has_to_be_enrolled_anew(site: Site, gateway: Gateway) -> None:
    enrolment = enrol(site, "leaver")
    with connect(gateway, enrolment) as client:
        client.register()
        client.unregister()
        assert "leaver" not in known(gateway)
        with pytest.raises(AuthenticationError):
            client.register()
    with connect(gateway, enrol(site, "revoked")) as client:
        client.register()
        assert ferrule("agents", "revoke", "--state", site.state, "revoked").returncode == 0
        with pytest.raises(AuthenticationError):
            client.keep_alive()


async def _busy() -> Report:
    return Report(AgentStatus.BUSY)


async def test_an_asynchronous_agent_stays_with_its_services(site: Site, gateway: Gateway) -> None:
    enrolment = Enrolment.load(await trio.to_thread.run_sync(enrol, site, "logger"))
    service = {
        "serviceId": "logger-1",
        "name": "Logger",
        "type": "data-logger",
        "capabilities": ["data-logging"],
        "endpoint": "https://127.0.0.1:8443",
        "ttl": 30,
    }
    trust = site.state / "ca.pem"
    async with AsyncFerruleClient(gateway.url, card("logger"), ca=trust, enrolment=enrolment) as client:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.keep_alive, _busy, [service])
                # What is waited for happens in another process.
                while client.token is None or not (await client.discover_services("data-logging")).services:  # noqa: ASYNC110
                    await trio.sleep(0.05)
                assert known(gateway)["logger"]["status"] == "busy"
                nursery.cancel_scope.cancel()


def test_an_agent_whose_clock_is_wrong_is_told_the_time(site: Site, gateway: Gateway) -> None:
    yesterday = Clocks(lambda: time.time() - 86_400, time.monotonic, lambda: 0.5)
    with connect(gateway, enrol(site, "yesterday"), clocks=yesterday) as client:
        if gateway.awaits("plant/drive/ticks", quality="good")["clock"] == "synchronised":
            with pytest.raises(AuthenticationError, match="compare the clocks"):
                client.register()
            return
        client.register()
        assert client.heartbeat().wait <= 2
        assert client.validate_agent_card().signature_valid


def test_the_manual_begins_with_a_program_that_works(
    site: Site, gateway: Gateway, unpacked: Path, tmp_path: Path
) -> None:
    [program, *_] = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    shutil.copy(enrol(site, "manual"), tmp_path / "enrol.json")
    shutil.copy(gateway.state / "ca.pem", tmp_path)
    (tmp_path / "agent.py").write_text(program.replace("https://192.168.1.10:3500", gateway.url))
    (tmp_path / "prints").mkdir()
    agent = Program([sys.executable, "agent.py"], tmp_path / "prints", cwd=tmp_path, env={"PYTHONPATH": str(unpacked)})
    try:
        until(lambda: known(gateway).get("manual"), "the agent of the manual is registered")
        seen = known(gateway)["manual"]["lastSeen"]
        until(lambda: known(gateway)["manual"]["lastSeen"] > seen, "it is heard again")
    finally:
        agent.kill()
