"""What is accepted and yet probably not what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.document import Document
from gateway.settings.load import interpret
from gateway.settings.problems import SettingsError


def warnings(text: str) -> list[str]:
    return [str(problem) for problem in interpret(Document("f.toml", text)).warnings]


def host_warnings(host: str) -> list[str]:
    return warnings(f'[[line]]\nname = "a"\ntransport = "tcp"\nhost = "{host}"\n')


def address_warnings(*tags: tuple[str, int], profile: str = "") -> list[str]:
    rows = "".join(
        f'  {{ name = "t{number}", table = "{table}", address = {address}, type = "{kind}" }},\n'
        for number, (table, address) in enumerate(tags)
        for kind in ["bool" if table in {"coil", "discrete"} else "int16"]
    )
    line = '[[line]]\nname = "a"\ntransport = "rtu"\nport = "/dev/x"\n[[line.device]]\nname = "d"\nunit = 1\n'
    return warnings(f"{line}{profile}\ntag = [\n{rows}]\n")


@pytest.mark.parametrize("host", ["10.0.0.300", "10.0.0", "10.0.0.1.2", "fe80:::1", "1:2:3"])
def test_a_host_that_looks_like_an_address_and_is_none(host: str) -> None:
    assert host_warnings(host) == [
        f"f.toml:4:8: warning: host: {host} looks like an address and is none. Correct it, such as 192.168.1.20"
    ]


@pytest.mark.parametrize("host", ["10.0.0.30", "fe80::1", "::1", "plc", "plc-3.example.com", "10-0-0-300", "3com"])
def test_names_and_addresses_are_not_warned_of(host: str) -> None:
    assert host_warnings(host) == []


def test_a_number_from_a_manual_is_warned_of_once_with_the_address_meant() -> None:
    (words,) = address_warnings(("holding", 40108), ("holding", 40109), ("holding", 3))
    assert words == (
        "f.toml:10:47: warning: address: 40108 is what manuals call the holding register at address 107: addresses "
        "count from zero on the wire (1 more of this device likewise). Write address = 107, unless the device does "
        "have registers that high"
    )
    assert 'Write table = "holding", address = 0, unless' in address_warnings(("input", 40001))[0]
    assert "the input register at address 9: " in address_warnings(("input", 30010), ("input", 7))[0]
    assert "the discrete input at address 0: " in address_warnings(("discrete", 10001), ("discrete", 1))[0]


@pytest.mark.parametrize(
    "tags",
    [
        [("holding", 40000), ("holding", 40069)],
        [("holding", 32000), ("holding", 40122)],
        [("input", 33049), ("input", 33057)],
        [("discrete", 10001)],
        [("holding", 107), ("holding", 40000), ("holding", 50000)],
        [("coil", 40001)],
    ],
)
def test_devices_with_high_addresses_are_not_warned_of(tags: list[tuple[str, int]]) -> None:
    assert address_warnings(*tags) == []


def test_a_profile_knows_its_addresses() -> None:
    assert address_warnings(profile='profile = "fronius-sunspec-float"') == []


def serial_line(name: str, port: object) -> str:
    return f'[[line]]\nname = "{name}"\ntransport = "rtu"\nport = "{port}"\n'


def test_two_names_of_one_adapter_are_warned_of(tmp_path: Path) -> None:
    adapter, by_id = tmp_path / "ttyXRUSB0", tmp_path / "usb-FTDI-if00"
    adapter.touch()
    by_id.symlink_to(adapter)
    (words,) = warnings(serial_line("a", by_id) + serial_line("b", adapter) + serial_line("c", tmp_path / "other"))
    assert words == (
        f'f.toml:8:8: warning: port: {adapter} is the same as "{by_id}" (line 4), the end of another line. '
        "Only one of them can open it. Put all its devices on one line"
    )


def test_two_names_that_lead_nowhere_are_not_warned_of(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path / "round")
    assert warnings(serial_line("a", tmp_path / "round") + serial_line("b", tmp_path / "gone")) == []


def tcp_line(name: str, host: str, port: int = 502) -> str:
    return f'[[line]]\nname = "{name}"\ntransport = "tcp"\nhost = "{host}"\ntcp_port = {port}\n'


@pytest.mark.parametrize(("one", "other"), [("127.0.0.1", "localhost"), ("localhost", "::1")])
def test_two_names_of_one_server_are_warned_of(one: str, other: str) -> None:
    (words,) = warnings(tcp_line("a", one) + tcp_line("b", other))
    assert words == (
        f'f.toml:9:8: warning: host: {other} is the same as "{one}" (line 4), the end of another line. '
        "Many devices take one connection at a time only. Put all its devices on one line"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [(("plc", 502), ("plc", 503)), (("127.0.0.1", 502), ("127.0.0.2", 502)), (("127.0.0.1", 502), ("localhost", 503))],
)
def test_other_servers_are_not_warned_of(one: tuple[str, int], other: tuple[str, int]) -> None:
    assert warnings(tcp_line("a", *one) + tcp_line("b", *other)) == []


@pytest.mark.parametrize(("one", "other"), [("::1", "0:0:0:0:0:0:0:1"), ("PLC.", "plc")])
def test_one_name_written_in_two_ways_is_refused(one: str, other: str) -> None:
    with pytest.raises(SettingsError, match=r'f.toml:9:8: error: host: ".*" is the end of another line already'):
        warnings(tcp_line("a", one) + tcp_line("b", other))


@pytest.mark.parametrize(("rate", "meant"), [(19201, 19200), (9660, 9600), (96000, 93750), (115000, 115200)])
def test_a_rate_nobody_uses_is_warned_of(rate: int, meant: int) -> None:
    assert warnings(serial_line("a", "/dev/x") + f"baudrate = {rate}\n") == [
        f"f.toml:5:12: warning: baudrate: {rate} is no usual rate, and few adapters can do it. Did you mean {meant}?"
    ]


def overlap_warnings(*tags: tuple[str, int, str], more: str = "") -> list[str]:
    rows = "".join(
        f'  {{ name = "t{number}", table = "{table}", address = {address}, type = "{kind}" }},\n'
        for number, (table, address, kind) in enumerate(tags)
    )
    return warnings(serial_line("a", "/dev/x") + f'[[line.device]]\nname = "d"\nunit = 1\n{more}tag = [\n{rows}]\n')


def test_numbers_that_begin_in_the_middle_of_each_other_are_warned_of_once() -> None:
    (words,) = overlap_warnings(
        ("input", 0, "float32"), ("input", 1, "float32"), ("input", 2, "float32"), ("holding", 0, "uint16")
    )
    assert words == (
        'f.toml:10:45: warning: address: registers 1 to 2 share a part with "t0" (line 9), which has 0 to 1 (1 more of '
        "this device likewise). Correct an address or a type, unless the device does have them so"
    )


@pytest.mark.parametrize(
    "tags",
    [
        [("input", 0, "float32"), ("input", 2, "float32")],
        [("input", 0, "uint32"), ("input", 0, "uint16"), ("input", 1, "uint16")],
        [("input", 0, "uint64"), ("input", 1, "uint32")],
        [("input", 0, "float32"), ("holding", 1, "float32")],
        [("input", 0, "float32"), ("input", 0, "int32")],
        [("coil", 0, "bool"), ("coil", 1, "bool")],
    ],
)
def test_numbers_within_each_other_are_meant_so(tags: list[tuple[str, int, str]]) -> None:
    assert overlap_warnings(*tags) == []


def test_a_tag_beside_a_profile_is_warned_of_where_it_is_written() -> None:
    (words,) = overlap_warnings(("input", 1, "float32"), more='profile = "eastron-sdm120"\n')
    assert words.startswith("f.toml:10:45: warning: address: registers 1 to 2 share a part with")


def safe_value(tag: str) -> tuple[object, list[str]]:
    """The safe value that is in force, and what was warned of."""
    line = '[[line]]\nname = "a"\ntransport = "rtu"\nport = "/dev/x"\n[[line.device]]\nname = "d"\nunit = 1\n'
    row = f'{{ name = "t", table = "holding", address = 0, writable = true, {tag} }}'
    settings = interpret(Document("f.toml", f"{line}tag = [\n{row}\n]\n"))
    return settings.lines[0].devices[0].tags[0].safe, [str(problem) for problem in settings.warnings]


def test_a_safe_value_between_the_steps_is_what_is_written() -> None:
    safe, (words,) = safe_value('type = "uint16", safe = 0.5')
    assert safe == 0
    assert words == (
        "f.toml:9:88: warning: safe: 0.5 is not one of the steps of 1 that this tag can hold: 0 is written. "
        "Write safe = 0, or correct type or scale"
    )
    safe, (words,) = safe_value('type = "int16", scale = -0.1, offset = 5, safe = 20.06')
    assert (safe, "steps of 0.1 that this tag can hold: 20.1 is written" in words) == (20.1, True)


@pytest.mark.parametrize(
    ("tag", "safe"),
    [
        ('type = "uint16", scale = 0.1, safe = 20.3', 20.3),
        ('type = "uint16", scale = 0.0123456789012345, safe = 670.6296235939593', 670.6296235939593),
        ('type = "uint64", safe = 9007199254740993', 9007199254740993),
        ('type = "float32", safe = 0.1', 0.1),
        ('type = "epoch64ms", safe = 1.001', 1.001),
        ('type = "bool", bit = 3, safe = true', True),
        ('type = "string", length = 2, safe = "0.5"', "0.5"),
    ],
)
def test_a_safe_value_that_can_be_held_stays_as_it_is(tag: str, safe: object) -> None:
    assert safe_value(tag) == (safe, [])
