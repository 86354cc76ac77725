"""A device takes its tags from a profile, and changes what it must."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.document import Document
from gateway.settings.load import interpret, load
from gateway.settings.model import DeviceSettings
from gateway.settings.problems import SettingsError
from gateway.settings.profiles import SHIPPED_PROFILES

PROFILES = Path(__file__).parent / "profiles"
HEAD = '[[line]]\nname = "l"\ntransport = "rtu"\nport = "/dev/ttyS0"\n[[line.device]]\nname = "m"\nunit = 1\n'


def device(text: str, profile: str = "acme-m1") -> DeviceSettings:
    settings = interpret(Document("test.toml", f'{HEAD}profile = "{profile}"\n{text}'), PROFILES)
    return settings.lines[0].devices[0]


def test_the_tags_of_the_profile_are_the_devices() -> None:
    meter = device("")
    assert [tag.name for tag in meter.tags] == ["voltage", "energy", "limit"]
    voltage = meter.tags[0]
    assert (voltage.address, voltage.scale, voltage.units, voltage.source) == (0, 0.1, "V", "p. 12")
    assert voltage.place is not None
    assert (Path(voltage.place.path).name, voltage.place.line) == ("acme-m1.toml", 14)


def test_the_habits_of_the_profile_are_the_devices_unless_it_says_otherwise() -> None:
    meter = device("")
    assert (meter.max_registers, meter.word_order, meter.poll) == (60, "little", 2.0)
    assert [(tag.word_order, tag.poll) for tag in meter.tags] == [("little", 2.0), ("little", 10.0), ("little", 2.0)]
    meter = device('word_order = "big"\npoll = "1s"')
    assert (meter.max_registers, meter.word_order) == (60, "big")
    assert [(tag.word_order, tag.poll) for tag in meter.tags] == [("big", 1.0), ("big", 10.0), ("big", 1.0)]


def test_single_keys_of_a_tag_are_changed_by_its_name_and_new_tags_follow() -> None:
    meter = device(
        '[[line.device.tag]]\nname = "limit"\nwritable = true\nsafe = 5\n'
        '[[line.device.tag]]\nname = "extra"\ntable = "coil"\naddress = 7\n'
    )
    assert [tag.name for tag in meter.tags] == ["voltage", "energy", "limit", "extra"]
    limit = meter.tags[2]
    assert (limit.address, limit.type, limit.writable, limit.safe) == (30, "int16", True, 5)
    assert limit.place is not None
    assert limit.place.path == "test.toml"


def test_include_and_exclude() -> None:
    assert [tag.name for tag in device('include = ["limit", "energy"]').tags] == ["energy", "limit"]
    assert [tag.name for tag in device('exclude = ["energy"]').tags] == ["voltage", "limit"]


def test_an_error_stands_in_the_file_that_has_it() -> None:
    with pytest.raises(SettingsError) as refusal:
        device('max_registers = 1\n[[line.device.tag]]\nname = "limit"\nscale = 0\n')
    places = [(Path(one.path).name, one.line, one.message.split(":")[0]) for one in refusal.value.problems]
    assert places == [("test.toml", 12, "scale"), ("acme-m1.toml", 27, "type")]


def test_profiles_beside_the_file_come_first(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    text = '[profile]\nname = "acme-m1"\ntitle = "mine"\n[[tag]]\nname = "mine"\ntable = "coil"\naddress = 1\n'
    (tmp_path / "profiles" / "acme-m1.toml").write_text(text, encoding="utf-8")
    (tmp_path / "ferrule.toml").write_text(f'{HEAD}profile = "acme-m1"\n', encoding="utf-8")
    settings = load(tmp_path / "ferrule.toml", PROFILES)
    assert [tag.name for tag in settings.lines[0].devices[0].tags] == ["mine"]


def test_two_devices_may_share_a_profile_and_its_mistakes_are_said_once(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        '[profile]\nname = "bad"\ntitle = "x"\n[[tag]]\nname = "t"\ntable = "coil"\naddress = -1\n', encoding="utf-8"
    )
    second = '[[line.device]]\nname = "n"\nunit = 2\nprofile = "bad"\n'
    with pytest.raises(SettingsError) as refusal:
        interpret(Document("test.toml", f'{HEAD}profile = "bad"\n{second}'), tmp_path)
    assert [one.message for one in refusal.value.problems] == ["address: must be 0 to 65535, not -1"]


def test_a_profile_that_is_no_toml_is_said_with_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("x = ", encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        interpret(Document("test.toml", f'{HEAD}profile = "bad"\n'), tmp_path)
    assert str(refusal.value).startswith(f"{tmp_path}/bad.toml:1:5: error: not valid TOML")


def test_a_profile_that_cannot_be_looked_at_does_not_give_way_to_another_of_its_name(tmp_path: Path) -> None:
    """Nor does it end the program: a directory may be closed to the service's user."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/acme-m1.toml").symlink_to("acme-m1.toml")
    with pytest.raises(SettingsError) as refusal:
        interpret(Document(str(tmp_path / "test.toml"), f'{HEAD}profile = "acme-m1"\n'), PROFILES)
    (problem,) = refusal.value.problems
    assert (problem.path, problem.line) == (str(tmp_path / "profiles/acme-m1.toml"), 1)
    assert "cannot read the file" in problem.message


@pytest.mark.parametrize("name", ["x" * 300, "x\\u0000"])
def test_a_profile_no_file_can_be_called_like_is_said_with_its_place(name: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        device("", name)
    assert {(problem.line, problem.column) for problem in refusal.value.problems} == {(8, 11)}


def test_every_shipped_profile_can_be_used() -> None:
    for path in sorted(SHIPPED_PROFILES.glob("*.toml")):
        settings = interpret(Document("test.toml", f'{HEAD}profile = "{path.stem}"\n'))
        assert settings.lines[0].devices[0].tags
