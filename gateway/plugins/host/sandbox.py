"""What an instance is run in, as a value: the same for every means that can make it so. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

MEBI = 2**20


class Runtime(StrEnum):
    """What runs a plugin, as its manifest says."""

    PYTHON = "python"
    NODE = "node"
    EXECUTABLE = "executable"


class Protection(StrEnum):
    """What a sandbox protects from; each can be missing, and is then told of."""

    # It sees no file but the system's programs, its package and its data.
    FILES = "files"
    # It reaches nothing over a network unless that was granted.
    NETWORK = "network"
    # It sees and signals no other process, and all it started ends with it.
    PROCESSES = "processes"
    # It makes no calls of the kernel that lead around all that.
    CALLS = "calls"
    # It is nobody whom another process is, the gateway or another plugin: their files and processes are closed to it.
    OWN_USER = "own_user"
    # It starts so many processes and no more.
    TASKS = "tasks"
    # A process of it gets no more memory than it may have.
    MEMORY = "memory"
    # All its processes together do; otherwise it is seen within seconds, and it is stopped.
    MEMORY_IN_ALL = "memory_in_all"
    # It gets no more of the processor than it may have; otherwise it gives way to the gateway, and is stopped.
    CPU = "cpu"
    # Its data stay below their limit; otherwise that is seen within seconds, and it is stopped.
    DISK = "disk"


WORDS: Mapping[Protection, str] = {
    Protection.FILES: "files of this system can be read: install bubblewrap",
    Protection.NETWORK: "the network can be reached: install bubblewrap",
    Protection.PROCESSES: "other processes are seen, and what it hides from us outlives it: install bubblewrap",
    Protection.CALLS: "calls of the kernel lead around its sandbox: install bubblewrap, on a kernel with seccomp",
    Protection.OWN_USER: "it runs as the user of the gateway: only root can give it one of its own",
    Protection.TASKS: "nothing bounds its processes: install util-linux (prlimit)",
    Protection.MEMORY: "nothing bounds the memory of a process: install util-linux (prlimit)",
    Protection.MEMORY_IN_ALL: "memory of all its processes is measured, not bounded: run the gateway under systemd",
    Protection.CPU: "processor time is measured and given way, not bounded: run the gateway under systemd",
    Protection.DISK: "its data are measured, not bounded: run the gateway under systemd with a quota",
}


# Without these a plugin can do what nobody expects; the others are made up for by measuring.
GRAVE = (Protection.FILES, Protection.NETWORK, Protection.PROCESSES, Protection.TASKS, Protection.MEMORY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much an instance may take.

    Attributes:
        memory: bytes of each process, and resident of all of them.
        tasks: processes and threads.
        files: open at once, in a process.
        file_size: bytes of one file.
        data: bytes of all files it keeps; where it has the room to.
        data_files: how many these may be.
        scratch: bytes in /tmp and in /dev/shm, each; they are memory.
        cpu: share of one processor it may use for long.
        nice: by how much it gives way to others, 0 to 19.
    """

    memory: int = 128 * MEBI
    tasks: int = 32
    files: int = 64
    file_size: int = 16 * MEBI
    data: int = 16 * MEBI
    data_files: int = 500
    scratch: int = 4 * MEBI
    cpu: float = 0.5
    nice: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """One instance, ready to be run.

    Attributes:
        instance: its id.
        runtime: what runs it.
        command: file within the package, and arguments.
        package: directory of the unpacked package.
        data: directory of its own.
        kit: directory that holds the plugin kit for Python; None: it brings its own.
        user: number of the user and group it runs as; None: that of the gateway.
        network: whether it may use the network.
        bounds: how much it may take.
        environment: variables it gets beside those every one gets.
    """

    instance: str
    runtime: Runtime
    command: tuple[str, ...]
    package: Path
    data: Path
    kit: Path | None = None
    user: int | None = None
    network: bool = False
    bounds: Bounds = field(default_factory=Bounds)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What this system really has; found out by trying.

    Attributes:
        bubblewrap: path of bwrap, where it makes a sandbox; None: it does not.
        nested: bwrap can close further user namespaces to what it runs.
        closes: bwrap can close calls of the kernel to it.
        prlimit, nice, choom, sh, python, node: paths of programs; None: there are none.
        root: the gateway may give a process another user.
        why: why bubblewrap is not used; None: it is.
        door: through which systemd starts each instance in a unit of its own; None: the gateway starts it itself.
        bounded: what such a unit holds by the kernel, beside what a sandbox does.
    """

    bubblewrap: str | None = None
    nested: bool = False
    closes: bool = True
    prlimit: str | None = None
    nice: str | None = None
    choom: str | None = None
    sh: str | None = None
    python: str | None = None
    node: str | None = None
    root: bool = False
    why: str | None = None
    door: Path | None = None
    bounded: frozenset[Protection] = frozenset()


def missing(sandbox: Sandbox, means: Means) -> tuple[Protection, ...]:
    """What an instance would not be protected from on this system."""
    lacking = {Protection.MEMORY_IN_ALL, Protection.CPU, Protection.DISK} - means.bounded
    if means.bubblewrap is None:
        lacking |= {Protection.FILES, Protection.PROCESSES, Protection.CALLS}
        if not sandbox.network:
            lacking.add(Protection.NETWORK)
    if not means.closes:
        lacking.add(Protection.CALLS)
    if means.prlimit is None:
        lacking |= {Protection.TASKS, Protection.MEMORY}
    if sandbox.user is None:
        lacking.add(Protection.OWN_USER)
        if means.root:
            # The kernel does not count the processes of root.
            lacking.add(Protection.TASKS)
    return tuple(one for one in Protection if one in lacking)


def unprotected(means: Means) -> tuple[Protection, ...]:
    """What no instance without a network would be protected from on this system."""
    here = Path("/")
    user = 1 if means.root else None
    return missing(
        Sandbox(instance="any", runtime=Runtime.EXECUTABLE, command=(), package=here, data=here, user=user), means
    )
