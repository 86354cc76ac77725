"""docs/configuration.md and config/ferrule.toml have every key, its values and its default."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.settings import model, plugin_schema, profile_schema, schema
from gateway.settings.fields import Schema
from gateway.settings.kinds import Duration, Kind, Size, shown
from gateway.settings.load import load
from gateway.settings.quantities import say_duration, say_size

ROOT = Path(__file__).parents[3]
MANUAL = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "config" / "ferrule.toml").read_text(encoding="utf-8")
SECTIONS = [
    schema.GATEWAY,
    schema.SERVER,
    schema.STORAGE,
    schema.HISTORY,
    schema.HISTORY_TIER,
    schema.LIMITS,
    schema.CAPABILITY_LIMIT,
    schema.AGENTS,
    schema.ACCESS,
    schema.GOVERNOR,
    schema.AUDIT,
    schema.METRICS,
    schema.EVENTS,
    schema.WEBHOOK,
    schema.WEBHOOK_ALLOW,
    plugin_schema.PLUGIN,
    plugin_schema.PUBLISHER,
    schema.ALARM,
    schema.LINE,
    schema.RS485,
    schema.RAW,
    schema.RAW_TAG,
    schema.DEVICE,
    schema.TAG,
]
PROFILE_SECTIONS = [profile_schema.PROFILE, profile_schema.PROFILE_DEVICE]
KEYS = [(section, key) for section in SECTIONS for key in section.keys]
# Keys of the file that choose what is in the model, and do not stand there themselves.
CHOOSING = {"include", "exclude"}


def written(kind: Kind, value: Any) -> str:
    if isinstance(kind, Duration):
        return f'"{say_duration(value)}"'
    if isinstance(kind, Size):
        return f'"{say_size(value)}"'
    if isinstance(value, bytes):
        return repr(value.decode())[1:-1].join('""')
    if isinstance(value, float):
        return f"{value:g}"
    return "[]" if value == () else shown(value)


def chapter(section: Schema) -> str:
    found = re.search(rf"^### `{re.escape(section.title)}`$(.*?)(?=^##|\Z)", MANUAL, re.MULTILINE | re.DOTALL)
    assert found, f"no chapter {section.title}"
    return found[1]


@pytest.mark.parametrize(
    ("section", "key"),
    [(section, key) for section in [*SECTIONS, *PROFILE_SECTIONS] for key in section.keys],
    ids=lambda part: part if isinstance(part, str) else part.title,
)
def test_the_manual_has_every_key_with_its_values_and_its_default(section: Schema, key: str) -> None:
    kind = section.keys[key]
    row = re.search(rf"^\| `{key}` \| (.*?) \| (.*?) \| (.+) \|$", chapter(section), re.MULTILINE)
    assert row, f"no row for {key} in {section.title}"
    assert row[1].replace("`", "") == kind.words
    default = section.default(key)
    if key in section.required:
        assert row[2] == "required"
    elif default is not None and key != "poll":
        assert row[2] == f"`{written(kind, default)}`"


@pytest.mark.parametrize("section", [*SECTIONS, *PROFILE_SECTIONS], ids=lambda section: str(section.title))
def test_the_manual_has_no_key_that_is_gone(section: Schema) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", chapter(section), re.MULTILINE)
    assert sorted(rows) == sorted(section.keys)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: str(section.title))
def test_the_example_has_every_key(section: Schema) -> None:
    headers = re.findall(rf"^(?:# )?{re.escape(section.title)}", EXAMPLE, re.MULTILINE)
    assert headers, f"no {section.title}"
    parts = re.split(r"^(?:# )?(\[+[a-z0-9.]+\]+)", EXAMPLE, flags=re.MULTILINE)
    bodies = [body for header, body in zip(parts[1::2], parts[2::2], strict=True) if header == section.title]
    for key in section.keys:
        assert any(re.search(rf"^(?:# )?{key} = ", body, re.MULTILINE) for body in bodies), key


def test_the_example_is_right_also_with_everything_switched_on(tmp_path: Path) -> None:
    assert load(ROOT / "config" / "ferrule.toml").warnings == ()
    # Keys that exclude one another, or name a file that is not there.
    left_out = ("profile", "include", "exclude", "network", "columns", "length = 16", "rs485")
    lines = []
    for line in EXAMPLE.splitlines():
        switched = re.sub(r"^# (?=\[|[a-z0-9_]+ = )", "", line)
        lines.append(line if switched.startswith(left_out) else switched)
    path = tmp_path / "ferrule.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    settings = load(path)
    assert settings.warnings == ()
    assert {alarm.kind for alarm in settings.alarms} == set(get_args(model.AlarmKind))
    # What is commented out there is the default, so nothing has changed where one exists.
    shipped = load(ROOT / "config" / "ferrule.toml")
    assert settings.server == shipped.server
    assert settings.storage == shipped.storage
    assert settings.history == shipped.history
    assert settings.lines[0].timeout == shipped.lines[0].timeout


def test_the_demo_bears_who_tries_it_hard() -> None:
    limits = load(ROOT / "config" / "demo.toml").limits
    rates = (limits.requests_per_minute, limits.burst, limits.anonymous_requests_per_minute, limits.anonymous_burst)
    assert set(rates) == {3000}
    assert limits.max_connections == 500
    # The half that callers without a token cannot use up leaves one address all of its own.
    assert limits.total_burst == 2 * 3000


@pytest.mark.parametrize(("section", "key"), KEYS, ids=lambda part: part if isinstance(part, str) else part.title)
def test_every_key_has_its_place_in_the_model(section: Schema, key: str) -> None:
    if key not in CHOOSING:
        assert section.model is not None
        assert key in {one.name for one in dataclasses.fields(section.model)}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: str(section.title))
def test_every_value_of_the_model_can_be_configured(section: Schema) -> None:
    assert section.model is not None
    names = {section.renamed.get(key, key) for key in (*section.keys, *section.tables)}
    assert {one.name for one in dataclasses.fields(section.model)} - names <= {"place"}


def test_every_section_is_known_here() -> None:
    models = {section.model for section in SECTIONS} | {model.Settings}
    declared = {getattr(model, name) for name in model.__all__}
    assert {one for one in declared if dataclasses.is_dataclass(one)} == models
