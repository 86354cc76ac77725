"""Reads ``[plugin]``: how many plugins there may be, and whose packages are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.publisher_keys import read_public_key
from gateway.settings.fields import Distinct, Findings, Schema, read_fields
from gateway.settings.kinds import Name, Size, Text, Whole
from gateway.settings.plugin_model import PluginSettings, PublisherSettings

if TYPE_CHECKING:
    from gateway.settings.document import Node

PLUGIN = Schema(
    "[plugin]",
    {
        "max_plugins": Whole(0, 10_000),
        "archives": Size(1_000_000, 10**13),
        "max_instances": Whole(0, 1000),
        # Below that no runtime starts.
        "memory": Size(32_000_000, 10**12),
        "data": Size(100_000, 10**12),
        "values": Size(0, 10**9),
    },
    PluginSettings,
    tables={"publisher": "many"},
    renamed={"publisher": "publishers"},
)

PUBLISHER = Schema(
    "[[plugin.publisher]]",
    {"name": Name(), "key": Text()},
    PublisherSettings,
    required=frozenset({"name", "key"}),
)


def read_plugin(node: Node | None, findings: Findings) -> PluginSettings:
    """Read ``[plugin]`` and ``[[plugin.publisher]]``: a key that nobody could have signed with is refused here."""
    if node is None:
        return PluginSettings()
    fields = read_fields(node, PLUGIN, findings)
    names = Distinct('publisher "{}" is there already')
    keys = Distinct("this key is another publisher's already", "Remove one, or write the other key")
    publishers = []
    for table in fields.tables("publisher"):
        inside = read_fields(table, PUBLISHER, findings)
        names.check(inside, "name")
        if inside.sound("key"):
            try:
                # The same key may be written in two ways.
                keys.check(inside, "key", read_public_key(inside["key"]))
            except ValueError as error:
                inside.refuse("key", str(error))
        if not inside.faulty:
            publishers.append(PublisherSettings(**inside.arguments()))
    return PluginSettings(**fields.arguments(), publishers=tuple(publishers))
