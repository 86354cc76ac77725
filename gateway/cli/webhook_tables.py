"""What ``ferrule webhooks`` shows: lists that fit a terminal, and all there is to know of one webhook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from gateway.cli.client import Json
from gateway.cli.screen import Cell, Screen, say_age
from gateway.cli.webhook_names import end_of
from gateway.core import rfc3339

STATUSES = {"waiting": "yellow", "delivered": "green", "dead": "red", "cancelled": "dim"}
_STATES = {"active": "green", "paused": "yellow", "disabled": "red"}
# Widths that leave a list within a hundred columns; ``show`` has what is cut.
_HOST, _EVENTS, _TYPE = 22, 18, 26
_DAY = 10


def list_webhooks(screen: Screen, webhooks: Sequence[Json], now: float) -> None:
    """Each webhook on a line.

    Args:
        screen: where to.
        webhooks: with their last successes.
        now: Unix seconds by the gateway's clock.
    """
    screen.table(
        ["id", "state", "host", "events", "arrived", "waiting", "dead", "lost"],
        [_row(one, now) for one in webhooks],
        right=(5, 6, 7),
    )


def _row(webhook: Json, now: float) -> list[Cell]:
    counts: Mapping[str, int] = webhook["deliveries"] or {}
    state = f"{webhook['state']}: {webhook['reason']}" if webhook["reason"] else str(webhook["state"])
    style = _STATES.get(webhook["state"], "")
    if webhook["failing_for"] and not webhook["reason"]:
        state, style = f"failing {say_age(webhook['failing_for'])}", "yellow"
    last, dead = webhook["last_success"], counts.get("dead", 0)
    return [
        end_of(webhook),
        (state, style),
        _cut(urlsplit(webhook["url"]).netloc, _HOST),
        _some(webhook["events"]),
        "-" if last is None else f"{say_age(max(0.0, now - rfc3339.parse(last)))} ago",
        "-" if webhook["deliveries"] is None else str(counts.get("waiting", 0)),
        "-" if webhook["deliveries"] is None else (str(dead), "red" if dead else ""),
        (str(webhook["lost"]), "red" if webhook["lost"] else ""),
    ]


def _some(patterns: Sequence[str]) -> str:
    """As many patterns as there is room for, and how many more there are."""
    shown = ", ".join(patterns)
    if len(shown) <= _EVENTS:
        return shown
    more = f" +{len(patterns) - 1}" if len(patterns) > 1 else ""
    return _cut(patterns[0], _EVENTS - len(more)) + more


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]}.."


def show_webhook(screen: Screen, webhook: Json) -> None:
    """All there is to know of a webhook; of its URL the host, for many receivers have a secret in the rest."""
    counts: Mapping[str, int] | None = webhook["deliveries"]
    why = f", {webhook['reason']}" if webhook["reason"] else ""
    failing = f", failing for {say_age(webhook['failing_for'])}" if webhook["failing_for"] else ""
    policy = webhook.get("retry_policy")
    rows: list[tuple[str, str]] = [
        ("id", webhook["id"]),
        ("host", urlsplit(webhook["url"]).netloc),
        ("state", f"{webhook['state']}{why}{failing}"),
        ("events", ", ".join(webhook["events"])),
        *((f"  {member}", ", ".join(map(str, values))) for member, values in (webhook.get("filter") or {}).items()),
        ("owner", str(webhook.get("owner", "-"))),
        ("scopes", " ".join(webhook["scopes"])),
        ("description", webhook.get("description") or "-"),
        ("format", f"{webhook.get('format', 'seed')}{', ordered' if webhook.get('ordered') else ''}"),
        ("retries", "Standard Webhooks" if policy is None else ", ".join(f"{key} {policy[key]}" for key in policy)),
        ("created", str(webhook.get("created_at", "-"))),
        ("changed", str(webhook.get("updated_at", "-"))),
        ("last success", webhook["last_success"] or "-"),
        ("deliveries", "-" if counts is None else ", ".join(f"{counts[name]} {name}" for name in counts)),
        ("lost", str(webhook["lost"])),
    ]
    if webhook["previous_secret_until"]:
        rows.append(("old secrets", f"sign too, the last until {webhook['previous_secret_until']}"))
    if "sequence" in webhook:
        rows.append(("log", f"{webhook['sequence']} of {webhook['newest']}"))
    for name, value in rows:
        screen.line(f"{name:<13} {value}")


def list_deliveries(screen: Screen, rows: Sequence[Json], now: float) -> None:
    """Each delivery on a line.

    Args:
        screen: where to.
        rows: newest first.
        now: Unix seconds by the gateway's clock; times of the same day are shown without it.
    """
    today = rfc3339.text(now)[:_DAY]
    screen.table(
        ["id", "event", "status", "attempts", "begun", "then"],
        [
            [
                end_of(row),
                _cut(row["event_type"], _TYPE) + (" (again)" if row["redelivery"] else ""),
                (row["status"], STATUSES.get(row["status"], "")),
                str(row["attempts"]),
                _moment(row["created_at"], today),
                _then(row, today),
            ]
            for row in rows
        ],
        right=(3,),
    )


def _then(row: Json, today: str) -> str:
    if row["next_attempt_at"]:
        return f"next {_moment(row['next_attempt_at'], today)}"
    return f"ended {_moment(row['finished_at'], today)}" if row["finished_at"] else "-"


def _moment(text: str, today: str) -> str:
    day, _, time = text.partition("T")
    return time if day == today else f"{day[5:]} {time}"
