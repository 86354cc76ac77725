"""Device profiles: register maps kept once per device model, in files of their own.

A profile is ``NAME.toml`` with a ``[profile]`` table that says whose registers these are and where they are
documented, an optional ``[device]`` table with the habits of the device, and ``[[tag]]`` tables like those of a
device. Configurations use it by name and may leave tags out or change single keys of a tag.
"""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings import profile_schema, schema
from gateway.settings.document import Node, read_document
from gateway.settings.fields import Fields, Findings, Schema, read_fields
from gateway.settings.problems import SettingsError
from gateway.settings.suggest import did_you_mean, meant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

SHIPPED_PROFILES = Path(__file__).resolve().parents[2] / "config" / "profiles"


class Profile:
    """One profile that was found.

    Attributes:
        device: its ``[device]`` table, None where it has none.
        tags: its ``[[tag]]`` tables by name, in the order of the file.
    """

    def __init__(self, device: Node | None, tags: dict[str, Node]) -> None:
        self.device = device
        self.tags = tags


class ProfileShelf:
    """The directories profiles are looked up in; each profile is read once."""

    def __init__(self, directories: Sequence[Path], findings: Findings) -> None:
        """Open the shelf; the first directory that has a profile wins."""
        self._directories = tuple(dict.fromkeys(directories))
        self._findings = findings
        self._read: dict[str, Profile | None] = {}

    def profile_of(self, device: Node) -> Profile | None:
        """Return the profile a device names; None where it names none, or where that has been refused."""
        name = device.value("profile") if "profile" in device else None
        if not isinstance(name, str) or "/" in name:
            return None
        if name not in self._read:
            path = self._find(name)
            self._read[name] = None if path is None else self._load(path)
        if self._find(name) is None:
            where = ", ".join(str(directory) for directory in self._directories)
            hint = did_you_mean(name, self._names()) or f"Put {name}.toml into one of them"
            message = f'profile: there is no profile "{name}" in {where}. {hint}'
            self._findings.error(device.place_of_value("profile"), message)
        return self._read[name]

    def _find(self, name: str) -> Path | None:
        return next((path for each in self._directories if _is_there(path := each / f"{name}.toml")), None)

    def _names(self) -> list[str]:
        return sorted(path.stem for each in self._directories for path in each.glob("*.toml"))

    def _load(self, path: Path) -> Profile | None:
        try:
            node = Node.root(read_document(path))
        except SettingsError as error:
            self._findings.add(error.problems)
            return None
        fields = read_fields(node, profile_schema.PROFILE_FILE, self._findings)
        self._check_title(fields, path)
        tags: dict[str, Node] = {}
        for tag in fields.tables("tag"):
            name = tag.value("name") if "name" in tag else None
            if not isinstance(name, str):
                # Without a name nothing can refer to the tag; reading it says what is missing.
                read_fields(tag, profile_schema.PROFILE_TAG, self._findings)
            elif name in tags:
                first = tags[name].place_of_value("name")
                words = f'name: there is a tag "{name}" already (line {first.line}). Rename or remove one'
                self._findings.error(tag.place_of_value("name"), words)
            else:
                tags[name] = tag
        device = fields.table("device")
        if device is not None:
            read_fields(device, profile_schema.PROFILE_DEVICE, self._findings)
            device = device.only(schema.DEVICE_HABITS)
        return Profile(device, tags)

    def _check_title(self, fields: Fields, path: Path) -> None:
        title = fields.table("profile")
        if title is None:
            if not fields.given("profile"):
                message = "the profile has no [profile] table. Add one with name and title"
                self._findings.error(fields.node.place, message)
            return
        head = read_fields(title, profile_schema.PROFILE, self._findings)
        if head.sound("name") and head["name"] != path.stem:
            head.refuse("name", f'"{head["name"]}" is not the name of the file. Write "{path.stem}"')


def _is_there(path: Path) -> bool:
    """Whether there is such a file, or something in the way to it, of which reading it will tell.

    A profile that cannot be looked at must not give way to another one of its name in the next directory.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except ValueError:
        return False
    except OSError as error:
        return error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}


def device_tags(device: Fields, profile: Profile | None) -> tuple[list[Node], list[Node]]:
    """Return the tables of a device's tags: the profile's, changed and left out as the device says, then its own.

    Returns:
        The tables of whole tags, and those that only change a tag that is not known.
    """
    own = {}
    for tag in device.tables("tag"):
        name = tag.value("name") if "name" in tag else None
        # Nameless and double ones stay: reading them says what is wrong.
        own[name if isinstance(name, str) and name not in own else id(tag)] = tag
    if profile is None:
        # Without its profile, a tag that changes one key of the profile's would seem to lack all the others.
        needed = ("table", "address", "type") if names_profile(device) else ()
        return _parted(own.values(), needed)
    chosen = _chosen_names(device, profile)
    tags = []
    for name, tag in profile.tags.items():
        change = own.pop(name, None)
        if name in chosen:
            tags.append(change.over(tag) if change else tag)
        elif change:
            words = f'name: the tag "{name}" of the profile is left out by include or exclude. Decide for one'
            device.findings.error(change.place_of_value("name"), words)
    whole, changes = _parted(own.values(), ("table", "address"))
    for change in changes:
        name = change.value("name") if "name" in change else None
        # A second change of the same tag is told as such when it is read.
        if isinstance(name, str) and name not in profile.tags:
            hint = did_you_mean(name, profile.tags)
            cure = "A tag of your own needs table, address and type"
            words = f'name: the profile has no tag "{name}". {hint}{" " if hint else ""}{cure}'
            device.findings.error(change.place_of_value("name"), words)
    return [*tags, *whole], changes


def names_profile(device: Fields) -> bool:
    """Tell whether a device names a profile, be it under a misspelt key."""
    return "profile" in _keys_meant(device.node, schema.DEVICE)


def _keys_meant(node: Node, table: Schema) -> set[str | None]:
    known = [*table.keys, *table.tables]
    return {key if key in known else meant(key, known) for key in node.keys()}  # noqa: SIM118 - a Node is no dict


def _parted(tags: Iterable[Node], needed: Collection[str]) -> tuple[list[Node], list[Node]]:
    """Part the tags that have the keys a tag of one's own needs, be they misspelt, from the others."""
    whole: list[Node] = []
    changes: list[Node] = []
    for tag in tags:
        (whole if _keys_meant(tag, schema.TAG).issuperset(needed) else changes).append(tag)
    return whole, changes


def _chosen_names(device: Fields, profile: Profile) -> set[str]:
    chosen = set(profile.tags)
    for key in ("include", "exclude"):
        if not device.given(key) or not device.sound(key):
            continue
        for index, name in enumerate(device[key]):
            if name not in profile.tags:
                hint = did_you_mean(name, profile.tags) or "Remove it"
                words = f'{key}: the profile has no tag "{name}". {hint}'
                device.findings.error(device.node.place_of_value(key, index), words)
        named = set(device[key])
        chosen = chosen & named if key == "include" else chosen - named
    return chosen
