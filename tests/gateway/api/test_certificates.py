"""When a certificate is made anew, what is in it, and what a board without a clock chip does to it."""

from __future__ import annotations

import json
import shutil
import ssl
import stat
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import structlog
import trio
from cryptography import x509
from trio.testing import MockClock

from gateway.api.server.tls import UPKEEP_INTERVAL, Record, ServerTls, due, server_names
from tests.gateway.api.fakes import NOON, Board

DAY = 86400.0
NAMES = ["board", "127.0.0.1"]
RECORD = Record(NAMES, NOON, NOON + 300 * DAY, synchronised=True, authority="")


def tls(state: Path, board: Board, host_name: str = "board") -> ServerTls:
    return ServerTls(state, board.timeline, host_name)


def leaf(state: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((state / "server.pem").read_bytes())


def authority(state: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((state / "ca.pem").read_bytes())


def contents(state: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in state.iterdir()}


@pytest.fixture
def board() -> Board:
    return Board(wall=NOON)


async def test_the_first_start_makes_authority_and_leaf(tmp_path: Path, board: Board) -> None:
    await tls(tmp_path, board).cover(["192.168.1.7"])
    own, served = authority(tmp_path), leaf(tmp_path)
    served.verify_directly_issued_by(own)
    assert own.not_valid_after_utc - own.not_valid_before_utc == timedelta(days=3650)
    assert served.not_valid_after_utc - served.not_valid_before_utc == timedelta(days=397)
    assert served.not_valid_before_utc.timestamp() == NOON - DAY
    names = served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"board", "board.local", "localhost"}
    addresses = {ip_address(address) for address in ("127.0.0.1", "::1", "192.168.1.7")}
    assert set(names.get_values_for_type(x509.IPAddress)) == addresses


async def test_keys_are_private_and_the_authority_is_for_all_to_read(tmp_path: Path, board: Board) -> None:
    await tls(tmp_path, board).cover([])
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in contents(tmp_path)}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "server.pem": 0o600, "server.json": 0o600}
    assert b"PRIVATE" not in (tmp_path / "ca.pem").read_bytes()


async def test_the_fingerprint_is_that_of_the_authority(tmp_path: Path, board: Board) -> None:
    server = tls(tmp_path, board)
    await server.cover([])
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - the one use

    assert server.fingerprint.replace(":", "").lower() == authority(tmp_path).fingerprint(SHA256()).hex()
    assert len(server.fingerprint) == 95


async def test_the_next_start_makes_nothing(tmp_path: Path, board: Board) -> None:
    await tls(tmp_path, board).cover(["10.0.0.1"])
    before = contents(tmp_path)
    board.set(NOON + 10 * DAY)
    with structlog.testing.capture_logs() as logs:
        await tls(tmp_path, board).cover(["10.0.0.1"])
    assert contents(tmp_path) == before
    assert not logs


@pytest.mark.parametrize(
    ("record", "names", "clock", "expected"),
    [
        pytest.param(None, NAMES, (NOON, True), "none", id="none yet"),
        pytest.param(RECORD, NAMES, (NOON + DAY, True), None, id="fits"),
        pytest.param(RECORD, [*NAMES, "10.0.0.1"], (NOON + DAY, True), "names", id="a new address"),
        pytest.param(RECORD, NAMES[:1], (NOON + DAY, True), None, id="an address gone"),
        pytest.param(RECORD, NAMES, (NOON + 199 * DAY, True), None, id="before two thirds"),
        pytest.param(RECORD, NAMES, (NOON + 200 * DAY, True), "two thirds", id="at two thirds"),
        pytest.param(RECORD, NAMES, (NOON + 4000 * DAY, False), "two thirds", id="clock far ahead"),
        pytest.param(RECORD, NAMES, (NOON - 1, True), "set back", id="clock set back"),
        pytest.param(RECORD, NAMES, (0.0, False), None, id="board woke up in the past"),
        pytest.param(
            Record(NAMES, NOON, NOON + 300 * DAY, synchronised=False, authority=""),
            NAMES,
            (NOON + DAY, True),
            "not synchronised when",
            id="made in doubt, now certain",
        ),
    ],
)
def test_a_new_one_is_due_when_the_current_one_does_not_fit(
    record: Record | None, names: list[str], clock: tuple[float, bool], expected: str | None
) -> None:
    now, synchronised = clock
    reason = due(record, names, now, synchronised=synchronised)
    assert (reason is None) == (expected is None)
    assert (expected or "") in (reason or "")


async def test_a_renewal_keeps_the_authority(tmp_path: Path, board: Board) -> None:
    server = tls(tmp_path, board)
    await server.cover([])
    own, first = authority(tmp_path), leaf(tmp_path)
    board.set(NOON + 300 * DAY)
    await tls(tmp_path, board).cover([])
    assert authority(tmp_path) == own
    assert leaf(tmp_path).serial_number != first.serial_number
    assert leaf(tmp_path).public_key() != first.public_key()


async def test_upkeep_renews_after_a_step_of_the_clock(
    tmp_path: Path, board: Board, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    board.set(0.0, synchronised=False)
    server = tls(tmp_path, board)
    await server.cover([])
    nursery.start_soon(server.upkeep)
    await trio.sleep(60)
    first = leaf(tmp_path)
    assert first.not_valid_before_utc.year >= 2025  # no clock is right that stands before this software was written
    board.set(NOON)
    await trio.sleep(UPKEEP_INTERVAL + 1)
    async with server._one_at_a_time:  # virtual time does not wait for the thread at work, this does
        pass
    assert leaf(tmp_path).not_valid_before_utc.timestamp() == NOON - DAY
    nursery.cancel_scope.cancel()


async def test_a_board_that_wakes_up_in_the_past_keeps_serving_the_present(tmp_path: Path, board: Board) -> None:
    await tls(tmp_path, board).cover([])
    own, start = authority(tmp_path), leaf(tmp_path).not_valid_before_utc
    board.set(NOON - 400 * DAY, synchronised=False)
    await tls(tmp_path, board).cover([])
    assert leaf(tmp_path).not_valid_before_utc == start
    await tls(tmp_path, board).cover(["10.0.0.9"])
    assert leaf(tmp_path).not_valid_before_utc == start
    assert authority(tmp_path) == own


async def test_an_expired_authority_is_replaced_and_that_is_said_aloud(tmp_path: Path, board: Board) -> None:
    await tls(tmp_path, board).cover([])
    own = authority(tmp_path)
    board.set(NOON + 3640 * DAY)
    await tls(tmp_path, board).cover([])
    assert authority(tmp_path) == own
    assert leaf(tmp_path).not_valid_after_utc == own.not_valid_after_utc
    board.set(NOON + 3660 * DAY)
    with structlog.testing.capture_logs() as logs:
        await tls(tmp_path, board).cover([])
    assert authority(tmp_path) != own
    leaf(tmp_path).verify_directly_issued_by(authority(tmp_path))
    assert [entry["log_level"] for entry in logs if "must trust it" in entry["event"]] == ["warning"]


@pytest.mark.parametrize("damaged", ["ca.pem", "ca.key", "server.pem", "server.json"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"{}"])
async def test_a_damaged_state_heals(tmp_path: Path, board: Board, damaged: str, content: bytes | None) -> None:
    await tls(tmp_path, board).cover([])
    (tmp_path / damaged).unlink()
    if content is not None:
        (tmp_path / damaged).write_bytes(content)
    board.set(NOON + 300 * DAY)
    server = tls(tmp_path, board)
    await server.cover([])
    leaf(tmp_path).verify_directly_issued_by(authority(tmp_path))
    ssl.create_default_context(cafile=tmp_path / "ca.pem")
    assert json.loads((tmp_path / "server.json").read_bytes())["names"] == server_names("board", [])


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "one of its two files is missing"), (b"nonsense", "certificate or key is damaged")]
)
async def test_why_there_is_a_new_authority_is_said_in_words(
    tmp_path: Path, board: Board, content: bytes | None, reason: str
) -> None:
    await tls(tmp_path, board).cover([])
    (tmp_path / "ca.pem").unlink()
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with structlog.testing.capture_logs() as logs:
        await tls(tmp_path, board).cover([])
    [said] = [entry for entry in logs if "must trust it" in entry["event"]]
    assert reason in said["reason"]
    assert said["log_level"] == "warning"
    assert f"copy {tmp_path / 'ca.pem'} to every caller" in said["cure"]


async def test_an_authority_that_is_replaced_is_kept_aside(tmp_path: Path, board: Board) -> None:
    await tls(tmp_path, board).cover([])
    key = (tmp_path / "ca.key").read_bytes()
    (tmp_path / "ca.pem").write_bytes(b"nonsense")
    with structlog.testing.capture_logs() as logs:
        await tls(tmp_path, board).cover([])
    [said] = [entry for entry in logs if "must trust it" in entry["event"]]
    aside = {name: (tmp_path / name).read_bytes() for name in said["kept_as"]}
    assert list(aside.values()) == [key, b"nonsense"]
    assert all(name.startswith(("ca.key.old-20", "ca.pem.old-20")) for name in aside)
    assert stat.S_IMODE((tmp_path / said["kept_as"][0]).stat().st_mode) == 0o600
    # The next start finds a whole authority, and says nothing.
    with structlog.testing.capture_logs() as logs:
        await tls(tmp_path, board).cover([])
    assert not [entry for entry in logs if "authority" in entry["event"]]


async def test_a_first_authority_is_no_warning(tmp_path: Path, board: Board) -> None:
    with structlog.testing.capture_logs() as logs:
        await tls(tmp_path, board).cover([])
    assert [entry["log_level"] for entry in logs if "must trust it" in entry["event"]] == ["info"]


async def test_a_certificate_that_cannot_be_written_leaves_the_old_one_served(tmp_path: Path, board: Board) -> None:
    state = tmp_path / "state"
    state.mkdir()
    server = tls(state, board)
    await server.cover([])
    shutil.rmtree(state)
    with structlog.testing.capture_logs() as logs:
        await server.cover(["10.0.0.1"])
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"][-1] == "server certificate not renewed"
    with pytest.raises(OSError, match="No such file"):
        await tls(state, board).cover([])


@pytest.mark.parametrize(
    ("host_name", "expected"),
    [
        ("board", ["board", "board.local"]),
        ("board.site.example", ["board.site.example", "board", "board.local"]),
        ("my_board", []),
        ("", []),
        ("x" * 64, []),
    ],
)
def test_names_that_no_certificate_can_hold_are_left_out(host_name: str, expected: list[str]) -> None:
    names = server_names(host_name, ["10.0.0.2", "10.0.0.1", "127.0.0.1"])
    assert names == [*expected, "localhost", "127.0.0.1", "::1", "10.0.0.1", "10.0.0.2"]
