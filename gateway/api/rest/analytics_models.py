"""What is said of usage on the wire: the reference's members, then ours (D-166 to D-170)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import field

from gateway.analytics.figures import CallerFigures, Ecosystem, PluginFigures
from gateway.api.rest.shapes import Model
from gateway.core import rfc3339
from gateway.core.usage import DAY_S, PluginDay, SubjectDay

_MEBI = 1024 * 1024
Period = Literal["24h", "7d", "30d", "90d"]


class PeriodQuery(Model, frozen=True):
    """How long: days of UTC, today included."""

    period: Period = field(default="30d", name="filter[period]")


class MessageVolume(Model, frozen=True):
    """Messages between agents and between plugins in the last 24 hours, 7 days and 30 days, this hour included."""

    daily: int
    weekly: int
    monthly: int


class PerformanceMetrics(Model, frozen=True):
    """Calls of both APIs in the period: milliseconds, percent 0 to 100, share 0 to 1."""

    avg_response_time: float | None
    uptime_percentage: float | None
    error_rate: float | None


class EcosystemShown(Model, frozen=True):
    """Everything together; null where nothing was measured."""

    total_plugins: int
    active_instances: int
    total_downloads: int
    active_users: int
    message_volume: MessageVolume
    performance_metrics: PerformanceMetrics
    geographic_distribution: Mapping[str, int] | None
    total_instances: int


class ResourceUsage(Model, frozen=True):
    """What instances took: MiB of one instance, percent of one processor."""

    avg_memory_mb: float | None
    avg_cpu_percent: float | None
    peak_memory_mb: float | None


class PluginMetrics(Model, frozen=True):
    """How instances of a plugin did, ever since; null where nothing was measured."""

    instance_count: int
    total_invocations: int
    avg_response_time: float | None
    error_rate: float | None
    resource_usage: ResourceUsage
    uptime_percentage: float | None
    version_distribution: Mapping[str, int]
    active_instances: int


class PluginDayShown(Model, frozen=True):
    """One day of UTC."""

    date: str
    invocations: int
    errors: int
    avg_response_time: float | None
    uptime_percentage: float | None


class PluginAnalytics(Model, frozen=True):
    """One plugin in a period; downloads, rating and instances are as they are now."""

    downloads: int
    rating: float | None
    reviews: int
    instance_count: int
    active_instances: int
    version_distribution: Mapping[str, int]
    invocations: int
    errors: int
    avg_response_time: float | None
    error_rate: float | None
    uptime_percentage: float | None
    series: tuple[PluginDayShown, ...]


class CallerDayShown(Model, frozen=True):
    """One day of UTC."""

    date: str
    calls: int
    errors: int


class UserAnalytics(Model, frozen=True):
    """One person or program in a period; errors are those of the gateway."""

    subject: str
    calls: int
    errors: int
    active_days: int
    last_seen: str | None
    instances: int
    series: tuple[CallerDayShown, ...]


def ecosystem_shown(found: Ecosystem) -> EcosystemShown:
    """Everything together."""
    daily, weekly, monthly = found.messages
    return EcosystemShown(
        total_plugins=found.total_plugins,
        active_instances=found.active_instances,
        total_downloads=found.total_downloads,
        active_users=found.active_users,
        message_volume=MessageVolume(daily=daily, weekly=weekly, monthly=monthly),
        performance_metrics=PerformanceMetrics(
            avg_response_time=_rounded(found.average_response, 3),
            uptime_percentage=_rounded(found.uptime_percentage, 3),
            error_rate=_rounded(found.error_rate, 6),
        ),
        geographic_distribution=found.regions,
        total_instances=found.total_instances,
    )


def metrics_shown(found: PluginFigures) -> PluginMetrics:
    """One plugin, ever since."""
    did = found.sum
    return PluginMetrics(
        instance_count=sum(found.versions.values()),
        total_invocations=did.invocations,
        avg_response_time=_response(did),
        error_rate=_errors(did),
        resource_usage=ResourceUsage(
            avg_memory_mb=_rounded(did.memory / did.looks / _MEBI if did.looks else None, 3),
            avg_cpu_percent=_rounded(100 * did.cpu / did.watched if did.watched else None, 3),
            peak_memory_mb=_rounded(None if did.peak is None else did.peak / _MEBI, 3),
        ),
        uptime_percentage=_up(did),
        version_distribution=found.versions,
        active_instances=found.active,
    )


def plugin_shown(found: PluginFigures) -> PluginAnalytics:
    """One plugin in a period."""
    did = found.sum
    return PluginAnalytics(
        downloads=found.plugin.downloads,
        rating=found.plugin.rating,
        reviews=found.plugin.reviews,
        instance_count=sum(found.versions.values()),
        active_instances=found.active,
        version_distribution=found.versions,
        invocations=did.invocations,
        errors=did.errors,
        avg_response_time=_response(did),
        error_rate=_errors(did),
        uptime_percentage=_up(did),
        series=tuple(
            PluginDayShown(
                date=_date(number),
                invocations=day.invocations,
                errors=day.errors,
                avg_response_time=_response(day),
                uptime_percentage=_up(day),
            )
            for number, day in found.days.items()
        ),
    )


def caller_shown(subject: str, found: CallerFigures) -> UserAnalytics:
    """One person or program in a period."""
    did = found.sum
    return UserAnalytics(
        subject=subject,
        calls=did.calls,
        errors=did.faults,
        active_days=len(found.days),
        last_seen=rfc3339.seconds(did.last) if found.days else None,
        instances=found.instances,
        series=tuple(_day_of(number, day) for number, day in found.days.items()),
    )


def _day_of(number: int, day: SubjectDay) -> CallerDayShown:
    return CallerDayShown(date=_date(number), calls=day.calls, errors=day.faults)


def _date(day: int) -> str:
    return rfc3339.seconds(day * DAY_S)[:10]


def _response(did: PluginDay) -> float | None:
    return _rounded(1000 * did.seconds / did.invocations if did.invocations else None, 3)


def _errors(did: PluginDay) -> float | None:
    return _rounded(did.errors / did.invocations if did.invocations else None, 6)


def _up(did: PluginDay) -> float | None:
    return _rounded(min(100.0, 100 * did.up / did.wanted) if did.wanted > 0 else None, 3)


def _rounded(figure: float | None, digits: int) -> float | None:
    return None if figure is None else round(figure, digits)
