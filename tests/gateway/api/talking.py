"""What lies between plugins, whole but for their processes and the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import trio

from gateway.core.errors import GatewayError
from gateway.core.ports import Json
from gateway.plugins.exchange.exchange import Find
from gateway.plugins.exchange.talk import Talk
from gateway.plugins.host.sandbox import Runtime
from gateway.plugins.host.states import Report, Spec, State
from gateway.storage.database import Database
from gateway.storage.plugin_subscriptions import StoredSubscriptions
from tests.gateway.api.registry import Plugins
from tests.gateway.api.services import NOON


def instance(plugin: str, id_: str, *permissions: str) -> Spec:
    """What an instance is."""
    return Spec(
        instance=id_,
        plugin=plugin,
        version="1.0.0",
        package=Path("/nowhere"),
        runtime=Runtime.PYTHON,
        command=("main.py",),
        permissions=permissions,
    )


@dataclass
class Runs:
    """An instance that has no process, and answers what it is told to; None: never."""

    spec: Spec
    state: State = State.ACTIVE
    answer: Json | GatewayError = "seen"
    smoothed_response: float | None = None
    heard: list[Mapping[str, Json]] = field(default_factory=list)
    subscribed: Mapping[str, object] = field(default_factory=dict)

    async def message(self, message: Mapping[str, Json], seconds: float) -> Json:
        self.heard.append(message)
        await trio.lowlevel.checkpoint()
        if self.answer is None:
            await trio.sleep(seconds)
        if isinstance(self.answer, GatewayError):
            raise self.answer
        return self.answer

    def subscribe(self, subscriptions: Mapping[str, object]) -> None:
        self.subscribed = subscriptions

    def report(self) -> Report:
        return cast("Report", self)


class Talking:
    """Plugins that talk.

    Args:
        plugins: those there are.
    """

    def __init__(self, plugins: Plugins) -> None:
        self.running: list[Runs] = []
        self.told: list[tuple[str, Mapping[str, object]]] = []
        self.talk = Talk(
            StoredSubscriptions(cast("Database", plugins.tables)),
            cast("Find", self._of),
            plugins.parts.registry.get,
            lambda *each: self.told.append(each),
            lambda: NOON,
        )

    def run(self, plugin: str, *permissions: str) -> Runs:
        """Have an instance of a plugin run."""
        made = Runs(instance(plugin, f"inst-{len(self.running) + 1}", *permissions))
        self.running.append(made)
        return made

    def granted(self, plugin: str) -> tuple[str, ...] | None:
        """What its instances that run may."""
        found = self.talk.standing.granted(plugin)
        return None if found is None else found.words

    def _of(self, plugin: str) -> list[Runs]:
        return [one for one in self.running if one.spec.plugin == plugin]
