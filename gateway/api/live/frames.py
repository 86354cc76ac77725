"""What clients may say, and what they are told: JSON texts, one in each WebSocket message (D-130).

Nothing here does I/O. What goes out is made as the WebSocket frame it goes in, so that one is made for all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.core import rfc3339
from gateway.core.errors import GatewayError, invalid
from gateway.core.events import Event
from gateway.core.patterns import MOST_PATTERNS

# RFC 6455, 5.2: the last frame of a text, unmasked.
_TEXT = 0x81
_SHORT, _MEDIUM = 126, 1 << 16
# RFC 6455, 5.5: what a close frame carries beside its code.
LONGEST_REASON = 123
_PLACE = re.compile(r" - at `\$\.?(.*)`$")

# What a member of the data can be held against.
Scalar = None | bool | int | float | str

_Names = Annotated[tuple[str, ...], Meta(max_length=MOST_PATTERNS)]


class Auth(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="auth"):
    """Show a token; again before the last one ends. Or an API key, ``ID:KEY``; one of the two."""

    token: str | None = None
    api_key: str | None = None


class Subscribe(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="subscribe"):
    """Want events.

    Attributes:
        channels: names of ``CHANNELS``.
        patterns: of types or routing keys.
        filter: values of members of the data; for all that this frame names.
        resume_from: the number of the last event that was seen: what came after it comes first.
    """

    channels: _Names = ()
    patterns: _Names = ()
    filter: dict[str, list[Scalar]] = {}
    resume_from: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None


class Unsubscribe(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="unsubscribe"):
    """Want them no more; with neither: nothing at all."""

    channels: _Names = ()
    patterns: _Names = ()


class Ping(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ping"):
    """Ask for a pong: scripts of web pages cannot send the pings of the protocol."""


Command = Auth | Subscribe | Unsubscribe | Ping

_DECODER: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_ENCODER = msgspec.json.Encoder()


def parse(text: str) -> Command:
    """Read what a client says.

    Raises:
        GatewayError: INVALID, with the member at fault and what to write instead.
    """
    try:
        return _DECODER.decode(text)
    except msgspec.ValidationError as error:
        found = _PLACE.search(str(error))
        place = found.group(1) if found else ""
        if place == "type" or "missing required field `type`" in str(error):
            raise invalid("type", "a frame is of type auth, subscribe, unsubscribe or ping") from None
        raise invalid(place or "frame", _PLACE.sub("", str(error))) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise invalid("frame", 'a frame is a JSON object, e.g. {"type": "ping"}') from None


def text_frame(payload: bytes) -> bytes:
    """The WebSocket frame of a text (RFC 6455, 5.2)."""
    length = len(payload)
    if length < _SHORT:
        return bytes((_TEXT, length)) + payload
    if length < _MEDIUM:
        return b"%c\x7e%b%b" % (_TEXT, length.to_bytes(2), payload)
    return b"%c\x7f%b%b" % (_TEXT, length.to_bytes(8), payload)


def of_event(event: Event) -> bytes:
    """The frame of an event, as it stands in the seed (WS-09 to WS-11) and with what makes it one of a kind."""
    shown: dict[str, object] = {
        "type": event.type,
        "timestamp": rfc3339.seconds(event.time),
        "data": dict(event.data),
        "id": event.id,
        "seq": event.sequence,
        "gateway": event.gateway,
        "clock": event.clock,
    }
    if event.routing_key is not None:
        shown["routing_key"] = event.routing_key
    try:
        return text_frame(_ENCODER.encode(shown))
    except UnicodeEncodeError:
        # Half a pair of surrogates is no UTF-8; as an escape it is what somebody has sent us.
        return text_frame(json.dumps(shown).encode())


def auth_ok(expires: float, subject: str) -> bytes:
    """The token or key was taken; ``expires`` is 0 where it does not end by itself."""
    until = rfc3339.seconds(expires) if expires else None
    return _said(type="auth_ok", expires_at=until, principal=subject)


def auth_error(error: GatewayError) -> bytes:
    """The token was not taken; the connection is closed."""
    return _said(type="auth_error", **_words(error))


def subscribed(
    channels: Sequence[str],
    patterns: Sequence[str],
    rejected: Sequence[Mapping[str, str]],
    sequence: int,
    resumed: Mapping[str, object] | None,
) -> bytes:
    """What of a subscription was taken.

    Args:
        channels: that are subscribed to by it.
        patterns: the same.
        rejected: what is not, each with code and detail.
        sequence: every event with a higher number that is wanted comes from now on.
        resumed: from where older ones come, and whether that is all of them; None where none were asked for.
    """
    more = {} if resumed is None else {"resumed": resumed}
    return _said(type="subscribed", channels=channels, patterns=patterns, rejected=rejected, seq=sequence, **more)


def unsubscribed(channels: Sequence[str], patterns: Sequence[str]) -> bytes:
    """What is no longer subscribed to."""
    return _said(type="unsubscribed", channels=channels, patterns=patterns)


def pong() -> bytes:
    """The answer to a ping."""
    return _said(type="pong")


def error_frame(error: GatewayError) -> bytes:
    """What was wrong with a frame; the connection stays."""
    return _said(type="error", **_words(error))


def rejection(kind: str, name: str, error: GatewayError) -> dict[str, str]:
    """Why a channel or a pattern is not subscribed to."""
    return {kind: name, "code": str(error.code), "detail": error.reason}


def short(reason: str) -> str:
    """A reason as a close frame carries it: no letter is cut in two."""
    return reason.encode()[:LONGEST_REASON].decode(errors="ignore")


def _words(error: GatewayError) -> dict[str, str]:
    words = {"code": str(error.code), "detail": error.reason}
    if error.field is not None:
        words["field"] = error.field
    return words


def _said(**members: object) -> bytes:
    return text_frame(_ENCODER.encode(members))
