"""An instance that is kept running: started, watched, started again, parked, stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog
import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.events import Event
from gateway.core.patterns import Selection
from gateway.core.ports import Json
from gateway.plugins.host.asking import MOST_MESSAGES, give_config, give_message
from gateway.plugins.host.command import NoRuntimeError
from gateway.plugins.host.concealing import concealed, together
from gateway.plugins.host.conversation import Counts
from gateway.plugins.host.desk import Desk
from gateway.plugins.host.ground import Place
from gateway.plugins.host.life import Life
from gateway.plugins.host.measured import Measured
from gateway.plugins.host.notes import HOST, Note, Notes
from gateway.plugins.host.patience import Patience
from gateway.plugins.host.permissions import Word, parse_permissions
from gateway.plugins.host.sandbox import Bounds
from gateway.plugins.host.services import Caller
from gateway.plugins.host.states import Fall, Health, Report, Spec, State, sandbox_of
from gateway.plugins.host.subscriptions import Subscriptions
from gateway.plugins.host.surroundings import Surroundings
from gateway.plugins.host.tally import Tally, Uptime

log = structlog.stdlib.get_logger(__name__)


class Instance:
    """One instance.

    Args:
        spec: what it is.
        place: where it keeps its files.
        around: what all share.

    Attributes:
        spec: what it is; it changes by ``configure``, ``bound`` and ``subscribe`` only.
        caller: as whom it asks for something.
        notes: the last lines of its log.

    Raises:
        GatewayError: INVALID, for a permission there is none of.
    """

    def __init__(self, spec: Spec, place: Place, around: Surroundings) -> None:
        self.spec = spec
        self._around = around
        permissions = parse_permissions(spec.permissions)
        self._sandbox = sandbox_of(spec, place, network=permissions.has(Word.USE_NETWORK))
        self.notes = Notes(around.wall, trio.current_time, self._write, self._conceal)
        self._subscriptions = Subscriptions(permissions, spec.subscriptions)
        self.caller = Caller(spec.instance, spec.plugin)
        self._desk = Desk(
            self.caller,
            permissions,
            around.services,
            self.notes,
            self._subscriptions,
            spec.quota,
            trio.current_time,
        )
        self._measured, self._uptime = Measured(), Uptime()
        self._health, self._messages = Tally(), Tally()
        self._counts = Counts()
        self._patience = Patience(around.timing.lives, around.timing.longest_pause)
        self._state, self._since = State.INACTIVE, around.wall()
        self._fall: Fall | None = None
        self._parked = self._suspended = self._wanted = False
        self._restarts = self._events = self._missed = self._lives = 0
        self._life: Life | None = None
        self._by: str | None = None
        # Set to end a life or a pause, and anew for each.
        self._stop = trio.Event()
        self._wake = trio.Event()
        self._settled = trio.Event()

    @property
    def state(self) -> State:
        """What it is doing."""
        return self._state

    @property
    def lives(self) -> int:
        """How many processes of it became active."""
        return self._lives

    @property
    def pending(self) -> int:
        """Events that its process was not given yet."""
        return 0 if self._life is None else self._life.pending

    @property
    def missed(self) -> int:
        """Events it was too slow for."""
        return self._missed + (self._life.missed if self._life else 0)

    # What is wanted of it

    async def activate(self, by: str | None) -> None:
        """Have it run, and wait until it does or has failed to. Does nothing where it runs.

        Args:
            by: subject of who wants it.

        Raises:
            GatewayError: CONFLICT, while it is suspended.
        """
        if self._suspended:
            raise GatewayError(Code.CONFLICT, "this instance is suspended: an administrator has to resume it")
        if not self._wanted:
            self._wanted, self._by = True, by
            self._uptime.want(trio.current_time(), wanted=True)
            self._patience.forgive()
            self._set(State.INITIALIZING)
            self._wake.set()
        elif self._state is State.ERROR:
            self._patience.forgive()
            self._set(State.INITIALIZING)
            self._stop.set()
        await self._until_settled(State.INITIALIZING)

    async def deactivate(self, by: str | None) -> None:
        """Have it end, and wait until nothing of it is left or it is wanted again. Does nothing where it has ended."""
        if self._wanted:
            self._by = by
            self._unwant()
        while self._state not in {State.INACTIVE, State.SUSPENDED} and not self._wanted:
            await self._settled.wait()

    async def suspend(self, by: str | None) -> None:
        """Have it end, and not be activated until it is resumed."""
        self._suspended = True
        await self.deactivate(by)
        if self._suspended:
            self._set(State.SUSPENDED)

    def resume(self) -> None:
        """It may be activated again."""
        self._suspended = False
        if self._state is State.SUSPENDED:
            self._set(State.INACTIVE)

    async def configure(self, config: Mapping[str, Json], by: str | None, secrets: tuple[str, ...] = ()) -> None:
        """Give it another configuration; one that does not know how to change it is started anew with it.

        Args:
            config: validated, with its secrets in the clear.
            by: subject of who wants it.
            secrets: of it.

        Raises:
            GatewayError: INVALID, it refused; UNAVAILABLE, it did not answer. It keeps the one it had.
        """
        life, before = self._life, self.spec
        # From the moment it knows them it may say them.
        self.spec = replace(before, secrets=together(secrets, before.secrets))
        if life is not None and self._state is State.ACTIVE:
            try:
                known = await give_config(life.link, config, self._around.timing.configure)
            except GatewayError as error:
                raise GatewayError(error.code, self._conceal(error.reason), field=error.field) from None
            if not known:
                self._stop.set()
        self.spec = replace(self.spec, config=config)
        if self._state is State.ERROR:
            self._patience.forgive()
            self._stop.set()
        self._tell_changed("plugin:config_updated", by)

    def bound(self, bounds: Bounds, quota: int) -> bool:
        """Give it other bounds; whether what runs is started anew within them."""
        anew = bounds != self.spec.bounds and self._life is not None
        self.spec = replace(self.spec, bounds=bounds, quota=quota)
        self._sandbox = replace(self._sandbox, bounds=bounds)
        self._desk.bound(quota)
        if anew:
            self._stop.set()
        return anew

    def subscribe(self, subscriptions: Mapping[str, Selection]) -> None:
        """Change the subscriptions it was given."""
        self.spec = replace(self.spec, subscriptions=dict(subscriptions))
        self._subscriptions.give(subscriptions)

    # What it is given

    def wants(self, type_: str) -> bool:
        """Whether it takes events of a type now."""
        return self._life is not None and self._state is State.ACTIVE and self._subscriptions.wants(type_)

    def offer(self, event: Event) -> None:
        """Bring it an event, where it subscribed to it. Returns at once."""
        if self._life is not None and self._state is State.ACTIVE and (names := self._subscriptions.names(event)):
            self._life.offer(names, event)

    def bring(self, names: Sequence[str], event: Event) -> None:
        """Bring it an event under these names again, as far as it may have it. Returns at once."""
        if self._life is not None and self._state is State.ACTIVE and self._subscriptions.may(event):
            self._life.offer(list(names), event)

    async def message(self, message: Mapping[str, Json], seconds: float) -> Json:
        """Give it a message of another plugin, and wait for its answer.

        Args:
            message: ``id``, ``from``, ``type``, ``payload``, ``priority``, ``correlationId``.
            seconds: it has for that.

        Raises:
            GatewayError: CONFLICT, it is not active; UNAVAILABLE, it has too many messages, is gone, or ``data.code``
                says ``timeout`` or ``failed``.
        """
        life = self._life
        if life is None or self._state is not State.ACTIVE:
            raise GatewayError(Code.CONFLICT, f"the instance {self.spec.instance} is not active")
        if life.link.conversation.asking >= MOST_MESSAGES:
            raise GatewayError(Code.UNAVAILABLE, "too many messages wait for an answer", details={"code": "busy"})
        begun, failed = trio.current_time(), True
        try:
            answer = await give_message(life.link, message, seconds)
            failed = False
            return answer
        finally:
            self._messages.note(trio.current_time() - begun, failed=failed)

    # Running

    async def run(self) -> None:
        """Keep it as it is wanted, until cancelled; nothing of it is left then."""
        while True:
            while self._wanted:
                fall = await self._live()
                if fall is not None and self._wanted:
                    await self._rest(fall)
            if self._state not in {State.INACTIVE, State.SUSPENDED}:
                self._set(State.SUSPENDED if self._suspended else State.INACTIVE)
                self._tell_changed("plugin:deactivated", self._by)
            await self._wake.wait()
            self._wake = trio.Event()

    def _unwant(self) -> None:
        self._wanted = False
        self._uptime.want(trio.current_time(), wanted=False)
        self._stop.set()

    async def _live(self) -> Fall | None:
        self._stop = trio.Event()
        if self._state is not State.INITIALIZING:
            self._set(State.INITIALIZING)
        try:
            running = await self._around.runner.start(self._sandbox)
        except (OSError, NoRuntimeError) as error:
            return Fall("not_started", str(error))
        life = self._life = Life(
            running,
            self.spec,
            self.spec.config,
            self._desk,
            self.notes,
            self._measured,
            self._around.timing,
            self._health,
        )
        try:
            return await life.run(self._stop, self._started)
        except Exception as error:
            log.exception("an instance fell by a fault of the host", instance=self.spec.instance)
            return Fall("fault", f"the gateway failed: {type(error).__name__}")
        finally:
            self._life = None
            self._around.services.tags.ended(self.caller)
            self._uptime.set(trio.current_time(), up=False)
            self._subscriptions.forget()
            self._events += life.events
            self._missed += life.missed
            self._counts.add(life.link.conversation.counts)

    async def _rest(self, fall: Fall) -> None:
        pause = self._patience.fell(trio.current_time(), self._around.chance())
        self._restarts += 1
        self._fall, self._parked = fall, pause.parked
        self._set(State.ERROR)
        again = "parked; tried again" if pause.parked else "started again"
        message = f"{fall.message}; {again} in {pause.seconds:.0f} s"
        self.notes.add(HOST, message, "error")
        self._around.tell(
            "plugin:error",
            {
                "plugin_id": self.spec.plugin,
                "instance_id": self.spec.instance,
                "status": self._state.value,
                "reason": "parked" if pause.parked else fall.reason,
                "message": message,
            },
        )
        self._stop = trio.Event()
        with trio.move_on_after(pause.seconds):
            await self._stop.wait()
        self._parked = False

    def _started(self) -> None:
        self._fall = None
        self._lives += 1
        self._uptime.set(trio.current_time(), up=True)
        self._set(State.ACTIVE)
        life = self._life
        self._around.tell(
            "plugin:activated",
            {
                "plugin_id": self.spec.plugin,
                "instance_id": self.spec.instance,
                "capabilities": list(self.spec.capabilities),
                "health_status": (None if life is None else life.status) or Health.UNHEALTHY,
            },
        )

    def _set(self, state: State) -> None:
        self._state, self._since = state, self._around.wall()
        self._settled.set()
        self._settled = trio.Event()

    async def _until_settled(self, passing: State) -> None:
        while self._state is passing:
            await self._settled.wait()

    def _tell_changed(self, type_: str, by: str | None) -> None:
        spec = self.spec
        self._around.tell(
            type_,
            {
                "plugin_id": spec.plugin,
                "version": spec.version,
                "instance_id": spec.instance,
                "status": self._state.value,
                "by": by,
            },
        )

    def _conceal(self, text: str) -> str:
        return concealed(text, self.spec.secrets)

    def _write(self, note: Note) -> None:
        write = log.info if note.level in {"debug", "info"} else log.warning
        write("plugin says", instance=self.spec.instance, source=note.source, text=note.text)

    def report(self) -> Report:
        """How it is now."""
        now, life, measured = trio.current_time(), self._life, self._measured
        counts = replace(self._counts)
        if life is not None:
            counts.add(life.link.conversation.counts)
        return Report(
            instance=self.spec.instance,
            plugin=self.spec.plugin,
            version=self.spec.version,
            state=self._state,
            since=self._since,
            fall=self._fall if self._state is State.ERROR else None,
            parked=self._parked,
            restarts=self._restarts,
            health=None if life is None else life.status,
            health_detail=None if life is None else life.detail,
            health_seconds=self._health.smoothed,
            uptime_percentage=self._uptime.percentage(now),
            running_seconds=self._uptime.running(now),
            usage=measured.last,
            peak_memory=measured.peak,
            average_memory=measured.average_memory,
            average_cpu=measured.average_cpu,
            invocations=self._messages.calls,
            errors=self._messages.errors,
            average_response=self._messages.average,
            p95_response=self._messages.percentile(0.95),
            smoothed_response=self._messages.smoothed,
            requests=self._desk.tally.calls,
            request_errors=self._desk.tally.errors,
            events=self._events + (life.events if life else 0),
            events_missed=self.missed,
            counts=counts,
            suppressed=self.notes.suppressed,
            degraded=self._around.runner.missing(self._sandbox),
        )
