"""``ferrule webhooks``: where events are delivered to, and what became of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import quote, urlsplit

from gateway.cli.client import CallError, Client, Json
from gateway.cli.history import moment_of
from gateway.cli.main import DENIED, FAILED, WRONG, CommandError
from gateway.cli.options.webhooks import FEW_ROWS
from gateway.cli.screen import Screen
from gateway.cli.webhook_names import end_of, one_of, pages, whole_delivery
from gateway.cli.webhook_tables import STATUSES, list_deliveries, list_webhooks, show_webhook
from gateway.core import rfc3339
from gateway.core.catalogue import CATALOGUE
from gateway.core.channels import scopes_for
from gateway.core.errors import GatewayError
from gateway.core.patterns import parse_pattern
from gateway.core.principal import allows
from gateway.settings.suggest import did_you_mean

ALL = "/v1/webhooks"
READ, WRITE = "webhooks:read", "webhooks:write"
VERIFY = """\
The receiver checks each request with it, by any library for Standard Webhooks; it is not shown again. In Python:
  event = standardwebhooks.webhooks.Webhook(SECRET).verify(body, headers)
docs/webhooks.md has whole receivers."""


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    screen = Screen()
    act: str = arguments.act or "list"
    reads = act in {"list", "show", "deliveries"}
    try:
        with Client(arguments, _scopes(arguments, act, reads=reads)) as client:
            return _ACTS[act](client, screen, arguments)
    except CallError as error:
        if reads or error.sent:
            raise
        raise CommandError(f"{error}; nothing was changed", error.code) from None


def _scopes(arguments: argparse.Namespace, act: str, *, reads: bool) -> tuple[str, ...]:
    if act == "add":
        return (*sorted(needed_for(_events(arguments))), WRITE)
    return (READ,) if reads else (READ, WRITE)


def _events(arguments: argparse.Namespace) -> list[str]:
    return [pattern.strip() for pattern in arguments.events.split(",") if pattern.strip()]


def needed_for(patterns: Sequence[str]) -> set[str]:
    """The scopes of all that patterns can match: a webhook brings what its owner may see."""
    needed: set[str] = set()
    for pattern in patterns:
        with suppress(GatewayError):
            # What is no pattern the gateway refuses in words of its own.
            needed |= scopes_for(parse_pattern(pattern))
    return needed


def _list(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    webhooks = [_with_success(client, one) for one in _all(client)]
    if arguments.json:
        screen.json({"webhooks": webhooks, "total": len(webhooks)})
    elif webhooks:
        list_webhooks(screen, webhooks, _now(client))
    else:
        screen.line("no webhook is registered: ferrule webhooks add --help", "dim")
    return 0


def _show(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    webhook = _with_success(client, one_of(arguments.webhook, _all(client)))
    if arguments.json:
        screen.json(webhook)
    else:
        show_webhook(screen, webhook)
    return 0


def _with_success(client: Client, webhook: Json) -> Json:
    return webhook | {"last_success": _last_success(client, webhook["id"])}


def _now(client: Client) -> float:
    """Unix seconds by the gateway's clock."""
    return rfc3339.parse(client.call("server.health")["timestamp"])


def _all(client: Client) -> list[Json]:
    found: list[Json] = []
    page: Json = {"links": {"next": f"{ALL}?page[size]=100"}}
    while path := page["links"].get("next"):
        page = client.look(path)
        found += page["data"]
    return found


def _last_success(client: Client, id_: str) -> str | None:
    """When something arrived; deliveries are listed by when they began, and a late one may have ended last."""
    ends = [one["finished_at"] for one in client.look(f"{ALL}/{id_}/deliveries?status=delivered")["data"]]
    return max((one for one in ends if one is not None), default=None)


def _add(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    events = _events(arguments)
    data: dict[str, object] = {
        "url": arguments.where,
        "events": events,
        "ordered": arguments.ordered,
        "format": arguments.format,
        "description": arguments.description,
        **_secret(arguments),
    }
    needed = needed_for(events)
    try:
        made = client.act("POST", ALL, data)["data"]
    except CallError as error:
        if error.code != DENIED or client.makes_tokens:
            raise
        words = f'{error}; for these events a token has the scopes "{" ".join((*sorted(needed), WRITE))}"'
        raise CallError(words, error.code, sent=error.sent) from None
    if lacking := sorted(scope for scope in needed if not allows(made["scopes"], scope)):
        words = "what needs them is not brought. Register it anew with a token that has them, to have it all"
        print(f"note: the token lacks {', '.join(lacking)}: {words}", file=sys.stderr)
    for pattern in made["events"]:
        if words := fits_nothing(pattern):
            print(f"note: {words}", file=sys.stderr)
    if arguments.json:
        screen.json(made)
        return 0
    screen.line(f"{made['id']} brings {', '.join(made['events'])} to {made['url']}")
    _show_secret(screen, made)
    screen.line(f"ferrule webhooks test {end_of(made)} sends something there now", "dim")
    return 0


def fits_nothing(pattern: str) -> str:
    """Words on a pattern that fits no event of the gateway's own; nothing where one fits, or it is for routing keys."""
    parsed = parse_pattern(pattern)
    if parsed.routed or any(map(parsed.matches, CATALOGUE)):
        return ""
    families = {f"{name.partition(':')[0]}:*" for name in CATALOGUE}
    hint = did_you_mean(pattern, sorted(families | set(CATALOGUE))) or "ferrule events shows some, docs/events.md all"
    return f'"{pattern}" fits what programs publish, and no event of the gateway\'s own. {hint}'


def _secret(arguments: argparse.Namespace) -> dict[str, object]:
    if arguments.secret_file is None:
        return {}
    try:
        secret = arguments.secret_file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CommandError(f"{arguments.secret_file}: {reason}; nothing was changed", WRONG) from None
    return {"secret": secret}


def _show_secret(screen: Screen, made: Json) -> None:
    screen.line(f"secret: {made['signing_secret']}", "bold")
    for line in VERIFY.splitlines():
        screen.line(line)


def _test(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    webhook = one_of(arguments.webhook, _all(client))
    done = client.act("POST", f"{ALL}/{webhook['id']}/test")["data"]
    if arguments.json:
        screen.json(done)
        return 0 if done["delivered"] else FAILED
    place = f" by {done['address']}" if done["address"] else ""
    took = f"{done['duration_ms']:.0f} ms"
    if done["delivered"]:
        screen.line(f"delivered: {done['response_status']}{place} after {took}, webhook-id {done['event_id']}", "green")
        return 0
    screen.line(f"not delivered: {done['error']}{place} after {took}", "red")
    if done["response_body"]:
        screen.line(f"  it says: {done['response_body']}")
    return FAILED


def _pause(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    webhook = one_of(arguments.webhook, _all(client))
    done = client.act("POST", f"{ALL}/{webhook['id']}/{arguments.act}")["data"]
    if arguments.json:
        screen.json(done)
        return 0
    how = "it goes on where it was, as far as the log reaches back" if arguments.act == "resume" else "events wait"
    screen.line(f"{done['id']} to {urlsplit(done['url']).netloc} is {done['state']}: {how}")
    return 0


def _deliveries(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    webhook = one_of(arguments.webhook, _all(client))
    if arguments.delivery is not None:
        delivery = whole_delivery(client, webhook["id"], arguments.delivery)
        return _one_delivery(client, screen, arguments, f"{ALL}/{webhook['id']}/deliveries/{quote(delivery, safe='')}")
    most = None if arguments.all else FEW_ROWS
    rows = list(pages(client, webhook["id"], status=arguments.status, most=most))
    if arguments.json:
        screen.json({"webhook_id": webhook["id"], "deliveries": rows})
    elif rows:
        list_deliveries(screen, rows, _now(client))
    else:
        of = f"{arguments.status} " if arguments.status else ""
        screen.line(f"no {of}delivery yet: each event it asks for makes one, a test makes none", "dim")
    return 0


def _one_delivery(client: Client, screen: Screen, arguments: argparse.Namespace, path: str) -> int:
    found = client.look(path)["data"]
    if arguments.json:
        screen.json(found)
        return 0
    end = f", next attempt {found['next_attempt_at']}" if found["next_attempt_at"] else ""
    screen.line(f"{found['event_type']} {found['event_id']}: {found['status']}{end}", STATUSES.get(found["status"], ""))
    for tried in found["log"]:
        what = f"answered {tried['response_status']}" if tried["response_status"] is not None else ""
        why = tried["error"] if tried["error"] and tried["error"] != what else ""
        said = "; ".join(part for part in (what, why) if part)
        place = f" at {tried['address']}" if tried["address"] else ""
        screen.line(
            f"  {tried['number']}  {tried['at']}  {said}{place} after {tried['duration_ms']:.0f} ms",
            "" if tried["delivered"] else "red",
        )
        if tried["response_body"] and not tried["delivered"]:
            screen.line(f"     it says: {tried['response_body']}")
    return 0


def _redeliver(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    if (arguments.delivery is None) == (arguments.since is None) or (arguments.until and not arguments.since):
        raise CommandError("name one DELIVERY, or a time: --since T [--until T]; nothing was changed", WRONG)
    webhook = one_of(arguments.webhook, _all(client))
    if arguments.delivery is not None:
        delivery = whole_delivery(client, webhook["id"], arguments.delivery)
        path = f"{ALL}/{webhook['id']}/deliveries/{quote(delivery, safe='')}/redeliver"
        done = client.act("POST", path)["data"]
        words = f"{done['event_type']} {done['event_id']} is delivered again, as delivery {end_of(done)}"
    else:
        now = _now(client)
        start = moment_of(arguments.since, now)
        end = now if arguments.until is None else moment_of(arguments.until, now)
        if end < start:
            said = "--since lies in the future" if arguments.until is None else "--until lies before --since"
            raise CommandError(f"{said}; nothing was changed", WRONG)
        span = {"start": rfc3339.text(start), "end": rfc3339.text(end)}
        done = client.act("POST", f"{ALL}/{webhook['id']}/redeliver", span)["data"]
        count, are = ("1 event", "is") if done["events"] == 1 else (f"{done['events']} events", "are")
        words = f"{count} from {done['start']} to {done['end']} {are} delivered again"
    if arguments.json:
        screen.json(done)
    else:
        waits = "" if webhook["state"] == "active" else f", once it is resumed: it is {webhook['state']}"
        screen.line(f"{words}{waits}")
    return 0


def _rotate(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    webhook = one_of(arguments.webhook, _all(client))
    done = client.act("POST", f"{ALL}/{webhook['id']}/rotate-secret", _secret(arguments))["data"]
    if arguments.json:
        screen.json(done)
        return 0
    screen.line(
        f"{done['id']} signs with another secret; the one before signs too until {done['previous_secret_until']}"
    )
    _show_secret(screen, done)
    return 0


def _remove(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    webhook = one_of(arguments.webhook, _all(client))
    client.act("DELETE", f"{ALL}/{webhook['id']}")
    if arguments.json:
        screen.json({"removed": webhook["id"]})
    else:
        screen.line(f"{webhook['id']} to {urlsplit(webhook['url']).netloc} is removed")
    return 0


_ACTS = {
    "list": _list,
    "show": _show,
    "add": _add,
    "test": _test,
    "pause": _pause,
    "resume": _pause,
    "deliveries": _deliveries,
    "redeliver": _redeliver,
    "rotate": _rotate,
    "remove": _remove,
}
