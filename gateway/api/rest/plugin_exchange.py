"""All routes by which plugins talk to each other."""

from __future__ import annotations

from gateway.api.rest.plugin_subscriptions import subscription_routes
from gateway.api.rest.plugin_talk import sender_routes
from gateway.api.rest.route import Route
from gateway.core.ports import EventDoor
from gateway.plugins.exchange.talk import Talk


def talk_routes(door: EventDoor, talk: Talk) -> tuple[Route, ...]:
    """Every one of them.

    Args:
        door: takes events of others.
        talk: what plugins say to each other.
    """
    return (*sender_routes(door, talk), *subscription_routes(talk))
