"""People on a clock of our own, over facts that outlive the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.access.roles import ROLES
from gateway.access.users.user import User
from gateway.access.users.users import Users
from gateway.core.errors import Code, GatewayError
from tests.gateway.agents.board import Facts
from tests.gateway.api.fakes import Notes

NOW = 1_800_000_000.0


@dataclass
class QuickHasher:
    """Passwords without the work; it remembers what it was asked."""

    asked: list[tuple[str | None, str]] = field(default_factory=list)
    crowded: bool = False

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def fits(self, hashed: str | None, password: str) -> bool:
        if self.crowded:
            raise GatewayError(Code.UNAVAILABLE, "too many", details={"retryAfter": 1})
        self.asked.append((hashed, password))
        return hashed == f"hash of {password}"


@dataclass
class Household:
    """Everybody there is; ``restart`` starts the gateway anew on the same facts."""

    now: float = NOW
    elapsed: float = 1000.0
    synchronised: bool = True
    facts: Facts = field(default_factory=Facts)
    notes: Notes = field(default_factory=Notes)
    hasher: QuickHasher = field(default_factory=QuickHasher)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.users = Users(self.facts, self.wall, ROLES)

    def wall(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.elapsed += seconds

    def add(self, name: str = "anna", *roles: str) -> User:
        """Add one whose password is that of its name."""
        return self.users.add(name, roles or ("admin",), f"hash of {name}'s password")
