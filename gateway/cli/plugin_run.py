"""``ferrule plugin run``: try a plugin here, without a gateway."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import structlog
import trio

from gateway.cli.cures import unusable
from gateway.cli.main import FAILED, WRONG, CommandError
from gateway.cli.plugin_check import checked, tell
from gateway.cli.plugin_lines import Lines
from gateway.cli.plugin_mirror import Mirror
from gateway.cli.plugin_world import answers, config_of, granted, serial_lines, steps_of, subscriptions, tags
from gateway.cli.screen import Screen, clean
from gateway.plugins.author.overheard import Said, Side
from gateway.plugins.author.source import write_files
from gateway.plugins.author.steps import HOW
from gateway.plugins.author.trial import Outcome, Trial, Trying
from gateway.plugins.host.ground import GroundError
from gateway.plugins.host.permissions import parse_permissions
from gateway.plugins.host.probe import find_means
from gateway.plugins.host.process import ProcessRunner
from gateway.plugins.host.sandbox import WORDS, Means, Protection

_LONGEST_SHOWN = 2000
_MARKS = {Side.GATEWAY: "->", Side.PLUGIN: "<-", Side.PRINTED: " |"}
# What measuring makes up for: nobody on whose own machine it runs need do anything about it.
_MEASURED = frozenset({Protection.MEMORY_IN_ALL, Protection.CPU, Protection.DISK, Protection.OWN_USER})


def run(arguments: argparse.Namespace) -> int:
    """Run it; exit 0 where it ran as it should."""
    # What the host would write to the log of the gateway shows in the conversation.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    if arguments.seconds is not None and not arguments.seconds >= 0:
        raise CommandError("--for: a number of seconds", WRONG)
    place: Path = arguments.plugin
    if not place.is_dir():
        raise CommandError(f"{place} is no directory: name that of the plugin", WRONG)
    found = checked(place)
    tell(found.findings)
    if found.errors or found.manifest is None:
        raise CommandError("it was not run: ferrule plugin check says the same", WRONG)
    manifest = found.manifest
    config = config_of(manifest, arguments.config)
    given = steps_of(arguments.events)
    telling = Telling(Screen(), arguments)
    # Users of plugins have to pass, as they do in the gateway.
    around = Path(tempfile.mkdtemp(prefix="ferrule-plugin-"))
    try:
        around.chmod(0o755)
        executable = found.executable
        if manifest.entry.runtime == "executable":
            executable |= {manifest.entry.command[0]}
        write_files(around / "package", found.files, executable)
        permissions = granted(manifest, arguments.grant)
        mirror = None
        if arguments.connect:
            mirror = Mirror(arguments, parse_permissions(permissions))
        trial = Trial(
            manifest=manifest,
            package=around / "package",
            ground=around / "data",
            config=config,
            permissions=permissions,
            subscriptions=subscriptions(arguments.subscribe),
            tags=(*(mirror.changed() if mirror is not None else ()), *tags(arguments)),
            serial=serial_lines(arguments.serial),
            answers=answers(arguments.answer),
            seconds=arguments.seconds,
        )
        outcome = trio.run(_try, trial, given, telling, mirror)
    except OSError as error:
        raise CommandError(unusable(around, error)) from None
    except GroundError as error:
        raise CommandError(str(error)) from None
    finally:
        shutil.rmtree(around, ignore_errors=True)
    if telling.broken is not None:
        raise telling.broken
    return _end(outcome, Screen(), as_json=arguments.json)


async def _try(trial: Trial, first: list[bytes], telling: Telling, mirror: Mirror | None) -> Outcome:
    means = await find_means()
    telling.sandbox(trial, means)
    lines = Lines(sys.stdin.fileno(), telling.wrong, first)
    trying = Trying(trial, ProcessRunner(means), telling.said, telling.wrong, time.time, own_users=means.root)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_until_told, trying)
        nursery.start_soon(telling.until_broken, trying)
        if mirror is not None:
            nursery.start_soon(mirror.follow, trying.take)
        outcome = await trying.run(lines.next)
        nursery.cancel_scope.cancel()
    return outcome


async def _until_told(trying: Trying) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            trying.end()


class Telling:
    """Shows a conversation.

    Args:
        screen: shows it.
        arguments: of the command.

    Attributes:
        broken: why it shows nothing any more.
    """

    def __init__(self, screen: Screen, arguments: argparse.Namespace) -> None:
        self._screen, self._json, self._health = screen, arguments.json, arguments.health
        self._begun = time.monotonic()
        self._deaf = trio.Event()
        self.broken: OSError | None = None

    async def until_broken(self, trying: Trying) -> None:
        """Have it end when nobody reads any more what is shown."""
        await self._deaf.wait()
        trying.end()

    def sandbox(self, trial: Trial, means: Means) -> None:
        """What it will not be protected from."""
        if means.why is not None:
            print(f"ferrule: {means.why}", file=sys.stderr)
        missing = [one for one in _missing(trial, means) if one not in _MEASURED]
        for one in missing:
            print(f"ferrule: not protected here: {WORDS[one]}", file=sys.stderr)
        if not self._json:
            manifest = trial.manifest
            may = ", ".join(trial.permissions) or "no permissions"
            self._screen.line(f"{manifest.id} {manifest.version} with {may}")
            if sys.stdin.isatty():
                self._screen.line(f"Ctrl-C ends it. {HOW[0].upper()}{HOW[1:]}", "dim")

    def said(self, said: Said) -> None:
        """Somebody said something."""
        if self.broken is not None or (said.method == "health" and not self._health):
            return
        try:
            self._show(said)
        except OSError as error:
            self.broken = error
            self._deaf.set()

    def _show(self, said: Said) -> None:
        at = time.monotonic() - self._begun
        if self._json:
            told = {"at": round(at, 3), "from": said.side, "what": said.what, "method": said.method or None}
            self._screen.json({**told, "body": said.body}, one_line=True)
            return
        body = said.body if isinstance(said.body, str) else json.dumps(said.body, ensure_ascii=False)
        if said.method == "log" and isinstance(said.body, dict) and isinstance(said.body.get("message"), str):
            # A stack trace on one line is read by nobody.
            first, *rest = said.body["message"].splitlines() or [""]
            self._screen.line(f"{at:8.3f} {_MARKS[said.side]} log {said.body.get('level', 'info')}: {first}")
            for line in rest:
                self._screen.line(f"{'':12}{line}", "dim")
            return
        if len(body) > _LONGEST_SHOWN:
            body = f"{body[:_LONGEST_SHOWN]}... ({len(body)} characters)"
        words = {"answer": f"{said.method} answered ", "error": f"{said.method} refused ", "text": ""}
        style = "red" if said.what == "error" else "dim" if said.side is Side.PRINTED else ""
        start = words.get(said.what, f"{said.method} ")
        self._screen.line(f"{at:8.3f} {_MARKS[said.side]} {start}{body}", style)
        sys.stdout.flush()

    def wrong(self, words: str) -> None:
        """Something could not be done."""
        print(f"ferrule: {clean(words)}", file=sys.stderr)


def _missing(trial: Trial, means: Means) -> tuple[Protection, ...]:
    from gateway.plugins.host.permissions import Word
    from gateway.plugins.host.sandbox import Runtime, Sandbox, missing

    sandbox = Sandbox(
        instance="trial",
        runtime=Runtime(trial.manifest.entry.runtime),
        command=tuple(trial.manifest.entry.command),
        package=trial.package,
        data=trial.ground,
        user=os.getuid() if means.root else None,
        network=Word.USE_NETWORK in trial.permissions,
    )
    return missing(sandbox, means)


def _end(outcome: Outcome, screen: Screen, *, as_json: bool) -> int:
    report = outcome.report
    code = 0 if outcome.sound else FAILED
    if as_json:
        about: Mapping[str, object] = {
            "sound": outcome.sound,
            "fell": outcome.fault,
            "health": report.health,
            "detail": report.health_detail,
            "refused": outcome.refused,
            "requests": report.requests,
            "events": report.events,
            "peakMemory": report.peak_memory,
        }
        screen.json(about, one_line=True)
        return code
    if outcome.fault is not None:
        screen.line(f"it fell: {outcome.fault}", "red")
        return code
    detail = f" ({report.health_detail})" if report.health_detail else ""
    memory = "" if report.peak_memory is None else f", {report.peak_memory / 2**20:.0f} MiB at most"
    requests = "1 request" if report.requests == 1 else f"{report.requests} requests"
    events = "1 event" if report.events == 1 else f"{report.events} events"
    counts = f"{requests}, {outcome.refused} refused; {events}"
    health = report.health or "it was ended before it said how it is"
    screen.line(f"{health}{detail}; {counts}{memory}")
    return code
