"""The bind gate and the listening sockets behind it: loopback and RFC 1918 addresses, no others (D-061, D-064)."""

from __future__ import annotations

import array
import errno
import fcntl
import socket
import struct
from collections.abc import Mapping, Sequence

from gateway.core.network import classify, is_bindable

BACKLOG = 128
PRIVATE = "private"

_SIOCGIFCONF = 0x8912
# struct ifreq of Linux: 16 bytes of name, then a union as long as struct ifmap (netdevice(7)).
_IFREQ_SIZE = 16 + (24 if struct.calcsize("P") == 8 else 16)
_MOST_INTERFACES = 256


class BindError(Exception):
    """The gateway may not or cannot listen there; the text says why and what to do."""


class NotYetError(Exception):
    """The address is not on this machine now. It may appear (ruling 15)."""


def wanted_addresses(bind: str, interfaces: Mapping[str, Sequence[str]]) -> list[str]:
    """The addresses to listen on now.

    Args:
        bind: an address, ``localhost``, ``private``, or the name of an interface.
        interfaces: IPv4 addresses by interface, as ``local_addresses`` gives them.

    Raises:
        BindError: an address the gateway must not listen on.
    """
    if bind == "localhost":
        return ["127.0.0.1"]
    if bind == PRIVATE:
        return sorted(address for there in interfaces.values() for address in there if is_bindable(address))
    if ":" in bind or bind.replace(".", "").isdigit():
        return [_checked(bind)]
    return sorted(address for address in interfaces.get(bind, ()) if is_bindable(address))


def _checked(bind: str) -> str:
    try:
        address = classify(bind)
    except ValueError as error:
        raise BindError(f"[server] bind: {error}") from None
    if not address.accepted:
        raise BindError(
            f'[server] bind = "{bind}" is {address.words}. The gateway listens on loopback and private (RFC 1918) '
            'addresses only: set bind = "private" for all of this board, or name one of them'
        )
    return address.address


def local_addresses() -> dict[str, list[str]]:
    """The IPv4 addresses of this machine by interface (netdevice(7), SIOCGIFCONF)."""
    buffer = array.array("B", bytes(_MOST_INTERFACES * _IFREQ_SIZE))
    request = struct.pack("iP", len(buffer), buffer.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        length, _ = struct.unpack("iP", fcntl.ioctl(any_socket, _SIOCGIFCONF, request))
    found: dict[str, list[str]] = {}
    for start in range(0, length, _IFREQ_SIZE):
        entry = buffer[start : start + _IFREQ_SIZE].tobytes()
        # An alias such as eth0:1 belongs to eth0.
        name = entry[:16].split(b"\0", 1)[0].decode().partition(":")[0]
        found.setdefault(name, []).append(socket.inet_ntoa(entry[20:24]))
    return found


def listen(address: str, port: int) -> socket.socket:
    """Open a listening socket.

    Raises:
        NotYetError: the address is not on this machine now.
        BindError: the port is taken, or may not be opened.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _explain(error, endpoint(address, port)) from None
    return listener


def endpoint(address: str, port: int) -> str:
    """An address and a port as URLs write them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _explain(error: OSError, where: str) -> Exception:
    if error.errno == errno.EADDRNOTAVAIL:
        return NotYetError(f"address {where} is not on this machine")
    if error.errno == errno.EADDRINUSE:
        return BindError(
            f"address {where} is in use by another program, perhaps by another gateway. Stop that one, or set "
            "another [server] port"
        )
    if error.errno == errno.EACCES:
        return BindError(f"address {where}: this user may not open that port. Set a [server] port from 1024 on")
    return BindError(f"address {where}: {error.strerror}")
