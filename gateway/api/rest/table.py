"""The one table of the plugin API: what is not in it is not there."""

from __future__ import annotations

from gateway.api.rest.alarms import alarm_routes
from gateway.api.rest.events import event_routes
from gateway.api.rest.messages import message_routes
from gateway.api.rest.packages import package_routes
from gateway.api.rest.plugin_parts import PluginParts
from gateway.api.rest.plugins import registry_routes
from gateway.api.rest.ports import EventParts
from gateway.api.rest.reviews import review_routes
from gateway.api.rest.route import Route
from gateway.api.rest.webhooks import webhook_routes


def plugin_routes(parts: EventParts, plugins: PluginParts) -> tuple[Route, ...]:
    """Every route.

    Args:
        parts: the services of events.
        plugins: the services of plugins.
    """
    return (
        *webhook_routes(parts.webhooks),
        *event_routes(parts.door, parts.history, parts.turns),
        *message_routes(parts.messages),
        *alarm_routes(parts.alarms),
        *registry_routes(plugins.registry),
        *package_routes(plugins.registry),
        *review_routes(plugins.reviews),
    )
