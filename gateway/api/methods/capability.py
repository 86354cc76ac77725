"""``capability.invoke``: what the gateway can do, and what registered agents can, under one call (D-090)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import trio
from msgspec import field

from gateway.api import rpc
from gateway.api.agent_calls import AgentCalls
from gateway.api.dispatch import Method, told
from gateway.api.methods.rows import JsonObject, json_object
from gateway.api.noted import Noted
from gateway.api.origin import Origin
from gateway.api.params import Name, ParamsModel
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.ports import DeviceAccess, Json, Outcome
from gateway.core.principal import Kind, Principal
from gateway.core.roster import AgentRow, Roster

# The gateway's own capabilities: the transports their lines have, and the method of each operation.
_MODBUS = {"read": "modbus.read", "write": "modbus.write"}
OWN: Mapping[str, tuple[frozenset[str], Mapping[str, str]]] = {
    "modbus-rtu": (frozenset({"rtu", "rtu-over-tcp"}), _MODBUS),
    "modbus-tcp": (frozenset({"tcp"}), _MODBUS),
    "modbus-ascii": (frozenset({"ascii"}), _MODBUS),
    "serial-communication": (
        frozenset({"serial"}),
        {"list": "serial.list", "read": "serial.read", "write": "serial.write"},
    ),
}
# Seconds before the end of the time for an answer at which a write is called unknown.
_MARGIN_S = 0.1


class Invoke(ParamsModel, frozen=True):
    """Parameters of ``capability.invoke``; with ``agentId`` that agent's, else the gateway's own or any agent's."""

    capability_id: Name
    operation: Name | None = None
    parameters: JsonObject = field(default_factory=dict)
    agent_id: str | None = None


def capability_methods(
    methods: Mapping[str, Method], devices: DeviceAccess, roster: Roster, calls: AgentCalls, audit: AuditLog
) -> dict[str, Method]:
    """The namespace ``capability``.

    Args:
        methods: those the gateway's own capabilities stand for.
        devices: has the lines.
        roster: has the agents.
        calls: reaches them.
        audit: is told of what is not a read.
    """
    noted = Noted(audit, "capability.invoke")

    async def invoke(params: Invoke, origin: Origin) -> object:
        _covered(origin, params.capability_id)
        if params.agent_id is None and params.capability_id in OWN:
            return _form(params, "gateway", await _own(params, methods, devices, origin))
        _allowed(origin, "devices:read" if params.operation == "read" else "devices:write")
        agent = _agent(roster, params, origin.principal)
        return _form(params, agent.agent_id, await forward(params, agent, origin))

    async def forward(params: Invoke, agent: AgentRow, origin: Origin) -> Json:
        end = AuditOutcome.UNKNOWN
        try:
            result = await calls.invoke(
                agent,
                params.capability_id,
                params.operation,
                json_object(params.parameters),
                by=origin.principal.known_as,
            )
            end = AuditOutcome.DONE
        except GatewayError as error:
            end = AuditOutcome.UNKNOWN if error.details.get("outcome") == Outcome.UNKNOWN else AuditOutcome.FAILED
            raise
        finally:
            if params.operation != "read":
                target = f"{agent.agent_id}: {params.capability_id}"
                noted.note(origin, target, {"operation": params.operation}, end)
        return result

    return {"capability.invoke": told(Invoke, invoke, scope=None)}


def _form(params: Invoke, provider: str, result: object) -> object:
    return {
        "capabilityId": params.capability_id,
        "provider": provider,
        "operation": params.operation,
        "result": result,
    }


def _covered(origin: Origin, capability: str) -> None:
    """An agent invokes what its token was given for, and an enrolment nothing."""
    principal = origin.principal
    bound = principal.kind in {Kind.AGENT, Kind.ENROLMENT}
    if bound and (principal.kind is Kind.ENROLMENT or not principal.covers(capability)):
        raise GatewayError(
            Code.FORBIDDEN,
            f'this token was not given for the capability "{capability[:128]}": register it in the card',
            details={"requiredCapability": capability[:128]},
        )


def _allowed(origin: Origin, scope: str | None) -> None:
    if scope is not None and not origin.principal.may(scope):
        raise GatewayError(
            Code.FORBIDDEN,
            f"this operation needs the scope {scope}, which this token does not have",
            details={"requiredScope": scope},
        )


async def _own(params: Invoke, methods: Mapping[str, Method], devices: DeviceAccess, origin: Origin) -> object:
    transports, operations = OWN[params.capability_id]
    lines = {line["line"]: line.get("transport") for line in devices.lines()}
    if "list" not in operations and not transports & set(lines.values()):
        raise GatewayError(
            Code.CAPABILITY_NOT_FOUND,
            f"{params.capability_id} is not available: no line of this gateway has it",
            details={"capability": params.capability_id},
        )
    name = operations.get(params.operation or "")
    if name is None:
        raise invalid("operation", f"{params.capability_id} knows: {', '.join(operations)}", params.operation)
    entry = methods[name]
    _allowed(origin, entry.scope)
    line = params.parameters.get("line")
    if isinstance(line, str) and line in lines and lines[line] not in transports:
        raise invalid("parameters.line", f"this line is not one of {params.capability_id}: line.list tells", line)
    try:
        return await _in_time(entry, cast("rpc.Params", params.parameters), origin)
    except GatewayError as error:
        if error.code is Code.INVALID and error.field is not None:
            raise invalid(f"parameters.{error.field}", error.reason, error.provided) from None
        raise


async def _in_time(entry: Method, parameters: rpc.Params, origin: Origin) -> object:
    """A write that is not over when the answer is due ends as unknown, as under its own name."""
    if entry.at_deadline is None:
        return await entry.run(parameters, origin.caller, origin.scope)
    with trio.CancelScope(deadline=trio.current_effective_deadline() - _MARGIN_S):
        return await entry.run(parameters, origin.caller, origin.scope)
    return entry.at_deadline


def _agent(roster: Roster, params: Invoke, by: Principal) -> AgentRow:
    """The agent that is to do it: the one that was named, else the first that is well and can be called."""
    capability, shown = params.capability_id, {"capability": params.capability_id}
    if params.agent_id is not None:
        named = roster.get(params.agent_id)
        if named is None:
            raise GatewayError(
                Code.AGENT_NOT_FOUND,
                "no agent is registered under this id",
                field="agentId",
                details={"provided": params.agent_id[:128]},
            )
        rows = [named] if capability in named.capabilities else []
    else:
        # Who may invoke a capability has it in its card as well, and is not who was meant; nor are others like it.
        rows = [row for row in roster.agents(capability) if by.kind is not Kind.AGENT or row.agent_id != by.subject]
        rows = [row for row in rows if any(one.protocol == "https" for one in row.endpoints)] or rows
    if not rows:
        raise GatewayError(
            Code.CAPABILITY_NOT_FOUND, "neither the gateway nor another registered agent offers it", details={**shown}
        )
    well = [row for row in rows if row.healthy] or [row for row in rows if row.active]
    if not well:
        raise GatewayError(
            Code.UNAVAILABLE,
            f"no agent that offers it has been heard lately: {', '.join(row.agent_id for row in rows[:5])}",
            details={"retryAfter": 30, **shown},
        )
    return well[0]
