"""Only loopback and RFC 1918 addresses are served, whatever form an address comes in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.network import AddressKind, classify, is_bindable, is_private_peer

SERVED = [ip_network(text) for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


@pytest.mark.parametrize(
    ("address", "kind", "network"),
    [
        ("127.0.0.1", "loopback", "127.0.0.0/8"),
        ("127.255.255.255", "loopback", "127.0.0.0/8"),
        ("::1", "loopback", "::1/128"),
        ("10.255.255.255", "rfc1918-class-a", "10.0.0.0/8"),
        ("11.0.0.0", "public", None),
        ("172.15.255.255", "public", None),
        ("172.16.0.0", "rfc1918-class-b", "172.16.0.0/12"),
        ("172.31.255.255", "rfc1918-class-b", "172.16.0.0/12"),
        ("172.32.0.0", "public", None),
        ("192.168.1.100", "rfc1918-class-c", "192.168.0.0/16"),
        ("192.169.0.0", "public", None),
        ("169.254.169.254", "link-local", "169.254.0.0/16"),
        ("fe80::1", "link-local", "fe80::/10"),
        ("100.64.0.1", "cgnat", "100.64.0.0/10"),
        ("100.128.0.0", "public", None),
        ("fd00::1", "ula", "fc00::/7"),
        ("224.0.0.251", "multicast", "224.0.0.0/4"),
        ("ff02::fb", "multicast", "ff00::/8"),
        ("0.0.0.0", "unspecified", "0.0.0.0/32"),  # noqa: S104 - bound to nothing here
        ("::", "unspecified", "::/128"),
        ("0.1.2.3", "reserved", "0.0.0.0/8"),
        ("198.51.100.7", "documentation", "198.51.100.0/24"),
        ("2001:db8::1", "documentation", "2001:db8::/32"),
        ("255.255.255.255", "reserved", "240.0.0.0/4"),
        ("64:ff9b::a00:1", "reserved", "::/0"),
        ("8.8.8.8", "public", None),
        ("2606:4700::1111", "public", None),
    ],
)
def test_every_range_has_its_kind(address: str, kind: str, network: str | None) -> None:
    found = classify(address)
    assert (found.address, found.kind, found.network) == (address, kind, network)
    assert found.accepted == (kind == "loopback" or kind.startswith("rfc1918"))


@pytest.mark.parametrize(
    ("mapped", "kind"),
    [
        ("::ffff:192.168.1.1", AddressKind.RFC1918_C),
        ("::ffff:8.8.8.8", AddressKind.PUBLIC),
        ("::ffff:0.0.0.0", AddressKind.UNSPECIFIED),
    ],
)
def test_an_ipv4_mapped_address_is_the_ipv4_address(mapped: str, kind: AddressKind) -> None:
    found = classify(mapped)
    assert found.kind is kind
    assert found.address == mapped.removeprefix("::ffff:")


@pytest.mark.parametrize(
    "text",
    [
        "127.1",
        "10",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "2130706433",
        "192.168.1.1/24",
        " 10.0.0.1",
        "10.0.0.1\n",
        "localhost",
        "",
        "fe80::1%eth0",
        "[::1]",
        "\u0661\u0660.0.0.1",
    ],
)
def test_short_octal_and_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no IP address. Write it in full, such as 192.168.1.10"):
        classify(text)


@given(st.ip_addresses(v=4))
def test_ipv4_is_served_exactly_inside_loopback_and_rfc_1918(address: IPv4Address) -> None:
    expected = any(address in network for network in SERVED)
    assert is_bindable(str(address)) == is_private_peer(str(address)) == expected
    assert is_private_peer(f"::ffff:{address}") == expected


@given(st.ip_addresses(v=6))
def test_of_native_ipv6_only_loopback_is_served(address: IPv6Address) -> None:
    expected = address == IPv6Address("::1") if address.ipv4_mapped is None else None
    assert expected is None or is_private_peer(str(address)) == expected


def test_the_words_say_why() -> None:
    assert classify("::").words.startswith("the unspecified address, which would open the port on every")
    assert classify("8.8.8.8").words == "a public address"
