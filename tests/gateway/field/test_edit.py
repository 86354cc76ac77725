"""Changing one key of a file that people keep comments in."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.field.edit import EditError, changed, edit
from gateway.settings.load import load
from gateway.settings.problems import SettingsError

TEXT = """\
# The boiler room. Ask Ines before changing anything here.
[server]
bind = "127.0.0.1"  # only here

[[line]]
name = "bus"   # RS-485
transport = "rtu"
port = "/dev/serial/by-id/a"
rs485 = { delay_before = "1ms" }

[[line.device]]
name = "meter"
unit = 1       # see the label
tag = [
  # phases
  { name = "l1", table = "input", address = 0, type = "float32", units = "V" },  # left
  { name = "l2", table = "input", address = 2, type = "float32" },
]

[[line.device]]
name = "sdm"
unit = 2
profile = "eastron-sdm120"

[[line]]
name = "scale"
transport = "serial"
port = "/dev/serial/by-id/b"
[[line.tag]]
name = "weight"
pattern = '([0-9.]+) kg'

[[history.tier]]
resolution = "1m"
retention = "90d"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ferrule.toml"
    path.write_text(TEXT, encoding="utf-8")
    path.chmod(0o640)
    return path


@pytest.mark.parametrize(
    ("key", "value", "gone", "come"),
    [
        ("server.bind", "private", 'bind = "127.0.0.1"  # only here', 'bind = "private"  # only here'),
        ("bus:port", "/dev/x", 'port = "/dev/serial/by-id/a"', 'port = "/dev/x"'),
        ("bus/meter:unit", "7", "unit = 1       # see the label", "unit = 7       # see the label"),
        ("bus:rs485.delay_before", "2ms", 'rs485 = { delay_before = "1ms" }', 'rs485 = { delay_before = "2ms" }'),
        ("scale/weight:pattern", "([0-9]+) g", "pattern = '([0-9.]+) kg'", 'pattern = "([0-9]+) g"'),
        ("history.tier.0.retention", "30d", 'retention = "90d"', 'retention = "30d"'),
    ],
)
def test_one_line_changes_and_comments_stay(file: Path, key: str, value: str, gone: str, come: str) -> None:
    assert edit(file, key, value) == f"-{gone}\n+{come}\n"
    assert file.read_text() == TEXT.replace(gone, come)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("server.port", "3501", lambda now: now.server.port == 3501),
        ("gateway.name", "17", lambda now: now.gateway.name == "17"),
        ("bus:timeout", "300ms", lambda now: now.lines[0].timeout == 0.3),
        ("bus:timeout", '"300ms"', lambda now: now.lines[0].timeout == 0.3),
        ("bus:stopbits", "2", lambda now: now.lines[0].stopbits == 2),
        ("bus/meter/l1:scale", "0.1", lambda now: now.lines[0].devices[0].tags[0].scale == 0.1),
        ("bus/meter/l2:sentinels", "[1, 2]", lambda now: now.lines[0].devices[0].tags[1].sentinels == (1, 2)),
        ("bus/sdm/voltage:poll", "5s", lambda now: now.lines[0].devices[1].tags[0].poll == 5.0),
        ("limits.body_size", "2MiB", lambda now: now.limits.body_size == 2 * 2**20),
    ],
)
def test_what_was_set_is_in_force(file: Path, key: str, value: str, wanted: object) -> None:
    if "sdm" in key:
        first = load(file).lines[0].devices[1].tags[0].name
        key = key.replace("voltage", first)
    assert edit(file, key, value)
    assert callable(wanted)
    assert wanted(load(file))
    assert "Ask Ines" in file.read_text()
    assert "# phases" in file.read_text()
    assert "# left" in file.read_text()
    assert edit(file, key, value) == ""


def test_a_key_is_taken_out(file: Path) -> None:
    assert edit(file, "bus/meter/l1:units", None)
    assert load(file).lines[0].devices[0].tags[0].units == ""
    with pytest.raises(EditError, match="default is in force"):
        edit(file, "bus/meter/l1:units", None)


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("bus/a/t:units", "V", '{ name = "t" }, # c', '{ name = "t", units = "V" }, # c'),
        ("bus/a/t:units", "V", '{name = "t"}', '{name = "t", units = "V"}'),
        ("bus/a/t:units", None, '{ name = "t", units = "V" },', '{ name = "t" },'),
        ("bus/a/t:units", None, '{ units = "V", name = "t" }', '{ name = "t" }'),
        ("bus/a/t:units", None, '{ name = "t", units = "V", unit = 1 }', '{ name = "t", unit = 1 }'),
        ("bus/a/t:units", None, '{ name = "t  ", units = "V", x = " "  }', None),
    ],
)
def test_braces_keep_their_blanks(key: str, value: str | None, before: str, after: str | None) -> None:
    name = "t  " if after is None else "t"
    text = f'[[line]]\nname = "bus"\n[[line.device]]\nname = "a"\ntag = [\n  {before}\n]\n'
    new = changed(text, tomli.loads(text), key.replace("/t:", f"/{name}:"), value)
    if after is None:
        assert tomli.loads(new)["line"][0]["device"][0]["tag"] == [{"name": "t  ", "x": " "}]
    else:
        assert new == text.replace(before, after)


@pytest.mark.parametrize(
    ("key", "value", "cure"),
    [
        ("bus:timout", "1s", 'Did you mean "timeout"'),
        ("buss:timeout", "1s", 'Did you mean "bus"'),
        ("bus/metre:unit", "1", 'Did you mean "meter"'),
        ("bus/meter/l3:scale", "1", "There are: l1, l2"),
        ("sever.port", "1", 'Did you mean "server"'),
        ("port", "1", "Write it as one of"),
        ("bus/meter/l1/x:scale", "1", "Write it as one of"),
        ("history.tier.9.retention", "1d", "the first is 0"),
        ("alarm.0.high", "253", "the file has no such list"),
    ],
)
def test_a_key_that_is_not_there_is_refused(file: Path, key: str, value: str, cure: str) -> None:
    with pytest.raises(EditError, match=cure):
        edit(file, key, value)
    assert file.read_text() == TEXT


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("server.bind", "8.8.8.8", "public address"),
        ("bus:timeout", "3", "needs a unit"),
        ("bus/meter:unit", "2", "unit"),
        ("bus:name", None, 'no "name"'),
        ("bus/meter/l1:address", "400108", "Modicon"),
    ],
)
def test_what_the_loader_refuses_is_never_written(file: Path, key: str, value: str | None, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        edit(file, key, value)
    assert file.read_text() == TEXT
    assert list(file.parent.iterdir()) == [file]


def test_windows_line_ends_and_a_byte_order_mark_stay(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    edit(file, "bus/meter:unit", "9")
    wanted = TEXT.replace("unit = 1 ", "unit = 9 ").replace("\n", "\r\n")
    assert file.read_bytes() == b"\xef\xbb\xbf" + wanted.encode()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    key=st.sampled_from(
        ["server.bind", "bus:description", "bus/meter/l1:units", "scale/weight:description", "gateway.location"]
    ),
    value=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30),
)
def test_whatever_is_typed_changes_that_key_or_nothing(file: Path, key: str, value: str) -> None:
    file.write_text(TEXT, encoding="utf-8")
    try:
        edit(file, key, value)
    except (EditError, SettingsError):
        assert file.read_text(encoding="utf-8") == TEXT
        return
    before, after = tomli.loads(TEXT), tomli.loads(file.read_text(encoding="utf-8"))
    for data in (before, after):
        data.pop("gateway", None)
        data["server"].pop("bind")
        data["line"][0].pop("description", None)
        data["line"][0]["device"][0]["tag"][0].pop("units", None)
        data["line"][1]["tag"][0].pop("description", None)
    assert before == after
    load(file)
