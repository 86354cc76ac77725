"""The services on this LAN: the gateway's own, and those that were announced (D-086 to D-089)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from gateway.agents.announcement import Announcement, validate_service
from gateway.agents.contact import Contact, Heard, Recalled
from gateway.agents.issues import refusal
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.ports import FactStore, Json
from gateway.core.roster import ServiceRow
from gateway.core.timeline import Era, Timeline
from gateway.settings.model import AgentSettings

SERVICE, HEARD = "service", "service_heard"
# Ids that begin so are the gateway's own, those of lines it will have too.
OWN_PREFIXES = ("gateway:", "line:", "device:", "tag:")
# So many new or changed services of one agent go to the disk at once within an hour; more wait for `keep`, because
# cards wear out.
MOST_AT_ONCE = 20
HOUR_S = 3600.0


@dataclass(slots=True)
class Offer:
    """One announced service.

    Attributes:
        announcement: what was said.
        owner: the agent that said it; None: an operator.
        contact: when it was last said.
        unsaved: it was said anew since it was last kept.
        stored: what was said is on its way to the disk, or on it.
    """

    announcement: Announcement
    owner: str | None
    contact: Contact
    unsaved: bool = False
    stored: bool = False

    @property
    def expires(self) -> float:
        """Unix seconds."""
        return self.contact.wall + self.announcement.ttl

    def over(self, now: float) -> bool:
        """Whether its time is over for certain."""
        return self.contact.silent_for(now) >= self.announcement.ttl

    def listed(self, now: float, era: Era) -> bool:
        """Whether others see it.

        One of an earlier run whose age is not certain goes by the clock as it stands: many a LAN has no time server,
        and a restart of the gateway alone does not turn the clock. Where that says nothing, it waits to be announced
        again.
        """
        if isinstance(self.contact, Heard):
            return True
        return 0 <= era.wall(now) - self.contact.wall < self.announcement.ttl

    def row(self) -> ServiceRow:
        """The service as others see it."""
        said = self.announcement
        return ServiceRow(
            service_id=said.service_id,
            name=said.name,
            type=said.type,
            capabilities=said.capabilities,
            endpoint=said.endpoint,
            metadata=said.metadata,
            owner=self.owner,
            expires=self.expires,
        )

    def passing(self) -> Json:
        """When it was last said, for the disk: all that most announcements change."""
        return {"wall": self.contact.wall, "synchronised": self.contact.synchronised}

    def lasting(self) -> Json:
        """The service for the disk."""
        return {
            "service": self.announcement.given,
            "owner": self.owner,
            "wall": self.contact.wall,
            "synchronised": self.contact.synchronised,
        }


class Services:
    """All services. Everything it says holds at the moment it is asked; nothing here waits.

    Args:
        settings: how many there may be.
        timeline: the clocks.
        monotonic: the clock the timeline runs on.
        facts: keeps the services over restarts.
        own: the gateway's own services at this moment.
        registered: ids of the agents there are at the start; services of others are not restored.
    """

    def __init__(
        self,
        *,
        settings: AgentSettings,
        timeline: Timeline,
        monotonic: Callable[[], float],
        facts: FactStore,
        own: Callable[[], Iterable[ServiceRow]],
        registered: Collection[str],
    ) -> None:
        self._settings = settings
        self._timeline = timeline
        self._monotonic = monotonic
        self._facts = facts
        self._own = own
        self._era = timeline.era
        self._next_end = -math.inf
        self._at_once: dict[str | None, tuple[float, ...]] = {}
        self._offers = self._restore(registered)

    def follow(self, settings: AgentSettings) -> None:
        """Take over changed settings. No service is dropped because fewer may be announced now."""
        self._settings = settings

    def announce(self, owner: str | None, service: Json, *, local_peer: bool = False) -> ServiceRow:
        """List a service, or list it anew for its ttl.

        Args:
            owner: the registered agent that announces it; None: an operator.
            service: as parsed from JSON.
            local_peer: it is announced from this machine.

        Raises:
            GatewayError: INVALID, or NOT_PRIVATE for an endpoint on another network, with the path of the first fault;
                FORBIDDEN for the id of a service that belongs to another; UNAVAILABLE when there are as many as there
                may be.
        """
        check = validate_service(service, local_peer=local_peer)
        said = check.announcement
        if said is None:
            raise refusal(check.issues, "service") or AssertionError("a service without issues is sound")
        self.sweep()
        known = self._offers.get(said.service_id)
        if said.service_id.startswith(OWN_PREFIXES):
            raise _foreign("this id belongs to the gateway itself. Choose another", said.service_id)
        if known is not None and known.owner != owner:
            raise _foreign("this id belongs to a service of another. Choose another", said.service_id)
        if known is None:
            self._make_sure_of_room(owner)
        offer = Offer(said, owner, Heard(self._monotonic(), self._timeline.era), unsaved=True)
        self._offers[said.service_id] = offer
        self._next_end = min(self._next_end, self._monotonic() + said.ttl)
        if known is not None and known.announcement.given == said.given:
            # It says nothing new: that it was said waits for `keep`.
            offer.stored = known.stored
        elif self._may_go_at_once(owner):
            self._store(offer, urgent=True)
        return offer.row()

    def withdraw(self, service_id: str, owner: str | None, *, anybodys: bool = False) -> None:
        """Forget a service before its time.

        Args:
            service_id: which.
            owner: who asks, None for an operator.
            anybodys: it may be that of another.

        Raises:
            GatewayError: INVALID for one that is not announced; FORBIDDEN for that of another, the gateway's included.
        """
        self.sweep()
        if service_id.startswith(OWN_PREFIXES):
            raise _foreign(
                "this is a service of the gateway itself, which stays while it is configured", service_id, "serviceId"
            )
        offer = self._offers.get(service_id)
        if offer is None:
            raise invalid("serviceId", "no such service is announced; discovery.services lists them", service_id)
        if offer.owner != owner and not anybodys:
            raise _foreign("this is a service of another", service_id, "serviceId")
        self._drop(service_id)

    def withdraw_all(self, owner: str) -> None:
        """Forget the services of an agent that is gone (D-086)."""
        for service_id in [key for key, offer in self._offers.items() if offer.owner == owner]:
            self._drop(service_id)

    def services(self, capability: str | None = None, location: str | None = None) -> Sequence[ServiceRow]:
        """The services, those of the gateway first; for the filters see ``core.roster.Roster``."""
        self.sweep()
        now, era = self._monotonic(), self._timeline.era
        announced = (offer.row() for offer in self._offers.values() if offer.listed(now, era))
        return [
            row
            for row in (*self._own(), *announced)
            if (capability is None or capability in row.capabilities)
            and (location is None or row.metadata.get("location") == location)
        ]

    def sweep(self) -> None:
        """Drop services whose time is over. Costs nothing while that cannot be."""
        now = self._monotonic()
        if now < self._next_end and self._timeline.era is self._era:
            return
        self._era = self._timeline.era
        for service_id, offer in list(self._offers.items()):
            if isinstance(offer.contact, Recalled):
                offer.contact = offer.contact.dated(now, self._era)
            if offer.over(now):
                self._drop(service_id)
        ends = (now + offer.announcement.ttl - offer.contact.silent_for(now) for offer in self._offers.values())
        self._next_end = min(ends, default=math.inf)

    def keep(self) -> None:
        """Have the disk know when each service was last announced."""
        for offer in self._offers.values():
            if offer.unsaved and offer.stored:
                self._facts.remember(HEARD, offer.announcement.service_id, offer.passing())
                offer.unsaved = False
            elif offer.unsaved:
                self._store(offer)

    def _make_sure_of_room(self, owner: str | None) -> None:
        most = self._settings.max_services
        if len(self._offers) >= most:
            reason = f"{most} services are announced, and no more may be. Let some expire, or raise max_services"
            raise GatewayError(Code.UNAVAILABLE, reason, details={"maxServices": most})
        share = max(1, most // 4)
        if owner is not None and sum(offer.owner == owner for offer in self._offers.values()) >= share:
            reason = f"this agent has {share} services already, and one agent may have no more. Let some expire"
            raise GatewayError(Code.UNAVAILABLE, reason, details={"maxServices": share})

    def _may_go_at_once(self, owner: str | None) -> bool:
        begun = self._monotonic() - HOUR_S
        lately = {key: tuple(at for at in times if at > begun) for key, times in self._at_once.items()}
        self._at_once = {key: times for key, times in lately.items() if times}
        times = self._at_once.get(owner, ())
        if len(times) >= MOST_AT_ONCE:
            return False
        self._at_once[owner] = (*times, self._monotonic())
        return True

    def _store(self, offer: Offer, *, urgent: bool = False) -> None:
        self._facts.remember(SERVICE, offer.announcement.service_id, offer.lasting(), urgent=urgent)
        # What was said earlier must not date it.
        self._facts.remember(HEARD, offer.announcement.service_id, None)
        offer.unsaved, offer.stored = False, True

    def _drop(self, service_id: str) -> None:
        del self._offers[service_id]
        self._forget(service_id)

    def _forget(self, service_id: str) -> None:
        self._facts.remember(SERVICE, service_id, None)
        self._facts.remember(HEARD, service_id, None)

    def _restore(self, registered: Collection[str]) -> dict[str, Offer]:
        now = self._monotonic()
        found: dict[str, Offer] = {}
        heard = self._facts.recall(HEARD)
        for service_id, stored in self._facts.recall(SERVICE).items():
            offer = _restored(stored, heard.get(service_id), now)
            if offer is None or (offer.owner is not None and offer.owner not in registered):
                self._forget(service_id)
            else:
                found[service_id] = offer
        return dict(sorted(found.items(), key=lambda item: item[1].contact.wall))


def _restored(stored: Json, passing: Json, now: float) -> Offer | None:
    match stored:
        case {
            "service": given,
            "owner": str() | None as owner,
            "wall": int() | float() as wall,
            "synchronised": bool() as synchronised,
        }:
            said = validate_service(given, local_peer=True).announcement
        case _:
            return None
    match passing:
        case {"wall": int() | float() as later, "synchronised": bool() as trusted}:
            wall, synchronised = later, trusted
        case _:
            pass
    return None if said is None else Offer(said, owner, Recalled(wall, synchronised, now), stored=True)


def _foreign(reason: str, service_id: str, field: str = "service.serviceId") -> GatewayError:
    return GatewayError(Code.FORBIDDEN, reason, field=field, details={"serviceId": service_id})
