"""A reload touches what differs, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.compare import Changes, difference, marks
from gateway.settings.document import Document
from gateway.settings.load import interpret

OLD = """
[gateway]
name = "one"
[[line]]
name = "a"
transport = "rtu"
port = "/dev/ttyS0"
[[line.device]]
name = "d"
unit = 1
[[line.device.tag]]
name = "x"
table = "input"
address = 0
type = "uint16"
[[line.device.tag]]
name = "y"
table = "input"
address = 1
type = "uint16"
[[line.device]]
name = "e"
unit = 2
[[line.device.tag]]
name = "z"
table = "coil"
address = 0
[[line]]
name = "b"
transport = "serial"
port = "/dev/ttyS1"
[[line.tag]]
name = "w"
columns = [1, 5]
"""


def changes(*edits: tuple[str, str]) -> Changes:
    new = OLD
    for before, after in edits:
        assert before in new
        new = new.replace(before, after, 1)
    return difference(interpret(Document("a.toml", OLD)), interpret(Document("b.toml", new)))


def test_the_same_written_otherwise_is_no_change() -> None:
    found = changes(("[gateway]", "# more\n\n[gateway]"), ('name = "x"', 'name = "x"\npoll = "1000ms"'))
    assert found.lines.unchanged == ("a", "b")
    assert found.tags.unchanged == ("a/d/x", "a/d/y", "a/e/z", "b/w")
    assert not any((*found.lines.changed, *found.tags.changed, *found.devices.changed, *found.reopened))
    assert not any((found.gateway_changed, found.server_changed, found.limits_changed, found.history_changed))
    assert not found.agents_changed


def test_a_changed_tag_costs_only_its_own_value() -> None:
    found = changes(('name = "x"', 'name = "x"\nscale = 2'))
    assert found.lines.changed == ("a",)
    assert found.lines.unchanged == ("b",)
    assert found.reopened == ()
    assert found.devices.changed == ("a/d",)
    assert found.devices.unchanged == ("a/e",)
    assert found.tags.changed == ("a/d/x",)
    assert found.tags.unchanged == ("a/d/y", "a/e/z", "b/w")


def test_another_speed_reopens_the_line_and_keeps_the_values() -> None:
    found = changes(('port = "/dev/ttyS0"', 'port = "/dev/ttyS0"\nbaudrate = 9600'))
    assert found.reopened == ("a",)
    assert found.devices.changed == ()
    assert found.tags.changed == ()


def test_another_port_or_unit_is_another_device_so_its_values_are_forgotten() -> None:
    assert changes(('"/dev/ttyS0"', '"/dev/ttyS9"')).tags.changed == ("a/d/x", "a/d/y", "a/e/z")
    assert changes(("unit = 2", "unit = 3")).tags.changed == ("a/e/z",)


def test_added_and_removed() -> None:
    found = changes(('name = "b"', 'name = "c"'), ('name = "y"', 'name = "q"'), ('name = "e"', 'name = "f"'))
    assert (found.lines.added, found.lines.removed, found.lines.changed) == (("c",), ("b",), ("a",))
    assert (found.devices.added, found.devices.removed) == (("a/f",), ("a/e",))
    assert found.tags.added == ("a/d/q", "a/f/z", "c/w")
    assert found.tags.removed == ("a/d/y", "a/e/z", "b/w")


@pytest.mark.parametrize(
    ("keys", "waiting"),
    [('host_names = ["x"]', False), ('cors_origins = ["https://x"]', False), ('host_names = ["x"]\nport = 1', True)],
)
def test_who_may_call_does_not_wait_for_the_next_start(keys: str, *, waiting: bool) -> None:
    found = changes(('name = "one"', f'name = "one"\n[server]\n{keys}'))
    assert (found.server_changed, found.server_waiting) == (True, waiting)


@pytest.mark.parametrize(
    ("keys", "waiting"), [('tag_interval = "5s"', False), ('tag_interval = "5s"\nretention = "1d"', True)]
)
def test_how_often_tags_make_events_does_not_wait_for_the_next_start(keys: str, *, waiting: bool) -> None:
    new = OLD.replace('name = "one"', f'name = "one"\n[events]\n{keys}')
    before, after = interpret(Document("a.toml", OLD)), interpret(Document("b.toml", new))
    found = difference(before, after)
    assert (found.events_changed, found.events_waiting) == (True, waiting)
    assert (marks(before) != marks(after)) is waiting


def test_sections() -> None:
    text = '[server]\nport = 1\n[storage]\nwrite_budget = "1MB"\n[history]\nenabled = false\n[limits]\nburst = 1\n'
    text += (
        '[agents]\nstale = "40s"\n[access]\ntoken_ttl = "2h"\n[governor]\nmode = "advise"\n[audit]\nretention = "90d"\n'
    )
    text += '[events]\nsize = "1MB"\n[[alarm]]\nname = "q"\ntag = "a/d/x"\nhigh = 5\n'
    text += '[webhook]\nallow = [{ host = "x" }]\n[plugin]\nmax_plugins = 1\n'
    found = changes(('name = "one"', 'name = "two"'), ("[[line]]", text + "[[line]]"))
    assert found.gateway_changed
    assert found.server_changed
    assert found.storage_changed
    assert found.history_changed
    assert found.limits_changed
    assert found.webhook_changed
    assert found.agents_changed
    assert found.access_changed
    assert found.governor_changed
    assert found.audit_changed
    assert found.events_changed
    assert found.alarms_changed
    assert found.plugin_changed
    assert set(found.waiting) == {"gateway", "server", "storage", "history", "audit", "events"}
    assert found.lines.unchanged == ("a", "b")


def test_where_a_key_is_written_is_no_change() -> None:
    """``ferrule reload`` compares what another process made of the file, which may be called by another name there."""
    server = '[server]\nbind = "127.0.0.2"\nport = 3501\n'
    before = interpret(Document("ferrule.toml", server + OLD))
    moved = interpret(Document("/etc/ferrule/ferrule.toml", "# a word before\n" + server + OLD))
    assert marks(before) == marks(moved)
    elsewhere = interpret(Document("ferrule.toml", server.replace("3501", "3502") + OLD))
    assert {name for name, mark in marks(before).items() if marks(elsewhere)[name] != mark} == {"server"}


def test_a_file_that_is_named_from_elsewhere_is_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[server]\ncertificate = "own.pem"\nkey = "own.key"\nclient_ca = "callers.pem"\n'
    monkeypatch.chdir(tmp_path)
    here = marks(interpret(Document("a.toml", text)))
    assert here == marks(interpret(Document(str(tmp_path / "a.toml"), text)))
    assert here["server"] != marks(interpret(Document("a.toml", text.replace("callers", "others"))))["server"]
