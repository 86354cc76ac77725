"""The configuration while the gateway runs: what is in force, and how another one is taken over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import structlog
import trio

from gateway.access.acting import Acts
from gateway.access.keys import RootKey
from gateway.access.limits.rates import RateLimits
from gateway.alarms.alarms import Alarms
from gateway.api.metrics.instruments import Instruments
from gateway.api.parts import AgentParts
from gateway.api.server.tls import ServerTls
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.ports import Json
from gateway.core.principal import Principal
from gateway.lines.lines import Lines
from gateway.lines.overload import overloads
from gateway.settings.compare import Changes, difference, marks
from gateway.settings.in_force import WORDS, keep_in_force, marks_in_force, turnover
from gateway.settings.load import load
from gateway.settings.model import Settings
from gateway.settings.problems import SettingsError

log = structlog.stdlib.get_logger(__name__)

# Of names and of problems in a row of the audit log.
_MOST_NOTED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Followers:
    """What follows the configuration while it runs; other parts ask for it each time.

    Attributes:
        root: its keys, which may have been rotated.
        tls: certificates of the operator's own.
        lines: those that changed begin anew.
        agents: how many, and how long their tokens live.
        alarms: on tags.
        rates: how much callers may ask for.
        instruments: what is measured.
        audit: is told what was taken over, and what was refused.
        acts: knows who asked for it.
        plugins: told that another configuration is in force.
    """

    root: RootKey
    tls: ServerTls
    lines: Lines
    agents: AgentParts
    alarms: Alarms
    rates: RateLimits
    instruments: Instruments
    audit: AuditLog
    acts: Acts
    plugins: Callable[[], None]


class Configuration:
    """The configuration that is in force.

    Args:
        path: of the file.
        state: the state directory.
        tell: what became of a reload, in words, for the service manager.
        fit: what is made of the settings in the file before they are in force; None: they are as they are written.

    Raises:
        SettingsError: the file has mistakes.
    """

    def __init__(
        self,
        path: Path,
        state: Path,
        tell: Callable[[str], None],
        fit: Callable[[Settings], Settings] | None = None,
    ) -> None:
        self._path = path
        self._state = state
        self._tell = tell
        self._fit = fit or (lambda settings: settings)
        # What others compare the file with is what was written there.
        self._written = load(path)
        self._started_with = self._settings = self._fit(self._written)
        self._asked, self._rereads = trio.open_memory_channel[None](1)

    @property
    def settings(self) -> Settings:
        """As they are in force now."""
        return self._settings

    @property
    def marks(self) -> dict[str, str]:
        """Of the sections it was started with, for ``ferrule reload`` to compare (``settings.compare``)."""
        return marks(self._started_with)

    def reread(self) -> None:
        """Have the file read anew. One that waits is enough: it reads what is there when its turn comes."""
        with suppress(trio.WouldBlock):
            self._asked.send_nowait(None)

    async def follow(self, followers: Followers, begin: trio.Event) -> None:
        """Read the file anew whenever that is asked for, until cancelled.

        Args:
            followers: are told of what changed.
            begin: not before this.
        """
        await begin.wait()
        await trio.to_thread.run_sync(keep_in_force, self._state, marks_in_force(self._written))
        await _warn_of_overloads(self._settings)
        async for _ in self._rereads:
            await followers.acts.look()
            by = followers.acts.asker()
            if followers.root.follow(self._state):
                followers.audit.note("keys.rotate", by=by, details={"generation": followers.root.generation})
            await followers.tls.reread()
            await self._reload(followers, by)

    async def _reload(self, followers: Followers, by: Principal | None) -> None:
        """Take over a changed configuration; a bad one is refused, and the old one goes on."""
        try:
            written = await trio.to_thread.run_sync(load, self._path)
        except SettingsError as error:
            problems = str(error).splitlines()
            log.warning("configuration refused, the old one goes on", problems=problems)
            noted: dict[str, Json] = {"problems": [*problems[:_MOST_NOTED]]}
            followers.audit.note("gateway.reload", AuditOutcome.FAILED, by=by, details=noted)
            return
        settings = self._fit(written)
        changes = difference(self._settings, settings)
        by_name = {line.name: line for line in settings.lines}
        touched = [*changes.lines.changed, *changes.lines.added]
        await followers.lines.reload(
            [*changes.lines.removed, *changes.lines.changed], [by_name[name] for name in touched], list(by_name)
        )
        followers.rates.follow(settings.limits)
        followers.instruments.settings = settings.metrics
        followers.agents.directory.follow(settings.agents, settings.limits.max_agents)
        followers.agents.tokens.follow(int(settings.agents.token_ttl))
        followers.alarms.follow(settings)
        followers.audit.note("gateway.reload", by=by, details=_noted(changes))
        pending = difference(self._started_with, settings)
        if pending.waiting:
            log.warning("these sections take effect at the next start", sections=list(pending.waiting))
        before, now = marks_in_force(self._written), marks_in_force(written)
        self._written, self._settings = written, settings
        followers.plugins()
        for kind, done in turnover(before, now).items():
            if kind != "lines":
                log.info("taken over", what=WORDS[kind], added=done.added, changed=done.changed, removed=done.removed)
        await trio.to_thread.run_sync(keep_in_force, self._state, now)
        log.info(
            "configuration reloaded",
            added=changes.lines.added,
            changed=changes.lines.changed,
            removed=changes.lines.removed,
            unchanged=len(changes.lines.unchanged),
        )
        await _warn_of_overloads(settings, frozenset(touched))
        self._tell(f"configuration reloaded, {len(by_name)} lines")


async def _warn_of_overloads(settings: Settings, names: frozenset[str] | None = None) -> None:
    """Log which lines cannot be polled as asked; apart from the run loop, since plans of many tags take a while."""
    for problem in await trio.to_thread.run_sync(overloads, settings, names):
        log.warning(str(problem))


def _noted(changes: Changes) -> dict[str, Json]:
    """What a reload has changed, by the names of sections and of lines: values stay out of the log."""
    sections: list[Json] = [
        name.name.removesuffix("_changed")
        for name in fields(changes)
        if name.name.endswith("_changed") and getattr(changes, name.name)
    ]
    lines = changes.lines
    turned = {"added": lines.added, "changed": lines.changed, "removed": lines.removed}
    return {
        "sections": sections,
        **{f"{how}Lines": [*names[:_MOST_NOTED]] for how, names in turned.items() if names},
    }
