"""``ferrule status``: the whole gateway at a glance, with what is wrong first."""

from __future__ import annotations

import argparse

from gateway.cli.alarms import alarms_of
from gateway.cli.client import Call, CallError, Client, Json
from gateway.cli.main import DENIED
from gateway.cli.plugin_glance import SCOPE, plugins_in_trouble, plugins_of, say_plugins
from gateway.cli.screen import Cell, Screen, say_age
from gateway.cli.tags import read_tags
from gateway.cli.troubles import SEVERITIES, Trouble, at_this_moment, ordered, told_by_alarms

WORST = 10
# More than these are for --json: the lines and tags below should stay in sight.
MOST_TROUBLES = 30
_STATES = {"up": "green", "online": "green", "healthy": "green", "down": "red", "silent": "red", "unhealthy": "red"}


def run(arguments: argparse.Namespace) -> int:
    """Ask for everything, show it."""
    screen = Screen()
    with Client(arguments, ("devices:read", "governor:read", SCOPE)) as client:
        info, health, lines, devices, tags, raised = client.calls(
            [
                *(Call(name, {}) for name in ("server.info", "server.health", "line.list", "device.list", "tag.list")),
                Call("alert.list", {"state": "firing"}),
            ]
        )
        alarms = alarms_of(client, standing_only=True)
        governors = _governors(client)
        readings = read_tags(client, tags["tags"]) if tags["tags"] else []
        plugins = plugins_of(client)
    troubles = [*at_this_moment(health, lines["lines"], devices["devices"]), *plugins_in_trouble(plugins)]
    found = {
        "url": client.url,
        "server": info["server"],
        "health": health,
        "lines": lines["lines"],
        "devices": devices["devices"],
        "tags": {
            quality: sum(one["quality"] == quality for one in readings) for quality in ("good", "uncertain", "bad")
        },
        "worst": worst(readings),
        "alarms": alarms,
        "alerts": [trouble.words for trouble in troubles],
        "standing": by_severity(raised["alerts"]),
        "governors": governors,
        "plugins": plugins,
    }
    if arguments.json:
        screen.json(found)
    else:
        _show(screen, found, ordered(found["standing"], troubles))
    return 0


def by_severity(raised: list[Json]) -> list[Json]:
    """Standing alerts, the worst first, of equal ones the oldest."""
    order = list(SEVERITIES)
    return sorted(raised, key=lambda one: (order.index(one["severity"]), one["since"]))


def _governors(client: Client) -> Json | None:
    """How the governors fare, and why not better; None where the token that was given may not ask."""
    try:
        found = client.call("governor.status")
    except CallError as error:
        if error.code != DENIED:
            raise
        return None
    meta = found["governors"]["meta"]
    return {**found["overall"], "systemOptimal": meta["systemOptimal"], "reasons": meta["reasons"]}


def say_governors(governors: Json | None) -> str:
    """The governors in one line."""
    if governors is None:
        return 'governors: not shown, the token lacks "governor:read"'
    health = "" if governors["health"] is None else f"health {governors['health']}, "
    why = f": {'; '.join(governors['reasons'])}" if governors["reasons"] else ""
    return f"governors: {health}{governors['status']}{why}"


def worst(readings: list[Json]) -> list[Json]:
    """The readings that are not good, bad ones first, then by age."""
    order = {"bad": 0, "uncertain": 1}
    wrong = [reading for reading in readings if reading["quality"] in order]
    return sorted(wrong, key=lambda one: (order[one["quality"]], -(one["age"] or 0), one["tag"]))


def _show(screen: Screen, found: Json, troubles: list[Trouble]) -> None:
    health, server = found["health"], found["server"]
    screen.line(
        f"{server['name']} {server['version']} at {found['url']}: {health['status']}, up {say_age(health['uptime'])}",
        _STATES.get(health["status"], "yellow"),
    )
    alarms, troubles = told_by_alarms(found["alarms"][:MOST_TROUBLES], troubles)
    for words, style in alarms:
        screen.line(f"! {words}", style)
    if len(found["alarms"]) > MOST_TROUBLES:
        screen.line(f"  and {len(found['alarms']) - MOST_TROUBLES} more: ferrule alarms", "dim")
    for trouble in troubles[:MOST_TROUBLES]:
        screen.line(f"! {trouble.words}", trouble.style)
    if len(troubles) > MOST_TROUBLES:
        screen.line(f"  and {len(troubles) - MOST_TROUBLES} more: ferrule status --json", "dim")
    governors = found["governors"]
    screen.line(say_governors(governors), "yellow" if governors and governors["reasons"] else "")
    screen.line(*say_plugins(found["plugins"]))
    screen.line()
    screen.table(
        ["line", "transport", "port", "state", "busy", "devices"],
        [
            [
                line["line"],
                line["transport"],
                line["port"] or "",
                _state(line["state"]),
                _share(line.get("utilisation")),
                str(line["devices"]),
            ]
            for line in found["lines"]
        ],
        right=(4, 5),
    )
    if found["devices"]:
        screen.line()
        screen.table(
            ["device", "unit", "state", "latency", "errors", "good tags"],
            [
                [
                    device["device"],
                    str(device["unit"]),
                    _state(device["state"]),
                    "" if device["latencyMs"] is None else f"{device['latencyMs']:.0f} ms",
                    str(sum(device["errors"].values())),
                    f"{device['tagsGood']}/{device['tags']}",
                ]
                for device in found["devices"]
            ],
            right=(1, 3, 4, 5),
        )
    screen.line()
    counts = found["tags"]
    screen.line(f"tags: {counts['good']} good, {counts['uncertain']} uncertain, {counts['bad']} bad")
    for reading in found["worst"][:WORST]:
        age = f", last known {say_age(reading['age'])} ago" if reading["age"] is not None else ""
        screen.line(f"  {reading['tag']}: {reading['quality']}, {reading.get('message') or reading['reason']}{age}")
    if len(found["worst"]) > WORST:
        screen.line(f"  and {len(found['worst']) - WORST} more: ferrule read --bad", "dim")


def _state(state: str) -> Cell:
    return state, _STATES.get(state, "yellow")


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
