"""One attempt to deliver, from the event to what becomes of it."""

from __future__ import annotations

import math
from dataclasses import replace

import trio

from gateway.core.catalogue import key_of
from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, NotKept
from gateway.core.events import Event
from gateway.core.weight import weight
from gateway.webhooks.course import Course
from gateway.webhooks.schedule import asked_for, jittered, pause_after
from gateway.webhooks.sender import Sent
from gateway.webhooks.signing import Parcel, TooLargeError, pack
from gateway.webhooks.standing import Standing, unprobed
from gateway.webhooks.webhook import Reason
from gateway.webhooks.window import Waiting
from gateway.webhooks.works import Works

# Seconds until an event is looked for again that the disk does not give now.
_RETRY_S = 5.0
# Bytes of memory of an event that is held until its first attempt.
_HELD = 4096
# A receiver that takes longer leaves a turn to others on its host.
_SLOW_S = 2.0
# Characters of an answer that are kept: of what went wrong more than of what went well.
_KEPT_OF_FAILURE, _KEPT_OF_SUCCESS = 1024, 128
_KEPT_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_GONE = 410


class Attempts:
    """Makes attempts for one webhook.

    Args:
        course: its delivery.
        standing: how it does.
        works: what all share.

    Attributes:
        delivered: how many succeeded.
        failed: how many did not.
    """

    def __init__(self, course: Course, standing: Standing, works: Works) -> None:
        self.delivered = self.failed = 0
        self._course = course
        self._standing = standing
        self._works = works
        self._slow = False

    def begin(self, event: Event, *, redelivery: bool = False) -> Waiting:
        """A delivery of an event, due now."""
        ordered = self._course.webhook.spec.ordered and not redelivery
        delivery = Delivery(
            id=self._works.name(),
            webhook=self._course.webhook.id,
            sequence=event.sequence,
            event_id=event.id,
            event_type=event.type,
            status=DeliveryStatus.WAITING,
            attempts=0,
            created=self._works.wall(),
            next_at=self._works.wall(),
            key=key_of(event) if ordered else None,
            redelivery=redelivery,
        )
        # A large one is read again when its turn comes: a receiver that is away must not fill the memory.
        return Waiting(delivery, trio.current_time(), event if weight(event.data) <= _HELD else None)

    async def make(self, waiting: Waiting) -> None:
        """Make an attempt, once it is this host's turn, and say what becomes of the delivery."""
        course, works = self._course, self._works
        window = course.window
        async with works.hosts.turn(course.webhook.destination.host, slow=self._slow):
            webhook, delivery = course.webhook, waiting.delivery
            if not course.active:
                window.give_back(waiting, waiting.due)
                return
            try:
                event = waiting.event or await works.log.find(delivery.sequence)
            except NotKept:
                window.give_back(waiting, trio.current_time() + _RETRY_S)
                return
            if event is None:
                self._standing.lose([delivery.sequence])
            if event is None or not course.wants(event):
                self._end(waiting, DeliveryStatus.CANCELLED, delivery.attempts, None)
                return
            sent_at, begun = works.wall(), trio.current_time()
            number = delivery.attempts + 1
            try:
                parcel = pack(
                    event,
                    webhook.id,
                    webhook.keys.at(sent_at),
                    attempt=number,
                    sent=sent_at,
                    format_=webhook.spec.format,
                )
            except (TooLargeError, RecursionError) as error:
                words = str(error) if isinstance(error, TooLargeError) else "the event is nested too deep"
                sent = Sent(None, None, error=words)
                attempt = self._noted(delivery, None, sent, number=number, sent_at=sent_at, begun=begun)
                self._end(waiting, DeliveryStatus.DEAD, number, attempt)
                self._standing.died(waiting.delivery, sent)
                return
            within = works.settings().answer_time
            sent = await works.send(webhook.destination, parcel, delivery.attempts, within)
            self._slow = trio.current_time() - begun > _SLOW_S
        attempt = self._noted(delivery, parcel, sent, number=number, sent_at=sent_at, begun=begun)
        if sent.delivered:
            self.delivered += 1
            unprobed(waiting)
            self._end(waiting, DeliveryStatus.DELIVERED, number, attempt)
            self._standing.succeeded()
            works.hosts.tell(webhook.destination.host, webhook.destination.port, webhook.id)
        else:
            self._failed(waiting, sent, attempt)

    def _failed(self, waiting: Waiting, sent: Sent, attempt: Attempt) -> None:
        works, webhook = self._works, self._course.webhook
        self.failed += 1
        waiting.unreached = sent.unreached
        asked = asked_for(sent.status or 0, sent.headers, works.wall())
        waiting.not_before = trio.current_time() + asked
        until = unprobed(waiting)
        if until is not None and sent.unreached:
            # Its turn has not come: this only showed that the receiver is still away.
            self._course.window.give_back(waiting, max(until, waiting.not_before))
            self._standing.failed(sent)
            return
        waiting.hurried = waiting.nudged = False
        pause = pause_after(webhook.spec.retry_policy, attempt.number)
        if sent.status == _GONE:
            pause = None
        if pause is None:
            self._end(waiting, DeliveryStatus.DEAD, attempt.number, attempt)
            self._standing.died(waiting.delivery, sent)
        else:
            wait = max(jittered(pause, works.chance()), asked)
            # By the one reading of the clock that the attempt has: it may have been set meanwhile.
            next_at = attempt.at + attempt.seconds + wait
            delivery = replace(waiting.delivery, attempts=attempt.number, next_at=next_at)
            self._course.window.settle(waiting, delivery, trio.current_time() + wait, attempt)
        if sent.status == _GONE:
            self._standing.disable(Reason.GONE, "the receiver says it is gone for good (410)")
        else:
            self._standing.failed(sent)

    def _end(self, waiting: Waiting, status: DeliveryStatus, attempts: int, attempt: Attempt | None) -> None:
        delivery = replace(
            waiting.delivery, status=status, attempts=attempts, next_at=None, finished=self._works.wall()
        )
        self._course.window.settle(waiting, delivery, math.inf, attempt)

    def _noted(
        self, delivery: Delivery, parcel: Parcel | None, sent: Sent, *, number: int, sent_at: float, begun: float
    ) -> Attempt:
        kept = _KEPT_OF_SUCCESS if sent.delivered else _KEPT_OF_FAILURE
        error = sent.error
        if error is None and not sent.delivered:
            redirect = " (redirects are not followed)" if 300 <= (sent.status or 0) < 400 else ""
            error = f"answered {sent.status}{redirect}"
        return Attempt(
            delivery=delivery.id,
            number=number,
            at=sent_at,
            seconds=round(trio.current_time() - begun, 6),
            address=sent.address,
            request=dict(header for header in (parcel.headers if parcel else ()) if header[0] in _KEPT_HEADERS),
            status=sent.status,
            answer=sent.body.decode("utf-8", "replace")[:kept],
            error=error,
        )
