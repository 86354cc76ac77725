"""The command lines that make a sandbox: from a value to words, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.plugins.host.sandbox import Means, Runtime, Sandbox

# Stacks of threads count as memory of the process, and the usual 8 MiB each would be most of it.
_STACK = 2**20
# Many kernels share processors out to sessions first, and by niceness only within one (sched(7), autogroups). Ten
# sessions a second may say how nice they are: who comes too soon tries again.
_GIVES_WAY = (
    "if [ -w /proc/self/autogroup ]; then n=0; "
    'until echo "$0" > /proc/self/autogroup || [ $n = 30 ]; do n=$((n + 1)); sleep 0.1; done 2> /dev/null; fi; '
    'exec "$@"'
)
# As units of systemd for plugins have it (OOMScoreAdjust).
_ENDS_FIRST = 500
# Names inside, where there is no list of users.
_NOBODY = "65534"
# What resolving names and checking certificates needs.
_NETWORK_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl/certs", "/etc/services")
_SYSTEM_LINKS = (("usr/bin", "/bin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64"), ("usr/sbin", "/sbin"))


class NoRuntimeError(Exception):
    """What the plugin is to be run with is not on this system."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a plugin finds what is its own.

    Attributes:
        package: its files.
        data: what it may write.
        kit: the plugin kit for Python, where it is given one.
        scratch: what it may write, and is gone with it.
    """

    package: Path
    data: Path
    kit: Path
    scratch: Path


INSIDE = Places(Path("/plugin"), Path("/data"), Path("/kit"), Path("/tmp"))  # noqa: S108 - of the sandbox


def places(sandbox: Sandbox, means: Means) -> Places:
    """Where an instance finds what is its own with what this system has."""
    if means.bubblewrap is not None:
        return INSIDE
    return Places(sandbox.package, sandbox.data, sandbox.kit or sandbox.package, sandbox.data)


def environment(sandbox: Sandbox, where: Places) -> Mapping[str, str]:
    """All variables the plugin gets; none of the gateway's."""
    found = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(where.data),
        "LANG": "C.UTF-8",
        "TMPDIR": str(where.scratch),
        "FERRULE_INSTANCE": sandbox.instance,
        "FERRULE_DATA": str(where.data),
        "PYTHONUNBUFFERED": "1",
    }
    if sandbox.kit is not None:
        found["PYTHONPATH"] = str(where.kit)
    return {**found, **sandbox.environment}


def command(
    sandbox: Sandbox,
    means: Means,
    *,
    neighbours: int = 0,
    info: int | None = None,
    status: int | None = None,
    barrier: int | None = None,
) -> tuple[str, ...]:
    """The words that start an instance with what this system has.

    Args:
        sandbox: the instance.
        means: what there is.
        neighbours: tasks of the same user that count against its bound; none, where it has a user or namespace of its
            own.
        info: descriptor bubblewrap tells of the process it made; None: it does not.
        status: descriptor it tells of that process, and of the end of it; None: it does not.
        barrier: descriptor from which it reads which calls of the kernel are closed; None: none are.

    Raises:
        NoRuntimeError: with what to install.
    """
    program = (*limits(sandbox, means, neighbours), *runner(sandbox, means, places(sandbox, means)))
    if means.bubblewrap is None:
        return program
    told: list[str] = []
    for option, descriptor in (("--info-fd", info), ("--json-status-fd", status), ("--seccomp", barrier)):
        if descriptor is not None:
            told += [option, str(descriptor)]
    return (*bubblewrap(sandbox, means), *told, "--", *program)


def runner(sandbox: Sandbox, means: Means, where: Places) -> tuple[str, ...]:
    """What runs the plugin's file.

    Raises:
        NoRuntimeError: with what to install.
    """
    file, *arguments = sandbox.command
    path = str(where.package / file)
    match sandbox.runtime:
        case Runtime.PYTHON:
            if means.python is None:
                raise NoRuntimeError("no Python for plugins on this system: install python3")
            # -s: none of what a user installed. No .pyc is written, the package being read-only.
            return (means.python, "-s", "-B", path, *arguments)
        case Runtime.NODE:
            if means.node is None:
                raise NoRuntimeError("no Node for plugins on this system: install nodejs")
            heap = max(16, sandbox.bounds.memory // 2**21)
            return (means.node, f"--max-old-space-size={heap}", path, *arguments)
        case Runtime.EXECUTABLE:
            return (path, *arguments)


def limits(sandbox: Sandbox, means: Means, neighbours: int) -> tuple[str, ...]:
    """Limits of the kernel for a process and all it starts."""
    bounds = sandbox.bounds
    words = yielding(means)
    if means.prlimit is not None:
        words += (
            means.prlimit,
            # Not the address space: Node reserves gigabytes of it that it never touches.
            f"--data={bounds.memory}",
            f"--stack={_STACK}",
            f"--nproc={bounds.tasks + neighbours}",
            f"--nofile={bounds.files}",
            f"--fsize={bounds.file_size}",
            "--core=0",
            "--memlock=0",
            "--msgqueue=0",
            "--rtprio=0",
            "--",
        )
    if means.sh is not None:
        words += (means.sh, "-c", _GIVES_WAY, str(bounds.nice))
    if means.nice is not None:
        words += (means.nice, "-n", str(bounds.nice))
    return words


def yielding(means: Means) -> tuple[str, ...]:
    """When memory is short, plugins end before the gateway does."""
    return () if means.choom is None else (means.choom, "-n", str(_ENDS_FIRST), "--")


def bubblewrap(sandbox: Sandbox, means: Means) -> tuple[str, ...]:
    """The sandbox: nothing of the system but its programs, read-only."""
    scratch = str(sandbox.bounds.scratch)
    words: list[str] = [means.bubblewrap or "bwrap", "--unshare-all", "--unshare-user"]
    if sandbox.network:
        words += ["--share-net"]
    if means.nested:
        words += ["--disable-userns"]
    words += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--uid", _NOBODY, "--gid", _NOBODY, "--hostname", "plugin", "--clearenv"]
    for name, value in environment(sandbox, INSIDE).items():
        words += ["--setenv", name, value]
    words += ["--ro-bind", "/usr", "/usr"]
    for target, link in _SYSTEM_LINKS:
        words += ["--symlink", target, link]
    # Where the system keeps which of several programs is meant (Debian's alternatives), and what libraries there are.
    for file in ("/etc/alternatives", "/etc/ld.so.cache"):
        words += ["--ro-bind-try", file, file]
    if sandbox.network:
        for file in _NETWORK_FILES:
            words += ["--ro-bind-try", file, file]
    words += ["--ro-bind", str(sandbox.package), str(INSIDE.package), "--bind", str(sandbox.data), str(INSIDE.data)]
    if sandbox.kit is not None:
        words += ["--ro-bind", str(sandbox.kit), str(INSIDE.kit)]
    words += ["--proc", "/proc", "--dev", "/dev"]
    # What bubblewrap makes itself is memory without a bound: only these two stay writable, and have one.
    words += ["--size", scratch, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108 - of the sandbox
    words += ["--size", scratch, "--tmpfs", str(INSIDE.scratch), "--remount-ro", "/"]
    words += ["--chdir", str(INSIDE.package)]
    return tuple(words)
