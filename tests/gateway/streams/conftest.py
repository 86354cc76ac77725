from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.api.server.certificates import make_authority, make_leaf
from gateway.api.server.tls import _tls_1_3


@dataclass(frozen=True)
class Contexts:
    """Of a server and of those who trust it; ``secrets`` is written with each connection."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    secrets: Path


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    place = tmp_path_factory.mktemp("tls")
    authority = make_authority("board", time.time())
    leaf = make_leaf(authority.certificate, authority.key, ["localhost"], time.time())
    (place / "leaf.pem").write_bytes(leaf.certificate + leaf.key)
    server = _tls_1_3()
    server.load_cert_chain(place / "leaf.pem")
    client = ssl.create_default_context(cadata=authority.certificate.decode())
    client.keylog_filename = str(place / "secrets")
    return Contexts(server, client, place / "secrets")
