"""``server.info`` and ``server.health``: what the seed paths ``info`` and ``health`` answer."""

from __future__ import annotations

from collections.abc import Callable

from gateway.api.dispatch import Method, method
from gateway.api.params import NoParams
from gateway.api.performance import Performance
from gateway.core import rfc3339
from gateway.core.ports import DeviceAccess, Store, StoreState
from gateway.core.roster import AgentCounts
from gateway.settings.model import LimitSettings

PROTOCOL_VERSION = "1.0"
CAPABILITIES = ("agent-registry", "service-discovery", "serial-communication", "modbus-rtu")
# Beside those of the reference, where a line has such a transport.
_MORE = {"tcp": "modbus-tcp", "ascii": "modbus-ascii"}
_BROKEN = frozenset({"down", "parked"})


def server_methods(
    *,
    name: str,
    location: str,
    version: str,
    limits: Callable[[], LimitSettings],
    devices: DeviceAccess,
    store: Store,
    agents: Callable[[], AgentCounts],
    performance: Performance,
    now: Callable[[], float],
) -> dict[str, Method]:
    """The namespace ``server``.

    Args:
        name: of this gateway.
        location: where it stands; "" where nobody said.
        version: of this software.
        limits: those in force, shown to callers.
        devices: their lines decide whether the gateway is healthy.
        store: whether the disk takes data decides it too.
        agents: how many there are.
        performance: measured by the application.
        now: Unix seconds.
    """
    information: dict[str, dict[str, object]] = {
        "server": {
            "name": name,
            "location": location or None,
            "version": version,
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": CAPABILITIES,
        },
        "security": {"rfc1918Enforced": True, "httpsOnly": True, "tokenRequired": True},
    }

    async def info(_: NoParams) -> object:
        now = limits()
        shown = {
            "maxAgents": now.max_agents,
            "maxConnections": now.max_connections,
            "requestsPerMinute": now.requests_per_minute,
        }
        transports = {line.get("transport") for line in devices.lines()}
        more = [capability for transport, capability in _MORE.items() if transport in transports]
        server = {**information["server"], "capabilities": [*CAPABILITIES, *more]}
        return {**information, "server": server, "limits": shown}

    async def health(_: NoParams) -> object:
        state, registered = store.state(), agents()
        return {
            "status": _status(devices, state),
            "timestamp": rfc3339.text(now()),
            "uptime": int(performance.uptime),
            "agents": {"total": registered.total, "active": registered.active, "healthy": registered.healthy},
            "performance": performance.figures(),
            "storage": {
                "durable": state.durable,
                "writtenToday": state.written_today,
                "writeBudget": state.write_budget,
                "history": state.history,
                **_waiting(state),
            },
        }

    return {
        "server.info": method(NoParams, info, scope=None),
        "server.health": method(NoParams, health, scope=None, without_token=True),
    }


def _waiting(state: StoreState) -> dict[str, object]:
    """Whatever the budget allows: rows that are in memory only are lost with the power."""
    oldest = None if state.oldest_waiting is None else rfc3339.text(state.oldest_waiting)
    rows = "1 row of history waits" if state.rows_waiting == 1 else f"{state.rows_waiting} rows of history wait"
    return {
        "rowsInMemory": state.rows_waiting,
        "oldestInMemory": oldest,
        "message": None if oldest is None else f"{rows} in memory, the oldest since {oldest}",
    }


def _status(devices: DeviceAccess, store: StoreState) -> str:
    """Healthy; degraded when a line is down or parked, or the disk takes no data; unhealthy when all lines are.

    A silent device is no fault of ours.
    """
    states = [line.get("state") for line in devices.lines()]
    broken = sum(state in _BROKEN for state in states)
    if not broken:
        return "healthy" if store.durable else "degraded"
    return "unhealthy" if broken == len(states) else "degraded"
