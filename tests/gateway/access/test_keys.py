"""The root key file and the keys derived of it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import structlog

from gateway.access.keys import ROOT_KEY_FILE, KeyFileError, RootKey, hkdf, load_root_key, read_root_key


@pytest.mark.parametrize(
    ("secret", "salt", "info", "length", "expected"),
    [
        pytest.param(
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            42,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            id="RFC 5869 A.1",
        ),
        pytest.param(
            bytes(range(0x50)).hex(),
            bytes(range(0x60, 0xB0)).hex(),
            bytes(range(0xB0, 0x100)).hex(),
            82,
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f"
            "09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
            id="RFC 5869 A.2",
        ),
        pytest.param(
            "0b" * 22,
            "",
            "",
            42,
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            id="RFC 5869 A.3",
        ),
    ],
)
def test_hkdf_gives_the_vectors_of_the_rfc(secret: str, salt: str, info: str, length: int, expected: str) -> None:
    output = hkdf(bytes.fromhex(secret), salt=bytes.fromhex(salt), info=bytes.fromhex(info), length=length)
    assert output.hex() == expected


def test_hkdf_refuses_more_than_the_rfc_allows() -> None:
    with pytest.raises(ValueError, match="8160"):
        hkdf(b"secret", info=b"", length=255 * 32 + 1)


def test_purposes_have_unrelated_keys_and_names() -> None:
    root = RootKey(bytes(32))
    one, other = root.key("one"), root.key("other")
    assert one.secret != other.secret
    assert one.kid != other.kid
    assert one == RootKey(bytes(32)).key("one")
    assert root.gateway_id != RootKey(bytes([1] * 32)).gateway_id


def test_a_key_does_not_show_itself() -> None:
    key = RootKey(bytes(32)).key("one")
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_the_first_start_makes_a_private_file_that_stays(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = load_root_key(state)
    path = state / ROOT_KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == 32
    assert load_root_key(state).key("x") == first.key("x")
    assert list(state.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_others_can_reach_is_refused_with_the_cure(tmp_path: Path, mode: int) -> None:
    load_root_key(tmp_path)
    (tmp_path / ROOT_KEY_FILE).chmod(mode)
    with pytest.raises(KeyFileError, match=rf"mode {mode:04o}.*chmod 600"):
        load_root_key(tmp_path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_damaged_file_is_kept_aside_and_told(tmp_path: Path, size: int) -> None:
    path = tmp_path / ROOT_KEY_FILE
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="damaged"):
        read_root_key(tmp_path)
    with structlog.testing.capture_logs() as logs:
        fresh = load_root_key(tmp_path, lambda: 1_779_444_000.0)
    aside = tmp_path / "root.key.old-20260522T100000Z"
    assert (aside.read_bytes(), stat.S_IMODE(aside.stat().st_mode)) == (bytes(size), 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [said] = logs
    assert said["log_level"] == "warning"
    assert "tokens given out are void" in said["event"]
    assert aside.name in said["reason"]
    assert read_root_key(tmp_path).gateway_id == fresh.gateway_id


def test_a_key_that_is_missing_in_a_used_directory_is_told(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        load_root_key(tmp_path / "new")
        assert logs == []
        (tmp_path / "new" / ROOT_KEY_FILE).unlink()
        (tmp_path / "new" / "ferrule.db").touch()
        load_root_key(tmp_path / "new")
    [said] = logs
    assert said["log_level"] == "warning"
    assert "tokens given out are void" in said["event"]
    assert "was used before" in said["reason"]


def test_who_only_reads_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"root\.key is not there.*ferrule run --state"):
        read_root_key(tmp_path)
    assert list(tmp_path.iterdir()) == []
    made = load_root_key(tmp_path)
    assert read_root_key(tmp_path).gateway_id == made.gateway_id
