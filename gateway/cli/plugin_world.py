"""The little gateway a plugin is tried beside, as the options of ``ferrule plugin run`` say it is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.cli.cures import unusable
from gateway.cli.main import WRONG, CommandError
from gateway.cli.plugin_check import tell
from gateway.core.errors import GatewayError
from gateway.core.patterns import Selection, parse_selection
from gateway.core.ports import Json
from gateway.plugins.author.config_words import fault_words, schema_of
from gateway.plugins.author.findings import Finding
from gateway.plugins.author.json_places import Spot, places_of
from gateway.plugins.author.steps import Hear, SetTag, parse_step, parse_tag
from gateway.plugins.config_schema import faults
from gateway.plugins.host.permissions import covered, parse_permissions
from gateway.plugins.instances.config import completed
from gateway.plugins.manifest import Manifest


def config_of(manifest: Manifest, path: Path | None) -> Mapping[str, Json]:
    """The configuration, held against the schema, with the defaults of that.

    Raises:
        CommandError: it cannot be read, or the gateway would refuse it.
    """
    text = "{}" if path is None else _text(path)
    config = _document(text, path)
    if not isinstance(config, dict):
        raise CommandError(f"{path}: a configuration is an object: {{...}}", WRONG)
    places, found = places_of(text), []
    schema = schema_of(manifest)
    whole = completed(schema, config)
    for fault in faults(schema, whole):
        words = fault_words(fault)
        found.append(Finding(str(path or "--config"), "error", words, places.nearest(fault.place)))
    tell(found)
    if found:
        cure = "it takes no empty configuration: --config FILE" if path is None else "the configuration does not fit"
        raise CommandError(cure, WRONG)
    return whole


def tags(arguments: argparse.Namespace) -> tuple[SetTag, ...]:
    """What tags say at the start.

    Raises:
        CommandError: one is not written as it should be.
    """
    found: list[SetTag] = []
    if arguments.tags is not None:
        document = _document(_text(arguments.tags), arguments.tags)
        if not isinstance(document, dict):
            raise CommandError(f'{arguments.tags}: write {{"boiler/plc/temp": 20.5}}', WRONG)
        for name, value in document.items():
            if not isinstance(value, bool | int | float | str | None):
                raise CommandError(f"{arguments.tags}: {name}: a number, text, true, false, or null where bad", WRONG)
            found.append(SetTag(name, value, "bad" if value is None else "good"))
    for text in arguments.tag:
        try:
            found.append(parse_tag(text))
        except ValueError:
            raise CommandError(f'--tag "{text}": write it as boiler/plc/temp=20.5', WRONG) from None
    return tuple(found)


def serial_lines(texts: Sequence[str]) -> tuple[Hear, ...]:
    """What raw serial lines said last.

    Raises:
        CommandError: one is not written as it should be.
    """
    return tuple(Hear(*_pair(text, "--serial", "scale=ST,GS,+ 12.34kg")) for text in texts)


def answers(texts: Sequence[str]) -> Mapping[str, Json]:
    """What other plugins answer.

    Raises:
        CommandError: one is not written as it should be.
    """
    found: dict[str, Json] = {}
    for text in texts:
        name, answer = _pair(text, "--answer", 'analytics={"mean": 20.5}')
        try:
            found[name] = json.loads(answer)
        except ValueError as error:
            raise CommandError(f"--answer {name}: no JSON: {error}", WRONG) from None
    return found


def subscriptions(texts: Sequence[str]) -> Mapping[str, Selection]:
    """Events an operator subscribed it to.

    Raises:
        CommandError: one is not written as it should be.
    """
    found = {}
    for text in texts:
        name, patterns = _pair(text, "--subscribe", "on_alarm=alarm:*")
        try:
            found[name] = parse_selection(patterns.split(","), {}, "--subscribe")
        except GatewayError as error:
            raise CommandError(f"--subscribe {name}: {error.reason}", WRONG) from None
    return found


def granted(manifest: Manifest, words: Sequence[str] | None) -> tuple[str, ...]:
    """The permissions it has: all it asks for, or some of them.

    Raises:
        CommandError: one is none, or was not asked for.
    """
    if words is None:
        return tuple(manifest.permissions)
    try:
        parse_permissions(words)
    except GatewayError as error:
        raise CommandError(f"--grant {error.provided}: {error.reason}", WRONG) from None
    if more := covered(manifest.permissions, words):
        raise CommandError(f"--grant {more[0]}: its manifest does not ask for it", WRONG)
    return tuple(words)


def steps_of(path: Path | None) -> list[bytes]:
    """The lines of a file, each a step.

    Raises:
        CommandError: it cannot be read, or a line of it is no step.
    """
    found: list[bytes] = []
    wrong: list[Finding] = []
    for number, line in enumerate([] if path is None else _text(path).splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                parse_step(line)
                found.append(line.encode())
            except ValueError as error:
                wrong.append(Finding(str(path), "error", str(error), Spot(number, 1)))
    tell(wrong)
    if wrong:
        raise CommandError(f"{path} has lines that are no steps", WRONG)
    return found


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise CommandError(f'{option} "{text}": write it as {example}', WRONG)
    return name, value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(unusable(path, error), WRONG) from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not in UTF-8", WRONG) from None


def _document(text: str, path: Path | None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        words = f"is no JSON: {error.msg.lower()}"
        tell([Finding(str(path), "error", words, Spot(error.lineno, error.colno))])
        raise CommandError(f"{path} cannot be read", WRONG) from None
    except RecursionError:
        raise CommandError(f"{path} is nested too deep", WRONG) from None
