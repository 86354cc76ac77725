"""``ferrule audit``: who did what, and whether the log of it is as it was written."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from gateway.access.keys import KeyFileError, read_root_key
from gateway.cli.history import moment_of
from gateway.cli.main import FAILED, WRONG, CommandError
from gateway.cli.options.audit import FEW_ROWS
from gateway.cli.screen import Cell, Screen
from gateway.core import rfc3339
from gateway.storage.audit import AUDIT_FILE
from gateway.storage.audit_reading import AuditFileError, newest, remembered, verify_file
from gateway.storage.audit_rows import AuditKey, Written, parse_head, shown
from gateway.storage.audit_verify import Verdict
from gateway.storage.storage import CONTROL_FILE

# What the key is for; the gateway hands the same one to its log.
PURPOSE = "audit"
OUTCOME_STYLES = {"denied": "yellow", "failed": "red", "unknown": "red"}


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    try:
        return _verify(arguments) if arguments.act == "verify" else _list(arguments)
    except AuditFileError as error:
        raise CommandError(str(error)) from None


def _file(arguments: argparse.Namespace) -> Path:
    given: Path | None = arguments.database
    state: Path = arguments.state
    return state / AUDIT_FILE if given is None else given


def _verify(arguments: argparse.Namespace) -> int:
    try:
        heads = [parse_head(text) for text in arguments.head]
    except ValueError as error:
        raise CommandError(str(error), WRONG) from None
    try:
        key = AuditKey(read_root_key(arguments.state).key(PURPOSE).secret)
    except (KeyFileError, OSError) as error:
        raise CommandError(str(error)) from None
    if arguments.database is None:
        kept = remembered(arguments.state / CONTROL_FILE)
        heads += [] if kept is None else [kept]
    verdict = verify_file(_file(arguments), key, heads)
    (_tell_json if arguments.json else _tell)(Screen(), verdict)
    return FAILED if verdict.problems else 0


def _tell(screen: Screen, verdict: Verdict) -> None:
    if verdict.anchored is not None:
        when = rfc3339.text(verdict.anchored.time / 1000)
        screen.line(f"{verdict.anchored.rows} older rows were removed ({verdict.anchored.why}), the newest of {when}")
    if verdict.first is None:
        screen.line("the log holds no rows")
    else:
        screen.line(f"{verdict.rows} rows, {verdict.first} to {verdict.head.seq}")
    for problem in verdict.problems:
        screen.line(f"row {problem.seq}: {problem.text}", "red")
    if verdict.more_problems:
        screen.line(f"and {verdict.more_problems} more", "red")
    if not verdict.problems:
        screen.line("every row is as it was written", "green")
        screen.line(f"head {verdict.head}")
        screen.line("kept elsewhere, it shows later that nothing up to here was cut off: --head", "dim")


def _tell_json(screen: Screen, verdict: Verdict) -> None:
    anchored = verdict.anchored
    screen.json(
        {
            "intact": not verdict.problems,
            "rows": verdict.rows,
            "first": verdict.first,
            "head": str(verdict.head),
            "removed": None
            if anchored is None
            else {"rows": anchored.rows, "newest": rfc3339.text(anchored.time / 1000), "why": anchored.why},
            "problems": [{"row": problem.seq, "problem": problem.text} for problem in verdict.problems],
            "moreProblems": verdict.more_problems,
        }
    )


def _list(arguments: argparse.Namespace) -> int:
    everything = arguments.all or arguments.json
    rows = newest(_file(arguments), _wanted(arguments), None if everything else FEW_ROWS)
    screen = Screen()
    if arguments.json:
        screen.json({"entries": [shown(seq, written) for seq, written in rows]})
    elif not rows:
        screen.line("nothing like that is in the log")
    else:
        screen.table(
            ("row", "time", "who", "from", "action", "on", "outcome", "details"), [_cells(*row) for row in rows]
        )
        if any(written.clock == "unsynchronised" for _, written in rows):
            screen.line("~ before a time: nobody vouched for the clock then", "dim")
        if len(rows) == FEW_ROWS and not everything:
            screen.line(f"the newest {FEW_ROWS}; --all shows all", "dim")
    return 0


def _wanted(arguments: argparse.Namespace) -> Callable[[Written], bool]:
    now = time.time()
    since = None if arguments.since is None else moment_of(arguments.since, now) * 1000
    until = None if arguments.until is None else moment_of(arguments.until, now) * 1000
    if since is not None and until is not None and until <= since:
        raise CommandError("--until lies before --since", WRONG)
    who, action, outcome = arguments.who, arguments.action, arguments.outcome

    def wanted(written: Written) -> bool:
        return (
            (since is None or written.time >= since)
            and (until is None or written.time < until)
            and (action is None or action in written.action)
            and (outcome is None or outcome == written.outcome)
            and (who is None or any(who in name for name in _names(written)))
        )

    return wanted


def _names(written: Written) -> list[str]:
    who = written.who
    claimed = written.details.get("claimed")
    tried = [name for name in claimed if isinstance(name, str)] if isinstance(claimed, list) else []
    return [name for name in (who.kind, who.subject, who.token, written.peer, *tried) if name]


def _cells(seq: int, written: Written) -> list[Cell]:
    who = written.who
    name = "-" if who.subject is None else who.subject if who.kind else f"{who.subject}?"
    times = "" if written.count == 1 else f" x{written.count}"
    return [
        str(seq),
        ("~" if written.clock == "unsynchronised" else "") + rfc3339.text(written.time / 1000),
        name if who.kind is None else f"{who.kind} {name}",
        written.peer or "-",
        written.action + times,
        written.target or "-",
        (written.outcome, OUTCOME_STYLES.get(written.outcome, "")),
        json.dumps(written.details, ensure_ascii=False) if written.details else "",
    ]
