"""``ferrule-info.txt`` on the card: what somebody needs who has only the board in his hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes

INFO = "ferrule-info.txt"
AUTHORITY = "ferrule-ca.pem"


@dataclass(frozen=True, slots=True)
class Board:
    """What is told of a board.

    Attributes:
        host: its name on the network, without ``.local``.
        port: of the gateway.
        addresses: IPv4 addresses by interface.
        authority: the certificate of its authority, PEM; None: it has not been made yet.
        code: for the first administrator; None: there is an administrator, or no code.
        version: of the software.
        slot: which of the two systems runs: ``a`` or ``b``.
        ssh: somebody may log in.
    """

    host: str
    port: int
    addresses: Mapping[str, Sequence[str]]
    authority: bytes | None
    code: str | None
    version: str
    slot: str
    ssh: bool


def info_text(board: Board) -> str:
    """What the file says. It has no time in it: it is written again only when something else has changed."""
    rows = [("Name", f"{board.host}.local"), ("Address", f"https://{board.host}.local:{board.port}")]
    found = [
        (interface, address)
        for interface, there in sorted(board.addresses.items())
        for address in there
        if not ip_address(address).is_loopback
    ]
    rows += [("", f"https://{address}:{board.port}  ({interface})") for interface, address in found]
    if not found:
        rows.append(("", "none on the network yet: is the cable plugged in, and does a router give addresses?"))
    rows.append(("Software", f"{board.version}, system {board.slot.upper() or '?'}"))
    rows.append(("SSH", "on, for the keys of network.toml" if board.ssh else "off"))
    parts = ["Ferrule edge gateway", "", *(f"{name:<12}{text}".rstrip() for name, text in rows), ""]
    if board.authority is not None:
        parts += [
            "Certificate",
            f"{AUTHORITY} beside this file vouches for the gateway. Programs are told to trust it;",
            "its fingerprint (SHA-256) is",
            *(f"    {line}" for line in fingerprint(board.authority)),
            "",
        ]
    if board.code is not None:
        parts += [
            "First administrator",
            f"    {board.code}",
            f"Type it once at https://{board.host}.local:{board.port}/v1/auth/setup",
            "to make the first account; it goes from here when it is used. Whoever holds the card can read",
            "it: make the account before the board leaves your hands.",
            "",
        ]
    return "\n".join(parts)


def fingerprint(authority: bytes) -> list[str]:
    """SHA-256 of a certificate, in two lines of bytes as programs show them.

    Raises:
        ValueError: it is no certificate.
    """
    digits = x509.load_pem_x509_certificate(authority).fingerprint(hashes.SHA256()).hex().upper()
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    return [":".join(pairs[at : at + 16]) for at in (0, 16)]
