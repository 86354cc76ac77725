"""A webhook: what somebody wants, where it is sent, and how it stands; and the document it is kept as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from gateway.core.errors import GatewayError
from gateway.core.events import Event
from gateway.core.patterns import Selection
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal
from gateway.core.sealing import Seal, SealError
from gateway.webhooks.destination import Destination
from gateway.webhooks.signing import Secret, new_secret
from gateway.webhooks.spec import Spec, read_spec

_OWN = "webhook:"
# Of what the owner decides, what is kept as it was written; the secret and the state have places of their own.
SPEC_MEMBERS = ("url", "events", "filter", "description", "format", "ordered", "retry_policy")


class State(StrEnum):
    """Whether it gets anything."""

    ACTIVE = "active"
    # Somebody said so; it goes on where it was.
    PAUSED = "paused"
    # The gateway gave up; somebody has to see to it.
    DISABLED = "disabled"


class Reason(StrEnum):
    """Why a webhook is disabled."""

    GONE = "gone"
    FAILING = "failing"
    FORBIDDEN = "forbidden"
    # The root key is another one than that its secret was sealed with.
    RESEALED = "secret"
    # Nothing may be received in the name of its owner any more.
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A secret that was replaced.

    Attributes:
        secret: the secret.
        until: Unix seconds; it signs too until then (D-142).
    """

    secret: Secret
    until: float


@dataclass(frozen=True, slots=True)
class Keys:
    """What it signs with.

    Attributes:
        current: the secret.
        earlier: those before it, the newest first.
    """

    current: Secret
    earlier: tuple[Earlier, ...] = ()

    def standing(self, wall: float) -> tuple[Earlier, ...]:
        """Those of the earlier ones that still sign."""
        return tuple(one for one in self.earlier if wall < one.until)

    def at(self, wall: float) -> tuple[Secret, ...]:
        """Those that sign now, the newest first."""
        return (self.current, *(one.secret for one in self.standing(wall)))


@dataclass(frozen=True, slots=True)
class Replay:
    """Events of some time that are delivered again.

    Attributes:
        start, end: Unix seconds.
        after: number of the last one that needs no further look.
        until: number of the last one that is meant.
    """

    start: float
    end: float
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook.

    Attributes:
        id: of the webhook.
        spec: what its owner asked for.
        owner: what it may receive is what the owner may (D-149); who changed it last.
        keys: what it signs with.
        state: whether it gets anything.
        reason: why it is disabled.
        created, updated: Unix seconds.
        failing: seconds without a success since the first failure, when this was kept; 0 where the last one succeeded.
        lost: events that left the log before they could be delivered.
        replay: what is delivered again; None where nothing is.
        mark: by which it is known whether its owner was revoked since (``core.ports.Owners``).
    """

    id: str
    spec: Spec
    owner: Principal
    keys: Keys
    state: State
    reason: Reason | None
    created: float
    updated: float
    failing: float = 0.0
    lost: int = 0
    replay: Replay | None = None
    mark: int = 0

    @property
    def destination(self) -> Destination:
        """Where to."""
        return self.spec.destination

    @property
    def selection(self) -> Selection:
        """Which events."""
        return self.spec.selection

    def takes(self, event: Event) -> bool:
        """Whether it asked for an event. It is never told of itself: a failure would make the next one."""
        if event.type.startswith(_OWN) and event.data.get("webhook_id") == self.id:
            return False
        return self.selection.takes(event)


def to_document(webhook: Webhook, seal: Seal) -> dict[str, Json]:
    """As it is kept; the secrets in it are sealed."""
    spec, owner, keys = webhook.spec, webhook.owner, webhook.keys
    return {
        "url": spec.url,
        "events": list(spec.events),
        "filter": dict(spec.filter),
        "description": spec.description,
        "format": spec.format,
        "ordered": spec.ordered,
        "retry_policy": None if spec.retry_policy is None else msgspec.to_builtins(spec.retry_policy),
        "owner": {
            "subject": owner.subject,
            "scopes": sorted(owner.scopes),
            "kind": owner.kind.value,
            "token_id": owner.token_id,
            "expires": owner.expires,
            "client_id": owner.client_id,
            "name": owner.name,
            "mark": webhook.mark,
        },
        "secret": seal.close(keys.current.text, f"{webhook.id}/secret"),
        "earlier": [
            {"secret": seal.close(one.secret.text, f"{webhook.id}/previous"), "until": one.until}
            for one in keys.earlier
        ],
        "state": webhook.state.value,
        "reason": webhook.reason,
        "created": webhook.created,
        "updated": webhook.updated,
        "failing": webhook.failing,
        "lost": webhook.lost,
        "replay": None if webhook.replay is None else msgspec.to_builtins(webhook.replay),
    }


class _Owner(msgspec.Struct):
    subject: str
    scopes: frozenset[str]
    kind: Kind
    token_id: str
    expires: int
    client_id: str | None = None
    mark: int = 0
    # Earlier versions kept none.
    name: str | None = None


class _Earlier(msgspec.Struct):
    secret: str
    until: float


class _Document(msgspec.Struct, kw_only=True):
    owner: _Owner
    secret: str
    earlier: list[_Earlier] = []
    # Earlier versions kept no more than one.
    previous: str | None = None
    previous_until: float = 0.0
    state: State
    reason: Reason | None
    created: float
    updated: float
    failing: float
    lost: int
    replay: Replay | None


def from_document(id_: str, document: Mapping[str, Json], seal: Seal) -> Webhook:
    """As it was kept. One whose secret cannot be opened any more is disabled: the root key is another one.

    Raises:
        ValueError: this is no such document.
    """
    try:
        kept = msgspec.convert(document, _Document)
        spec = read_spec({name: document[name] for name in SPEC_MEMBERS})
    except (msgspec.ValidationError, KeyError, GatewayError) as error:
        raise ValueError(f"damaged: {error}") from None
    owner = kept.owner
    principal = Principal(
        owner.subject,
        owner.scopes,
        owner.kind,
        owner.token_id,
        expires=owner.expires,
        client_id=owner.client_id,
        name=owner.name,
    )
    state, reason = kept.state, kept.reason
    try:
        sealed = kept.earlier or ([_Earlier(kept.previous, kept.previous_until)] if kept.previous else [])
        earlier = tuple(Earlier(Secret(seal.open(one.secret, f"{id_}/previous")), one.until) for one in sealed)
        keys = Keys(Secret(seal.open(kept.secret, f"{id_}/secret")), earlier)
    except SealError:
        keys, state, reason = Keys(new_secret()), State.DISABLED, Reason.RESEALED
    return Webhook(
        id_,
        replace(spec, active=state is State.ACTIVE),
        principal,
        keys,
        state,
        reason,
        kept.created,
        kept.updated,
        kept.failing,
        kept.lost,
        kept.replay,
        owner.mark,
    )
