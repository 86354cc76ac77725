"""TCP connections as ports: a plain non-blocking socket, no stream class in between."""

import errno
import os
import socket
from functools import partial

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
    errno.EAFNOSUPPORT: ("unreachable", "cannot be reached: this board does not speak IPv6"),
    errno.EMFILE: ("error", "was not tried: the gateway has as many files and connections open as it may"),
    errno.ENFILE: ("error", "was not tried: this board has as many files and connections open as it can"),
}


_Address = tuple[socket.AddressFamily, socket.SocketKind, int, tuple[str | int | bytes, ...]]


async def open_tcp(
    host: str,
    port: int,
    connect_timeout: float = 3.0,
    alarm: Alarm | None = None,
    names: trio.CapacityLimiter | None = None,
) -> DescriptorPort:
    """Connect to ``host:port``.

    Args:
        host: name or address.
        port: its number.
        connect_timeout: seconds, for the name and all its addresses.
        alarm: see `DescriptorPort`.
        names: how many names may be looked up at once by all who share it, those that were given up included; None:
            this one.

    Raises:
        LinkDown: ``not_found`` (the name), ``refused``, ``unreachable``, ``permission`` or ``error``.
    """
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    end = trio.current_time() + connect_timeout
    try:
        with trio.fail_at(end):
            found = await _look_up(name, host, port, names or trio.CapacityLimiter(1))
    except trio.TooSlowError:
        raise LinkDown(
            "not_found", f"{name}: no name server answered within {connect_timeout:g} s: check it, or write an address"
        ) from None
    try:
        connection = await _connect(name, found, end)
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


async def _look_up(name: str, host: str, port: int, names: trio.CapacityLimiter) -> list[_Address]:
    """Find the addresses of a host; only a name costs a thread."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        try:
            found = ask(flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            # A dead name server holds a thread for half a minute: those that others need are not touched.
            found = await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=names)
    except socket.gaierror as error:
        raise LinkDown("not_found", f"{name}: the name {host!r} is not known ({error.strerror})") from error
    except OSError as error:
        raise _translate(name, error) from error
    except UnicodeError as error:
        raise LinkDown(
            "not_found", f"{name}: {host!r} cannot be a name of a host: look at its dots and length"
        ) from error
    return [(family, kind, protocol, address) for family, kind, protocol, _canonical, address in found]


async def _connect(name: str, found: list[_Address], end: float) -> trio.socket.SocketType:
    """Try addresses one after the other, each with its part of the time that is left; the last failure counts."""
    failure: OSError | trio.TooSlowError = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
    for left, address in zip(range(len(found), 0, -1), found, strict=True):
        try:
            with trio.fail_after(max(end - trio.current_time(), 0.0) / left):
                return await _connected(*address)
        except (OSError, trio.TooSlowError) as error:
            failure = error
    if isinstance(failure, trio.TooSlowError):
        raise failure
    raise _translate(name, failure) from failure


async def _connected(
    family: socket.AddressFamily, kind: socket.SocketKind, protocol: int, address: tuple[str | int | bytes, ...]
) -> trio.socket.SocketType:
    connection = trio.socket.socket(family, kind, protocol)
    try:
        await connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


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
