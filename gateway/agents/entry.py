"""One registered agent: what is kept of it, in memory and on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.agents.card import Card, validate_card
from gateway.agents.contact import Contact, Recalled
from gateway.agents.grant import Grant, restored_grant
from gateway.core.ports import Json
from gateway.core.roster import AgentRow, AgentStatus, Presence
from gateway.settings.model import AgentSettings


@dataclass(slots=True)
class Entry:
    """An agent in the registry.

    Attributes:
        card: as it was registered.
        grant: what it was enrolled for.
        registered: Unix seconds of its first registration.
        contact: its last sign of life.
        status: what it last said of itself.
        metrics: of the last heartbeat that had any.
        told: the presence others were last told of.
        spoke: it was heard in this run of the gateway.
        unsaved: its contact or status has changed since it was last kept.
        written: monotonic seconds of when its last cards were written to the disk.
        settled: the same of its last registrations, with or without a new card.
    """

    card: Card
    grant: Grant
    registered: float
    contact: Contact
    status: AgentStatus = AgentStatus.ACTIVE
    metrics: Mapping[str, float] = field(default_factory=dict)
    told: Presence = Presence.ACTIVE
    spoke: bool = False
    unsaved: bool = False
    written: tuple[float, ...] = ()
    settled: tuple[float, ...] = ()

    def changes(self, card: Card, grant: Grant) -> bool:
        """Whether another card or grant would have to be written to the disk."""
        return (card.given, grant) != (self.card.given, self.grant)

    def presence(self, now: float, settings: AgentSettings) -> Presence:
        """What its heartbeats say at a moment; a heartbeat that cannot be dated counts as none."""
        if self.status is AgentStatus.OFFLINE or isinstance(self.contact, Recalled):
            return Presence.INACTIVE
        silence = self.contact.silent_for(now)
        if silence < settings.stale:
            return Presence.ACTIVE
        return Presence.STALE if silence < settings.inactive else Presence.INACTIVE

    def next_change(self, now: float, settings: AgentSettings) -> float:
        """The monotonic moment at which its presence changes next, or it is dropped, without a heartbeat."""
        silence = self.contact.silent_for(now)
        times = (settings.stale, settings.inactive, settings.drop_after)
        return now + next((limit - silence for limit in times if limit > silence), 0.0)

    def row(self, now: float, settings: AgentSettings) -> AgentRow:
        """The agent as others see it."""
        presence = self.presence(now, settings)
        return AgentRow(
            agent_id=self.card.agent_id,
            name=self.card.name,
            version=self.card.version,
            status=self.status,
            presence=presence,
            active=presence is not Presence.INACTIVE,
            healthy=presence is Presence.ACTIVE and self.status is not AgentStatus.DEGRADED,
            last_seen=self.contact.wall,
            clock="synchronised" if self.contact.synchronised else "unsynchronised",
            capabilities=self.card.capabilities,
            endpoints=self.card.endpoints,
            metrics=self.metrics,
        )

    def lasting(self) -> Json:
        """What seldom changes, for the disk."""
        return {"card": self.card.given, "registered": self.registered, "grant": self.grant.stored()}

    def passing(self) -> Json:
        """What every heartbeat changes, for the disk."""
        return {
            "wall": self.contact.wall,
            "synchronised": self.contact.synchronised,
            "status": self.status.value,
            "told": self.told.value,
        }


def restored(lasting: Json, passing: Json, now: float) -> Entry | None:
    """An agent as the disk has it; None for what is not readable or not acceptable any more.

    Args:
        lasting: as `Entry.lasting` gave it.
        passing: as `Entry.passing` gave it; None where it did not get to the disk.
        now: monotonic seconds.
    """
    match lasting:
        case {"card": given, "registered": int() | float() as registered, "grant": granted}:
            card = validate_card(given, local_peer=True).card
            grant = restored_grant(granted)
        case _:
            return None
    if card is None or grant is None:
        return None
    entry = Entry(card, grant, registered, Recalled(registered, synchronised=False, since=now))
    match passing:
        case {
            "wall": int() | float() as wall,
            "synchronised": bool() as synchronised,
            "status": str() as status,
            "told": str() as told,
        } if status in list(AgentStatus) and told in list(Presence):
            entry.contact = Recalled(wall, synchronised, now)
            entry.status, entry.told = AgentStatus(status), Presence(told)
        case _:
            pass
    return entry
