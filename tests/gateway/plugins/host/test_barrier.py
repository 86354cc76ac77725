"""Calls of the kernel that no namespace divides are closed to plugins, by their numbers on each kind of board."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import shutil
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.plugins.host.barrier import barrier
from gateway.plugins.host.probe import SYSTEM_PATH, find_means
from gateway.plugins.host.sandbox import MEBI, Bounds, Means

from .real import site

ALLOWED, CLOSED, NO_FAMILY = 0x7FFF0000, 0x50000 | errno.ENOSYS, 0x50000 | errno.EAFNOSUPPORT
NOT_PERMITTED = 0x50000 | errno.EPERM
# linux/sched.h
NAMESPACES = {
    "NS": 0x20000,
    "CGROUP": 0x2000000,
    "UTS": 0x4000000,
    "IPC": 0x8000000,
    "USER": 0x10000000,
    "PID": 0x20000000,
    "NET": 0x40000000,
}
X86_64, I386, AARCH64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028
# Families of sockets (linux/socket.h); not every Python has all their names.
VSOCK, BLUETOOTH, ALG, PACKET = 40, 31, 38, 17
# Of the kernel's own lists (asm/unistd.h).
GENERIC = Path("/usr/include/asm-generic/unistd.h")
NATIVE = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
# join_session_keyring, search
KEYCTL = {"x86_64": 250, "aarch64": 219}.get(platform.machine())
ADD_KEY = {"x86_64": 248, "aarch64": 217}.get(platform.machine())
SESSION = -3
# Where the kernel has no such groups, there is nothing to give way in.
GIVES_WAY = "10" if Path("/proc/self/autogroup").exists() else "FileNotFoundError"


def judged(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What a filter says of a call: classic BPF, as far as filters need it."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *padded)
    steps = list(struct.iter_unpack("<HBBI", program))
    place, loaded = 0, 0
    while True:
        code, then, other, value = steps[place]
        place += 1
        match code:
            case 0x20:
                loaded = struct.unpack_from("<I", data, value)[0]
            case 0x15:
                place += then if loaded == value else other
            case 0x35:
                place += then if loaded >= value else other
            case 0x45:
                place += then if loaded & value else other
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(code)


def program(machine: str) -> bytes:
    found = barrier(machine)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("machine", "architecture", "keyctl", "sockets", "clone"),
    [
        ("x86_64", X86_64, 250, 41, 56),
        ("aarch64", AARCH64, 219, 198, 220),
        # Programs of 32 bits, on a kernel of 64 and on one of 32.
        ("aarch64", ARM, 311, 281, 120),
        ("armv7l", ARM, 311, 281, 120),
    ],
)
def test_a_call_is_judged_by_the_numbers_of_its_machine(
    machine: str, architecture: int, keyctl: int, sockets: int, clone: int
) -> None:
    filter_ = program(machine)
    assert judged(filter_, architecture, keyctl) == CLOSED
    assert judged(filter_, architecture, 3) == ALLOWED
    for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
        assert judged(filter_, architecture, sockets, family) == ALLOWED
    for other in (VSOCK, BLUETOOTH, ALG, PACKET, 0, 45):
        assert judged(filter_, architecture, sockets, other) == NO_FAMILY
    # Threads and processes, and no namespace.
    for flags in (0x003D0F00, 0x01200011, 0x4111):
        assert judged(filter_, architecture, clone, flags) == ALLOWED
    for namespace in ("USER", "NS", "PID", "NET", "IPC", "UTS", "CGROUP"):
        assert judged(filter_, architecture, clone, NAMESPACES[namespace] | 17) == NOT_PERMITTED


def test_there_is_no_other_door_to_the_same_calls() -> None:
    filter_ = program("x86_64")
    # x32, programs of 32 bits, and whatever else a kernel may come to run.
    assert judged(filter_, X86_64, 0x40000000 | 41, VSOCK) == CLOSED
    assert judged(filter_, I386, 359, VSOCK) == CLOSED
    assert judged(filter_, AARCH64, 3) == CLOSED
    # The upper half of an argument that is an int is not looked at by the kernel either.
    assert judged(filter_, X86_64, 41, 1 << 32 | VSOCK) == NO_FAMILY


def test_a_machine_whose_numbers_nobody_knows_has_no_filter() -> None:
    assert barrier("riscv64") is None


@pytest.mark.parametrize(
    ("header", "architecture", "machine"), [(GENERIC, AARCH64, "aarch64"), (NATIVE, X86_64, "x86_64")]
)
def test_exactly_these_calls_are_closed_by_the_lists_of_the_kernel(
    header: Path, architecture: int, machine: str
) -> None:
    if not header.exists():
        pytest.skip(f"{header} is not installed: the numbers were not compared")
    numbers = {
        name: int(number)
        for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", header.read_text(), re.MULTILINE)
    }
    filter_ = program(machine)
    closed = {name for name, number in numbers.items() if judged(filter_, architecture, number, 1) == CLOSED}
    assert closed == {
        *("add_key", "request_key", "keyctl", "shmget", "semget", "msgget", "memfd_create", "memfd_secret"),
        *("unshare", "setns", "clone3", "ptrace", "process_vm_readv", "process_vm_writev"),
        *("setsid", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup"),
    } & set(numbers)
    assert judged(filter_, architecture, numbers["socket"], VSOCK) == NO_FAMILY


@pytest.fixture
def secret() -> Iterator[None]:
    """A key in the session of this process, as a login leaves some there."""
    if KEYCTL is None:
        pytest.skip("the numbers of the calls are not known here")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(KEYCTL, 1, None) < 0:
        pytest.skip(f"no keys here: {os.strerror(ctypes.get_errno())}")
    assert libc.syscall(ADD_KEY, b"user", b"of-the-session", b"secret", 6, ctypes.c_long(SESSION)) > 0
    yield
    libc.syscall(KEYCTL, 1, None)


@pytest.mark.e2e
async def test_it_reaches_nothing_that_no_namespace_divides(means: Means, place: Path, secret: None) -> None:
    if not means.closes:
        pytest.skip("no filter works here")
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    return libc.syscall(*words) >= 0 or ctypes.get_errno()
def work():
    say("key", call({KEYCTL}, 10, ctypes.c_long({SESSION}), b"user", b"of-the-session", 0))
    say("vsock", tried(lambda: socket.socket({VSOCK}, socket.SOCK_STREAM)))
    say("memory", tried(lambda: os.memfd_create("hidden")))
    say("unix", tried(lambda: socket.socketpair() and "made"))
    say("abstract", tried(lambda: socket.socket(socket.AF_UNIX).connect("\\0of-the-gateway") or "connected"))
    say("tty", tried(lambda: os.open("/dev/tty", os.O_RDWR)))
    say("session", tried(os.setsid))
    say("autogroup", tried(lambda: open("/proc/self/autogroup").read().split()[-1]))
    say("more", sorted(os.readlink(f"/proc/self/fd/{{one}}") for one in os.listdir("/proc/self/fd") if int(one) > 2
                       and os.path.islink(f"/proc/self/fd/{{one}}")))
    say("score", open("/proc/self/oom_score_adj").read().strip())
    say("done")
main(work)
"""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0of-the-gateway")
        server.listen()
        async with site(means, place, code) as on:
            await on.says("done")
            said = dict(note.text.split(" ", 1) for note in on.instance.notes.last() if " " in note.text)
    assert said == {
        "key": str(errno.ENOSYS),
        "vsock": "OSError",
        "memory": "OSError",
        "unix": "made",
        "abstract": "ConnectionRefusedError",
        "tty": "OSError",
        "more": "[]",
        "session": "OSError",
        "autogroup": GIVES_WAY,
        "score": "500",
    }


@pytest.mark.e2e
async def test_it_makes_no_namespace_with_an_older_bubblewrap_either(means: Means, place: Path) -> None:
    if not means.closes or KEYCTL is None:
        pytest.skip("no filter works here")
    clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
    code = f"""
import ctypes, signal
libc = ctypes.CDLL(None, use_errno=True)
def work():
    say("unshare", subprocess.run(["unshare", "-U", "true"], capture_output=True).returncode != 0)
    say("clone", libc.syscall({clone}, {NAMESPACES["USER"]} | signal.SIGCHLD, 0, 0, 0, 0), ctypes.get_errno())
    say("ptrace", libc.ptrace(16, 1, 0, 0), ctypes.get_errno())
    say("thread", threading.active_count() > 1)
main(work)
"""
    async with site(replace(means, nested=False), place, code) as on:
        assert await on.says("thread") == "thread True"
        said = [note.text for note in on.instance.notes.last()]
    assert said == ["unshare True", f"clone -1 {errno.EPERM}", f"ptrace -1 {errno.ENOSYS}", "thread True"]


@pytest.mark.e2e
async def test_a_kernel_without_filters_has_a_sandbox_all_the_same_and_says_what_lacks(
    means: Means, place: Path
) -> None:
    if means.bubblewrap is None or not means.closes:
        pytest.skip("no filter works here")
    old = place / "bwrap"
    old.write_text(
        f'#!/bin/sh\ncase "$*" in *--seccomp*) echo "no such thing" >&2; exit 1;; esac\nexec {means.bubblewrap} "$@"\n'
    )
    old.chmod(0o755)
    found = await find_means(lambda name: str(old) if name == "bwrap" else shutil.which(name, path=SYSTEM_PATH))
    assert found == replace(means, bubblewrap=str(old), closes=False)
    async with site(found, place, "main(lambda: say('runs'))") as on:
        await on.says("runs")
        assert "calls" in on.instance.report().degraded


@pytest.mark.e2e
async def test_memory_that_is_shared_in_each_of_many_processes_is_seen(means: Means, place: Path) -> None:
    # None has more than it may, and no two the same: nothing of it counts as data of a process (RLIMIT_DATA).
    code = """
import mmap
def work():
    for _ in range(4):
        if os.fork() == 0:
            held = mmap.mmap(-1, 24 * 2**20)
            held.write(b"x" * len(held))
            time.sleep(1000)
main(work)
"""
    async with site(means, place, code, bounds=Bounds(memory=64 * MEBI, tasks=16)) as on:
        assert await on.falls() == "memory"


@pytest.mark.e2e
async def test_memory_for_the_tables_of_pages_is_seen(means: Means, place: Path) -> None:
    # What is mapped for reading is no data, and where it is read there is nothing; but where it lies is written down.
    code = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
def work():
    size, read_only, private_anonymous_unreserved = 100 * 2**30, 1, 0x4022
    start = libc.mmap(None, size, read_only, private_anonymous_unreserved, -1, 0)
    for place in range(start, start + size, 2**21):
        ctypes.c_char.from_address(place).value
    time.sleep(1000)
main(work)
"""
    async with site(means, place, code, bounds=Bounds(memory=64 * MEBI, tasks=16)) as on:
        assert await on.falls() == "memory"
