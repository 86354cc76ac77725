"""Which addresses a bind word means, and what this machine has."""

from __future__ import annotations

import errno

import pytest

from gateway.api.server.sockets import NotYetError, _explain, listen, local_addresses, wanted_addresses

INTERFACES = {
    "lo": ["127.0.0.1"],
    "eth0": ["192.168.1.20", "203.0.113.7", "10.9.8.7"],
    "wwan0": ["100.72.1.2"],
    "usb0": ["169.254.10.1"],
}


@pytest.mark.parametrize(
    ("bind", "addresses"),
    [
        ("192.168.1.20", ["192.168.1.20"]),
        ("::1", ["::1"]),
        ("::ffff:10.0.0.1", ["10.0.0.1"]),
        ("localhost", ["127.0.0.1"]),
        ("private", ["10.9.8.7", "127.0.0.1", "192.168.1.20"]),
        ("eth0", ["10.9.8.7", "192.168.1.20"]),
        ("lo", ["127.0.0.1"]),
        ("wwan0", []),
        ("usb0", []),
        ("wlan0", []),
    ],
)
def test_a_bind_word_means_private_addresses_only(bind: str, addresses: list[str]) -> None:
    assert wanted_addresses(bind, INTERFACES) == addresses


def test_this_machine_has_loopback() -> None:
    assert "127.0.0.1" in local_addresses()["lo"]


def test_an_address_of_another_machine_may_still_come() -> None:
    with pytest.raises(NotYetError, match=r"10\.255\.255\.254:3500 is not on this machine"):
        listen("10.255.255.254", 3500)


def test_a_port_this_user_may_not_open_says_what_to_do() -> None:
    reason = str(_explain(PermissionError(errno.EACCES, "Permission denied"), "127.0.0.1:443"))
    assert reason == "address 127.0.0.1:443: this user may not open that port. Set a [server] port from 1024 on"
