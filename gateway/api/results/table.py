"""Models of what the methods answer, by method: every member, no other."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from gateway.api.results.agents import (
    AddressCheck,
    AgentList,
    Announced,
    Card,
    CardCheck,
    Heartbeat,
    Invoked,
    Registered,
    Revoked,
    ServiceList,
    TokenRevoked,
    Unregistered,
    Withdrawn,
)
from gateway.api.results.events import Acknowledged, Alarm, AlarmList, EventList, MessageList, Sent
from gateway.api.results.governors import ActionList, AlertList, Analysis, AnalysisList, Begun, Governors
from gateway.api.results.lines import DeviceList, Exchange, LeaseList, LineList, Loan, Returned, Traffic
from gateway.api.results.model import Clock, Count, Model, Quality, Share, Timestamp, Value


class Server(Model):
    """``server.info``, who this is."""

    name: str
    location: str | None
    version: str
    protocol_version: str
    capabilities: list[str]


class Security(Model):
    """``server.info``, what is enforced."""

    rfc1918_enforced: bool
    https_only: bool
    token_required: bool


class Limits(Model):
    """``server.info``, what may be asked."""

    max_agents: Count
    max_connections: Count
    requests_per_minute: Count


class Info(Model):
    """``server.info``."""

    server: Server
    security: Security
    limits: Limits


class Agents(Model):
    """``server.health``, agents."""

    total: Count
    active: Count
    healthy: Count


class Performance(Model):
    """``server.health``, figures of five minutes, null where nothing was measured."""

    average_response_time: Share | None
    requests_per_second: Share | None
    error_rate: Annotated[float, Meta(ge=0, le=1)] | None


class Storage(Model):
    """``server.health``, the disk."""

    durable: bool
    written_today: Count
    write_budget: Count
    history: Literal["everything", "seldom", "thinned", "memory"]
    rows_in_memory: Count
    oldest_in_memory: Timestamp | None
    message: str | None


class Health(Model):
    """``server.health``."""

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: Timestamp
    uptime: Count
    agents: Agents
    performance: Performance
    storage: Storage


class Place(Model):
    """``tag.list``, where the value stands, or which plugin makes it; nothing of tags of raw lines."""

    unit: Count | UnsetType = UNSET
    table: Literal["coil", "discrete", "input", "holding"] | UnsetType = UNSET
    address: Annotated[int, Meta(ge=0, le=65535)] | UnsetType = UNSET
    plugin: str | UnsetType = UNSET
    instance: str | UnsetType = UNSET


class Tag(Model):
    """``tag.list``, one tag."""

    tag: str
    type: str
    units: str | None
    writable: bool
    poll: Share | None
    description: str | None
    missed_deadlines: Count
    place: Place


class TagList(Model):
    """``tag.list``."""

    tags: list[Tag]
    total: Count


class Reading(Model):
    """``tag.read``, one reading."""

    tag: str
    value: Value
    quality: Quality
    reason: str | None
    timestamp: Timestamp | None
    clock: Clock | None
    sequence: Count | None
    message: str | UnsetType = UNSET
    last_value: Value | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Bad has no value, good has no reason, and both have a time when there was a value (design, lines 8).

        Raises:
            ValueError: it does not hold together.
        """
        if (self.quality == "bad") != (self.value is None):
            raise ValueError(f"quality {self.quality} with the value {self.value}")
        if (self.quality == "good") != (self.reason is None):
            raise ValueError(f"quality {self.quality} with the reason {self.reason}")
        if self.value is not None and self.timestamp is None:
            raise ValueError("a value without a time")


class Readings(Model):
    """``tag.read``."""

    readings: list[Reading]


class Outcome(Model):
    """Every write."""

    outcome: Literal["confirmed", "refused", "not_sent", "unknown"]
    reason: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    read_back: Value | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Whatever is not confirmed says why.

        Raises:
            ValueError: it does not.
        """
        if self.outcome != "confirmed" and self.reason is UNSET:
            raise ValueError(f"{self.outcome} without a reason")


class Sample(Model):
    """``tag.history``, one sample."""

    timestamp: Timestamp
    value: Value
    quality: Quality
    clock: Clock
    min: float | UnsetType | None = UNSET
    max: float | UnsetType | None = UNSET
    count: Count | UnsetType | None = UNSET


class History(Model):
    """``tag.history``."""

    samples: list[Sample]
    truncated: bool


class Registers(Model):
    """``modbus.read``: values, or why there are none."""

    values: list[bool | int] | None
    reason: str | UnsetType | None = UNSET
    message: str | UnsetType | None = UNSET


class Port(Model):
    """``serial.list``, one port of this machine."""

    device: str
    stable_name: str | None
    description: str | None
    manufacturer: str | None
    serial_number: str | None
    line: str | None


class PortList(Model):
    """``serial.list``."""

    ports: list[Port]
    total: Count


class SerialMessage(Model):
    """``serial.read``."""

    line: str
    text: str | None
    data: str | None
    reason: str | None
    message: str | None
    timestamp: Timestamp | None
    clock: Clock | None


class Fault(Model):
    """The error of a response object (JSON-RPC 2.0, 5.1)."""

    code: int
    message: Annotated[str, Meta(min_length=1)]
    data: dict[str, object] | UnsetType = UNSET


RESULTS: dict[str, type[Model]] = {
    "server.info": Info,
    "server.health": Health,
    "line.list": LineList,
    "line.borrow": Loan,
    "line.return": Returned,
    "line.exchange": Exchange,
    "line.traffic": Traffic,
    "lease.list": LeaseList,
    "device.list": DeviceList,
    "tag.list": TagList,
    "tag.read": Readings,
    "tag.write": Outcome,
    "tag.history": History,
    "modbus.read": Registers,
    "modbus.write": Outcome,
    "serial.list": PortList,
    "serial.read": SerialMessage,
    "serial.write": Outcome,
    "agent.register": Registered,
    "agent.list": AgentList,
    "agent.card": Card,
    "agent.heartbeat": Heartbeat,
    "agent.unregister": Unregistered,
    "agent.revoke": Revoked,
    "token.revoke": TokenRevoked,
    "discovery.services": ServiceList,
    "discovery.announce": Announced,
    "discovery.withdraw": Withdrawn,
    "security.validateAddress": AddressCheck,
    "security.validateCard": CardCheck,
    "governor.status": Governors,
    "governor.analyze": Begun,
    "governor.analysis": Analysis,
    "governor.analyses": AnalysisList,
    "governor.actions": ActionList,
    "alert.list": AlertList,
    "capability.invoke": Invoked,
    "event.list": EventList,
    "agent.message": Sent,
    "agent.messages": MessageList,
    "agent.acknowledge": Acknowledged,
    "alarm.list": AlarmList,
    "alarm.ack": Alarm,
}
