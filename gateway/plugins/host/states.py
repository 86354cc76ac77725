"""How an instance is, for those who ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gateway.core.patterns import Selection
from gateway.core.ports import Json
from gateway.core.supervise import Lives
from gateway.plugins.host.conversation import Counts
from gateway.plugins.host.ground import Place
from gateway.plugins.host.sandbox import MEBI, Bounds, Protection, Runtime, Sandbox
from gateway.plugins.host.usage import Usage


class State(StrEnum):
    """What an instance is doing (D-112)."""

    INACTIVE = "inactive"
    INITIALIZING = "initializing"
    ACTIVE = "active"
    # It fell, and is started again after a pause.
    ERROR = "error"
    # An administrator said so.
    SUSPENDED = "suspended"


class Health(StrEnum):
    """What an instance says of itself."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Fall:
    """Why a process had to be started again.

    Attributes:
        reason: one word: ``ended``, ``killed``, ``silent``, ``not_started``, ``not_initialized``, ``memory``, ``cpu``,
            ``disk``, ``fault``.
        message: the same for people, with the cure.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What an instance is.

    Attributes:
        instance: its id.
        plugin: id of its plugin.
        version: of the plugin.
        package: directory of the unpacked package.
        runtime: what runs it.
        command: file within the package, and arguments.
        permissions: that were granted.
        capabilities: what it offers.
        config: validated, with its secrets in the clear; it is never shown or logged.
        secrets: texts in it that nobody is to read in what the plugin says.
        subscriptions: to events, by name; beside those it asks for itself.
        quota: bytes it may keep by ``storage.put``.
        bounds: how much it may take.
        kit: directory that holds the plugin kit for Python; None: it brings its own.
    """

    instance: str
    plugin: str
    version: str
    package: Path
    runtime: Runtime
    command: tuple[str, ...]
    permissions: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    config: Mapping[str, Json] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    subscriptions: Mapping[str, Selection] = field(default_factory=dict)
    quota: int = MEBI
    bounds: Bounds = field(default_factory=Bounds)
    kit: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long things may take, in seconds.

    Attributes:
        initialize: until a process that was started has answered ``initialize``: boards are slow to start programs.
        health_every: between two questions for its health.
        health_within: for an answer.
        health_misses: so many without an answer one after the other, and it counts as hung.
        configure: for an answer to ``config``.
        shutdown: for it to end by itself.
        terminate: for it to end when it is told to by a signal.
        measure_every: between two looks at what it takes.
        cpu_window: over which its share of the processor is looked at.
        lives: how often it may fall.
        longest_pause: between a fall and a start.
    """

    initialize: float = 30.0
    health_every: float = 15.0
    health_within: float = 5.0
    health_misses: int = 2
    configure: float = 10.0
    shutdown: float = 5.0
    terminate: float = 2.0
    measure_every: float = 5.0
    cpu_window: float = 60.0
    lives: Lives = field(default_factory=Lives)
    longest_pause: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An instance as it is now. None where nothing was measured.

    Attributes:
        instance, plugin, version: which one.
        state: what it is doing.
        since: Unix seconds of when that began.
        fall: why it is in error; None: it is not.
        parked: it is out of lives, and tried again every ten minutes.
        restarts: how often it fell since the gateway started.
        health: what it says of itself; None: it does not run, or has not said.
        health_detail: in its words.
        health_seconds: how long its answers take, lately.
        uptime_percentage: of the time it should have run.
        running_seconds: since it last became active.
        usage: of the last look.
        peak_memory, average_memory: bytes, of all looks.
        average_cpu: share of one processor while it ran.
        invocations, errors: messages it was given, and how many of these failed.
        average_response, p95_response, smoothed_response: seconds.
        requests, request_errors: it made to the gateway.
        events, events_missed: it was given; it was too slow for.
        counts: what it sent that did not fit.
        suppressed: lines of its log that were not kept.
        degraded: what it is not protected from on this system.
    """

    instance: str
    plugin: str
    version: str
    state: State
    since: float
    fall: Fall | None
    parked: bool
    restarts: int
    health: Health | None
    health_detail: str | None
    health_seconds: float | None
    uptime_percentage: float | None
    running_seconds: float | None
    usage: Usage | None
    peak_memory: int | None
    average_memory: float | None
    average_cpu: float | None
    invocations: int
    errors: int
    average_response: float | None
    p95_response: float | None
    smoothed_response: float | None
    requests: int
    request_errors: int
    events: int
    events_missed: int
    counts: Counts
    suppressed: int
    degraded: tuple[Protection, ...]


def sandbox_of(spec: Spec, place: Place, *, network: bool) -> Sandbox:
    """What an instance is run in.

    Args:
        spec: what it is.
        place: where it keeps its files.
        network: whether it may use the network.
    """
    return Sandbox(
        instance=spec.instance,
        runtime=spec.runtime,
        command=spec.command,
        package=spec.package,
        data=place.data,
        kit=spec.kit,
        user=place.user,
        network=network,
        bounds=spec.bounds,
    )
