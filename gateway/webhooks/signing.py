"""What is sent for an event, and how the receiver can prove that it came from here (ruling 6, D-138, D-140 to D-143).

The same secret signs in four ways, because receivers exist for each: Standard Webhooks (the one to verify), the header
GitHub made usual, the reference's member ``signature`` within the body, and CloudEvents attributes beside them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

import rfc8785

from gateway.core import rfc3339
from gateway.core.errors import invalid
from gateway.core.events import Event

Format = Literal["seed", "cloudevents"]

# Bytes of a body; more is no notice any more (D-148).
LARGEST_BODY = 64 * 1024
_PREFIX = "whsec_"
_GENERATED = 32
# Characters of a secret somebody chose.
SHORTEST_SECRET, LONGEST_SECRET = 16, 256
# Of a key in its base64 form (Standard Webhooks).
_KEY_SHORTEST, _KEY_LONGEST = 24, 64
_PRINTABLE = re.compile(r"[ -~]+", re.ASCII)
_EXACT = 2**53 - 1


class TooLargeError(Exception):
    """The event makes a body no receiver is expected to take."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What a webhook's deliveries are signed with. It is in no text made of it.

    Attributes:
        text: as it was given, or made.
    """

    text: str

    def __repr__(self) -> str:
        return "Secret(***)"

    @property
    def key(self) -> bytes:
        """The key of Standard Webhooks: what follows ``whsec_`` decoded, any other text as it stands (D-141)."""
        if self.text.startswith(_PREFIX):
            return base64.b64decode(self.text.removeprefix(_PREFIX))
        return self.text.encode()

    @property
    def shown_once(self) -> str:
        """In the form libraries for Standard Webhooks take."""
        return _PREFIX + base64.b64encode(self.key).decode()


def new_secret() -> Secret:
    """A secret of 32 random bytes."""
    return Secret(_PREFIX + base64.b64encode(secrets.token_bytes(_GENERATED)).decode())


def parse_secret(text: str, place: str = "secret") -> Secret:
    """Take a secret somebody chose; the error does not repeat it.

    Raises:
        GatewayError: INVALID, too short, too long, or no base64 after ``whsec_``.
    """
    if not _PRINTABLE.fullmatch(text) or len(text) > LONGEST_SECRET:
        raise invalid(place, f"a secret is printable ASCII, at most {LONGEST_SECRET} characters")
    if text.startswith(_PREFIX):
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise invalid(place, f"what follows {_PREFIX} is no base64") from None
        if not _KEY_SHORTEST <= len(key) <= _KEY_LONGEST:
            raise invalid(place, f"what follows {_PREFIX} is {_KEY_SHORTEST} to {_KEY_LONGEST} bytes in base64")
    elif len(text) < SHORTEST_SECRET:
        raise invalid(place, f"a secret has at least {SHORTEST_SECRET} characters; leave it out, and one is made")
    return Secret(text)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One attempt as it goes over the wire.

    Attributes:
        headers: without those of the connection.
        body: exactly what was signed.
    """

    headers: tuple[tuple[str, str], ...]
    body: bytes


def pack(
    event: Event,
    webhook: str,
    keys: Sequence[Secret],
    *,
    attempt: int,
    sent: float,
    format_: Format = "seed",
) -> Parcel:
    """Make the body and the headers of one attempt.

    Args:
        event: to be delivered.
        webhook: id of the webhook.
        keys: the webhook's secret, then the one before it while that counts too (D-142).
        attempt: counts from 1.
        sent: Unix seconds of this attempt.
        format_: the body of the reference, or a CloudEvent (structured mode).

    Raises:
        TooLargeError: more than 64 KiB.
    """
    newest = keys[0]
    if format_ == "seed":
        body = _seed_body(event, webhook, newest, attempt=attempt, sent=sent)
        described = _ce_headers(event)
        media = "application/json"
    else:
        body = _cloud_event(event)
        described = ()
        media = "application/cloudevents+json"
    if len(body) > LARGEST_BODY:
        raise TooLargeError(f"the event takes {len(body)} bytes, and {LARGEST_BODY} are the most that is sent")
    moment = str(int(sent))
    signed = f"{event.id}.{moment}.".encode() + body
    signatures = " ".join(
        "v1," + base64.b64encode(hmac.digest(secret.key, signed, "sha256")).decode() for secret in keys
    )
    return Parcel(
        (
            ("content-type", media),
            ("webhook-id", event.id),
            ("webhook-timestamp", moment),
            ("webhook-signature", signatures),
            ("x-hub-signature-256", "sha256=" + hmac.digest(newest.text.encode(), body, "sha256").hex()),
            *described,
        ),
        body,
    )


def _seed_body(event: Event, webhook: str, secret: Secret, *, attempt: int, sent: float) -> bytes:
    members: dict[str, object] = {
        "attempt": attempt,
        "clock": event.clock,
        "data": event.data,
        "delivered_at": rfc3339.text(sent)[:19] + "Z",
        "event_id": event.id,
        "event_type": event.type,
        "gateway": event.gateway,
        "timestamp": rfc3339.text(event.time)[:19] + "Z",
        "webhook_id": webhook,
    }
    if event.sequence:
        members["seq"] = event.sequence
    if event.routing_key is not None:
        members["routing_key"] = event.routing_key
    body = _canonical(members)
    proof = hmac.new(secret.key, body, hashlib.sha256).hexdigest()
    # In RFC 8785 form the signature comes right before these two, the last ones; so nothing is spelt twice.
    tail = _canonical({"timestamp": members["timestamp"], "webhook_id": webhook})[1:]
    return body[: -len(tail)] + f'"signature":"sha256={proof}",'.encode() + tail


def _cloud_event(event: Event) -> bytes:
    members: dict[str, object] = {
        "specversion": "1.0",
        "id": event.id,
        "source": source_of(event),
        "type": event.type,
        "time": rfc3339.text(event.time),
        "datacontenttype": "application/json",
        "clock": event.clock,
        "data": event.data,
    }
    if event.sequence:
        # An Integer attribute has 32 bits; the extension "sequence" is a String.
        members["sequence"] = str(event.sequence)
    if event.routing_key is not None:
        members["routingkey"] = event.routing_key
    return _canonical(members)


def source_of(event: Event) -> str:
    """The gateway as CloudEvents name it: a relative URI reference."""
    return f"/gateways/{quote(event.gateway)}"


def _ce_headers(event: Event) -> tuple[tuple[str, str], ...]:
    return (
        ("ce-specversion", "1.0"),
        ("ce-id", event.id),
        ("ce-source", source_of(event)),
        ("ce-type", quote(event.type, safe=":._-*")),
        ("ce-time", rfc3339.text(event.time)),
    )


def _canonical(members: dict[str, object]) -> bytes:
    try:
        return rfc8785.dumps(members)  # type: ignore[arg-type] # what is not JSON is made so below
    except (ValueError, TypeError):
        return rfc8785.dumps(_plain(members))  # type: ignore[arg-type] # it is JSON now


def _plain(value: object) -> object:
    """As every reader has it: whole numbers beyond 2**53-1 as text, what is no number as null."""
    match value:
        case bool() | None:
            return value
        case str():
            return str(value).encode("utf-8", "replace").decode()
        case int():
            return value if abs(value) <= _EXACT else str(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(_plain(str(key))): _plain(member) for key, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case _:
            return str(value)
