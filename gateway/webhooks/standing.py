"""How a webhook does: whether it fails, for how long, what it lost, and who is told of that (rulings 19, D-146)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import trio

from gateway.core.alerts import Severity
from gateway.core.eventlog import Delivery
from gateway.webhooks.course import Course
from gateway.webhooks.sender import Sent
from gateway.webhooks.webhook import Reason, State
from gateway.webhooks.window import Waiting
from gateway.webhooks.works import Works

# Seconds without one success after which nothing is tried any more.
PATIENCE_S = 3 * 86400.0
# Seconds between two notes of how long it has been failing.
NOTE_S = 3600.0
# Deliveries that one success brings forward: each that arrives brings as many more, so a receiver that has just come
# back is met by few at first.
FORWARD = 2
# Seconds between two that are brought forward because the receiver takes what other webhooks bring.
NUDGE_S = 30.0
# Seconds between two looks whether it is back, while nothing new can be tried.
PROBE_S = 300.0
# Events about webhooks; when they fail, nothing more is said of it, or it would never end.
_OWN = "webhook:"
_CURE = "Mend it, then resume the webhook: what the log still has is delivered then"
_CURE_OF_REVOKED = (
    "Look where it goes and rotate its secret, then resume or remove it: who resumes it becomes its owner, and what "
    "the log still has is delivered then"
)


class Standing:
    """How one webhook does.

    Args:
        course: its delivery.
        works: what all share.
    """

    def __init__(self, course: Course, works: Works) -> None:
        self._course = course
        self._works = works
        # By the run loop's clock: the wall clock may be set by years.
        self._failing_since: float | None = None
        if course.webhook.failing:
            self._failing_since = trio.current_time() - course.webhook.failing
        self._noted_at = -math.inf
        self._unreached_since: float | None = None
        self._refused = False
        self._probed_at = self._nudged_at = -math.inf
        # Whether some may wait that were never looked at by the receiver.
        self._behind = True
        self._losing = False
        self._at_end = False

    @property
    def _component(self) -> str:
        return f"webhook:{self._course.webhook.id}"

    def failing_for(self) -> float:
        """Seconds without a success since the first failure; 0 where the last one succeeded."""
        return 0.0 if self._failing_since is None else trio.current_time() - self._failing_since

    def wake_at(self) -> float:
        """When to call ``look`` at the latest."""
        return math.inf if self._failing_since is None else max(self._noted_at, self._failing_since) + NOTE_S

    def look(self) -> None:
        """Note from time to time for how long it has been failing: the process may end."""
        if trio.current_time() >= self.wake_at():
            self._noted_at = trio.current_time()
            failing = self.failing_for()
            self._course.change(lambda webhook: replace(webhook, failing=failing))

    def succeeded(self) -> None:
        """Something was delivered."""
        now = trio.current_time()
        self._losing = self._losing and not self._at_end
        if self._behind:
            self._bring_forward(now)
        self._unreached_since = None
        if self._failing_since is not None:
            self._failing_since = None
            self.resolve("deliveries arrive again")
            if self._course.webhook.failing:
                self._course.change(lambda webhook: replace(webhook, failing=0.0))

    def _bring_forward(self, now: float) -> None:
        """It takes deliveries: what failed only on the way there need not wait for its turn, once between two turns.

        That is tried beside the schedule (ruling 19), which goes on as it was where it fails again.
        """
        resting = list(self._course.window.resting(now))
        self._behind = bool(resting)
        for waiting in [waiting for waiting in resting if not waiting.hurried][:FORWARD]:
            waiting.hurried = True
            self._try_now(waiting, now)

    def receiver_takes(self) -> bool:
        """Something of another webhook arrived at the same receiver. Returns whether one is to be tried now."""
        now = trio.current_time()
        if not self._behind or now < self._nudged_at + NUDGE_S:
            return False
        resting = (waiting for waiting in self._course.window.resting(now) if not waiting.nudged)
        waiting = next(resting, None)
        if waiting is None:
            return False
        self._nudged_at, waiting.nudged = now, True
        self._try_now(waiting, now)
        return True

    def _try_now(self, waiting: Waiting, now: float) -> None:
        if waiting.rests_until is None:
            waiting.rests_until = waiting.due
        self._course.window.hurry(waiting, now)

    def failed(self, sent: Sent) -> None:
        """An attempt failed."""
        now = trio.current_time()
        self._behind = self._behind or sent.unreached
        self._failing_since = now if self._failing_since is None else self._failing_since
        self._refused = sent.refused
        if not sent.unreached:
            self._unreached_since = None
        elif self._unreached_since is None:
            self._unreached_since = now
        if now - self._failing_since >= PATIENCE_S:
            reason = Reason.FORBIDDEN if sent.refused else Reason.FAILING
            self.disable(reason, f"nothing arrived for three days. Last: {_words(sent)}")

    def probe(self) -> None:
        """Look whether the receiver is back, where no new event can be tried: all that is at hand waits for its turn.

        Else an outage would last as long as the longest pause: new events try the receiver at once as a rule.
        """
        now = trio.current_time()
        if self._unreached_since is None or now < max(self._probed_at, self._unreached_since) + PROBE_S:
            return
        self._probed_at = now
        waiting = next(self._course.window.resting(now), None)
        if waiting is not None:
            self._try_now(waiting, now)

    def probe_at(self) -> float:
        """When to call ``probe``, where no new event can be tried."""
        if self._unreached_since is None:
            return math.inf
        return max(self._probed_at, self._unreached_since) + PROBE_S

    def died(self, delivery: Delivery, sent: Sent) -> None:
        """All attempts of a delivery failed."""
        webhook = self._course.webhook
        self._works.alerts.fire(
            self._component,
            "delivery",
            Severity.WARNING,
            f"webhook {webhook.id} to {webhook.destination.host}: events are not delivered. Last: {_words(sent)}. "
            "Mend the receiver, then deliver them again",
            value=delivery.attempts,
        )
        if delivery.event_type.startswith(_OWN):
            return
        self._works.announce(
            "webhook:delivery_failed",
            {
                "webhook_id": webhook.id,
                "delivery_id": delivery.id,
                "event_id": delivery.event_id,
                "event_type": delivery.event_type,
                "sequence": delivery.sequence,
                "attempts": delivery.attempts,
                "status": sent.status,
                "error": _words(sent),
            },
        )

    def bar(self, why: str) -> None:
        """Deliver nothing in the name of its owner any more."""
        self.disable(Reason.REVOKED, why, _CURE_OF_REVOKED)

    def disable(self, reason: Reason, why: str, cure: str = _CURE) -> None:
        """Deliver nothing any more until somebody sees to it."""
        if self._course.webhook.state is State.DISABLED:
            return
        message = f"{why}. {cure}"
        failing = self.failing_for()
        self._course.change(lambda webhook: replace(webhook, state=State.DISABLED, reason=reason, failing=failing))
        webhook = self._course.webhook
        self._works.alerts.fire(
            self._component,
            "delivery",
            Severity.CRITICAL,
            f"webhook {webhook.id} to {webhook.destination.host} is disabled: {message}",
        )
        self._works.announce("webhook:disabled", {"webhook_id": webhook.id, "reason": str(reason), "message": message})

    def begin_again(self) -> None:
        """Somebody saw to it: three days count from now."""
        self._failing_since = None
        self._unreached_since = None
        self.resolve("somebody saw to it")
        if self._course.webhook.failing:
            self._course.change(lambda webhook: replace(webhook, failing=0.0))

    def resolve(self, words: str) -> None:
        """Nothing has to be seen to any more."""
        self._works.alerts.resolve(self._component, "delivery", f"webhook {self._course.webhook.id}: {words}")

    def lose(self, sequences: Sequence[int]) -> None:
        """Events left the log before they were delivered; told of once in a stretch."""
        if not sequences:
            return
        count = len(sequences)
        self._at_end = False
        self._course.change(lambda webhook: replace(webhook, lost=webhook.lost + count), soon=False)
        if self._losing:
            return
        self._losing = True
        self._works.announce(
            "webhook:overflow",
            {
                "webhook_id": self._course.webhook.id,
                "dropped": count,
                "first": min(sequences),
                "last": max(sequences),
            },
        )

    def caught_up(self) -> None:
        """It has come to the end of the log: once something arrives, what is lost later is another story."""
        self._at_end = True


def _words(sent: Sent) -> str:
    if sent.error is not None:
        return sent.error
    return f"answered {sent.status}"


def unprobed(waiting: Waiting) -> float | None:
    """When one that was only tried to see whether the receiver is back would have been due; None for all others."""
    until, waiting.rests_until = waiting.rests_until, None
    return until
