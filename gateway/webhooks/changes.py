"""How a webhook changes when somebody orders it."""

from __future__ import annotations

import math
from dataclasses import replace

from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Principal
from gateway.webhooks.signing import Secret
from gateway.webhooks.spec import Spec
from gateway.webhooks.webhook import Earlier, Keys, State, Webhook

# Seconds both secrets sign after a rotation (D-142).
OVERLAP_S = 86400.0


# Earlier secrets that may sign beside the current one; a header of any length nobody takes.
MOST_EARLIER = 3


def rotated(keys: Keys, fresh: Secret, now: float) -> Keys:
    """Sign with another secret; those before sign too, each for a day since it was replaced.

    Raises:
        GatewayError: CONFLICT, too many would sign; which of them a receiver has is not known here.
    """
    if fresh == keys.current:
        return keys
    earlier = tuple(one for one in keys.standing(now) if one.secret != fresh)
    if len(earlier) >= MOST_EARLIER:
        end = min(one.until for one in earlier)
        raise GatewayError(
            Code.CONFLICT,
            f"{MOST_EARLIER} earlier secrets of this webhook still sign beside the current one, the first until "
            f"{rfc3339.text(end)}: give the receiver the newest one, or rotate again then",
            details={"retryAfter": math.ceil(end - now)},
        )
    return Keys(fresh, (Earlier(keys.current, now + OVERLAP_S), *earlier))


def paused(webhook: Webhook, *, now: float) -> Webhook:
    """Deliver nothing; one that the gateway gave up stays so."""
    spec = replace(webhook.spec, active=False)
    state = State.DISABLED if webhook.state is State.DISABLED else State.PAUSED
    return replace(webhook, spec=spec, state=state, updated=now)


def resumed(webhook: Webhook, *, now: float) -> Webhook:
    """Deliver again."""
    return replace(webhook, spec=replace(webhook.spec, active=True), state=State.ACTIVE, reason=None, updated=now)


def taken_over(webhook: Webhook, *, by: Principal, mark: int, now: float) -> Webhook:
    """Deliver again, in the name of another."""
    return resumed(replace(webhook, owner=by, mark=mark), now=now)


def edited(webhook: Webhook, *, spec: Spec, by: Principal, mark: int, now: float) -> Webhook:
    """Be what a caller sets, in the caller's name; the secret stays where none is given."""
    keys = webhook.keys if spec.secret is None else rotated(webhook.keys, spec.secret, now)
    changed = replace(webhook, spec=replace(spec, secret=None), owner=by, mark=mark, keys=keys, updated=now)
    return resumed(changed, now=now) if spec.active else paused(changed, now=now)
