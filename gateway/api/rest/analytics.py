"""``/v1/analytics`` and the metrics of a plugin: what is used, how much and by whom, as measured (D-166 to D-170)."""

from __future__ import annotations

from functools import partial

from gateway.analytics.figures import PERIODS, Figures, PluginFigures
from gateway.api.rest.analytics_models import (
    EcosystemShown,
    PeriodQuery,
    PluginAnalytics,
    PluginMetrics,
    UserAnalytics,
    caller_shown,
    ecosystem_shown,
    metrics_shown,
    plugin_shown,
)
from gateway.api.rest.plugin_models import PLUGINS
from gateway.api.rest.route import Answer, Call, Route
from gateway.api.rest.shapes import Nothing
from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError

ANALYTICS = "/v1/analytics"
_READ = "analytics:read"
# Whoever may read about all users may read what they do.
_ADMIN = "system:write"
# Whoever may read what the gateway measures may read it of all plugins; a developer, of its own (D-055).
_ALL_PLUGINS = "metrics:read"


class AnalyticsRoutes:
    """What can be asked of usage.

    Args:
        figures: answers.
    """

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    async def ecosystem(self, call: Call[None, PeriodQuery]) -> Answer:
        """GET: everything together."""
        return self._of(call, ecosystem_shown(await self._figures.ecosystem(PERIODS[call.query.period])))

    async def plugin(self, call: Call[None, PeriodQuery]) -> Answer:
        """GET: one plugin."""
        return self._of(call, plugin_shown(await self._plugin(call, PERIODS[call.query.period])))

    async def user(self, call: Call[None, PeriodQuery]) -> Answer:
        """GET: oneself; anybody for who may read about all."""
        asked = call.path["user_id"]
        caller = call.origin.principal
        subject = asked if ":" in asked or asked == caller.subject else f"user:{asked}"
        if subject != caller.subject and not caller.may(_ADMIN):
            # Nor is a stranger told who there is.
            raise GatewayError(Code.NOT_FOUND, f"there is no {subject.replace(':', ' ', 1)} whose use you may see")
        found = await self._figures.caller(subject, PERIODS[call.query.period], known=subject == caller.subject)
        return self._of(call, caller_shown(subject, found))

    async def metrics(self, call: Call[None, Nothing]) -> Answer:
        """GET: how a plugin does."""
        return Answer(data=metrics_shown(await self._plugin(call, None)))

    async def _plugin(self, call: Call[None, PeriodQuery] | Call[None, Nothing], days: int | None) -> PluginFigures:
        """One that the caller may look at."""
        found = await self._figures.plugin(call.path["plugin_id"], days)
        caller = call.origin.principal
        if found.plugin.publisher != caller.subject and not caller.may(_ALL_PLUGINS):
            raise GatewayError(
                Code.FORBIDDEN,
                f"{found.plugin.id} is the plugin of another publisher: figures of others need {_ALL_PLUGINS} too",
            )
        return found

    def _of(self, call: Call[None, PeriodQuery], data: object) -> Answer:
        generated = rfc3339.seconds(self._figures.now)
        return Answer(data=data, meta={"period": call.query.period, "generated_at": generated})


def analytics_routes(figures: Figures) -> tuple[Route, ...]:
    """The routes of analytics."""
    work = AnalyticsRoutes(figures)
    read = partial(Route, method="GET", resource="analytics", audited=False, origin="seed")
    return (
        read(
            name="analytics.ecosystem",
            path=f"{ANALYTICS}/ecosystem",
            run=work.ecosystem,
            scope=_READ,
            summary="Show what is used, all together",
            result=EcosystemShown,
            query=PeriodQuery,
        ),
        read(
            name="analytics.plugin",
            path=f"{ANALYTICS}/plugins/{{plugin_id}}",
            run=work.plugin,
            scope=_READ,
            summary="Show how a plugin of one's own is used; with metrics:read, any",
            result=PluginAnalytics,
            query=PeriodQuery,
        ),
        read(
            name="analytics.user",
            path=f"{ANALYTICS}/users/{{user_id}}",
            run=work.user,
            scope=_READ,
            summary="Show what one does oneself; an administrator, what anybody does",
            result=UserAnalytics,
            query=PeriodQuery,
        ),
        read(
            name="plugin.metrics",
            path=f"{PLUGINS}/{{plugin_id}}/metrics",
            run=work.metrics,
            scope=_READ,
            summary="Show how the instances of a plugin of one's own do; with metrics:read, of any",
            result=PluginMetrics,
        ),
    )
