"""A board with clocks that tests turn by hand, a disk that takes facts, and ears for what is told."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.agents.card import Card, validate_card
from gateway.agents.directory import Directory
from gateway.agents.grant import Grant
from gateway.core.ports import Json
from gateway.core.roster import ServiceRow
from gateway.core.timeline import Timeline
from gateway.settings.model import AgentSettings

# A whole number of seconds: every time in these tests is exact as a float.
NOON = 1_800_000_000.0
SETTINGS = AgentSettings()


def card_json(agent_id: str = "temp-sensor-001", **changes: Json) -> dict[str, Any]:
    """The card of the seed's example, with changes."""
    given: dict[str, Any] = {
        "agentId": agent_id,
        "name": "Temperature Sensor Agent",
        "description": "Industrial temperature monitoring agent",
        "version": "1.0.0",
        "capabilities": [
            {
                "id": "temperature-read",
                "name": "Temperature Reading",
                "description": "Read temperature from Modbus sensors",
                "category": "sensor",
                "version": "1.0.0",
                "parameters": [
                    {"name": "address", "type": "number", "required": True, "description": "Modbus slave address"}
                ],
            }
        ],
        "endpoints": [{"protocol": "https", "host": "192.168.1.100", "port": 8443, "path": "/api/v1"}],
    }
    return {**given, **changes}


def sound(agent_id: str = "temp-sensor-001", **changes: Json) -> Card:
    """The same, found sound."""
    check = validate_card(card_json(agent_id, **changes))
    assert check.card is not None, check.issues
    return check.card


def service_json(service_id: str = "temp-logger-001", **changes: Json) -> dict[str, Any]:
    """The service of the seed's example, with changes."""
    given: dict[str, Any] = {
        "serviceId": service_id,
        "name": "Temperature Logger",
        "type": "data-logger",
        "capabilities": ["data-logging", "csv-export"],
        "endpoint": "https://192.168.1.102:8443",
        "ttl": 300,
    }
    return {**given, **changes}


@dataclass
class Facts:
    """A FactStore that counts what it is made to write, and what of it at once; what it gives are copies."""

    kinds: dict[str, dict[str, Json]] = field(default_factory=dict)
    writes: list[tuple[str, str]] = field(default_factory=list)
    urgent: list[tuple[str, str]] = field(default_factory=list)

    def recall(self, kind: str) -> dict[str, Json]:
        return copy.deepcopy(self.kinds.get(kind, {}))

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        facts = self.kinds.setdefault(kind, {})
        if facts.get(key) != value:
            self.writes.append((kind, key))
            if urgent:
                self.urgent.append((kind, key))
        if value is None:
            facts.pop(key, None)
        else:
            facts[key] = copy.deepcopy(value)

    async def settle(self) -> None:
        pass


@dataclass
class Board:
    """A board; ``start`` begins a new run of the gateway on it."""

    settings: AgentSettings = SETTINGS
    max_agents: int = 100
    own: list[ServiceRow] = field(default_factory=list)
    now: float = 1000.0
    ahead: float = NOON
    synchronised: bool = True
    facts: Facts = field(default_factory=Facts)
    told: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> Directory:
        self.timeline = Timeline(lambda: self.now, lambda: self.now + self.ahead, lambda: self.synchronised)
        self.directory = Directory(
            settings=self.settings,
            max_agents=self.max_agents,
            timeline=self.timeline,
            monotonic=lambda: self.now,
            facts=self.facts,
            tell=lambda event, data: self.told.append((event, data)),
            own_services=lambda: self.own,
        )
        return self.directory

    def restart(self, *, kept: bool = True) -> Directory:
        """Stop and start; without ``kept`` the power fails."""
        if kept:
            self.directory.keep()
        return self.start()

    def register(self, agent_id: str = "temp-sensor-001", **changes: Json) -> None:
        self.directory.registry.register(sound(agent_id, **changes), Grant())

    def events(self) -> list[str]:
        """What was told since this was asked last."""
        told = [f"{event} {data['agentId']}" for event, data in self.told]
        self.told.clear()
        return told
