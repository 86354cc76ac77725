"""Which certificates a command trusts."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from gateway.api.server.certificates import make_authority, make_leaf
from gateway.api.server.issued import Issued
from gateway.cli.trust import trust_only


@pytest.fixture
def shown(tmp_path: Path) -> tuple[Issued, Issued, Issued]:
    """An authority, and two certificates of it for the same name."""
    now = time.time()
    authority = make_authority("site", now)
    one, other = (make_leaf(authority.certificate, authority.key, ["board.example"], now) for _ in range(2))
    (tmp_path / "shown.pem").write_bytes(one.certificate + one.key)
    return authority, one, other


def is_taken(directory: Path, trusted: bytes) -> bool:
    """Whether a server with ``shown.pem`` is taken by who trusts this file, at an address that is not in it."""
    file = directory / "trusted.pem"
    file.write_bytes(trusted)
    trust = trust_only(file)
    assert trust is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "shown.pem")
    here, there = socket.socketpair()

    def serve() -> None:
        try:
            context.wrap_socket(there, server_side=True).close()
        except OSError:
            there.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        trust.wrap_socket(here, server_hostname="127.0.0.1").close()
    except ssl.SSLCertVerificationError:
        return False
    else:
        return True
    finally:
        here.close()
        server.join()


def test_one_certificate_is_trusted_and_no_other_of_its_authority(
    tmp_path: Path, shown: tuple[Issued, Issued, Issued]
) -> None:
    authority, one, other = shown
    assert is_taken(tmp_path, one.certificate)
    assert is_taken(tmp_path, one.certificate + authority.certificate)
    assert not is_taken(tmp_path, other.certificate)
    # What stands behind it vouches for nobody.
    assert not is_taken(tmp_path, other.certificate + authority.certificate)


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_stands_for_nobody(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "board.pem").write_bytes(content)
    assert trust_only(tmp_path / "board.pem") is None
