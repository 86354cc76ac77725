"""Services are announced by whom they belong to, and found by everybody who may look."""

from __future__ import annotations

from pathlib import Path

from gateway.settings.line_model import DeviceSettings, LineSettings
from gateway.settings.model import GatewaySettings
from tests.gateway.agents.board import service_json
from tests.gateway.api.agent import Agent
from tests.gateway.api.fakes import NOON
from tests.gateway.api.rig import Rig, error, result


async def test_an_agent_announces_and_withdraws(rig: Rig) -> None:
    rig.board.set(NOON)
    agent = Agent(rig)
    await agent.register()
    answer = await agent.call("discovery.announce", service=service_json(metadata={"location": "hall"}))
    assert answer["result"] == {
        "announced": True,
        "serviceId": "temp-logger-001",
        "expiresAt": "2027-01-15T08:05:00.000Z",
    }
    found = (await agent.call("discovery.services", capability="data-logging", location="hall"))["result"]
    assert found == {
        "services": [
            {
                "serviceId": "temp-logger-001",
                "name": "Temperature Logger",
                "type": "data-logger",
                "capabilities": ["data-logging", "csv-export"],
                "endpoint": "https://192.168.1.102:8443",
                "metadata": {"location": "hall"},
                "agentId": "temp-sensor-001",
                "expiresAt": "2027-01-15T08:05:00.000Z",
            }
        ],
        "total": 1,
    }
    assert (await agent.call("discovery.services", location="elsewhere"))["result"]["total"] == 0
    withdrawn = (await agent.call("discovery.withdraw", serviceId="temp-logger-001"))["result"]
    assert withdrawn == {"withdrawn": True, "serviceId": "temp-logger-001"}
    assert (await agent.call("discovery.services"))["result"]["total"] == 0
    assert (await agent.call("discovery.withdraw", serviceId="temp-logger-001"))["error"]["code"] == -32602


async def test_a_service_stays_with_whoever_announced_it(rig: Rig) -> None:
    one, other = Agent(rig), Agent(rig, "other")
    await one.register()
    await other.register()
    await one.call("discovery.announce", service=service_json())
    assert (await other.call("discovery.announce", service=service_json()))["error"]["code"] == -32002
    assert (await other.call("discovery.withdraw", serviceId="temp-logger-001"))["error"]["code"] == -32002
    for_another = await other.call("discovery.announce", service=service_json(), agentId=one.agent_id)
    assert for_another["error"]["code"] == -32002


async def test_an_operator_announces_for_agents_and_for_itself(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    async with rig.in_memory() as client:
        client.headers.update(rig.bearer("agents:write", "agents:read"))
        await result(client, "discovery.announce", {"service": service_json(), "agentId": agent.agent_id})
        await result(client, "discovery.announce", {"service": service_json("operators")})
        found = (await result(client, "discovery.services"))["services"]
        assert [(service["serviceId"], service["agentId"]) for service in found] == [
            ("temp-logger-001", "temp-sensor-001"),
            ("operators", None),
        ]
        unknown = await error(client, "discovery.announce", {"service": service_json("x"), "agentId": "nobody"})
        assert unknown["code"] == -32005
        await result(client, "discovery.withdraw", {"serviceId": "temp-logger-001"})
    await agent.call("agent.unregister", agentId=agent.agent_id)


async def test_a_service_on_another_network_is_refused(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    fault = (await agent.call("discovery.announce", service=service_json(endpoint="https://8.8.8.8")))["error"]
    assert (fault["code"], fault["data"]["address"], fault["data"]["field"]) == (-32003, "8.8.8.8", "service.endpoint")


async def test_the_gateways_own_are_where_the_caller_has_reached_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, named=GatewaySettings(name="rig", location="hall"))
    device = DeviceSettings(name="meter", unit=1)
    line = LineSettings(name="bus", transport="rtu", port="/dev/ttyUSB0", devices=(device,))
    rig.settings = rig.settings.__class__(gateway=rig.settings.gateway, lines=(line,))
    async with rig.served(), rig.client() as client:
        client.headers.update(rig.bearer("agents:read"))
        found = (await client.get("/api/v1/discovery/services?capability=modbus-rtu&location=hall")).json()["result"]
    assert [service["serviceId"] for service in found["services"]] == ["line:bus", "device:bus/meter"]
    assert {service["endpoint"] for service in found["services"]} == {rig.url}
    assert found["services"][0]["metadata"]["serialPorts"] == ["/dev/ttyUSB0"]
    assert found["services"][0]["expiresAt"] is None
