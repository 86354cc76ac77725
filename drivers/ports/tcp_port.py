"""TCP connections as ports: a plain non-blocking socket, no stream class in between."""

import errno
import os
import socket

import trio

from drivers.ports.alarm import Alarm
from drivers.ports.descriptor import DescriptorPort
from drivers.ports.port import LineFaults, LinkDown, Reason
from drivers.ports.timer import sleeper

# A pulled network cable is noticed after 10 + 3 * 5 s without traffic, or when sent data is not taken for 15 s.
_KEEPALIVE_IDLE_S = 10
_KEEPALIVE_INTERVAL_S = 5
_KEEPALIVE_PROBES = 3
_UNACKNOWLEDGED_MS = 15_000

_REASONS: dict[int, tuple[Reason, str]] = {
    errno.ECONNREFUSED: ("refused", "refuses the connection: is the server running, is the port number right?"),
    errno.EHOSTUNREACH: ("unreachable", "cannot be reached: check cable, switch and address"),
    errno.ENETUNREACH: ("unreachable", "cannot be reached: this board has no route to it"),
    errno.ENETDOWN: ("unreachable", "cannot be reached: the network of this board is down"),
    errno.ETIMEDOUT: ("unreachable", "does not answer any more: check cable and power"),
    errno.ECONNRESET: ("reset", "broke the connection"),
    errno.EPIPE: ("reset", "broke the connection"),
    errno.ECONNABORTED: ("reset", "broke the connection"),
    errno.EACCES: ("permission", "may not be connected to: a firewall rule of this board forbids it"),
    errno.EPERM: ("permission", "may not be connected to: a firewall rule of this board forbids it"),
}


async def open_tcp(host: str, port: int, connect_timeout: float = 3.0, alarm: Alarm | None = None) -> DescriptorPort:
    """Connect to ``host:port``.

    Args:
        host: name or address.
        port: its number.
        connect_timeout: seconds.
        alarm: see `DescriptorPort`.

    Raises:
        LinkDown: ``not_found`` (the name), ``refused``, ``unreachable``, ``permission`` or ``error``.
    """
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        with trio.fail_after(connect_timeout):
            connection = await _connect(name, host, port)
    except trio.TooSlowError:
        raise LinkDown(
            "unreachable", f"{name} did not answer within {connect_timeout:g} s: check cable, power and address"
        ) from None
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        timer = sleeper()
    except OSError as error:
        connection.close()
        raise _translate(name, error) from error
    fd = connection.detach()
    return DescriptorPort(fd, _TcpChannel(name, fd), timer, alarm)


async def _connect(name: str, host: str, port: int) -> trio.socket.SocketType:
    """Try the addresses of a host one after the other; the last failure counts."""
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise LinkDown("not_found", f"{name}: the name {host!r} is not known ({error.strerror})") from error
    except UnicodeError as error:
        raise LinkDown(
            "not_found", f"{name}: {host!r} cannot be a name of a host: look at its dots and length"
        ) from error
    failure: OSError = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
    for family, kind, protocol, _canonical, address in found:
        connection = trio.socket.socket(family, kind, protocol)
        try:
            await connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise _translate(name, failure) from failure


def _translate(name: str, error: OSError) -> LinkDown:
    reason, words = _REASONS.get(error.errno or 0, ("error", error.strerror or str(error)))
    return LinkDown(reason, f"{name} {words}")


class _TcpChannel:
    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self._fd = fd

    def ended(self) -> LinkDown:
        return LinkDown("closed", f"{self.name} ended the connection")

    def failed(self, error: OSError) -> LinkDown:
        return _translate(self.name, error)

    def faults(self) -> LineFaults | None:
        return None

    def close(self) -> None:
        os.close(self._fd)
