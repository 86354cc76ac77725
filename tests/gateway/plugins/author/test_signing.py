"""The publisher's key, as a file, and what it signs."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from gateway.core.publisher_keys import key_id, read_public_key
from gateway.plugins.author.checking import check_directory
from gateway.plugins.author.packing import pack
from gateway.plugins.author.signing import (
    KeyFileError,
    UnsoundPackageError,
    make_key,
    public_text,
    read_key,
    sign_archive,
    signers_of,
)
from gateway.plugins.package import read_package
from gateway.plugins.signature import Signer, signers_by_id


def test_a_new_key_is_for_its_owner_alone_and_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "publisher.key"
    before = os.umask(0)
    try:
        public = make_key(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path).public_key().public_bytes_raw() == public == read_public_key(public_text(public))
    content = path.read_bytes()
    with pytest.raises(KeyFileError, match="is there already"):
        make_key(path)
    assert path.read_bytes() == content
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_key(path)


def test_keys_of_others_are_read(tmp_path: Path) -> None:
    raw = tmp_path / "raw.key"
    raw.write_bytes(bytes(range(32)))
    raw.chmod(0o600)
    read_key(raw)
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so its keys were not read")
    made = tmp_path / "openssl.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", made], check=True, capture_output=True)
    made.chmod(0o600)
    read_key(made)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_told_with_the_cure(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="ferrule plugin keygen makes one"):
        read_key(path)
    with pytest.raises(KeyFileError, match=r"ferrule plugin keygen .* makes a key"):
        read_key(tmp_path / "absent")


def test_a_package_is_signed_and_signed_anew(plugin: Path, tmp_path: Path) -> None:
    made = check_directory(plugin)
    path = tmp_path / "p.tar.gz"
    path.write_bytes(pack(made.written, made.files, executable=frozenset({"main.py"})))
    for name in ("one.key", "other.key"):
        public = make_key(tmp_path / name)
        signed = sign_archive(path, read_key(tmp_path / name))
        found = read_package([signed], signers_by_id([Signer(name, public)]))
        assert found.signer.name == name
        path.write_bytes(signed)
        assert sign_archive(path, read_key(tmp_path / name)) == signed
    path.write_bytes(b"nothing")
    with pytest.raises(UnsoundPackageError):
        sign_archive(path, read_key(tmp_path / "one.key"))


def test_who_holds_a_key_is_known_by_either_half(tmp_path: Path) -> None:
    private, public = tmp_path / "p.key", tmp_path / "p.pub"
    key = make_key(private)
    minisign = base64.b64encode(b"Ed" + bytes(8) + key).decode()
    for text in (public_text(key), f"untrusted comment: a key\n{minisign}\n"):
        public.write_text(text)
        assert set(signers_of(private)) == set(signers_of(public)) == {key_id(key)}
