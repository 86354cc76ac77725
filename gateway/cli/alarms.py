"""``ferrule alarms``: what stands in the field, and that somebody has seen it."""

from __future__ import annotations

import argparse
import re

from gateway.cli.client import CallError, Client, Json
from gateway.cli.main import WRONG, CommandError
from gateway.cli.screen import Cell, Screen, say_value
from gateway.settings.suggest import did_you_mean

_STYLES = {"critical": "red", "warning": "yellow", "info": "dim"}
_WHOLE_ID = re.compile(r"alarm-[0-9a-f-]{36}")
# Of an id, as the list shows it: by chance two are alike once in a million million.
_END = 10
_LEAST_END = 4


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    return _acknowledge(arguments) if arguments.act == "ack" else _list(arguments)


def _list(arguments: argparse.Namespace) -> int:
    with Client(arguments) as client:
        alarms = alarms_of(client, standing_only=not arguments.all)
    screen = Screen()
    if arguments.json:
        screen.json({"alarms": alarms, "total": len(alarms)})
    elif alarms:
        screen.table(
            ["id", "severity", "state", "since", "alarm", "on", "now", "limit", "message"],
            [_row(one) for one in alarms],
        )
    else:
        screen.line("no alarm is configured: docs/alarms.md" if arguments.all else "no alarm stands", "dim")
    return 0


def alarms_of(client: Client, *, standing_only: bool) -> list[Json]:
    """All of them, however many pages they take; the worst first."""
    wanted: dict[str, object] = {"state": "standing"} if standing_only else {}
    found = client.call("alarm.list", **wanted)
    alarms: list[Json] = found["alarms"]
    while len(alarms) < found["total"]:
        more = client.call("alarm.list", **wanted, offset=len(alarms))["alarms"]
        if not more:
            break
        alarms += more
    return alarms


def _row(alarm: Json) -> list[Cell]:
    standing = alarm["alarmId"] is not None
    style = _STYLES.get(alarm["severity"], "") if standing else "dim"
    units = f" {alarm['units']}" if alarm["units"] else ""
    frozen = f", frozen: {alarm['reason'] or 'not known yet'}" if alarm["frozen"] else ""
    doubt = " (clock was not set)" if alarm["clock"] == "unsynchronised" else ""
    return [
        alarm["alarmId"][-_END:] if standing else "-",
        (alarm["severity"], style),
        (f"{alarm['state']}{frozen}", style if alarm["state"] in {"raised", "cleared"} else ""),
        f"{alarm['raisedAt']}{doubt}" if standing else "-",
        alarm["alarm"],
        alarm["tag"] or alarm["device"],
        "-" if alarm["current"] is None else f"{say_value(alarm['current'])}{units}",
        "-" if alarm["limit"] is None else f"{say_value(alarm['limit'])}{units}",
        alarm["message"],
    ]


def in_one_line(alarm: Json, why: str = "") -> tuple[str, str]:
    """An alarm that stands, and the style it is shown in.

    Args:
        alarm: it.
        why: what is known beside it.
    """
    units = f" {alarm['units']}" if alarm["units"] else ""
    known = alarm["current"] is not None and alarm["limit"] is not None
    now = f", now {say_value(alarm['current'])}{units}" if known and not alarm["frozen"] else ""
    frozen = f", frozen: {alarm['reason'] or 'not known yet'}" if alarm["frozen"] else ""
    state = {"raised": "", "cleared": ", over but not acknowledged"}.get(alarm["state"], f", {alarm['state']}")
    words = f"{alarm['severity']}: alarm {alarm['alarm']}: {alarm['message']}{now}{frozen}{state}{why and f': {why}'}"
    style = "dim" if alarm["state"] == "acknowledged" else _STYLES.get(alarm["severity"], "")
    return f"{words} (since {alarm['raisedAt']})", style


def _acknowledge(arguments: argparse.Namespace) -> int:
    try:
        with Client(arguments, ("devices:read", "devices:write")) as client:
            alarm_id = arguments.alarm
            if not _WHOLE_ID.fullmatch(alarm_id):
                alarm_id = meant_by(arguments.alarm, alarms_of(client, standing_only=True))["alarmId"]
            comment = {} if arguments.comment is None else {"comment": arguments.comment}
            done = client.order("alarm.ack", alarmId=alarm_id, **comment)
    except CallError as error:
        if error.sent:
            raise
        raise CommandError(f"{error}; nothing was acknowledged", error.code) from None
    screen = Screen()
    if arguments.json:
        screen.json(done)
        return 0
    on = done["tag"] or done["device"]
    now = "it is over, and normal now" if done["state"] == "normal" else "it stands until its condition is over"
    screen.line(f"{done['alarm']} on {on}: acknowledged by {done['acknowledgedBy']} at {done['acknowledgedAt']}; {now}")
    return 0


def meant_by(word: str, alarms: list[Json]) -> Json:
    """The alarm that stands and is meant by the end of its id, or by its name.

    Raises:
        CommandError: none is, or several are.
    """
    found = [
        one
        for one in alarms
        if one["alarm"] == word or (len(word) >= _LEAST_END and str(one["alarmId"]).endswith(word.lower()))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{one['alarmId'][-_END:]} ({one['tag'] or one['device']})" for one in found)
        raise CommandError(f'several alarms are called "{word}": name one by its id: {several}', WRONG)
    hint = did_you_mean(word, [one["alarm"] for one in alarms]) or "ferrule alarms names those that do"
    raise CommandError(f'no alarm "{word}" stands. {hint}', WRONG)
