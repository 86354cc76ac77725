"""The registry: which agents are registered, and what their heartbeats say of them (D-080 to D-089)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from gateway.agents.card import LONGEST_AGENT_ID, Card
from gateway.agents.contact import Heard, Recalled
from gateway.agents.entry import Entry, restored
from gateway.agents.grant import Grant
from gateway.agents.heartbeat import read_metrics, read_status
from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import FactStore, Json
from gateway.core.roster import AgentCounts, AgentRow, AgentStatus, Presence
from gateway.core.timeline import Timeline
from gateway.settings.model import AgentSettings

log = structlog.stdlib.get_logger(__name__)

# Told of every change, with the type of the event and its data.
Tell = Callable[[str, Mapping[str, object]], None]

AGENT, HEARD = "agent", "agent_heard"
# Cards that differ from the one before, of one agent within an hour: each is up to 64 KiB on the disk at once, and a
# token that got into wrong hands must not wear it out.
MOST_CARDS = 20
# Registrations of one agent that are on the disk when they are answered, within an hour: one that falls and starts
# every minute, or means no good, must not wear it out either. Of more, what is new goes down with the next flush.
MOST_SETTLED = 20
HOUR_S = 3600.0
_EVENT = {
    Presence.ACTIVE: "agent:active",
    Presence.STALE: "agent:stale",
    Presence.INACTIVE: "agent:inactive",
}


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The answer to a heartbeat.

    Attributes:
        next_heartbeat: Unix seconds of when the next one is expected.
        clock: whether that time can be trusted: ``synchronised`` or ``unsynchronised``.
    """

    next_heartbeat: float
    clock: str


def unknown_agent(agent_id: str) -> GatewayError:
    """What a caller is told of an agent that is not registered (-32005)."""
    reason = "no agent is registered under this id. Register it first"
    # The seed shows what was provided; an id longer than any that can be registered is shown in part.
    details: dict[str, object] = {"provided": agent_id[:LONGEST_AGENT_ID]}
    return GatewayError(Code.AGENT_NOT_FOUND, reason, field="agentId", provided=agent_id, details=details)


class Registry:
    """All registered agents. Everything it says holds at the moment it is asked; nothing here waits.

    It takes no decision on who may do something: callers have been held against their tokens before.

    Args:
        settings: the times.
        max_agents: so many may be registered.
        timeline: the clocks.
        monotonic: the clock the timeline runs on.
        facts: keeps the agents over restarts.
        tell: told of every change.

    Attributes:
        gone: called with the id of every agent that is unregistered or dropped.
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
    ) -> None:
        self._settings = settings
        self._max_agents = max_agents
        self._timeline = timeline
        self._monotonic = monotonic
        self._facts = facts
        self._tell = tell
        self.gone: list[Callable[[str], None]] = []
        # What is looked at anew when the clock of the board is set.
        self._era = timeline.era
        self._next_change = -math.inf
        # Who was heard before this start has so long to speak up before others are told that it is silent.
        self._grace = monotonic() + settings.inactive
        self._entries = self._restore()

    def follow(self, settings: AgentSettings, max_agents: int) -> None:
        """Take over changed settings. No agent is dropped because fewer may be registered now."""
        self._settings = settings
        self._max_agents = max_agents
        self._next_change = -math.inf

    def admit(self, card: Card, grant: Grant) -> None:
        """Say whether `register` would take an agent in: before an enrolment, which is good once, is used up.

        Raises:
            GatewayError: FORBIDDEN for a capability beyond the grant (D-043); UNAVAILABLE when there are as many as
                there may be (D-083); TOO_MANY for yet another card of an agent that had twenty within an hour.
        """
        self.sweep()
        _within(card, grant)
        known = self._entries.get(card.agent_id)
        if known is not None and self.changes(card, grant):
            _not_too_often(known, self._monotonic())
        if known is None and len(self._entries) >= self._max_agents:
            number = self._max_agents
            reason = f"{number} agents are registered, and no more may be. Unregister one, or raise max_agents"
            raise GatewayError(Code.UNAVAILABLE, reason, details={"maxAgents": number})

    def settles(self, agent_id: str) -> bool:
        """Whether the next registration of an agent goes to the disk at once, even if its card says nothing new."""
        known, now = self._entries.get(agent_id), self._monotonic()
        return known is None or sum(now - at < HOUR_S for at in known.settled) < MOST_SETTLED

    def changes(self, card: Card, grant: Grant) -> bool:
        """Whether a registration with this card would say something new."""
        known = self._entries.get(card.agent_id)
        return known is None or known.changes(card, grant)

    def register(self, card: Card, grant: Grant) -> AgentRow:
        """Take an agent in, or take over its new card. That counts as a heartbeat.

        Args:
            card: its card, found sound.
            grant: what its enrolment gave it.

        Raises:
            GatewayError: as `admit`.
        """
        self.admit(card, grant)
        known, changed = self._entries.get(card.agent_id), self.changes(card, grant)
        contact = self._now()
        entry = Entry(card, grant, known.registered if known else contact.wall, contact, spoke=True)
        self._entries[card.agent_id] = entry
        self._next_change = min(self._next_change, contact.at + self._settings.stale)
        if known is not None:
            entry.written, entry.settled = known.written, known.settled
        if self.settles(card.agent_id):
            entry.settled = (*entry.settled[1 - MOST_SETTLED :], contact.at)
        if changed:
            entry.written = (*entry.written[1 - MOST_CARDS :], contact.at)
            self._facts.remember(AGENT, card.agent_id, entry.lasting(), urgent=True)
            self._facts.remember(HEARD, card.agent_id, entry.passing(), urgent=True)
        else:
            # That it was heard says no more than a heartbeat does.
            entry.unsaved = True
        self._announce("agent:registered", entry, capabilities=list(card.capabilities), again=known is not None)
        return entry.row(contact.at, self._settings)

    def unregister(self, agent_id: str) -> None:
        """Forget an agent.

        Raises:
            GatewayError: AGENT_NOT_FOUND.
        """
        self._drop(self._entry(agent_id), "agent:unregistered")

    def heartbeat(
        self, agent_id: str, status: str = AgentStatus.ACTIVE, metrics: Mapping[str, Json] | None = None
    ) -> Acknowledgement:
        """Note that an agent lives.

        Args:
            agent_id: whose heartbeat it is.
            status: what it says of itself.
            metrics: what it measured of itself; None: nothing new.

        Raises:
            GatewayError: AGENT_NOT_FOUND; INVALID for a status or a metric that is none.
        """
        entry = self._entry(agent_id)
        said = read_status(status)
        figures = None if metrics is None else read_metrics(metrics)
        entry.contact, entry.status, entry.spoke, entry.unsaved = self._now(), said, True, True
        if figures is not None:
            entry.metrics = figures
        self._tell_presence(entry, entry.contact.at)
        self._next_change = min(self._next_change, entry.contact.at + self._settings.stale)
        return Acknowledgement(entry.contact.wall + self._settings.heartbeat, self._timeline.era.clock)

    def counts(self) -> AgentCounts:
        """How many agents there are."""
        self.sweep()
        now = self._monotonic()
        active = healthy = 0
        for entry in self._entries.values():
            presence = entry.presence(now, self._settings)
            active += presence is not Presence.INACTIVE
            healthy += presence is Presence.ACTIVE and entry.status is not AgentStatus.DEGRADED
        return AgentCounts(len(self._entries), active, healthy)

    def agents(self, capability: str | None = None, *, active: bool | None = None) -> Sequence[AgentRow]:
        """The agents, oldest registration first; for the filters see ``core.roster.Roster``."""
        self.sweep()
        now = self._monotonic()
        rows = (
            entry.row(now, self._settings)
            for entry in self._entries.values()
            if capability is None or capability in entry.card.capabilities
        )
        return [row for row in rows if active is None or row.active is active]

    def get(self, agent_id: str) -> AgentRow | None:
        """One agent, None where it is not registered."""
        self.sweep()
        entry = self._entries.get(agent_id)
        return entry.row(self._monotonic(), self._settings) if entry else None

    def card(self, agent_id: str) -> Card:
        """The card of an agent, which its signatures are held against.

        Raises:
            GatewayError: AGENT_NOT_FOUND.
        """
        return self._entry(agent_id).card

    def grant(self, agent_id: str) -> Grant:
        """What an agent was enrolled for.

        Raises:
            GatewayError: AGENT_NOT_FOUND.
        """
        return self._entry(agent_id).grant

    def sweep(self) -> None:
        """Tell of agents that fell silent, and drop those that stayed so. Costs nothing while nothing can be due."""
        now = self._monotonic()
        if now < self._next_change and self._timeline.era is self._era:
            return
        self._era = self._timeline.era
        # Whoever is told of a change may ask something, which must not begin this anew.
        self._next_change = math.inf
        for entry in list(self._entries.values()):
            if isinstance(entry.contact, Recalled):
                entry.contact = entry.contact.dated(now, self._era)
            if entry.contact.silent_for(now) >= self._settings.drop_after:
                self._drop(entry, "agent:expired")
            elif now >= self._grace or entry.spoke:
                self._tell_presence(entry, now)
        changes = [entry.next_change(now, self._settings) for entry in self._entries.values()]
        if now < self._grace:
            changes.append(self._grace)
        self._next_change = min(changes, default=math.inf)

    def keep(self) -> None:
        """Have the disk know when each agent was last heard. Called seldom, and at the end: cards wear out."""
        for agent_id, entry in self._entries.items():
            if entry.unsaved:
                self._facts.remember(HEARD, agent_id, entry.passing())
                entry.unsaved = False

    def _restore(self) -> dict[str, Entry]:
        now = self._monotonic()
        heard = self._facts.recall(HEARD)
        found: dict[str, Entry] = {}
        for agent_id, lasting in self._facts.recall(AGENT).items():
            entry = restored(lasting, heard.get(agent_id), now)
            if entry is None or entry.card.agent_id != agent_id:
                log.warning("agent not restored: what is stored of it is not acceptable", agent=agent_id)
                self._forget(agent_id)
                continue
            if isinstance(entry.contact, Recalled):
                entry.contact = entry.contact.dated(now, self._era)
            found[agent_id] = entry
        return dict(sorted(found.items(), key=lambda item: item[1].registered))

    def _entry(self, agent_id: str) -> Entry:
        self.sweep()
        entry = self._entries.get(agent_id)
        if entry is None:
            raise unknown_agent(agent_id)
        return entry

    def _now(self) -> Heard:
        return Heard(self._monotonic(), self._timeline.era)

    def _drop(self, entry: Entry, event: str) -> None:
        agent_id = entry.card.agent_id
        del self._entries[agent_id]
        self._forget(agent_id)
        self._announce(event, entry)
        for told in self.gone:
            told(agent_id)

    def _forget(self, agent_id: str) -> None:
        self._facts.remember(AGENT, agent_id, None, urgent=True)
        self._facts.remember(HEARD, agent_id, None, urgent=True)

    def _tell_presence(self, entry: Entry, now: float) -> None:
        presence = entry.presence(now, self._settings)
        if presence is not entry.told:
            entry.told, entry.unsaved = presence, True
            self._announce(_EVENT[presence], entry, status=entry.status.value)

    def _announce(self, event: str, entry: Entry, **more: object) -> None:
        data: dict[str, object] = {
            "agentId": entry.card.agent_id,
            "name": entry.card.name,
            "version": entry.card.version,
            "lastSeen": rfc3339.text(entry.contact.wall),
        }
        self._tell(event, {**data, **more})


def _not_too_often(entry: Entry, now: float) -> None:
    lately = [at for at in entry.written if now - at < HOUR_S]
    if len(lately) >= MOST_CARDS:
        reason = (
            f"this agent has registered {MOST_CARDS} different cards within an hour. Register the one it has, or wait"
        )
        retry = max(1, round(lately[0] + HOUR_S - now))
        raise GatewayError(Code.TOO_MANY, reason, details={"retryAfter": retry})


def _within(card: Card, grant: Grant) -> None:
    for index, capability in enumerate(card.capabilities):
        if not grant.covers(capability):
            granted = ", ".join(sorted(grant.capabilities)) or "none"
            raise GatewayError(
                Code.FORBIDDEN,
                f'this agent was not enrolled for the capability "{capability}"; it was for: {granted}',
                field=f"agentCard.capabilities[{index}].id",
            )
