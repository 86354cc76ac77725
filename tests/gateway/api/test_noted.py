"""Every write and every loan of a line is in the audit log, with who, what and how it ended."""

from __future__ import annotations

import httpx
import pytest
import trio
from trio.testing import MockClock

from gateway.core.audit import AuditOutcome
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Outcome, WriteResult
from gateway.core.principal import Kind
from gateway.core.reading import Value
from tests.gateway.api.agent import Agent
from tests.gateway.api.fakes import FakeField
from tests.gateway.api.rig import Rig, call, error, result

WRITE = {"tag": "bus/meter/power", "value": 21.5}


class Writing:
    """A field whose writes end as they are told to."""

    def __init__(self, field: FakeField, outcome: WriteResult | GatewayError | Exception) -> None:
        self._outcome = outcome
        field.write = self.write  # type: ignore[method-assign] # this is what it stands for

    async def write(self, name: str, value: Value, lease: float | None, by: object = None) -> WriteResult:
        del name, value, lease, by
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


async def test_a_write_is_noted_with_its_author(rig: Rig, client: httpx.AsyncClient) -> None:
    await result(client, "tag.write", {**WRITE, "lease": 60})
    [noted] = rig.audit.of("tag.write")
    assert (noted.kind, noted.subject, noted.peer) == ("operator", "operator", "127.0.0.1")
    assert (noted.target, noted.outcome) == ("bus/meter/power", AuditOutcome.DONE)
    assert noted.details == {"value": 21.5, "lease": 60}
    assert noted.token_id


async def test_the_field_is_told_who_writes(rig: Rig) -> None:
    agent = Agent(rig, scopes=["devices:write"])
    await agent.register()
    await agent.call("tag.write", **WRITE)
    await agent.call("modbus.write", line="bus", unit=1, table="coil", address=0, values=[1])
    by = [principal for principal in rig.field.wrote_for if principal is not None]
    assert [(principal.kind, principal.subject) for principal in by] == [(Kind.AGENT, "temp-sensor-001")] * 2
    assert [noted.kind for noted in rig.audit.entries[-2:]] == ["agent", "agent"]


@pytest.mark.parametrize(
    ("outcome", "noted_as", "reason"),
    [
        (WriteResult(Outcome.REFUSED, "illegal_address", "x"), AuditOutcome.FAILED, "illegal_address"),
        (WriteResult(Outcome.NOT_SENT, "queue_full", "x"), AuditOutcome.FAILED, "queue_full"),
        (WriteResult(Outcome.UNKNOWN, "no_answer", "x"), AuditOutcome.UNKNOWN, "no_answer"),
        (GatewayError(Code.UNAVAILABLE, "leased by another"), AuditOutcome.FAILED, "leased by another"),
        (RuntimeError("a fault"), AuditOutcome.UNKNOWN, "a fault of the gateway"),
    ],
)
async def test_it_is_noted_how_a_write_ended(
    rig: Rig, client: httpx.AsyncClient, outcome: WriteResult | Exception, noted_as: AuditOutcome, reason: str
) -> None:
    Writing(rig.field, outcome)
    await call(client, "tag.write", WRITE)
    [noted] = rig.audit.of("tag.write")
    assert (noted.outcome, noted.details["reason"]) == (noted_as, reason)


async def test_a_write_that_outlasts_its_caller_is_noted_as_unknown(
    rig: Rig, client: httpx.AsyncClient, autojump_clock: MockClock
) -> None:
    rig.field.write_takes = 1000.0
    assert (await result(client, "tag.write", WRITE))["outcome"] == "unknown"
    [noted] = rig.audit.of("tag.write")
    assert noted.outcome is AuditOutcome.UNKNOWN
    with trio.move_on_after(1):
        await call(client, "tag.write", WRITE)
    assert [noted.outcome for noted in rig.audit.of("tag.write")] == [AuditOutcome.UNKNOWN] * 2


async def test_what_may_not_be_written_is_noted_as_denied(rig: Rig, client: httpx.AsyncClient) -> None:
    client.headers.update(rig.bearer("devices:read"))
    assert (await error(client, "tag.write", WRITE))["code"] == -32002
    client.headers["Authorization"] = "Bearer x.y.z"
    await client.get("/api/v1/agents", headers={"X-Agent-ID": "hvac-1"})
    denied, unknown = rig.audit.entries
    assert (denied.action, denied.outcome, denied.subject) == ("tag.write", AuditOutcome.DENIED, "operator")
    assert (unknown.action, unknown.kind, unknown.subject) == ("auth.token", None, "hvac-1")
    assert unknown.details["method"] == "agent.list"
    assert "x.y.z" not in repr(unknown)


@pytest.mark.parametrize(
    ("method", "params", "target"),
    [
        ("tag.write", {"tag": "bus/meter/power", "value": 1}, "bus/meter/power"),
        (
            "modbus.write",
            {"line": "bus", "unit": 1, "table": "holding", "address": 7, "values": [1]},
            "bus unit 1 holding 7",
        ),
        ("serial.write", {"line": "scale", "text": "T"}, "scale"),
        ("tag.read", {"tags": ["bus/meter/power", "x"]}, "bus/meter/power and 1 more"),
        ("agent.revoke", {"agentId": "hvac-1"}, "hvac-1"),
        ("discovery.announce", {"service": {"serviceId": "s-1"}}, "s-1"),
        ("capability.invoke", {"capabilityId": "dose", "agentId": "hvac-1"}, "hvac-1: dose"),
        ("line.list", {}, None),
        ("tag.write", {"tag": {"secret": 1}}, None),
    ],
)
async def test_a_denied_call_is_noted_with_what_it_was_about(
    rig: Rig, client: httpx.AsyncClient, method: str, params: dict[str, object], target: str | None
) -> None:
    for token in (rig.tokens.issue(["metrics:read"]), "x.y.z"):
        client.headers["Authorization"] = f"Bearer {token}"
        await call(client, method, params)
    assert [(noted.outcome, noted.target) for noted in rig.audit.entries][-1] == (AuditOutcome.DENIED, target)
    assert {noted.target for noted in rig.audit.entries} <= {target}


async def test_loans_are_noted_and_what_is_written_on_them(rig: Rig, client: httpx.AsyncClient) -> None:
    lease = (await result(client, "line.borrow", {"line": "bus", "seconds": 60}))["lease"]
    await result(client, "line.borrow", {"line": "bus", "seconds": 60, "lease": lease})
    for pdu in ("0300000001", "0600010007"):
        await result(client, "line.exchange", {"line": "bus", "lease": lease, "unit": 1, "pdu": pdu})
    await result(client, "line.return", {"line": "bus", "lease": lease})
    assert [(noted.action, noted.target) for noted in rig.audit.entries] == [
        ("line.borrow", "bus"),
        ("line.exchange", "bus unit 1"),
        ("line.return", "bus"),
    ]
    assert rig.audit.entries[1].details == {"pdu": "0600010007"}
    assert lease not in repr(rig.audit.entries)


async def test_reading_is_not_noted(rig: Rig, client: httpx.AsyncClient) -> None:
    for method, params in (
        ("tag.read", {"tags": ["bus/meter/power"]}),
        ("line.list", {}),
        ("serial.read", {"line": "scale"}),
    ):
        await result(client, method, params)
    assert rig.audit.entries == []


async def test_bytes_on_a_serial_line_are_noted_in_part(rig: Rig, client: httpx.AsyncClient) -> None:
    await result(client, "serial.write", {"line": "scale", "text": "x" * 1000})
    [noted] = rig.audit.of("serial.write")
    assert noted.details == {"bytes": 1000, "data": "78" * 64}


async def test_many_coils_do_not_hide_what_was_written(rig: Rig, client: httpx.AsyncClient) -> None:
    values = [number % 3 == 0 for number in range(1968)]
    await result(client, "modbus.write", {"line": "bus", "unit": 1, "table": "coil", "address": 0, "values": values})
    [noted] = rig.audit.of("modbus.write")
    assert noted.details["coils"] == len(values)
    parts = noted.details["bytes"]
    assert isinstance(parts, list)
    packed = bytes.fromhex("".join(map(str, parts)))
    assert [bool(packed[place // 8] >> place % 8 & 1) for place in range(len(values))] == values
