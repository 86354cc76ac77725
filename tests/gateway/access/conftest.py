"""A gateway's whole identity on a clock of our own."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from gateway.access.agent_tokens import AgentTokens
from gateway.access.bearer import Bearer
from gateway.access.enrolment import Enrolments
from gateway.access.keys import RootKey
from gateway.access.revocations import Revocations
from gateway.access.signature import CardSignatures
from gateway.access.tokens import OperatorTokens
from gateway.core.ports import Json

NOW = 1_800_000_000.25


@dataclass
class Facts:
    """A fact store that outlives the gateway."""

    kept: dict[str, dict[str, Json]] = field(default_factory=dict)
    urgent: list[str] = field(default_factory=list)

    def recall(self, kind: str) -> dict[str, Json]:
        return dict(self.kept.get(kind, {}))

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        if value is None:
            self.kept.get(kind, {}).pop(key, None)
            return
        self.kept.setdefault(kind, {})[key] = value
        if urgent:
            self.urgent.append(kind)

    async def settle(self) -> None:
        """Everything is kept at once."""


@dataclass
class Gateway:
    """A gateway as far as it knows who calls; ``restart`` starts it anew on the same key and facts."""

    now: float = NOW
    elapsed: float = 1000.0
    synchronised: bool = True
    facts: Facts = field(default_factory=Facts)
    root: RootKey = field(default_factory=lambda: RootKey(bytes(range(32))))

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.root = RootKey(self.root._secret, self.root.generation)
        self.revocations = Revocations(self.facts, self.wall, self.trusted)
        self.operators = OperatorTokens(self.root, self.wall, self.trusted)
        self.agents = AgentTokens(self.root, self.wall, self.revocations.epoch)
        self.enrolments = Enrolments(self.root, self.wall)
        self.bearer = Bearer(
            self.root,
            operators=self.operators,
            agents=self.agents,
            enrolments=self.enrolments,
            revocations=self.revocations,
            wall=self.wall,
            synchronised=self.trusted,
        )
        self.signatures = CardSignatures(self.root, self.wall, self.trusted, lambda: self.elapsed, self.facts)

    def wall(self) -> float:
        return self.now

    def trusted(self) -> bool:
        return self.synchronised

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.elapsed += seconds


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture(scope="session")
def new_gateway() -> type[Gateway]:
    """For tests that need many."""
    return Gateway
