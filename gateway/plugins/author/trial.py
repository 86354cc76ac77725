"""A plugin is tried: in the sandbox of the gateway, spoken with by the gateway's own host, beside a little gateway."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from gateway.core.errors import GatewayError, invalid
from gateway.core.events import Event
from gateway.core.patterns import Selection
from gateway.core.ports import Json
from gateway.plugins.author.bench import Bench
from gateway.plugins.author.config_words import fault_words, schema_of, shown_config
from gateway.plugins.author.overheard import Listener, Overhearing, Said, Side
from gateway.plugins.author.steps import Ask, Configure, Emit, Hear, Quit, SetTag, Step, Wait
from gateway.plugins.config_schema import faults
from gateway.plugins.host.ground import Ground
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.process import Runner
from gateway.plugins.host.sandbox import Runtime
from gateway.plugins.host.states import Health, Report, Spec, State, Timing
from gateway.plugins.host.surroundings import Surroundings
from gateway.plugins.instances.config import completed
from gateway.plugins.manifest import Manifest

# What the next step is; none at the end.
NextStep = Callable[[], Awaitable[Step | None]]

INSTANCE = "trial"
# Seconds another plugin waits for an answer.
ANSWER_S = 30.0
# After the last step it ends when nothing was said for so long, and at the latest after so long.
QUIET_S = 1.0
_LONGEST_QUIET_S = 15.0
_BEGINNING_S = 0.5
_LONGEST_BEGINNING_S = 3.0
_SETTLED_S = 0.2
_LOOK_S = 0.05
# A trial is short: its health is asked for, and what it takes is looked at, more often than in a gateway.
TIMING = Timing(health_every=0.5, measure_every=0.5)


@dataclass(slots=True, kw_only=True)
class Trial:
    """What is tried, and with what.

    Attributes:
        manifest: of the plugin.
        package: directory of its files, as they would be packed.
        ground: directory for what it keeps; gone afterwards.
        config: validated, with the defaults of the schema.
        permissions: that are granted.
        subscriptions: of an operator, by name.
        tags: what tags say at the start, as steps.
        serial: what raw serial lines said, as steps.
        answers: what other plugins answer, by their ids.
        seconds: how long; None: until its steps are over, or it is told to end.
    """

    manifest: Manifest
    package: Path
    ground: Path
    config: Mapping[str, Json] = field(default_factory=dict, repr=False)
    permissions: tuple[str, ...] = ()
    subscriptions: Mapping[str, Selection] = field(default_factory=dict)
    tags: tuple[SetTag, ...] = ()
    serial: tuple[Hear, ...] = ()
    answers: Mapping[str, Json] = field(default_factory=dict)
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        report: of the instance, before it was told to end.
        fault: why it fell; None: it did not.
        refused: requests of the plugin that were answered with an error, and questions it answered with one.
    """

    report: Report
    fault: str | None
    refused: int

    @property
    def sound(self) -> bool:
        """Whether it ran as it should."""
        return self.fault is None and self.report.health in {Health.HEALTHY, Health.DEGRADED}


class Trying:
    """One trial.

    Args:
        trial: what is tried.
        runner: starts processes.
        own_users: whether it gets a user of its own, as only root can arrange.
        listener: told of every message.
        say: told of what no message tells: a step that cannot be taken.
        wall: Unix seconds.
        timing: how long things may take.
    """

    def __init__(
        self,
        trial: Trial,
        runner: Runner,
        listener: Listener,
        say: Callable[[str], None],
        wall: Callable[[], float],
        *,
        own_users: bool,
        timing: Timing = TIMING,
    ) -> None:
        self._trial, self._listener, self._say = trial, listener, say
        self._over = trio.Event()
        self._fault: str | None = None
        self._refused = 0
        self._heard = trio.current_time()
        self._bench = Bench(wall, self._offer, answers=trial.answers)
        hearing = Overhearing(runner, self._listen, partial(shown_config, trial.manifest))
        around = Surroundings(hearing, self._bench.services, self._told, wall, timing)
        place = Ground(trial.ground, own_users=own_users).prepare(INSTANCE)
        self._instance = Instance(_spec(trial), place, around)

    async def run(self, next_step: NextStep) -> Outcome:
        """Start it, take the steps, and end it.

        Raises:
            GatewayError: a permission is none.
        """
        for tag in self._trial.tags:
            await self.take(tag)
        for heard in self._trial.serial:
            await self.take(heard)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._instance.run)
            await self._until_over(next_step)
            report = self._instance.report()
            with trio.CancelScope(shield=True):
                await self._instance.deactivate(None)
            nursery.cancel_scope.cancel()
        return Outcome(report, self._fault, self._refused)

    def end(self) -> None:
        """Have it end now."""
        self._over.set()

    async def _until_over(self, next_step: NextStep) -> None:
        async with trio.open_nursery() as nursery:

            async def end() -> None:
                await self._over.wait()
                nursery.cancel_scope.cancel()

            async def go_on() -> None:
                await self._instance.activate(None)
                seconds = self._trial.seconds
                with trio.move_on_after(math.inf if seconds is None else seconds):
                    # What happens before it has subscribed to it passes it by.
                    await self._quiet(_BEGINNING_S, _LONGEST_BEGINNING_S)
                    enough = await self._walk(next_step)
                    if not enough and seconds is not None:
                        await trio.sleep_forever()
                    if not enough:
                        await self._quiet(QUIET_S, _LONGEST_QUIET_S)
                nursery.cancel_scope.cancel()

            nursery.start_soon(end)
            nursery.start_soon(go_on)

    async def _walk(self, next_step: NextStep) -> bool:
        """Take steps; whether somebody said that it is enough."""
        while (step := await next_step()) is not None:
            if isinstance(step, Quit):
                return True
            try:
                await self.take(step)
            except GatewayError as error:
                self._say(error.reason)
        return False

    async def take(self, step: Step) -> None:
        """Have something happen.

        Raises:
            GatewayError: the plugin does not answer, or refuses it.
        """
        if isinstance(step, Ask | Configure):
            # Events go another way, and what is asked must not overtake them.
            await self._quiet(_SETTLED_S, _LONGEST_BEGINNING_S)
        match step:
            case SetTag():
                self._bench.set_tag(step.tag, step.value, step.quality, step.units)
            case Emit():
                self._bench.emit(step.type, step.data)
            case Hear():
                self._bench.serial[step.line] = (step.text, self._bench.wall())
            case Ask():
                message: dict[str, Json] = {
                    "id": "m-1",
                    "from": "somebody",
                    "type": step.type,
                    "payload": step.payload,
                    "priority": "normal",
                    "correlationId": None,
                }
                await self._instance.message(message, ANSWER_S)
            case Configure():
                await self._instance.configure(self._checked(step.config), None)
                await self._quiet(_BEGINNING_S, _LONGEST_BEGINNING_S)
            case Wait():
                await trio.sleep(step.seconds)

    def _checked(self, config: Mapping[str, Json]) -> Mapping[str, Json]:
        """A gateway asks nobody about a configuration that the schema does not allow."""
        schema = schema_of(self._trial.manifest)
        whole = completed(schema, config)
        wrong = [fault_words(one) for one in faults(schema, whole)]
        if wrong:
            raise invalid("config", f"the configuration does not fit, and stays as it was: {'; '.join(wrong)}")
        return whole

    async def _quiet(self, seconds: float, longest: float) -> None:
        """Wait until what was begun is done, as far as that shows: nothing is said for some seconds."""
        with trio.move_on_after(longest):
            while trio.current_time() < self._heard + seconds or self._instance.state is State.INITIALIZING:  # noqa: ASYNC110 - nothing tells of silence
                await trio.sleep(_LOOK_S)

    def _offer(self, event: Event) -> None:
        self._heard = trio.current_time()
        self._instance.offer(event)

    def _listen(self, said: Said) -> None:
        if said.method != "health":
            self._heard = trio.current_time()
        # A plugin that knows no `config` is started anew: that is no fault of it.
        if said.what == "error" and not (said.side is Side.PLUGIN and said.method == "config"):
            self._refused += 1
        self._listener(said)

    def _told(self, type_: str, data: Mapping[str, object]) -> None:
        if type_ == "plugin:error" and self._fault is None:
            # It is not started again here: its author wants to see why it fell.
            fall = self._instance.report().fall
            self._fault = str(data["message"]) if fall is None else fall.message
            self._over.set()


def _spec(trial: Trial) -> Spec:
    manifest = trial.manifest
    return Spec(
        instance=INSTANCE,
        plugin=manifest.id,
        version=manifest.version,
        package=trial.package,
        runtime=Runtime(manifest.entry.runtime),
        command=tuple(manifest.entry.command),
        permissions=trial.permissions,
        capabilities=tuple(manifest.capabilities),
        config=trial.config,
        subscriptions=trial.subscriptions,
    )
