"""What `security.validateAddress` says of an address, and how one on another network is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents.addresses import not_private, validate_address
from gateway.core.errors import Code, GatewayError
from gateway.core.network import classify


@pytest.mark.parametrize(
    ("address", "valid", "kind", "network"),
    [
        ("192.168.1.100", True, "rfc1918-class-c", "192.168.0.0/16"),
        ("10.255.255.255", True, "rfc1918-class-a", "10.0.0.0/8"),
        ("172.16.0.1", True, "rfc1918-class-b", "172.16.0.0/12"),
        ("172.31.255.255", True, "rfc1918-class-b", "172.16.0.0/12"),
        ("127.0.0.1", True, "loopback", "127.0.0.0/8"),
        ("127.255.255.254", True, "loopback", "127.0.0.0/8"),
        ("::1", True, "loopback", "::1/128"),
        ("172.32.0.1", False, "public", None),
        ("8.8.8.8", False, "public", None),
        ("2606:4700::1111", False, "public", None),
        ("169.254.169.254", False, "link-local", "169.254.0.0/16"),
        ("100.64.0.1", False, "cgnat", "100.64.0.0/10"),
        ("fd00::1", False, "ula", "fc00::/7"),
        ("239.1.2.3", False, "multicast", "224.0.0.0/4"),
        ("0.0.0.0", False, "unspecified", "0.0.0.0/32"),  # noqa: S104 - judged, not bound
        ("192.0.2.7", False, "documentation", "192.0.2.0/24"),
        ("240.0.0.1", False, "reserved", "240.0.0.0/4"),
    ],
)
def test_an_address_is_judged(address: str, valid: bool, kind: str, network: str | None) -> None:  # noqa: FBT001
    check = validate_address(address)
    assert (check.valid, check.address, check.type, check.range) == (valid, address, kind, network)
    assert check.message


def test_the_seeds_words_are_kept() -> None:
    assert validate_address("192.168.1.100").message == "Address is RFC-1918 compliant"
    assert validate_address("8.8.8.8").message == "Public IP addresses are not allowed"


def test_a_mapped_address_is_the_address_it_maps() -> None:
    check = validate_address("::ffff:192.168.1.100")
    assert (check.address, check.type) == ("192.168.1.100", "rfc1918-class-c")


@pytest.mark.parametrize(
    "text", ["", "localhost", "192.168.1", "0300.168.1.1", "192.168.1.1 ", "fe80::1%eth0", "\uff13"]
)
def test_what_is_no_address_is_an_invalid_parameter(text: str) -> None:
    with pytest.raises(GatewayError) as refused:
        validate_address(text)
    assert (refused.value.code, refused.value.field, refused.value.provided) == (Code.INVALID, "address", text)
    assert "192.168.1.10" in refused.value.reason


def test_a_refusal_has_the_seeds_shape() -> None:
    error = not_private(classify("8.8.8.8"))
    assert error.code is Code.NOT_PRIVATE
    assert error.reason == "Public IP addresses are not allowed"
    assert error.details == {
        "address": "8.8.8.8",
        "allowedRanges": ["192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "127.0.0.0/8"],
    }


@given(st.ip_addresses().map(str) | st.text(max_size=40))
def test_every_text_is_judged_or_refused(text: str) -> None:
    try:
        check = validate_address(text)
    except GatewayError:
        return
    assert check.valid is (check.type == "loopback" or check.type.startswith("rfc1918"))
