"""Webhooks as the API sees them: registered, changed, tested, watched, and delivered again (WH-01 to WH-24)."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog
import trio

from gateway.core.alerts import Severity
from gateway.core.channels import may_subscribe, scopes_for
from gateway.core.errors import Code, GatewayError
from gateway.core.event_figures import WebhookFigures
from gateway.core.eventlog import DeliveryStatus, KeptWebhook, NotKept
from gateway.core.events import Event, uuid7
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal
from gateway.core.supervise import supervise
from gateway.webhooks.changes import edited, paused, resumed, rotated, taken_over
from gateway.webhooks.deliveries import Deliveries, disk, unavailable
from gateway.webhooks.egress import Egress, EgressRefusedError, NotResolvedError
from gateway.webhooks.figures import figures_of
from gateway.webhooks.lane import Lane
from gateway.webhooks.listing import count_now
from gateway.webhooks.loading import load_webhooks
from gateway.webhooks.shown import Registered, Shown, Tested, as_spec, shown, tested
from gateway.webhooks.signing import new_secret, pack, parse_secret
from gateway.webhooks.spec import Spec, check_types, read_spec
from gateway.webhooks.webhook import Keys, State, Webhook, to_document
from gateway.webhooks.works import Works

log = structlog.stdlib.get_logger(__name__)


class Webhooks(Deliveries):
    """All webhooks of this gateway.

    Args:
        works: what deliveries share.
        egress: where they may go.
        gateway: the gateway's id, for events that are in no log.
        clock: whether the wall clock can be trusted, as events say it.
        newer: waits until the log has an event with a number above the one given; returns the newest.
    """

    def __init__(
        self,
        works: Works,
        egress: Egress,
        *,
        gateway: str,
        clock: Callable[[], str],
        newer: Callable[[int], Awaitable[int]],
    ) -> None:
        super().__init__(works)
        self._egress = egress
        self._gateway = gateway
        self._clock = clock
        self._newer = newer
        self._lanes: dict[str, tuple[Lane, trio.CancelScope]] = {}
        self._nursery: trio.Nursery | None = None
        self._testing: set[str] = set()
        self._registering = trio.Lock()
        works.log.dropping.append(self._dropped)
        works.hosts.answered.append(self._answered)

    async def run(self) -> None:
        """Deliver, until cancelled."""
        kept = await load_webhooks(self._works)
        try:
            async with trio.open_nursery() as nursery:
                for webhook, cursor in kept:
                    lane = Lane(webhook, cursor, self._works)
                    # It may have been revoked in the last moments of the run before.
                    lane.judge()
                    self._begin(nursery, lane)
                self._nursery = nursery
                last = self._works.log.last
                while True:
                    last = await self._newer(last)
                    for lane, _ in self._lanes.values():
                        lane.wake()
        finally:
            self._nursery = None
            self._lanes.clear()

    @property
    def begun(self) -> bool:
        """Whether webhooks are read from the disk, and may be asked for."""
        return self._nursery is not None

    def wants(self, type_: str) -> bool:
        """Whether any webhook that gets something now asks for events of a type; for ``Journal.wanted``."""
        return any(
            pattern.matches(type_) or pattern.routed
            for lane, _ in self._lanes.values()
            if lane.active
            for pattern in lane.webhook.selection.patterns
        )

    def keeps(self, event: Event) -> bool:
        """Whether any webhook that gets something now takes an event; for ``Journal.keep``."""
        return any(lane.active and lane.wants(event) for lane, _ in self._lanes.values())

    def recheck(self) -> None:
        """Somebody may no longer count: nothing goes on in its name. Who is only without a token, does (D-149)."""
        for lane, _ in self._lanes.values():
            lane.judge()

    async def figures(self) -> Sequence[WebhookFigures]:
        """How each of them does, the oldest first."""
        counts = await self._counts()
        lanes = sorted((lane for lane, _ in self._lanes.values()), key=lambda lane: lane.webhook.created)
        newest = self._works.log.last
        return [figures_of(lane, None if counts is None else counts.get(lane.webhook.id, {}), newest) for lane in lanes]

    # Registering

    async def create(self, principal: Principal, body: Mapping[str, Json]) -> Registered:
        """Register a webhook. The secret is given back this once.

        Raises:
            GatewayError: INVALID with the place; FORBIDDEN, it may not be sent there, or what is asked for may not be
                seen; TOO_MANY registered; UNAVAILABLE, the disk does not take it.
        """
        nursery = self._running()
        spec = read_spec(body)
        await self._check(principal, spec)
        keys = Keys(spec.secret or new_secret())
        now = self._works.wall()
        state = State.ACTIVE if spec.active else State.PAUSED
        webhook = Webhook(
            f"wh-{secrets.token_hex(10)}",
            replace(spec, secret=None),
            principal,
            keys,
            state,
            None,
            now,
            now,
            mark=self._works.owners.mark(principal),
        )
        async with self._registering:
            most = self._works.settings().max_webhooks
            if len(self._lanes) >= most:
                raise GatewayError(Code.TOO_MANY, f"{most} webhooks are registered, and no more may be: remove one")
            cursor = self._works.log.last
            with disk():
                document = to_document(webhook, self._works.seal)
                await self._works.outbox.save(KeptWebhook(webhook.id, document, cursor))
            lane = Lane(webhook, cursor, self._works)
            self._begin(nursery, lane)
        log.info("webhook registered", webhook=webhook.id, host=spec.destination.host, by=principal.subject)
        return Registered(await self._show(lane), keys.current.shown_once)

    async def list(self, principal: Principal) -> Sequence[Shown]:
        """Those the caller may see, the oldest first: an operator all, others their own."""
        lanes = [lane for lane, _ in self._lanes.values() if _may_see(principal, lane.webhook)]
        return await self._show_all(sorted(lanes, key=lambda lane: lane.webhook.created))

    async def get(self, principal: Principal, id_: str) -> Shown:
        """One of them.

        Raises:
            GatewayError: NOT_FOUND.
        """
        return await self._show(self._lane(principal, id_))

    async def replace(self, principal: Principal, id_: str, body: Mapping[str, Json]) -> Shown:
        """Set all a client may set; what is missing gets its default, but the secret stays where none is given.

        What the webhook may receive is from then on what the caller may: else who may change it could read with the
        eyes of its owner.

        Raises:
            GatewayError: as ``create``; NOT_FOUND; as ``rotate_secret``.
        """
        lane = self._lane(principal, id_)
        spec = read_spec(body)
        await self._check(principal, spec)
        await self._put(lane, principal, spec)
        return await self._show(lane)

    async def patch(self, principal: Principal, id_: str, changes: Mapping[str, Json]) -> Shown:
        """Set what is given (RFC 7396: null gives the default back); see ``replace``.

        Raises:
            GatewayError: as ``create``; NOT_FOUND.
        """
        lane = self._lane(principal, id_)
        return await self.replace(principal, id_, {**as_spec(lane.webhook), **changes})

    async def remove(self, principal: Principal, id_: str) -> None:
        """Forget a webhook and what became of its deliveries.

        Raises:
            GatewayError: NOT_FOUND; UNAVAILABLE, the disk does not take it.
        """
        lane = self._lane(principal, id_)
        with disk():
            await self._works.outbox.remove(id_)
        found = self._lanes.pop(id_, None)
        if found is not None:
            found[1].cancel()
            lane.gone()
        log.info("webhook removed", webhook=id_, by=principal.subject)

    async def rotate_secret(self, principal: Principal, id_: str, secret: str | None = None) -> Registered:
        """Sign with a new secret; those before sign too, each for a day (D-142). It is given back this once.

        Args:
            principal: who asks.
            id_: of the webhook.
            secret: the new one; None: one is made.

        Raises:
            GatewayError: NOT_FOUND; INVALID; CONFLICT, too many would sign; UNAVAILABLE, the disk does not take it.
        """
        lane = self._lane(principal, id_)
        fresh = new_secret() if secret is None else parse_secret(secret)
        now = self._works.wall()
        with disk():
            await lane.put(lambda webhook: replace(webhook, keys=rotated(webhook.keys, fresh, now), updated=now))
        log.info("secret of a webhook changed", webhook=id_, by=principal.subject)
        return Registered(await self._show(lane), fresh.shown_once)

    async def pause(self, principal: Principal, id_: str) -> Shown:
        """Deliver nothing for a while; the log keeps what happens meanwhile, for as long as it does.

        Raises:
            GatewayError: NOT_FOUND; UNAVAILABLE, the disk does not take it.
        """
        lane = self._lane(principal, id_)
        with disk():
            await lane.put(partial(paused, now=self._works.wall()))
        return await self._show(lane)

    async def resume(self, principal: Principal, id_: str) -> Shown:
        """Go on where it was, whether somebody paused it or the gateway gave up; what waits is due at once.

        Where its owner no longer counts, who resumes it becomes its owner.

        Raises:
            GatewayError: NOT_FOUND; UNAVAILABLE, the disk does not take it; as ``create``, where it gets another owner.
        """
        lane = self._lane(principal, id_)
        webhook, owners = lane.webhook, self._works.owners
        change = partial(resumed, now=self._works.wall())
        if owners.barred(webhook.owner, webhook.mark) is not None:
            await self._check(principal, webhook.spec)
            change = partial(taken_over, by=principal, mark=owners.mark(principal), now=self._works.wall())
        with disk():
            await lane.put(change)
        lane.begin_again()
        return await self._show(lane)

    async def test(self, principal: Principal, id_: str) -> Tested:
        """Send ``webhook:test`` to this one webhook, whatever its state, and say what came of it.

        Raises:
            GatewayError: NOT_FOUND; TOO_MANY, a test is under way.
        """
        webhook, works = self._lane(principal, id_).webhook, self._works
        if id_ in self._testing:
            raise GatewayError(Code.TOO_MANY, "a test of this webhook is under way: wait for it")
        self._testing.add(id_)
        try:
            async with works.hosts.turn(webhook.destination.host):
                wall, begun = works.wall(), trio.current_time()
                data = {"webhook_id": id_, "requested_by": principal.subject}
                event = Event(uuid7(wall), self._gateway, 0, "webhook:test", wall, self._clock(), data)
                parcel = pack(event, id_, webhook.keys.at(wall), attempt=1, sent=wall, format_=webhook.spec.format)
                sent = await works.send(webhook.destination, parcel, 0, works.settings().answer_time)
                if sent.delivered:
                    works.hosts.tell(webhook.destination.host, webhook.destination.port, None)
                return tested(event.id, sent, trio.current_time() - begun)
        finally:
            self._testing.discard(id_)

    def _begin(self, nursery: trio.Nursery, lane: Lane) -> None:
        scope = trio.CancelScope()
        self._lanes[lane.webhook.id] = lane, scope
        nursery.start_soon(self._deliver, lane, scope)

    async def _deliver(self, lane: Lane, scope: trio.CancelScope) -> None:
        name = f"webhook:{lane.webhook.id}"

        def parked(fault: Exception) -> None:
            self._works.alerts.fire(
                name, "fault", Severity.CRITICAL, f"{name} fell again and again: {type(fault).__name__}. See the log"
            )

        with scope:
            await supervise(name, lane.run, on_park=parked)

    def _running(self) -> trio.Nursery:
        if self._nursery is None:
            raise unavailable("webhooks are not read from the disk yet")
        return self._nursery

    def _lane(self, principal: Principal, id_: str) -> Lane:
        self._running()
        found = self._lanes.get(id_)
        # Whether there is one that belongs to another is not the caller's business.
        if found is None or not _may_see(principal, found[0].webhook):
            raise GatewayError(Code.NOT_FOUND, "there is no such webhook", field="id")
        return found[0]

    async def _check(self, principal: Principal, spec: Spec) -> None:
        check_types(spec)
        for index, pattern in enumerate(spec.selection.patterns):
            if not may_subscribe(principal, pattern):
                needed = sorted(scopes_for(pattern))
                raise GatewayError(
                    Code.FORBIDDEN,
                    f"a webhook brings what its owner may see, and your token lacks {' or '.join(needed)}",
                    field=f"events[{index}]",
                    details={"requiredScope": needed[0]},
                )
        try:
            with trio.move_on_after(self._works.settings().answer_time):
                await self._egress.find(spec.destination)
        except EgressRefusedError as error:
            raise GatewayError(Code.FORBIDDEN, str(error), field="url") from None
        except NotResolvedError:
            # It may have an address later; it is looked at again for each connection.
            log.info("a webhook's host has no address now", host=spec.destination.host)

    async def _put(self, lane: Lane, principal: Principal, spec: Spec) -> None:
        now, mark = self._works.wall(), self._works.owners.mark(principal)
        change = partial(edited, spec=spec, by=principal, mark=mark, now=now)
        was = lane.active
        with disk():
            await lane.put(change)
        if lane.active and not was:
            lane.begin_again()

    async def _show(self, lane: Lane) -> Shown:
        (row,) = await self._show_all([lane])
        return row

    async def _show_all(self, lanes: Sequence[Lane]) -> Sequence[Shown]:
        counts = await self._counts()
        newest, now = self._works.log.last, self._works.wall()
        return [
            shown(
                replace(lane.webhook, failing=lane.failing_for),
                lane.read,
                newest,
                None if counts is None else counts.get(lane.webhook.id, {}),
                now,
            )
            for lane in lanes
        ]

    async def _counts(self) -> Mapping[str, Mapping[DeliveryStatus, int]] | None:
        """Deliveries by webhook and status; None where that cannot be known now."""
        try:
            return await count_now(self._works.outbox, {id_: lane.window for id_, (lane, _) in self._lanes.items()})
        except NotKept:
            return None

    def _answered(self, host: str, port: int, by: str | None) -> None:
        for lane, _ in self._lanes.values():
            webhook = lane.webhook
            if webhook.id != by and (webhook.destination.host, webhook.destination.port) == (host, port):
                lane.receiver_takes()

    def _dropped(self, events: Sequence[Event]) -> None:
        for lane, _ in self._lanes.values():
            lane.note_dropped(events)


def _may_see(principal: Principal, webhook: Webhook) -> bool:
    # Whoever may do everything is an operator too, whatever token says so (D-057).
    return principal.kind is Kind.OPERATOR or "*" in principal.scopes or principal.subject == webhook.owner.subject
