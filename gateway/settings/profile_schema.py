"""Every key of device profiles, and of a row of a register map, with what its value may be."""

from __future__ import annotations

from dataclasses import replace

from gateway.settings.fields import Schema
from gateway.settings.kinds import Name, Text
from gateway.settings.schema import DEVICE_HABITS, LONGER, TAG

PROFILE = Schema(
    "[profile]",
    {
        "name": Name(),
        "title": Text(),
        "vendor": Text(),
        "model": Text(),
        "source": LONGER,
        "revision": Text(),
        "description": LONGER,
    },
    required=frozenset({"name", "title"}),
)

PROFILE_DEVICE = Schema("[device]", DEVICE_HABITS)

PROFILE_TAG = replace(TAG, title="[[tag]]")

MAP_ROW = replace(TAG, title="the row")

PROFILE_FILE = Schema(
    "the profile",
    {},
    tables={"profile": "one", "device": "one", "tag": "many"},
)
