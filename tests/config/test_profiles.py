"""Every profile that comes with the gateway: it loads, it fits a slow line, and it reads what its source says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers.modbus.crc import crc16
from drivers.modbus.framing import Answered
from drivers.modbus.pdu import Data, read_bits, read_registers
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.values import BlockCodec, Unusable, Value
from gateway.field.check import BUSY, report
from gateway.lines.feasibility import judge
from gateway.lines.plan import BIT_TABLES
from gateway.lines.tagwrite import writing
from gateway.lines.unit import FUNCTION_OF, field_of
from gateway.settings.document import Document
from gateway.settings.load import interpret
from gateway.settings.model import DeviceSettings, Settings, TagSettings
from gateway.settings.profiles import SHIPPED_PROFILES

NAMES = sorted(path.stem for path in SHIPPED_PROFILES.glob("*.toml"))
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "profiles.md"
WORD = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def settings_with(profile: str, devices: int = 1, *, baudrate: int = 9600) -> Settings:
    line = f'[[line]]\nname = "l"\ntransport = "rtu"\nport = "/dev/serial/by-id/x"\nbaudrate = {baudrate}\n'
    one = '[[line.device]]\nname = "d{0}"\nunit = {0}\nprofile = "{1}"\n'
    text = line + "".join(one.format(unit + 1, profile) for unit in range(devices))
    return interpret(Document("test.toml", text))


def device(profile: str) -> DeviceSettings:
    return settings_with(profile).lines[0].devices[0]


def tags_of(profile: str) -> dict[str, TagSettings]:
    return {tag.name: tag for tag in device(profile).tags}


def test_the_promised_kinds_of_device_are_there() -> None:
    assert {"eastron-sdm630", "xy-md02", "waveshare-modbus-rtu-relay", "invertek-optidrive-e3"} <= set(NAMES)
    assert any("sunspec" in name for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_without_problems_or_warnings(name: str) -> None:
    settings = settings_with(name)
    assert settings.warnings == ()
    assert settings.lines[0].devices[0].tags


@pytest.mark.parametrize("name", NAMES)
def test_it_says_whose_registers_these_are_and_where_each_stands(name: str) -> None:
    text = (SHIPPED_PROFILES / f"{name}.toml").read_text(encoding="utf-8")
    head = text[: text.index("[[tag]]")]
    for key in ("title", "vendor", "model", "source", "revision"):
        assert re.search(rf'^{key} = ".+"$', head, re.MULTILINE), key
    for words in ("# Read for this profile:", "# Addresses:"):
        assert words in head, "the header says what was read and how the addresses were checked"
    for tag in device(name).tags:
        assert tag.source, tag.name
        assert WORD.fullmatch(tag.name), tag.name


@pytest.mark.parametrize("name", NAMES)
def test_no_two_tags_read_the_same_bits(name: str) -> None:
    taken: dict[tuple[str, int, int], str] = {}
    for tag in device(name).tags:
        bits = 1 if tag.table in BIT_TABLES else 16
        if tag.bit is not None:
            # Bits are counted over the whole number; all shipped ones lie in a single register.
            assert tag.length == 1, tag.name
            places = {(tag.address, bit) for bit in range(tag.bit, tag.bit + tag.width)}
        else:
            places = {(tag.address + word, bit) for word in range(tag.length) for bit in range(bits)}
        for place in places:
            other = taken.setdefault((tag.table, *place), tag.name)
            assert other == tag.name, f"{tag.name} and {other} share {tag.table} {place}"


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_written_is_read_back_and_a_command_has_a_safe_value(name: str) -> None:
    for tag in device(name).tags:
        if tag.writable:
            assert tag.readback, tag.name
        if tag.table == "coil" or tag.name in {"control", "frequency-setpoint"}:
            assert tag.safe is not None, tag.name


@pytest.mark.parametrize("name", NAMES)
def test_two_of_them_fit_a_line_of_9600_baud(name: str) -> None:
    settings = settings_with(name, devices=2)
    verdict = judge(settings.lines[0])
    assert all(planned.wait is not None for planned in verdict.blocks if planned.block.period)
    assert verdict.silent_utilisation < BUSY
    assert report(settings, blocks=True).problems == ()
    for planned in verdict.blocks:
        limit = planned.device.max_bits if planned.block.table in BIT_TABLES else planned.device.max_registers
        assert planned.block.count <= limit
        if planned.device.max_hole == 0:
            assert planned.block.holes() == [], "registers of which no source speaks are left alone"


@pytest.mark.parametrize("name", NAMES)
def test_power_is_polled_faster_than_energy_and_numbers_of_the_device_only_when_there_is_time(name: str) -> None:
    tags = tags_of(name)
    for tag in tags.values():
        if tag.name in {"serial-number", "manufacturer", "model", "unit-address"}:
            assert tag.poll is None, tag.name
        if "energy" in tag.name:
            fast = tags["power"].poll
            assert tag.poll is not None
            assert fast is not None
            assert tag.poll >= 10 * fast, tag.name


def test_the_manual_has_a_row_for_every_profile() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", DOCUMENTATION.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == NAMES


@dataclass(frozen=True)
class Exchange:
    """A reply printed in a source, and what the source says it means.

    Attributes:
        request: the request as printed, in part where the source gives no checksum; "" where none is printed.
        reply: the frame of the reply, with its checksum unless the source prints none.
        values: by the names of the tags, in the order of their registers.
    """

    profile: str
    request: str
    reply: str
    values: dict[str, Value] = field(default_factory=dict)
    checksum: bool = True


PRINTED = [
    # Tasmota xnrg_10_sdm630.ino and xnrg_08_sdm120.ino; the request on wiki.marcluerssen.de (Projects:Modbus_Meter),
    # whose table says 0 registers though the checksum beside it is that of 2.
    Exchange("eastron-sdm630", "01 04 00 00 00 02 71 CB", "01 04 04 43 66 33 34 1B 38", {"voltage-l1": 230.2}),
    Exchange("eastron-sdm120", "01 04 00 00 00 02 71 CB", "01 04 04 43 66 33 34 1B 38", {"voltage": 230.2}),
    # ESPHome pzemac.cpp: a recorded reply with the layout of its values.
    Exchange(
        "peacefair-pzem-016",
        "",
        "01 04 14 08 D1 00 6C 00 00 00 F4 00 00 00 26 00 00 01 F4 00 64 00 00 51 34",
        {
            "voltage": 225.7,
            "current": 0.108,
            "power": 24.4,
            "energy": 0.038,
            "frequency": 50.0,
            "power-factor": 1.0,
            "over-power-alarm": False,
        },
    ),
    # The manual of the sister module, section 2.3: every value in words; HH and LL for the checksum.
    Exchange(
        "peacefair-pzem-016",
        "01 04 00 00 00 0A",
        "01 04 14 08 98 03 E8 00 00 08 98 00 00 00 00 00 00 01 F4 00 64 00 00",
        {
            "voltage": 220.0,
            "current": 1.0,
            "power": 220.0,
            "energy": 0.0,
            "frequency": 50.0,
            "power-factor": 1.0,
            "over-power-alarm": False,
        },
        checksum=False,
    ),
    # e-tinkers/Modbus-RTU, examples/SHT20/README.md.
    Exchange("xy-md02", "01 04 00 01 00 01 60 0A", "01 04 02 01 31 79 74", {"temperature": 30.5}),
    Exchange("xy-md02", "01 04 00 02 00 01 90 0A", "01 04 02 02 22 38 49", {"humidity": 54.6}),
    Exchange(
        "xy-md02",
        "01 04 00 01 00 02 20 0B",
        "01 04 04 01 31 02 22 2A CE",
        {"temperature": 30.5, "humidity": 54.6},
    ),
    Exchange("xy-md02", "01 03 01 01 00 01 D4 36", "01 03 02 00 01 79 84", {"unit-address": 1}),
    # huynguyen2310/IO-Box README.md: "relay 0 and relay 6 is on".
    Exchange(
        "waveshare-modbus-rtu-relay",
        "01 01 00 00 00 08 3D CC",
        "01 01 01 41 91 B8",
        {f"relay-{number}": number in {1, 7} for number in range(1, 9)},
    ),
]


@pytest.mark.parametrize("example", PRINTED, ids=lambda one: f"{one.profile}:{one.reply[:20]}")
def test_a_printed_reply_decodes_to_the_printed_value(example: Exchange) -> None:
    tags = [tags_of(example.profile)[name] for name in example.values]
    start = tags[0].address
    count = max(tag.address + tag.length for tag in tags) - start
    table = tags[0].table
    read = read_bits if table in BIT_TABLES else read_registers
    framer = RtuFramer()
    sent = framer.begin(read(1, FUNCTION_OF[table], start, count))
    assert sent.startswith(bytes.fromhex(example.request)), "the profile's addresses make the printed request"
    reply = bytes.fromhex(example.reply)
    if not example.checksum:
        reply += crc16(reply).to_bytes(2, "little")
    event = framer.feed(reply)
    assert isinstance(event, Answered)
    assert isinstance(event.answer, Data)
    codec = BlockCodec(count, [field_of(tag, tag.address - start) for tag in tags], bits=table in BIT_TABLES)
    found = codec.decode(event.answer.payload)
    assert found == pytest.approx(list(example.values.values()), rel=1e-6)


# What sources say in words of single registers: profile, tag, registers in hex, value.
STATED: list[tuple[str, str, str, Value | Unusable]] = [
    ("xy-md02", "temperature", "FF33", -20.5),  # e-tinkers: "0xFF33 = -205 or -20.5 degree Celsius"
    ("xy-md02", "temperature", "0BEA", Unusable.OUT_OF_RANGE),  # e-tinkers: 30.5 degrees of a sensor in hundredths
    ("waveshare-modbus-rtu-relay", "software-version", "012C", 3.0),  # wiki: V3.00
    ("peacefair-pzem-016", "over-power-alarm", "FFFF", True),  # manual: 0xFFFF is alarm
    ("wirenboard-wb-m1w2", "temperature-1", "7FFF", Unusable.SENTINEL),  # wiki: 0x7FFF by default
    ("wirenboard-wb-m1w2", "temperature-2", "FFF8", -0.5),  # wiki: degrees times 16, signed
    ("invertek-optidrive-e3", "frequency-setpoint", "0064", 10.0),  # guide: 100 = 10.0 Hz
    ("invertek-optidrive-e3", "output-frequency", "0064", 10.0),
    ("invertek-optidrive-e3", "output-frequency", "FF9C", Unusable.OUT_OF_RANGE),
    ("invertek-optidrive-e3", "ramp-time", "00FA", 2.5),  # guide: 250 = 2.5 seconds
    ("invertek-optidrive-e3", "motor-current", "000A", 1.0),  # guide: 10 = 1.0 Amps
    ("invertek-optidrive-e3", "analog-input-1", "03E8", 100.0),  # guide: 1000 = 100 %
    ("invertek-optidrive-e3", "digital-input-1", "0001", True),  # guide: lowest bit is input 1
    ("invertek-optidrive-e3", "digital-input-2", "0001", False),
    ("fronius-sunspec-float", "sunspec-mark", "53756E53", "SunS"),  # map: 0x53756e53 ('SunS')
    ("fronius-sunspec-float", "model-id", "0071", 113),
    ("fronius-sunspec-float", "model-id", "0067", Unusable.OUT_OF_RANGE),  # 103: set to integers and scale factors
    ("fronius-sunspec-float", "power", "7FC00000", Unusable.NOT_A_NUMBER),  # SunSpec: not implemented
]


@pytest.mark.parametrize(("profile", "name", "registers", "value"), STATED)
def test_a_register_means_what_its_source_says(
    profile: str, name: str, registers: str, value: Value | Unusable
) -> None:
    tag = tags_of(profile)[name]
    assert BlockCodec(tag.length, [field_of(tag, 0)]).decode(bytes.fromhex(registers)) == [value]


# Writes as they go out to unit 1: printed in the README of IO-Box, in brucetsao/Industry4_Gateway
# (Arduino_Control_RS485_Coil.ino) and, for the drive, by the test sketch and the scaling of the guide.
WRITTEN: list[tuple[str, str, Value, str]] = [
    ("waveshare-modbus-rtu-relay", "relay-1", True, "01 05 00 00 FF 00 8C 3A"),
    ("waveshare-modbus-rtu-relay", "relay-1", False, "01 05 00 00 00 00 CD CA"),
    ("waveshare-modbus-rtu-relay", "relay-2", False, "01 05 00 01 00 00 9C 0A"),
    ("waveshare-modbus-rtu-relay", "relay-3", True, "01 05 00 02 FF 00 2D FA"),
    ("waveshare-modbus-rtu-relay", "relay-4", True, "01 05 00 03 FF 00 7C 3A"),
    ("invertek-optidrive-e3", "control", 1, "01 06 00 00 00 01"),
    ("invertek-optidrive-e3", "frequency-setpoint", 1.6, "01 06 00 01 00 10"),
    ("invertek-optidrive-e3", "ramp-time", 2.5, "01 06 00 03 00 FA"),
]


@pytest.mark.parametrize(("profile", "name", "value", "frame"), WRITTEN)
async def test_a_write_goes_out_as_printed(profile: str, name: str, value: Value, frame: str) -> None:
    one = device(profile)
    tag = next(tag for tag in one.tags if tag.name == name)
    order = writing(one, tag, value)
    assert RtuFramer().begin(order.request).startswith(bytes.fromhex(frame))
    assert order.read_back is not None


@pytest.mark.parametrize("name", NAMES)
async def test_every_safe_value_can_be_written(name: str) -> None:
    one = device(name)
    for tag in one.tags:
        if tag.safe is not None:
            assert writing(one, tag, tag.safe).request.unit == one.unit
