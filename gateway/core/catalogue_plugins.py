"""What the events of plugins say (D-112, D-113, D-115, D-137)."""

from __future__ import annotations

from typing import Any

from gateway.core.catalogue_type import EventData, EventType
from gateway.core.eventlog import Priority


class PluginInstalled(EventData):
    """A plugin was installed.

    Attributes:
        plugin_id: of the plugin.
        version: of the plugin.
        instance_id: of what was installed.
        status: of the instance, e.g. ``initializing``.
        installed_by: subject of who did.
    """

    plugin_id: str
    version: str
    instance_id: str
    status: str
    installed_by: str


class PluginActivated(EventData):
    """An instance of a plugin runs.

    Attributes:
        plugin_id: of the plugin.
        instance_id: of the instance.
        capabilities: what it may do.
        health_status: ``healthy``, ``degraded`` or ``unhealthy``.
    """

    plugin_id: str
    instance_id: str
    capabilities: list[str]
    health_status: str


class PluginChanged(EventData):
    """Something became of an instance of a plugin.

    Attributes:
        plugin_id: of the plugin.
        version: of the plugin.
        instance_id: of the instance.
        status: of the instance, after the event.
        by: subject of who wanted it; null where the gateway did it by itself.
    """

    plugin_id: str
    version: str
    instance_id: str
    status: str
    by: str | None


class PluginError(EventData):
    """An instance of a plugin failed.

    Attributes:
        plugin_id: of the plugin.
        instance_id: of the instance.
        status: of the instance, after the event.
        reason: one word.
        message: the same for people, with the cure.
    """

    plugin_id: str
    instance_id: str
    status: str
    reason: str
    message: str


class PluginMessage(EventData):
    """What one plugin wrote to another.

    Attributes:
        message_id: of the message.
        from_plugin: who wrote it.
        to_plugin: who it is for.
        message_type: a word of the sender's.
        priority: ``low``, ``normal``, ``high`` or ``urgent``.
        payload: whatever the two agree on; the gateway does not look into it.
        correlation_id: ties an answer to a question; null where there is none.
    """

    message_id: str
    from_plugin: str
    to_plugin: str
    message_type: str
    priority: str
    payload: Any
    correlation_id: str | None


class PluginMessageTimeout(EventData):
    """A question of one plugin to another was not answered in time.

    Attributes:
        message_id: of the question.
        from_plugin: who asked.
        to_plugin: who did not answer.
        correlation_id: of the question.
        timeout: seconds it had.
    """

    message_id: str
    from_plugin: str
    to_plugin: str
    correlation_id: str
    timeout: float


def _lifecycle(name: str, summary: str, data: type[EventData], priority: Priority = Priority.NORMAL) -> EventType:
    return EventType(name, summary, data, "plugins:read", "plugin:lifecycle", priority, key=("instance_id",))


PLUGINS = (
    _lifecycle("plugin:installed", "A plugin was installed.", PluginInstalled),
    _lifecycle("plugin:activated", "An instance of a plugin runs.", PluginActivated),
    _lifecycle("plugin:deactivated", "An instance of a plugin was stopped.", PluginChanged),
    _lifecycle("plugin:uninstalled", "An instance of a plugin was removed.", PluginChanged),
    _lifecycle("plugin:config_updated", "An instance of a plugin was configured anew.", PluginChanged),
    _lifecycle("plugin:error", "An instance of a plugin failed.", PluginError, Priority.HIGH),
    EventType(
        "plugin:message",
        "One plugin wrote to another.",
        PluginMessage,
        "messaging:read",
        "plugin:messages",
        # Many, and for those two: what they agree on is not written to the card.
        kept=False,
        key=("to_plugin",),
    ),
    EventType(
        "plugin:message_timeout",
        "A question of one plugin to another was not answered in time.",
        PluginMessageTimeout,
        "messaging:read",
        "plugin:messages",
        key=("to_plugin",),
    ),
)
