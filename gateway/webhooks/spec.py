"""What somebody asks for who registers a webhook: read strictly, each fault with its place (D-141, D-144, D-148)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from gateway.core.catalogue import CATALOGUE, reserved
from gateway.core.errors import invalid
from gateway.core.patterns import Selection, parse_selection
from gateway.core.ports import Json
from gateway.settings.suggest import did_you_mean
from gateway.webhooks.destination import Destination, parse_url
from gateway.webhooks.schedule import RetryPolicy
from gateway.webhooks.signing import Format, Secret, parse_secret

_LONGEST_DESCRIPTION = 1000
_MEMBERS = frozenset(
    {"url", "events", "filter", "secret", "active", "description", "retry_policy", "format", "ordered"}
)
_POLICY = frozenset({"max_attempts", "backoff_multiplier", "initial_delay"})


@dataclass(frozen=True, slots=True)
class Spec:
    """What a webhook's owner decides.

    Attributes:
        url: where to.
        destination: the same, taken apart.
        events: patterns of types and routing keys.
        filter: values of members of the data, one of which each must have.
        selection: both, as they are matched.
        secret: to sign with; None where none was given.
        active: whether it gets anything.
        description: for people.
        retry_policy: None: the schedule of Standard Webhooks.
        format: of the body.
        ordered: whether events of the same thing wait for each other.
    """

    url: str
    destination: Destination
    events: tuple[str, ...]
    filter: Mapping[str, Json]
    selection: Selection
    secret: Secret | None = None
    active: bool = True
    description: str = ""
    retry_policy: RetryPolicy | None = None
    format: Format = "seed"
    ordered: bool = False


def read_spec(body: Mapping[str, Json]) -> Spec:
    """Read what was asked for.

    Args:
        body: the members a client may write; a member that is null is one that is missing.

    Raises:
        GatewayError: INVALID, with the place of what is wrong.
    """
    for name in body:
        if name not in _MEMBERS:
            raise invalid(name, f"there is no such member. There are: {', '.join(sorted(_MEMBERS))}")
    given = {name: value for name, value in body.items() if value is not None}
    url = _text(given, "url", None)
    wanted = given.get("filter", {})
    if not isinstance(wanted, Mapping):
        raise invalid("filter", "give an object with a list of values for each member of the data", wanted)
    events = _events(given.get("events"))
    secret = given.get("secret")
    if secret is not None and not isinstance(secret, str):
        raise invalid("secret", "a secret is text")
    format_ = given.get("format", "seed")
    if format_ not in get_args(Format):
        raise invalid("format", f"one of: {', '.join(get_args(Format))}", format_)
    description = _text(given, "description", "")
    if len(description) > _LONGEST_DESCRIPTION:
        raise invalid("description", f"at most {_LONGEST_DESCRIPTION} characters", len(description))
    return Spec(
        url,
        parse_url(url),
        events,
        wanted,
        parse_selection(events, wanted),
        None if secret is None else parse_secret(secret),
        _flag(given, "active", default=True),
        description,
        _policy(given.get("retry_policy")),
        "cloudevents" if format_ == "cloudevents" else "seed",
        _flag(given, "ordered", default=False),
    )


def check_types(spec: Spec) -> None:
    """Refuse patterns that only the gateway's own types could match, and none does: what was meant never comes (D-148).

    Raises:
        GatewayError: INVALID, with the place.
    """
    for index, pattern in enumerate(spec.selection.patterns):
        if pattern.routed or not reserved(pattern.text.replace("*", "")) or any(map(pattern.matches, CATALOGUE)):
            continue
        hint = did_you_mean(pattern.text, sorted(CATALOGUE)) or "GET /v1/event-types has them all"
        raise invalid(f"events[{index}]", f"there is no such type of events. {hint}", pattern.text)


def _events(events: Json) -> tuple[str, ...]:
    if not isinstance(events, list | tuple) or not events:
        raise invalid("events", 'name the types of events, such as ["alarm:*", "system:alert"]', events)
    found = []
    for index, pattern in enumerate(events):
        if not isinstance(pattern, str):
            raise invalid(f"events[{index}]", "a pattern is text", pattern)
        found.append(pattern)
    return tuple(found)


def _policy(policy: Json) -> RetryPolicy | None:
    if policy is None:
        return None
    if not isinstance(policy, Mapping):
        raise invalid("retry_policy", f"give an object with {', '.join(sorted(_POLICY))}, or null", policy)
    for name in policy:
        if name not in _POLICY:
            raise invalid(f"retry_policy.{name}", f"there is no such member. There are: {', '.join(sorted(_POLICY))}")
    usual = RetryPolicy()
    attempts = policy.get("max_attempts", usual.max_attempts)
    if isinstance(attempts, bool) or not isinstance(attempts, int) or not 1 <= attempts <= 20:
        raise invalid("retry_policy.max_attempts", "a whole number from 1 to 20", attempts)
    return RetryPolicy(
        attempts,
        _number(policy, "backoff_multiplier", usual.backoff_multiplier, 10),
        _number(policy, "initial_delay", usual.initial_delay, 3600),
    )


def _number(policy: Mapping[str, Json], name: str, usual: float, most: float) -> float:
    value = policy.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= most:
        raise invalid(f"retry_policy.{name}", f"a number from 1 to {most:g}", value)
    return value


def _text(given: Mapping[str, Json], name: str, usual: str | None) -> str:
    value = given.get(name, usual)
    if not isinstance(value, str):
        # A URL may have a password in it, so what was given is not repeated.
        raise invalid(name, "this is needed, as text" if name not in given else "this is text")
    return value


def _flag(given: Mapping[str, Json], name: str, *, default: bool) -> bool:
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise invalid(name, "true or false", value)
    return value
