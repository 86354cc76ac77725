"""How an instance is, on the wire; null where nothing was measured."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.api.rest.instance_models import Trouble
from gateway.core import rfc3339
from gateway.plugins.host.sandbox import WORDS
from gateway.plugins.host.states import Report
from gateway.plugins.instances.order import Shown


class Health(msgspec.Struct, frozen=True):
    """What it says of itself, and how long it takes to, in milliseconds."""

    status: str | None
    detail: str | None
    response_time: float | None


class ResourceUsage(msgspec.Struct, frozen=True):
    """What its processes take: bytes, shares of one processor, processor seconds, processes and threads."""

    memory: int | None
    peak_memory: int | None
    average_memory: float | None
    cpu_seconds: float | None
    average_cpu: float | None
    tasks: int | None


class Messages(msgspec.Struct, frozen=True):
    """Messages it was given, and how long its answers took, in milliseconds."""

    invocations: int
    errors: int
    average_response_time: float | None
    p95_response_time: float | None


class Traffic(msgspec.Struct, frozen=True):
    """What it asked of the gateway, and which events it was given."""

    requests: int
    request_errors: int
    events: int
    events_missed: int
    log_lines_suppressed: int


class Unprotected(msgspec.Struct, frozen=True):
    """Something this system does not protect from."""

    protection: str
    detail: str


class StatusAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance is; what is counted is counted since the gateway started."""

    status: str
    since: str | None
    error: Trouble | None
    parked: bool
    restarts: int | None
    uptime_percentage: float | None
    running_seconds: float | None
    health: Health
    resource_usage: ResourceUsage
    messages: Messages | None
    traffic: Traffic | None
    # None: nobody knows yet; empty: it is protected from everything.
    degraded: list[Unprotected] | None


class StatusResource(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance is, as a resource."""

    type: Literal["instance-status"] = "instance-status"
    id: str
    attributes: StatusAttributes


def status_resource(shown: Shown) -> StatusResource:
    """How an instance is, for an answer."""
    return StatusResource(id=shown.kept.id, attributes=_unhosted(shown) if shown.report is None else _of(shown.report))


def _unhosted(shown: Shown) -> StatusAttributes:
    return StatusAttributes(
        status=shown.status.value,
        since=None,
        error=None if shown.trouble is None else Trouble("not_started", shown.trouble),
        parked=False,
        restarts=None,
        uptime_percentage=None,
        running_seconds=None,
        health=Health(None, None, None),
        resource_usage=ResourceUsage(None, None, None, None, None, None),
        messages=None,
        traffic=None,
        degraded=None,
    )


def _of(report: Report) -> StatusAttributes:
    usage, fall = report.usage, report.fall
    return StatusAttributes(
        status=report.state.value,
        since=rfc3339.seconds(report.since),
        error=None if fall is None else Trouble("parked" if report.parked else fall.reason, fall.message),
        parked=report.parked,
        restarts=report.restarts,
        uptime_percentage=report.uptime_percentage,
        running_seconds=report.running_seconds,
        health=Health(report.health, report.health_detail, _milliseconds(report.health_seconds)),
        resource_usage=ResourceUsage(
            None if usage is None else usage.memory,
            report.peak_memory,
            report.average_memory,
            None if usage is None else usage.cpu,
            report.average_cpu,
            None if usage is None else usage.tasks,
        ),
        messages=Messages(
            report.invocations,
            report.errors,
            _milliseconds(report.average_response),
            _milliseconds(report.p95_response),
        ),
        traffic=Traffic(report.requests, report.request_errors, report.events, report.events_missed, report.suppressed),
        degraded=[Unprotected(one.value, WORDS[one]) for one in report.degraded],
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
