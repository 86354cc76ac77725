"""The registry and the services together: what of them runs by itself, and what others see of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import trio

from gateway.agents.registry import Registry, Tell, unknown_agent
from gateway.agents.services import Services
from gateway.core.ports import FactStore, Json
from gateway.core.roster import AgentCounts, AgentRow, ServiceRow
from gateway.core.timeline import Timeline
from gateway.settings.model import AgentSettings

# How late a change may be told that nobody asks for.
SWEEP_S = 1.0
# How much of what was heard a crash may cost; each time is a few pages on the card.
KEEP_S = 900.0


class Directory:
    """Implements ``core.roster.Roster``.

    Args:
        settings: times and sizes.
        max_agents: so many may be registered.
        timeline: the clocks.
        monotonic: the clock the timeline runs on.
        facts: keeps agents and services over restarts; loaded already.
        tell: told of every change of an agent.
        own_services: the gateway's own services at this moment.

    Attributes:
        registry: of the agents.
        announced: the services.
    """

    def __init__(
        self,
        *,
        settings: AgentSettings,
        max_agents: int,
        timeline: Timeline,
        monotonic: Callable[[], float],
        facts: FactStore,
        tell: Tell,
        own_services: Callable[[], Iterable[ServiceRow]],
    ) -> None:
        self.registry = Registry(
            settings=settings, max_agents=max_agents, timeline=timeline, monotonic=monotonic, facts=facts, tell=tell
        )
        registered = {row.agent_id for row in self.registry.agents()}
        self.announced = Services(
            settings=settings,
            timeline=timeline,
            monotonic=monotonic,
            facts=facts,
            own=own_services,
            registered=registered,
        )
        self.registry.gone.append(self.announced.withdraw_all)

    def follow(self, settings: AgentSettings, max_agents: int) -> None:
        """Take over changed settings."""
        self.registry.follow(settings, max_agents)
        self.announced.follow(settings)

    def announce(self, owner: str | None, service: Json, *, local_peer: bool = False) -> ServiceRow:
        """List a service of an agent, or with None one of an operator; see `Services.announce`.

        Raises:
            GatewayError: AGENT_NOT_FOUND; otherwise as `Services.announce`.
        """
        if owner is not None and self.registry.get(owner) is None:
            raise unknown_agent(owner)
        return self.announced.announce(owner, service, local_peer=local_peer)

    async def run(self) -> None:
        """Tell of what changes with time, and keep what was heard, until cancelled; then keep it a last time."""
        try:
            while True:
                with trio.move_on_after(KEEP_S):
                    while True:
                        await trio.sleep(SWEEP_S)
                        self.registry.sweep()
                        self.announced.sweep()
                self.keep()
        finally:
            self.keep()

    def keep(self) -> None:
        """Have the disk know when everybody was last heard."""
        self.registry.keep()
        self.announced.keep()

    def counts(self) -> AgentCounts:
        """How many agents there are."""
        return self.registry.counts()

    def agents(self, capability: str | None = None, *, active: bool | None = None) -> Sequence[AgentRow]:
        """The agents, oldest registration first."""
        return self.registry.agents(capability, active=active)

    def get(self, agent_id: str) -> AgentRow | None:
        """One agent, None where it is not registered."""
        return self.registry.get(agent_id)

    def services(self, capability: str | None = None, location: str | None = None) -> Sequence[ServiceRow]:
        """The services, those of the gateway first."""
        return self.announced.services(capability, location)
