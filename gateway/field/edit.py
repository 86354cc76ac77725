"""Changes one key of a configuration file, keeps its comments, and never leaves a file that cannot be used."""

from __future__ import annotations

import codecs
import contextlib
import difflib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli
import tomlkit
import tomlkit.items
from tomlkit.exceptions import TOMLKitError

from gateway.access.files import replace
from gateway.settings.document import Document, read_document
from gateway.settings.explain import SECTIONS
from gateway.settings.kinds import Kind, Scalar
from gateway.settings.load import interpret
from gateway.settings.suggest import did_you_mean

FORMS = "server.port, LINE:timeout, LINE/DEVICE:unit, LINE/DEVICE/TAG:scale, LINE:rs485.delay_before"


class EditError(Exception):
    """The key cannot be changed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Named:
    """One of the tables of a list: the one with this name."""

    key: str
    name: str


Step = str | int | Named
# Applies a change to a tree: makes a table where one is missing, given the table it goes into.
_MakeTable = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A key in a file.

    Attributes:
        steps: to its table.
        key: its name there.
        section: path of its table, as in `SECTIONS`.
    """

    steps: tuple[Step, ...]
    key: str
    section: str


def edit(path: Path, key: str, value: str | None) -> str:
    """Set a key, or take it out.

    Args:
        path: the configuration file; replaced in one step, and only by one that the loader takes.
        key: such as ``server.port``, ``LINE:timeout``, ``LINE/DEVICE/TAG:scale``.
        value: as it would be written, text also without quotes; None takes the key out.

    Returns:
        What has changed, as a diff without context; empty where it was so already.

    Raises:
        EditError: there is no such key, or this file needs an editor.
        SettingsError: the file is no TOML, or would be refused afterwards; it is as it was.
        OSError: the file cannot be replaced.
    """
    path = path.resolve()
    # Says what is wrong in the words of `ferrule check`, where the file is no TOML at all.
    document = read_document(path)
    content = path.read_bytes()
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    old = content.removeprefix(mark).decode()
    new = changed(old, document.data, key, value)
    interpret(Document(str(path), new))
    if new != old:
        _put(path, mark + new.encode())
    return "".join(
        line
        for line in difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), n=0)
        if not line.startswith(("---", "+++", "@@"))
    )


def changed(text: str, data: dict[str, object], key: str, value: str | None) -> str:
    """The text of a configuration with one key changed.

    Args:
        text: the file.
        data: what it says.
        key: as for `edit`.
        value: as for `edit`.

    Raises:
        EditError: as `edit`.
    """
    target = target_of(key, data)
    item = None if value is None else _value(target, value)
    wanted = tomli.loads(text)
    _apply(wanted, target, item.unwrap() if item is not None else None, lambda _: {})
    try:
        document = tomlkit.parse(text)
        _apply(document, target, item, _table_for)
        new = tomlkit.dumps(document)
        said = tomli.loads(new)
    except (TOMLKitError, tomli.TOMLDecodeError, TypeError, AttributeError) as error:
        raise EditError(f"{key} stands where it cannot be changed without harm ({error}). Use an editor") from None
    if said != wanted:
        raise EditError(f"changing {key} here would change more than that. Use an editor, then ferrule check")
    tidy = _tidied(text, new)
    return tidy if tomli.loads(tidy) == wanted else new


def _tidied(old: str, new: str) -> str:
    """The blanks within braces as they were: the writer of TOML loses the last one, or leaves two where a key was."""
    shorter = min(len(old), len(new))
    start = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    end = next((at for at in range(shorter - start) if old[-1 - at] != new[-1 - at]), shorter - start)
    left, gone, right = new[: len(new) - end], old[start : len(old) - end], new[len(new) - end :]
    if gone in {"", " "} and right.startswith("}"):
        come = left[start:]
        return f"{left[:start]}{', ' + come[1:].lstrip() if come.startswith(',') else come}{gone}{right}"
    if left.endswith(" ") and right.startswith(" "):
        return f"{left.rstrip(' ')} {right.lstrip(' ')}"
    return new


def target_of(key: str, data: dict[str, object]) -> Target:
    """Where a key stands.

    Raises:
        EditError: it is no key.
    """
    owner, colon, inside = key.rpartition(":")
    words = inside.split(".")
    steps: list[Step] = []
    section = ""
    if colon:
        names = owner.split("/")
        # The tags of a raw serial line are its own.
        kinds = ["line", "tag"] if _is_raw(data, names[0]) else ["line", "device", "tag"]
        if not all(names) or len(names) > len(kinds):
            raise EditError(f'"{key}" is no key. Write it as one of: {FORMS}')
        steps = [Named(kind, name) for kind, name in zip(kinds, names, strict=False)]
        section = ".".join(kinds[: len(names)])
    for word in words[:-1]:
        if word.isdecimal():
            steps.append(int(word))
        else:
            steps.append(word)
            section = f"{section}.{word}".lstrip(".")
    table = SECTIONS.get(section)
    if table is None:
        hint = did_you_mean(section, SECTIONS) if section else ""
        raise EditError(f'"{key}" is no key. {hint or f"Write it as one of: {FORMS}"}')
    known = (*table.keys, *table.tables)
    if words[-1] not in known:
        hint = did_you_mean(words[-1], known) or f"There are: {', '.join(known)}"
        raise EditError(f'there is no key "{words[-1]}" in {table.title}. {hint}')
    return Target(tuple(steps), words[-1], section)


def _is_raw(data: dict[str, object], line: str) -> bool:
    lines = data.get("line")
    return isinstance(lines, list) and any(
        isinstance(one, dict) and one.get("name") == line and one.get("transport") == "serial" for one in lines
    )


def _value(target: Target, text: str) -> tomlkit.items.Item:
    """What was typed, as TOML: text where the key takes text, so that nobody has to quote it twice."""
    kind = SECTIONS[target.section].keys.get(target.key)
    as_text = tomlkit.string(text)
    if kind is not None and not isinstance(kind, Scalar) and _takes(kind, text):
        return as_text
    try:
        return tomlkit.value(text)
    except (TOMLKitError, ValueError):
        return as_text


def _takes(kind: Kind, text: str) -> bool:
    try:
        kind.read(text)
    except ValueError:
        return False
    return True


def _apply(root: Any, target: Target, value: Any, make_table: _MakeTable) -> None:
    node = root
    for step in target.steps:
        node = _below(node, step, make_table)
    if not hasattr(node, "keys"):
        raise EditError(f"{target.key} has no table here: its place holds {node}. Use an editor")
    if value is not None:
        node[target.key] = value
    elif target.key in node:
        del node[target.key]
    else:
        raise EditError(f"{target.key} is not set there, so its default is in force")


def _below(node: Any, step: Step, make_table: _MakeTable) -> Any:
    if isinstance(step, int):
        if not isinstance(node, Sequence) or not node:
            raise EditError(f"there is no number {step}: the file has no such list. Add its first table with an editor")
        if step >= len(node):
            raise EditError(f"there is no number {step} in that list; the first is 0, the last {len(node) - 1}")
        return node[step]
    if isinstance(step, Named):
        return _named(node, step, make_table)
    if not hasattr(node, "keys"):
        raise EditError(f"{step} is no table here. Use an editor")
    if step not in node:
        node[step] = make_table(node)
    return node[step]


def _named(node: Any, step: Named, make_table: _MakeTable) -> Any:
    items = node.get(step.key, [])
    found = next((item for item in items if item.get("name") == step.name), None)
    if found is not None:
        return found
    if step.key != "tag" or "profile" not in node:
        names = [str(item.get("name")) for item in items]
        hint = did_you_mean(step.name, names) or (f"There are: {', '.join(names)}" if names else "There is none")
        raise EditError(f'there is no {step.key} "{step.name}". {hint}')
    # A tag of the device's profile: named here, with only the key that differs.
    if "tag" not in node:
        node["tag"] = tomlkit.aot() if isinstance(node, tomlkit.items.Table) else []
    made = make_table(node["tag"])
    made["name"] = step.name
    node["tag"].append(made)
    return node["tag"][-1]


def _table_for(place: Any) -> Any:
    braces = isinstance(place, tomlkit.items.InlineTable | tomlkit.items.Array)
    return tomlkit.inline_table() if braces else tomlkit.table()


def _put(path: Path, content: bytes) -> None:
    before = path.stat()
    replace(path, content, stat.S_IMODE(before.st_mode))
    # Root may edit a file of the gateway's user, who must still be able to read it.
    with contextlib.suppress(PermissionError):
        os.chown(path, before.st_uid, before.st_gid)
