"""Calls of the kernel that are closed to plugins: a filter for bwrap(1), ``--seccomp``. Pure but for its pipe.

Namespaces hide what has a name in one. Some things have none: the keys of the session that started the gateway, memory
that belongs to no process and so is seen by nobody who measures processes, sockets that lead to the host of a virtual
machine. For these the kernel says that it has no such call, or no such family; programs take another way then.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# Of ``seccomp_data`` (seccomp(2)): the number of the call, the architecture, and the lower half of the first argument;
# all machines named below are little-endian.
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16
# Classic BPF (linux/filter.h): load a word, compare it with a constant, return.
_LOAD, _EQUAL, _AT_LEAST, _ANY_OF, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
# linux/audit.h
_X86_64, _AARCH64, _ARM = 0xC000003E, 0xC00000B7, 0x40000028
# From here on numbers are those of x32, another door to the same calls.
_X32 = 0x40000000
# Unix, IPv4, IPv6 and netlink: what a network namespace divides. Not among them: vsock, Bluetooth, and what is to come.
_FAMILIES = (1, 2, 10, 16)

# By the name of a call, its number on x86-64, 64-bit ARM and 32-bit ARM; None: it has none there.
_CLOSED: Mapping[str, tuple[int | None, int | None, int | None]] = {
    # Keys of whoever started the gateway.
    "add_key": (248, 217, 309),
    "request_key": (249, 218, 310),
    "keyctl": (250, 219, 311),
    # Memory of no process.
    "shmget": (29, 194, 307),
    "semget": (64, 190, 299),
    "msgget": (68, 186, 303),
    "ipc": (None, None, 117),
    "memfd_create": (319, 279, 385),
    "memfd_secret": (447, 447, 447),
    # Namespaces of its own, in which it may more than here. No filter sees what clone3 is asked for; clone is left.
    "unshare": (272, 97, 337),
    "setns": (308, 268, 375),
    "clone3": (435, 435, 435),
    # A hand at other processes: at the first one of its sandbox, which has to hear when it ends.
    "ptrace": (101, 117, 26),
    "process_vm_readv": (310, 270, 376),
    "process_vm_writev": (311, 271, 377),
    # A share of the processor as large as the gateway's own, for each new session (sched(7), autogroups).
    "setsid": (112, 157, 66),
    # What no plugin needs, and where holes of kernels were found more than once.
    "bpf": (321, 280, 386),
    "perf_event_open": (298, 241, 364),
    "userfaultfd": (323, 282, 388),
    "io_uring_setup": (425, 425, 425),
    # The old way to all calls about sockets, with arguments no filter sees.
    "socketcall": (None, None, 102),
}
_SOCKET, _CLONE = (41, 198, 281), (56, 220, 120)
# linux/sched.h: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_NAMESPACES = 0x7E020000
# What runs on a machine, by what uname(2) calls it: on most boards a kernel of 64 bits, also where programs have 32.
_MACHINES: Mapping[str, tuple[int, ...]] = {
    "x86_64": (_X86_64,),
    **dict.fromkeys(("aarch64", "armv8l", "armv7l", "armv6l"), (_AARCH64, _ARM)),
}
_COLUMN: Mapping[int, int] = {_X86_64: 0, _AARCH64: 1, _ARM: 2}


def barrier(machine: str) -> bytes | None:
    """The filter for a machine.

    Args:
        machine: as uname(2) calls it.

    Returns:
        A program of classic BPF; None: nobody here knows the numbers of its calls.
    """
    architectures = _MACHINES.get(machine)
    if architectures is None:
        return None
    words = [_step(_LOAD, _ARCHITECTURE)]
    for architecture in architectures:
        section = _section(architecture)
        words += [_step(_EQUAL, architecture, other=len(section)), *section]
    # A program for another architecture would have other numbers.
    words.append(_refuse(errno.ENOSYS))
    return b"".join(words)


@contextmanager
def barrier_pipe(*, closes: bool) -> Iterator[int | None]:
    """A descriptor from which bubblewrap reads the filter for this machine; None: there is none.

    Args:
        closes: bubblewrap takes one here.
    """
    program = barrier(os.uname().machine)
    if program is None or not closes:
        yield None
        return
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        # It fits into a pipe many times over.
        os.write(write, program)
        os.close(write)
        yield read
    finally:
        os.close(read)


def _section(architecture: int) -> list[bytes]:
    column = _COLUMN[architecture]
    words = [_step(_LOAD, _NUMBER)]
    if architecture == _X86_64:
        words += [_step(_AT_LEAST, _X32, other=1), _refuse(errno.ENOSYS)]
    for numbers in _CLOSED.values():
        number = numbers[column]
        if number is not None:
            words += [_step(_EQUAL, number, other=1), _refuse(errno.ENOSYS)]
    families = [word for family in _FAMILIES for word in (_step(_EQUAL, family, other=1), _step(_RETURN, _ALLOW))]
    sockets = [_step(_LOAD, _FIRST), *families, _refuse(errno.EAFNOSUPPORT)]
    clones = [
        _step(_LOAD, _FIRST),
        _step(_ANY_OF, _NAMESPACES, other=1),
        _refuse(errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]
    for number, judged in ((_CLONE[column], clones), (_SOCKET[column], sockets)):
        words += [_step(_EQUAL, number, other=len(judged)), *judged]
    return [*words, _step(_RETURN, _ALLOW)]


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)


def _step(code: int, value: int, other: int = 0) -> bytes:
    """One instruction; a comparison that fails leaves out so many of the next ones."""
    return struct.pack("<HBBI", code, 0, other, value)
