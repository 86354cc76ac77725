"""Certificates are made in a process of their own, or in this one where there can be no other."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography import x509

from gateway.api.server.issued import Made, Order
from gateway.api.server.issuing import make_apart, make_here

NOW = 1_800_000_000.0
NAMES = ["board", "192.168.1.20"]


def names(made: Made) -> list[str]:
    leaf = x509.load_pem_x509_certificate(made.leaf.certificate)
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]


def test_another_process_makes_it_and_this_one_loads_nothing() -> None:
    program = f"""
import sys
from gateway.api.server.issued import Order
from gateway.api.server.issuing import make_apart
made = make_apart(Order("board", {NAMES!r}, {NOW!r}, None, None))
assert "cryptography" not in sys.modules
sys.stdout.buffer.write(made.leaf.certificate + made.authority.certificate)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    leaf, authority = x509.load_pem_x509_certificates(done.stdout)
    leaf.verify_directly_issued_by(authority)


def test_an_authority_that_is_there_is_used_and_one_that_is_damaged_replaced() -> None:
    first = make_apart(Order("board", NAMES, NOW, None, None))
    assert first.authority is not None
    assert (names(first), first.why) == (NAMES, None)

    again = make_apart(Order("board", NAMES, NOW, first.authority.certificate, first.authority.key))
    assert (again.authority, names(again)) == (None, NAMES)

    damaged = make_apart(Order("board", NAMES, NOW, b"nothing", first.authority.key))
    assert damaged.authority is not None
    assert damaged.why == "the authority's certificate or key is damaged"


def test_where_no_process_can_be_started_it_is_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert names(make_apart(Order("board", NAMES, NOW, None, None))) == NAMES
    assert names(make_here(Order("board", NAMES, NOW, None, None))) == NAMES
