"""The private-network rules (D-060 to D-063): which addresses the gateway may bind to and talk with.

Networks are listed here one by one. `ipaddress.is_private` is far wider than RFC 1918 and changes between
Python versions, so it is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


class AddressKind(StrEnum):
    """What an address is good for. The names are those of `security.validateAddress`."""

    LOOPBACK = "loopback"
    RFC1918_A = "rfc1918-class-a"
    RFC1918_B = "rfc1918-class-b"
    RFC1918_C = "rfc1918-class-c"
    LINK_LOCAL = "link-local"
    CGNAT = "cgnat"
    ULA = "ula"
    MULTICAST = "multicast"
    UNSPECIFIED = "unspecified"
    DOCUMENTATION = "documentation"
    RESERVED = "reserved"
    PUBLIC = "public"


# The first network that holds the address decides, so the narrow ones stand before the wide ones.
_KINDS: tuple[tuple[_Network, AddressKind], ...] = tuple(
    (ip_network(network), kind)
    for network, kind in (
        ("127.0.0.0/8", AddressKind.LOOPBACK),
        ("10.0.0.0/8", AddressKind.RFC1918_A),
        ("172.16.0.0/12", AddressKind.RFC1918_B),
        ("192.168.0.0/16", AddressKind.RFC1918_C),
        ("169.254.0.0/16", AddressKind.LINK_LOCAL),
        ("100.64.0.0/10", AddressKind.CGNAT),
        ("0.0.0.0/32", AddressKind.UNSPECIFIED),
        ("192.0.2.0/24", AddressKind.DOCUMENTATION),
        ("198.51.100.0/24", AddressKind.DOCUMENTATION),
        ("203.0.113.0/24", AddressKind.DOCUMENTATION),
        ("224.0.0.0/4", AddressKind.MULTICAST),
        ("0.0.0.0/8", AddressKind.RESERVED),
        ("192.0.0.0/24", AddressKind.RESERVED),
        ("192.88.99.0/24", AddressKind.RESERVED),
        ("198.18.0.0/15", AddressKind.RESERVED),
        ("240.0.0.0/4", AddressKind.RESERVED),
        ("::1/128", AddressKind.LOOPBACK),
        ("::/128", AddressKind.UNSPECIFIED),
        ("fe80::/10", AddressKind.LINK_LOCAL),
        ("fc00::/7", AddressKind.ULA),
        ("ff00::/8", AddressKind.MULTICAST),
        ("2001:db8::/32", AddressKind.DOCUMENTATION),
        ("3fff::/20", AddressKind.DOCUMENTATION),
        ("2000::/3", AddressKind.PUBLIC),
        ("::/0", AddressKind.RESERVED),
        ("0.0.0.0/0", AddressKind.PUBLIC),
    )
)
_RFC1918 = frozenset({AddressKind.RFC1918_A, AddressKind.RFC1918_B, AddressKind.RFC1918_C})
_ACCEPTED = _RFC1918 | {AddressKind.LOOPBACK}
_WORDS = {
    AddressKind.LOOPBACK: "a loopback address: only programs on this machine reach it",
    AddressKind.RFC1918_A: "a private address (RFC 1918)",
    AddressKind.RFC1918_B: "a private address (RFC 1918)",
    AddressKind.RFC1918_C: "a private address (RFC 1918)",
    AddressKind.LINK_LOCAL: "a link-local address, which a machine gives itself when nobody assigns it one",
    AddressKind.CGNAT: "an address of a provider's network (100.64.0.0/10), not of this site",
    AddressKind.ULA: "an IPv6 unique local address, which the gateway does not serve",
    AddressKind.MULTICAST: "a multicast address, which stands for many machines",
    AddressKind.UNSPECIFIED: "the unspecified address, which would open the port on every network, public ones too",
    AddressKind.DOCUMENTATION: "an address for examples in documents",
    AddressKind.RESERVED: "a reserved address",
    AddressKind.PUBLIC: "a public address",
}


@dataclass(frozen=True, slots=True)
class Classification:
    """What an address is.

    Attributes:
        address: in its one normal form, an IPv4-mapped one as IPv4.
        kind: the range it is in.
        network: that range, None for public addresses.
        accepted: the gateway may bind to it and talk with it (loopback and RFC 1918, no others).
        words: the kind for people: "a public address".
    """

    address: str
    kind: AddressKind
    network: str | None
    accepted: bool
    words: str


def parse(address: str) -> _Address:
    """Read an address in its full textual form; an IPv4-mapped IPv6 address becomes the IPv4 address it is.

    Raises:
        ValueError: no address, or one in a short, octal or hexadecimal form (RFC 6943, 3.1), or with a zone.
    """
    # Text that is not printable ASCII has no business in an address; some digits of other scripts would pass.
    if not address.isascii() or "%" in address:
        raise ValueError(f'"{address}" is no IP address. Write it in full, such as 192.168.1.10')
    try:
        parsed: _Address = IPv6Address(address) if ":" in address else IPv4Address(address)
    except ValueError:
        raise ValueError(f'"{address}" is no IP address. Write it in full, such as 192.168.1.10') from None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def classify(address: str) -> Classification:
    """Say what an address is.

    Raises:
        ValueError: as `parse`.
    """
    parsed = parse(address)
    for network, kind in _KINDS:
        if parsed.version == network.version and parsed in network:
            named = None if kind is AddressKind.PUBLIC else str(network)
            return Classification(str(parsed), kind, named, kind in _ACCEPTED, _WORDS[kind])
    raise AssertionError("the last networks of the table hold every address")


def is_bindable(address: str) -> bool:
    """Tell whether the gateway may listen there: loopback and RFC 1918 only (D-061, D-064).

    Raises:
        ValueError: as `parse`.
    """
    return classify(address).accepted


def is_private_peer(address: str) -> bool:
    """Tell whether a connection from there may be served: loopback and RFC 1918 only (D-064).

    Raises:
        ValueError: as `parse`.
    """
    return classify(address).accepted
