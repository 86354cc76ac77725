"""The private-network rules as callers meet them: what an address is, and the refusal of one that may not be used."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.network import AddressKind, Classification, classify

# What the gateway accepts, in the order of the seed's example (D-060).
ALLOWED_RANGES = ("192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "127.0.0.0/8")
_COMPLIANT = "Address is RFC-1918 compliant"
_PUBLIC = "Public IP addresses are not allowed"


@dataclass(frozen=True, slots=True)
class AddressCheck:
    """What ``security.validateAddress`` answers (D-062).

    Attributes:
        valid: the gateway would serve a peer there, and take it for the endpoint of an agent.
        address: in its one normal form.
        range: the network it was found in; None for a public address.
        type: what kind of address it is.
        message: the same for people.
    """

    valid: bool
    address: str
    range: str | None
    type: AddressKind
    message: str


def validate_address(address: str) -> AddressCheck:
    """Say whether an address may be used on this network.

    Raises:
        GatewayError: INVALID for what is no IP address in full form (no octal, no short forms, no names).
    """
    try:
        found = classify(address)
    except ValueError as error:
        raise invalid("address", str(error), address) from None
    return AddressCheck(found.accepted, found.address, found.network, found.kind, _message(found))


def not_private(found: Classification) -> GatewayError:
    """The refusal of an address outside of the private networks, in the seed's shape (-32003)."""
    details: dict[str, object] = {"address": found.address, "allowedRanges": list(ALLOWED_RANGES)}
    return GatewayError(Code.NOT_PRIVATE, _message(found), details=details)


def _message(found: Classification) -> str:
    if found.kind is AddressKind.LOOPBACK:
        return f"Address is {found.words}"
    if found.accepted:
        return _COMPLIANT
    if found.kind is AddressKind.PUBLIC:
        return _PUBLIC
    return f"Not allowed: {found.address} is {found.words}. Use an RFC 1918 address such as 192.168.1.10"
