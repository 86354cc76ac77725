"""What a good file means, and that no file whatever ends in anything but settings or problems."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.api.methods.tag import TagRead
from gateway.api.params import convert
from gateway.settings import schema
from gateway.settings.document import Document
from gateway.settings.kinds import Name
from gateway.settings.load import interpret, load
from gateway.settings.model import (
    HistoryTier,
    LimitSettings,
    RawSettings,
    Rs485Settings,
    ServerSettings,
    Settings,
    TagSettings,
)
from gateway.settings.problems import SettingsError

CONFIG = Path(__file__).parents[3] / "config"


def read(text: str) -> Settings:
    return interpret(Document("test.toml", text))


def first_tag(text: str, device: str = "") -> TagSettings:
    head = '[[line]]\nname = "l"\ntransport = "rtu"\nport = "/dev/ttyS0"\n'
    head += f'[[line.device]]\nname = "d"\nunit = 1\n{device}\n[[line.device.tag]]\nname = "t"\n'
    return read(head + text).lines[0].devices[0].tags[0]


def test_a_file_without_anything_is_all_defaults() -> None:
    settings = read("")
    assert settings == Settings()
    assert settings.server == ServerSettings(bind="127.0.0.1", port=3500)
    assert [str(one) for one in settings.warnings] == [
        "test.toml:1:1: warning: the file has no [[line]], so nothing is polled. Add one"
    ]


def test_sections() -> None:
    agents = "c" * 128
    settings = read(
        '[gateway]\nname = "roof"\nlocation = "Hall 3"\n'
        '[server]\nbind = "private"\nport = 0\n'
        '[storage]\nwrite_budget = "50MB"\n'
        '[history]\nretention = "1d"\n[[history.tier]]\nresolution = "5m"\nretention = "30d"\n'
        '[limits]\nburst = 7\nbody_size = "64KiB"\n'
        '[[limits.capability]]\nname = "modbus-rtu"\nrequests_per_minute = 60\n'
        f'[[limits.capability]]\nname = "{agents}"\nrequests_per_minute = 6\n'
        '[events]\nretention = "2d"\ntag_interval = "250ms"\n'
        '[webhook]\nper_host = 1\n[[webhook.allow]]\nhost = "*.example.com"\n'
    )
    assert (settings.gateway.name, settings.gateway.location) == ("roof", "Hall 3")
    assert settings.server == ServerSettings(bind="private", port=0)
    assert settings.storage.write_budget == 50_000_000
    assert settings.history.tiers == (HistoryTier(resolution=300.0, retention=30 * 86400.0),)
    assert settings.limits.burst == 7
    assert settings.limits.body_size == 65536
    assert settings.limits.requests_per_minute == LimitSettings().requests_per_minute
    assert [(one.name, one.requests_per_minute) for one in settings.limits.capabilities] == [
        ("modbus-rtu", 60),
        (agents, 6),
    ]
    assert settings.webhook.allow[0].host == "*.example.com"
    assert (settings.webhook.per_host, settings.webhook.max_webhooks) == (1, 50)
    assert (settings.events.retention, settings.events.tag_interval) == (2 * 86400.0, 0.25)
    assert settings.events.size == 64_000_000


@pytest.mark.parametrize(
    "bind", ["127.0.0.1", "::1", "192.168.1.4", "10.0.0.1", "eth0", "wlan0", "private", "localhost"]
)
def test_binds_that_will_do(bind: str) -> None:
    assert read(f'[server]\nbind = "{bind}"').server.bind == bind


@pytest.mark.parametrize("bind", ["::", "8.8.8.8", "fd00::1", "169.254.1.1", "1.2.3", "", "a b"])
def test_binds_that_will_not(bind: str) -> None:
    with pytest.raises(SettingsError, match=r"test.toml:2:8: error: bind: "):
        read(f'[server]\nbind = "{bind}"')


def test_tags_of_the_longest_names_can_be_asked_for() -> None:
    longest = "n" * Name().longest
    text = f"""
        [[line]]
        name = "{longest}"
        transport = "rtu"
        port = "/dev/ttyS0"
        [[line.device]]
        name = "{longest}"
        unit = 1
        [[line.device.tag]]
        name = "{longest}"
        table = "coil"
        address = 0
    """
    line = read(text).lines[0]
    full_name = f"{line.name}/{line.devices[0].name}/{line.devices[0].tags[0].name}"
    assert convert({"tags": [full_name]}, TagRead).tags == [full_name]
    with pytest.raises(SettingsError) as refusal:
        read(text.replace(longest, longest + "n"))
    assert [str(problem) for problem in refusal.value.problems] == [
        f"test.toml:{line}:16: error: name: is 65 characters long. Keep it to 64" for line in (3, 7, 10)
    ]


def test_a_tag_takes_from_its_device_what_it_does_not_say() -> None:
    register = 'table = "holding"\naddress = 3\ntype = "uint32"\n'
    device = 'word_order = "little"\nbyte_order = "little"\npoll = "5s"'
    tag = first_tag(register, device)
    assert (tag.word_order, tag.byte_order, tag.poll) == ("little", "little", 5.0)
    assert first_tag(register).poll == 1.0
    assert first_tag(register + 'poll = "background"', device).poll is None
    assert first_tag(register, 'poll = "background"').poll is None
    assert first_tag(register + 'word_order = "big"', device).word_order == "big"


def test_what_follows_from_the_type_is_filled_in() -> None:
    assert first_tag('table = "coil"\naddress = 3').type == "bool"
    assert first_tag('table = "holding"\naddress = 3\nbit = 4').type == "bool"
    assert first_tag('table = "holding"\naddress = 3\ntype = "float64"').length == 4
    assert first_tag('table = "holding"\naddress = 3\ntype = "string"\nlength = 6').length == 6
    assert first_tag('table = "holding"\naddress = 65534\ntype = "uint32"').address == 65534


def test_sentinels_of_signed_types_may_be_written_as_their_bits() -> None:
    tag = first_tag('table = "input"\naddress = 0\ntype = "int16"\nsentinels = [0x8000, -1, 0x7FFF]')
    assert tag.sentinels == (-32768, -1, 32767)
    tag = first_tag('table = "input"\naddress = 0\ntype = "bcd16"\nsentinels = [0xFFFF]')
    assert tag.sentinels == (0xFFFF,)


def test_tags_may_share_registers() -> None:
    text = "".join(
        f'[[line.device.tag]]\nname = "b{bit}"\ntable = "holding"\naddress = 3\nbit = {bit}\n' for bit in range(3)
    )
    tag = first_tag('table = "holding"\naddress = 3\ntype = "uint16"\n' + text)
    assert tag.address == 3


def test_lines_of_every_transport() -> None:
    settings = read(
        '[[line]]\nname = "a"\ntransport = "rtu"\nport = "/dev/ttyS0"\nrs485 = true\ngap = "2ms"\n'
        '[[line]]\nname = "b"\ntransport = "ascii"\nport = "/dev/ttyS1"\nbytesize = 7\nparity = "even"\n'
        "[line.rs485]\ndelay_before = '1ms'\n"
        '[[line]]\nname = "c"\ntransport = "tcp"\nhost = "plc"\n[[line.device]]\nname = "d"\nunit = 255\n'
        '[[line]]\nname = "e"\ntransport = "rtu-over-tcp"\nhost = "plc"\ntcp_port = 503\nbaudrate = 9600\n'
        '[[line]]\nname = "f"\ntransport = "serial"\nport = "/dev/ttyS2"\n'
        '[[line.tag]]\nname = "w"\ncolumns = [3, 9]\n'
        '[[line]]\nname = "g"\ntransport = "serial"\nport = "/dev/ttyS3"\n'
        'raw = { mode = "idle", idle = "50ms" }\n'
        '[[line]]\nname = "h"\ntransport = "rtu"\nport = "/dev/ttyS4"\nrs485 = false\n'
    )
    by_name = {line.name: line for line in settings.lines}
    assert by_name["a"].rs485 == Rs485Settings()
    assert by_name["a"].gap == 0.002
    assert by_name["b"].rs485 == Rs485Settings(delay_before=0.001)
    assert by_name["c"].tcp_port == 502
    assert by_name["c"].devices[0].unit == 255
    assert by_name["e"].baudrate == 9600
    assert by_name["f"].raw == RawSettings()
    assert by_name["f"].tags[0].columns == (3, 9)
    assert by_name["g"].raw == RawSettings(mode="idle", idle=0.05)
    assert by_name["h"].rs485 is None
    assert settings.warnings == ()


def test_values_know_where_they_are_written() -> None:
    settings = load(CONFIG / "demo.toml")
    lines = (CONFIG / "demo.toml").read_text(encoding="utf-8").splitlines()
    for line in settings.lines:
        assert line.place is not None
        assert lines[line.place.line - 1] == "[[line]]"
        for device in line.devices:
            for tag in device.tags:
                assert tag.place is not None
                assert f'name = "{tag.name}"' in lines[tag.place.line - 1][tag.place.column - 1 :]


def test_a_port_that_is_renumbered_is_a_warning() -> None:
    settings = read('[[line]]\nname = "l"\ntransport = "rtu"\nport = "/dev/ttyUSB0"')
    assert str(settings.warnings[0]).startswith("test.toml:4:8: warning: port: /dev/ttyUSB0 may be another adapter")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no.toml:1:1: error: cannot read the file: no such file or directory"):
        load(tmp_path / "no.toml")
    with pytest.raises(SettingsError, match=r":1:1: error: cannot read the file: is a directory"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe.toml")
    for endless in (Path("/dev/null"), tmp_path / "pipe.toml"):
        with pytest.raises(SettingsError, match=r":1:1: error: cannot read the file: is a pipe or a device. Name a"):
            load(endless)
    (tmp_path / "latin.toml").write_bytes('[gateway]\nlocation = "Büro"'.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"latin.toml:2:14: error: byte 0xfc is not UTF-8. Save the file as UTF-8"):
        load(tmp_path / "latin.toml")


def test_a_byte_order_mark_and_cr_lf_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'\xef\xbb\xbf[server]\r\nport = 1\r\nbind = "x y"\r\n')
    with pytest.raises(SettingsError, match=r"a.toml:3:8: error: bind"):
        load(tmp_path / "a.toml")


KEYS = sorted({key for one in (schema.LINE, schema.DEVICE, schema.TAG, schema.RAW, schema.ROOT) for key in one.keys})
KEYS += ["line", "device", "tag", "raw", "rs485", "server", "limits", "history", "tier", "x"]
WORDS = ["rtu", "tcp", "serial", "coil", "holding", "bool", "uint16", "int64", "float32", "string", "bcd16", "fixed"]
WORDS += ["1s", "1MB", "background", "big", "", "é", "\n", "a/b", "..", "eth0"]
NUMBERS = ["0", "1", "-1", "8", "65535", "99999999999999999999999", "1e308", "1e-320", "inf", "nan", "0x8000"]
scalars = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS).map(lambda word: '"' + word.replace("\n", "\\n") + '"'),
    st.sampled_from(["true", "false", "1979-05-27", "07:32:00"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=4).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=8,
)


def a_table(header: str) -> st.SearchStrategy[str]:
    body = st.dictionaries(st.sampled_from(KEYS), values, max_size=8)
    return body.map(lambda table: f"{header}\n" + "".join(f"{key} = {value}\n" for key, value in table.items()))


tables = st.sampled_from(
    ["[server]", "[limits]", "[history]", "[[line]]", "[[line.device]]", "[[line.device.tag]]", "[[line.tag]]"]
).flatmap(a_table)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(tables, max_size=6).map("".join))
def test_any_file_ends_in_settings_or_in_problems(text: str) -> None:
    try:
        read(text)
    except SettingsError as error:
        assert error.problems  # noqa: PT017 - a file may also be a good one
        for problem in error.problems:
            assert problem.line <= text.count("\n") + 1


def test_files_of_the_server_count_from_the_directory_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "ferrule.toml"
    path.write_text('[server]\ncertificate = "tls/board.pem"\nkey = "/etc/board.key"\nclient_ca = ""\n')
    server = load(path).server
    assert (server.certificate, server.key, server.client_ca) == (str(tmp_path / "tls/board.pem"), "/etc/board.key", "")


def test_the_authority_of_a_destination_counts_from_the_directory_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "ferrule.toml"
    file.write_text('[[webhook.allow]]\nhost = "scada.plant"\nca = "plant.pem"\n')
    assert load(file).webhook.allow[0].ca == str(tmp_path / "plant.pem")


@pytest.mark.parametrize(
    "where",
    [
        "poll = {}\n[[line]]\n",
        "[gateway]\nname = {}\n",
        "[server]\nport = {}\n",
        "[history]\nraw = {}\n",
        "[storage]\nwrite_budget = {}\n",
        "[[line]]\nname = {}\nraw = {}\nparity = {}\nrs485 = {}\ndevice = {}\necho = {}\n",
        '[[line]]\nname = "l"\ntransport = "rtu"\nport = {}\ntimeout = {}\nbaudrate = {}\n',
        "[[line]]\n[[line.device]]\nunit = {}\nprofile = {}\npoll = {}\n",
        "[[line]]\n[[line.device]]\n[[line.device.tag]]\nname = {}\naddress = {}\nscale = {}\nsafe = {}\nbit = {}\n",
        "[[line]]\n[[line.device]]\n[[line.device.tag]]\nsentinels = [{}]\nminimum = {}\nunits = {}\n",
    ],
)
def test_a_number_of_thousands_of_hexadecimal_digits_is_told_with_its_place(where: str) -> None:
    giant = f"0x{'f' * 5000}"
    text = where.replace("{}", giant)
    with pytest.raises(SettingsError) as refusal:
        interpret(Document("test.toml", text))
    assert all("set_int_max_str_digits" not in problem.message for problem in refusal.value.problems)
