"""The doctor, on a made-up board."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.field.doctor import Finding, Rs485, State, World, ask_rs485, worst
from gateway.field.doctor_board import board_checks
from gateway.field.doctor_ports import port_checks
from gateway.settings.line_model import LineSettings, Rs485Settings
from gateway.state_lock import held

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
BY_ID = "/dev/serial/by-id/usb-FTDI_A1-if00"


class Board:
    """A tree that stands for a Raspberry Pi with one FTDI adapter."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "var/lib/ferrule"
        self.state.mkdir(parents=True)
        self.write("/dev/ttyUSB0")
        self.write("/dev/ttyAMA0")
        self.write("/proc/mounts", f"/dev/root / ext4 ro 0 0\n/dev/mmcblk0p3 {self.state} ext4 rw,noatime 0 0\n")
        self.write("/sys/class/tty/console/active", "tty0")
        self.write("/sys/bus/usb-serial/devices/ttyUSB0/latency_timer", "1\n")
        self.write("/sys/class/hwmon/hwmon0/name", "rpi_volt\n")
        self.write("/sys/class/hwmon/hwmon0/in0_lcrit_alarm", "0\n")
        self.write("/sys/block/mmcblk0/device/life_time", "0x01 0x02\n")
        self.write("/sys/block/mmcblk0/device/pre_eol_info", "0x01\n")
        link = self.path(BY_ID)
        link.parent.mkdir(parents=True)
        link.symlink_to("../../ttyUSB0")
        self.certificate("server.pem", 60)
        self.line = LineSettings(name="bus", transport="rtu", port=BY_ID)
        self.world = World(
            root=root,
            state=self.state,
            lines=[self.line],
            devices=[{"line": "bus", "errors": {}}],
            may_open=lambda _: True,
            rs485=lambda _: Rs485(known=False),
            run=lambda _: None,
            free=lambda _: (5_000_000_000, 8_000_000_000),
            synchronised=lambda: True,
            now=NOW.timestamp,
        )

    def path(self, absolute: str) -> Path:
        return self.root / absolute.lstrip("/")

    def write(self, absolute: str, text: str = "") -> None:
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def certificate(self, name: str, days: int) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "board")])
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW - dt.timedelta(days=90))
            .not_valid_after(NOW + dt.timedelta(days=days))
            .sign(key, hashes.SHA256())
        )
        (self.state / name).write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def look(self, check: str, **changed: object) -> Finding:
        world = replace(self.world, **changed)  # type: ignore[arg-type]  # test data
        return next(one for one in port_checks(world) + board_checks(world) if one.check == check)

    def on(self, **line: object) -> list[LineSettings]:
        return [replace(self.line, **line)]  # type: ignore[arg-type]  # test data


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_a_sound_board_has_no_fault_and_no_warning_while_the_gateway_runs(board: Board) -> None:
    with held(board.state):
        (board.state / "lock").write_text("17\n/etc/ferrule/ferrule.toml\n")
        findings = port_checks(board.world) + board_checks(board.world)

    assert {one.check: one.words for one in findings if one.state not in {State.OK, State.UNKNOWN}} == {}
    assert worst(findings) is State.OK
    assert next(one.words for one in findings if one.check == "gateway").startswith("running as process 17")


def test_a_port_that_is_gone_names_those_that_are_there(board: Board) -> None:
    gone = board.look("port there", lines=board.on(port="/dev/serial/by-id/usb-other"))

    assert gone.state is State.FAULT
    assert BY_ID in gone.words
    assert "plug the adapter in" in gone.cure


def test_a_forbidden_port_names_the_group(board: Board) -> None:
    found = board.look("permission", may_open=lambda _: False)

    assert found.state is State.FAULT
    assert found.cure.startswith("add the gateway's user to the group ")


def test_a_name_that_changes_is_replaced_by_the_lasting_one(board: Board) -> None:
    found = board.look("lasting name", lines=board.on(port="/dev/ttyUSB0"))

    assert (found.state, found.cure) == (State.WARNING, f'write port = "{BY_ID}"')


def test_an_adapter_that_holds_answers_back_is_told(board: Board) -> None:
    board.write("/sys/bus/usb-serial/devices/ttyUSB0/latency_timer", "16\n")

    assert board.look("latency timer").state is State.WARNING
    assert board.look("latency timer", devices=None).state is State.OK, "the gateway sets it when it starts"
    assert "low_latency = true" in board.look("latency timer", devices=None, lines=board.on(low_latency=False)).cure


def test_direction_control_that_the_driver_does_not_have_is_a_fault(board: Board) -> None:
    asked = board.on(rs485=Rs485Settings())

    assert board.look("RS-485 direction", lines=asked).state is State.FAULT
    assert board.look("RS-485 direction", lines=asked, rs485=lambda _: Rs485(known=True)).state is State.OK
    assert board.look("RS-485 direction", rs485=lambda _: Rs485(None)).state is State.UNKNOWN
    assert board.look("RS-485 direction").state is State.OK


def test_an_echo_the_gateway_has_heard_is_told(board: Board) -> None:
    heard = [{"line": "bus", "errors": {"echo": 3}}]

    assert board.look("echo", devices=heard).cure == "set echo = true on the line"
    assert board.look("echo", devices=heard, lines=board.on(echo=True)).state is State.OK
    assert board.look("echo", devices=None).state is State.UNKNOWN


def test_a_console_or_a_login_on_the_port_is_a_fault(board: Board) -> None:
    uart = board.on(port="/dev/ttyAMA0")
    assert board.look("console", lines=uart).state is State.OK
    board.write("/proc/812/cmdline", "/sbin/agetty\0-o\0-p\0115200\0ttyAMA0\0vt220\0")
    assert "serial-getty@ttyAMA0" in board.look("console", lines=uart).cure
    board.write("/sys/class/tty/console/active", "tty0 ttyAMA0")
    assert "cmdline.txt" in board.look("console", lines=uart).cure


@pytest.mark.parametrize(
    ("alarm", "throttled", "state"),
    [
        ("1", None, State.FAULT),
        ("0", None, State.OK),
        ("0", "throttled=0x50000", State.WARNING),
        ("0", "throttled=0x50005", State.FAULT),
        ("0", "throttled=0x0", State.OK),
        (None, None, State.UNKNOWN),
    ],
)
def test_under_voltage(board: Board, alarm: str | None, throttled: str | None, state: State) -> None:
    if alarm is None:
        board.path("/sys/class/hwmon/hwmon0/name").write_text("cpu_thermal\n")
    else:
        board.write("/sys/class/hwmon/hwmon0/in0_lcrit_alarm", alarm)

    assert board.look("supply", run=lambda _: throttled).state is state


@pytest.mark.parametrize(
    ("life", "reserve", "read_only", "state"),
    [
        ("0x01 0x03", "0x01", "0", State.OK),
        ("0x02 0x09", "0x01", "0", State.WARNING),
        ("0x01 0x01", "0x02", "0", State.WARNING),
        ("0x0b 0x01", "0x01", "0", State.FAULT),
        ("0x01 0x01", "0x03", "0", State.FAULT),
        ("0x01 0x01", "0x01", "1", State.FAULT),
        ("", "", "0", State.UNKNOWN),
    ],
)
def test_a_worn_or_locked_card(board: Board, life: str, reserve: str, read_only: str, state: State) -> None:
    board.write("/sys/block/mmcblk0/device/life_time", life)
    board.write("/sys/block/mmcblk0/device/pre_eol_info", reserve)
    board.write("/sys/block/mmcblk0/ro", read_only)

    assert board.look("card").state is state


def test_a_state_directory_that_cannot_be_written_is_a_fault(board: Board) -> None:
    board.write("/proc/mounts", f"/dev/root / ext4 rw 0 0\n/dev/mmcblk0p3 {board.state} ext4 ro,relatime 0 0\n")

    assert board.look("read-only").state is State.FAULT


@pytest.mark.parametrize(
    ("free", "state"), [(5_000_000_000, State.OK), (100_000_000, State.WARNING), (10_000_000, State.FAULT)]
)
def test_little_room_on_the_disk(board: Board, free: int, state: State) -> None:
    assert board.look("free space", free=lambda _: (free, 8_000_000_000)).state is state


@pytest.mark.parametrize(
    ("now", "vouched", "state"),
    [(NOW, "yes", State.OK), (NOW, "", State.WARNING), (NOW.replace(year=1970), "yes", State.FAULT)],
)
def test_the_clock(board: Board, now: dt.datetime, vouched: str, state: State) -> None:
    assert board.look("clock", now=now.timestamp, synchronised=lambda: bool(vouched)).state is state


@pytest.mark.parametrize(("days", "state"), [(60, State.OK), (2, State.WARNING), (-1, State.FAULT)])
def test_the_age_of_the_certificate(board: Board, days: int, state: State) -> None:
    board.certificate("server.pem", days)

    assert board.look("certificate").state is state


def test_a_damaged_certificate_and_a_gateway_that_does_not_run(board: Board) -> None:
    (board.state / "server.pem").write_text("nonsense")

    assert board.look("certificate").state is State.FAULT
    assert board.look("gateway").state is State.WARNING


def test_an_empty_tree_is_not_known_and_no_fault(tmp_path: Path) -> None:
    world = World(
        root=tmp_path, state=tmp_path / "none", run=lambda _: None, synchronised=lambda: True, now=NOW.timestamp
    )

    findings = port_checks(world) + board_checks(world)

    assert worst(findings) is not State.FAULT
    assert {one.check for one in findings if one.state is State.UNKNOWN} >= {"supply", "card", "certificate"}


def test_a_terminal_knows_no_direction(tmp_path: Path) -> None:
    near, far = os.openpty()
    try:
        assert ask_rs485(Path(os.ttyname(far))) == Rs485(known=False)
    finally:
        os.close(near)
        os.close(far)
    assert ask_rs485(tmp_path / "none") == Rs485(None)
