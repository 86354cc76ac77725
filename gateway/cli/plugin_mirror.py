"""The tags of a running gateway, for a plugin that is tried beside it: they are read, and never written."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable

import trio

from gateway.cli.client import CallError, Client, Json
from gateway.cli.tags import MOST_TAGS, list_tags
from gateway.plugins.author.steps import SetTag
from gateway.plugins.host.permissions import Permissions, Word

# Between two looks; a gateway tells its own plugins of changes as often (docs/events.md, tag:changed).
LOOK_EVERY_S = 1.0


class Mirror:
    """What the tags of a gateway say that a plugin may read.

    Args:
        arguments: which gateway.
        permissions: of the plugin.

    Raises:
        CommandError: it cannot be reached.
    """

    def __init__(self, arguments: argparse.Namespace, permissions: Permissions) -> None:
        self._client = Client(arguments)
        self._units = {
            name: row["units"]
            for name, row in list_tags(self._client).items()
            if permissions.allow(Word.READ_TAGS, name)
        }
        self._said: dict[str, SetTag] = {}

    def changed(self) -> list[SetTag]:
        """What is not as it was at the last look; blocks.

        Raises:
            CallError: the gateway does not answer.
        """
        names, found = list(self._units), []
        for start in range(0, len(names), MOST_TAGS):
            readings: list[Json] = self._client.call("tag.read", tags=names[start : start + MOST_TAGS])["readings"]
            for reading in readings:
                name = reading["tag"]
                now = SetTag(name, reading["value"], reading["quality"], self._units[name])
                if self._said.get(name) != now:
                    self._said[name] = now
                    found.append(now)
        return found

    async def follow(self, take: Callable[[SetTag], Awaitable[None]]) -> None:
        """Hand on what changes, until cancelled; a gateway that is away for a while changes nothing."""
        while True:
            await trio.sleep(LOOK_EVERY_S)
            try:
                changes = await trio.to_thread.run_sync(self.changed, abandon_on_cancel=True)
            except CallError:
                continue
            for change in changes:
                await take(change)
