"""The configuration in force, and what is said of each key."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.settings import schema
from gateway.settings.effective import effective
from gateway.settings.explain import SECTIONS, UnknownKeyError, every_key, find_keys
from gateway.settings.load import load
from gateway.settings.model import Settings
from gateway.settings.written import MASK, is_secret, masked

ROOT = Path(__file__).parents[3]
PROFILES = sorted(path.stem for path in (ROOT / "config" / "profiles").glob("*.toml"))
ODD = """
[server]
bind = "private"
[history]
tier = []
[[line]]
name = "bus"
transport = "rtu"
port = "/dev/serial/by-id/a"
rs485 = true
[[line.device]]
name = "d"
unit = 1
poll = "500ms"
word_order = "little"
tag = [
  { name = "a", table = "holding", address = 0, type = "uint32", poll = "1s", word_order = "big" },
  { name = "b", table = "holding", address = 2, type = "float32", poll = "background", scale = 0.1, offset = -40 },
  { name = "c", table = "holding", address = 4, type = "string", length = 3, description = "\\"quoted\\" \\\\ °" },
  { name = "e", table = "holding", address = 8, type = "int16", sentinels = [0x8000], writable = true, safe = -3 },
]
[[line]]
name = "scale"
transport = "serial"
port = "/dev/serial/by-id/b"
raw = { terminator = "\\u0003\\u007f" }
[[line.tag]]
name = "weight"
pattern = 'S\\s+([0-9.]+) kg'
[[alarm]]
name = "fast"
tag = "scale/*"
rate = 0.5
per = "90s"
direction = "down"
severity = "info"
[[alarm]]
name = "text"
tag = "bus/d/c"
equals = "\\"no\\""
[[alarm]]
name = "gone"
device_down = "bus/d"
off_delay = "2m"
enabled = false
"""


def same(settings: Settings) -> Settings:
    """Without the names of profiles, whose tags are resolved."""
    lines = (
        replace(line, devices=tuple(replace(device, profile=None) for device in line.devices))
        for line in settings.lines
    )
    return replace(settings, lines=tuple(lines))


@pytest.mark.parametrize("defaults", [True, False])
@pytest.mark.parametrize("name", ["demo.toml", "ferrule.toml", "odd", *PROFILES])
def test_what_is_shown_asks_for_the_same(name: str, *, defaults: bool, tmp_path: Path) -> None:
    path = tmp_path / "given.toml"
    if name == "odd":
        path.write_text(ODD, encoding="utf-8")
    elif name in PROFILES:
        head = '[[line]]\nname = "bus"\ntransport = "rtu"\nport = "/dev/serial/by-id/a"\n'
        path.write_text(f'{head}[[line.device]]\nname = "d"\nunit = 1\nprofile = "{name}"\n', encoding="utf-8")
    else:
        path = ROOT / "config" / name
    settings = load(path)
    shown = tmp_path / "shown.toml"
    shown.write_text(effective(settings, defaults=defaults), encoding="utf-8")
    assert same(load(shown)) == same(settings)


def test_defaults_are_shown_where_they_are_asked_for() -> None:
    settings = load(ROOT / "config" / "demo.toml")
    assert '# write_budget = "200MB"' in effective(settings, defaults=True)
    assert "#" not in effective(settings, defaults=False)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("client_secret", True),
        ("api_key", True),
        ("auth-token", True),
        ("clientSecret", True),
        ("key", False),
        ("name", False),
        ("host", False),
        ("tokens_per_minute", False),
        ("keep_alive_time", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, *, secret: bool) -> None:
    assert is_secret(name) is secret


def test_a_login_in_an_address_is_covered() -> None:
    assert masked("url", "https://me:pa55@example.com/x") == f"https://{MASK}@example.com/x"
    assert masked("password", "pa55") == MASK


def test_keys_are_explained_in_the_words_of_the_file() -> None:
    for key in every_key():
        assert not re.search(r"\b(None|True)\b|``|\(D-|in seconds", key.meaning), key.full_name
    [timeout] = [key for key in find_keys("timeout") if key.section == "line.device"]
    assert timeout.meaning == "Upper bound of the adaptive time-out; not given: the line's."
    [poll] = [key for key in find_keys("poll") if key.section == "line.device.tag"]
    assert "not given" not in poll.meaning
    assert '"background"' in poll.meaning


def test_every_key_is_explained_completely() -> None:
    keys = list(every_key())
    assert {(key.section, key.name) for key in keys} == {
        (path, name) for path, section in SECTIONS.items() for name in section.keys
    }
    assert schema.TAG in SECTIONS.values()
    assert [key.full_name for key in keys if not key.meaning] == []
    assert [key.full_name for key in keys if not key.example] == []


def test_keys_are_found_by_name_path_and_section() -> None:
    assert [key.full_name for key in find_keys("line.timeout")] == ["line.timeout"]
    assert {key.section for key in find_keys("timeout")} == {"line", "line.device"}
    assert {key.section for key in find_keys("[[line.device]]")} == {"line.device"}
    [poll] = [key for key in find_keys("poll") if key.section == "line.device"]
    assert (poll.default, poll.unit, poll.required) == ('"1s"', "ms, s, m, h, d", False)
    assert poll.example == 'poll = "1s"'


@pytest.mark.parametrize(("word", "meant"), [("baud", "baudrate"), ("line.timout", "line.timeout"), ("slave", "unit")])
def test_a_misspelt_key_is_recognised(word: str, meant: str) -> None:
    with pytest.raises(UnknownKeyError, match=f'Did you mean "{meant}"'):
        find_keys(word)
