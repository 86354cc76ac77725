"""Reads devices with their tags, and checks what must hold between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.settings import schema
from gateway.settings.address_checks import warn_of_manual_numbers
from gateway.settings.fields import Distinct, Fields, Findings, read_fields
from gateway.settings.line_model import DeviceSettings
from gateway.settings.overlap_checks import warn_of_overlaps
from gateway.settings.profiles import ProfileShelf, device_tags, names_profile
from gateway.settings.tag_checks import read_change, read_tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.settings.document import Node

_CONFIGURATION_ONLY = ("include", "exclude")


def read_devices(
    nodes: Iterable[Node], transport: str | None, findings: Findings, shelf: ProfileShelf
) -> tuple[DeviceSettings, ...]:
    """Read the devices of one line; those with something wrong are left out, and the problems noted."""
    names = Distinct('there is a device "{}" on this line already')
    units = Distinct("unit {} is on this line already", "Two devices must not answer to one number; correct one")
    devices = []
    for node in nodes:
        profile = shelf.profile_of(node)
        whole = node if profile is None or profile.device is None else node.over(profile.device)
        fields = read_fields(whole, schema.DEVICE, findings)
        names.check(fields, "name")
        _check_unit(fields, transport)
        units.check(fields, "unit")
        if not names_profile(fields):
            for key in _CONFIGURATION_ONLY:
                if fields.given(key):
                    fields.refuse(
                        key, "chooses among the tags of a profile, but there is none. Add profile, or remove it"
                    )
        habits = {key: fields[key] for key in ("word_order", "byte_order", "poll", "max_registers")}
        tag_names = Distinct('there is a tag "{}" on this device already')
        whole_tags, changes = device_tags(fields, profile)
        read = [read_tag(tag, findings, habits, tag_names) for tag in whole_tags]
        for change in changes:
            read_change(change, findings, tag_names)
        good = [(tag_node, tag) for tag_node, tag in zip(whole_tags, read, strict=True) if tag is not None]
        warn_of_manual_numbers(good, node.place.path, findings)
        warn_of_overlaps(good, node.place.path, findings)
        if not fields.faulty:
            arguments = {key: value for key, value in fields.arguments().items() if key not in _CONFIGURATION_ONLY}
            devices.append(DeviceSettings(**arguments, tags=tuple(tag for _, tag in good), place=node.place))
    return tuple(devices)


def _check_unit(fields: Fields, transport: str | None) -> None:
    if not fields.sound("unit"):
        return
    unit = fields["unit"]
    if transport is None:
        if not 0 <= unit <= 255:
            fields.refuse("unit", f"must be 1 to 247, or with tcp 0 to 255, not {unit}")
    elif transport == "tcp":
        if not 0 <= unit <= 255:
            fields.refuse("unit", f"must be 0 to 255 on a TCP line, not {unit}")
    elif unit == 0:
        fields.refuse("unit", "0 is the broadcast, which no device answers. Write the device's own, 1 to 247")
    elif not 1 <= unit <= 247:
        fields.refuse("unit", f"must be 1 to 247 on a serial line, not {unit}")
