"""``ferrule events``: what the gateway said, and what it says."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from collections.abc import Iterator

from gateway.cli.client import CallError, Client, Json
from gateway.cli.history import moment_of
from gateway.cli.main import WRONG
from gateway.cli.options.events import FEW_ROWS
from gateway.cli.screen import Screen
from gateway.core import rfc3339

# With these an operator sees every event that is not for certain agents only.
SCOPES = (
    "agents:read",
    "devices:read",
    "events:subscribe",
    "governor:read",
    "plugins:read",
    "system:read",
    "webhooks:read",
)
PAGE = 500
LOOK_S = 1.0
# JSON carries whole numbers exactly up to this one.
_HIGHEST = 2**53
_STYLES = {"critical": "red", "warning": "yellow", "info": "dim"}


def run(arguments: argparse.Namespace) -> int:
    """Show what was, and with ``--follow`` what comes."""
    screen = Screen()
    wanted = {} if arguments.type is None else {"type": arguments.type}
    with Client(arguments, SCOPES) as client:
        since = moment_of(arguments.since, rfc3339.parse(client.call("server.health")["timestamp"]))
        after = _number_at(client, since)
        kept: deque[Json] = deque(maxlen=None if arguments.all else FEW_ROWS)
        left_out = 0
        for page in _pages(client, wanted, after):
            events = [event for event in page["events"] if rfc3339.parse(event["timestamp"]) >= since]
            left_out += len(events)
            kept.extend(events)
            after = page["after"]
        left_out -= len(kept)
        if left_out and not arguments.json:
            screen.line(f"{left_out} earlier ones are left out: --all has them", "dim")
        for event in kept:
            _show(screen, event, as_json=arguments.json)
        if arguments.follow:
            _follow(screen, client, wanted, after, as_json=arguments.json)
        elif not kept and not arguments.json:
            screen.line("nothing was said in that time", "dim")
    return 0


def _follow(screen: Screen, client: Client, wanted: dict[str, str], after: int, *, as_json: bool) -> None:
    try:
        while True:
            sys.stdout.flush()
            time.sleep(LOOK_S)
            try:
                for page in _pages(client, wanted, after):
                    after = page["after"]
                    for event in page["events"]:
                        _show(screen, event, as_json=as_json)
            except CallError as error:
                if error.code == WRONG:
                    raise
                # The numbers go on after a restart, and so does who follows them.
                print(f"ferrule: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return


def _pages(client: Client, wanted: dict[str, str], after: int) -> Iterator[Json]:
    more = True
    while more:
        page = client.call("event.list", after=after, limit=PAGE, **wanted)
        yield page
        more, after = page["more"], page["after"]


def _number_at(client: Client, since: float) -> int:
    """A number not far below that of the first event since then: numbers grow with time, and leave gaps."""
    low, high = 0, _HIGHEST
    while high - low > PAGE:
        middle = (low + high) // 2
        page = client.call("event.list", after=middle, limit=1)
        first = page["events"][0] if page["events"] else None
        if first is not None and rfc3339.parse(first["timestamp"]) < since:
            low = first["seq"]
        else:
            high = middle
    return low


def _show(screen: Screen, event: Json, *, as_json: bool) -> None:
    if as_json:
        screen.json(event, one_line=True)
        return
    data = event["data"] if isinstance(event["data"], dict) else {"data": event["data"]}
    words = " ".join(f"{name}={_said(value)}" for name, value in data.items() if value is not None)
    doubt = " (clock was not set)" if event["clock"] == "unsynchronised" else ""
    screen.line(f"{event['timestamp']}{doubt}  {event['type']}  {words}", _STYLES.get(str(data.get("severity")), ""))


def _said(value: object) -> str:
    plain = isinstance(value, str) and value and not any(sign.isspace() or sign in '"=' for sign in value)
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
