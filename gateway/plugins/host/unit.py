"""The same sandbox as a unit of systemd (ruling 20): a value rendered to settings and text. Pure.

Starting it over D-Bus is the business of the appliance; what is started is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from gateway.plugins.host.command import Places, environment, runner
from gateway.plugins.host.sandbox import Means, Sandbox

Setting = str | bool | int | tuple[str, ...]
_PLAIN = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
# Mount points have to be made, and a root file system may be read-only: this one never is.
_MOUNTS = Path("/run/ferrule-plugin")


def unit_name(sandbox: Sandbox) -> str:
    """The name of the unit.

    Raises:
        ValueError: the instance has an id that no unit can be named by.
    """
    return f"ferrule-plugin-{_plain(sandbox)}.service"


def unit_settings(sandbox: Sandbox, means: Means) -> Mapping[str, Setting]:
    """Settings of the section ``[Service]`` by their names in unit files, as ``systemd-run --property`` takes them.

    The instance's data are its state directory, so that they belong to whatever number its user has this time;
    ``sandbox.data`` and ``sandbox.user`` say nothing here.

    Raises:
        NoRuntimeError: there is nothing to run it with.
        ValueError: the instance has an id that no unit can be named by.
    """
    bounds = sandbox.bounds
    state = f"ferrule-plugins/{_plain(sandbox)}"
    where = Places(_MOUNTS / "package", Path("/var/lib") / state, _MOUNTS / "kit", Path("/tmp"))  # noqa: S108 - its own
    reads = [f"{sandbox.package}:{where.package}"]
    if sandbox.kit is not None:
        reads.append(f"{sandbox.kit}:{where.kit}")
    return {
        "Type": "exec",
        "ExecStart": runner(sandbox, means, where),
        "WorkingDirectory": str(where.package),
        "Environment": tuple(f"{name}={value}" for name, value in environment(sandbox, where).items()),
        # A user of its own for as long as it runs.
        "DynamicUser": True,
        # The host decides, and tells of it.
        "Restart": "no",
        "KillMode": "control-group",
        "TimeoutStopSec": 5,
        # Files
        "StateDirectory": state,
        "StateDirectoryMode": "0700",
        "BindReadOnlyPaths": tuple(reads),
        "ProtectSystem": "strict",
        "ProtectHome": "tmpfs",
        "PrivateDevices": True,
        "TemporaryFileSystem": tuple(f"{path}:size={bounds.scratch},mode=1777" for path in ("/tmp", "/var/tmp")),  # noqa: S108 - its own
        "UMask": "0077",
        # Network and processes
        "PrivateNetwork": not sandbox.network,
        "RestrictAddressFamilies": ("AF_UNIX", *(("AF_INET", "AF_INET6") if sandbox.network else ())),
        "PrivateIPC": True,
        "ProtectProc": "invisible",
        "ProcSubset": "pid",
        # Rights
        "NoNewPrivileges": True,
        "CapabilityBoundingSet": (),
        "AmbientCapabilities": (),
        "RestrictNamespaces": True,
        "RestrictSUIDSGID": True,
        "RestrictRealtime": True,
        "LockPersonality": True,
        "ProtectKernelTunables": True,
        "ProtectKernelModules": True,
        "ProtectKernelLogs": True,
        "ProtectControlGroups": True,
        "ProtectClock": True,
        "ProtectHostname": True,
        "KeyringMode": "private",
        "SystemCallArchitectures": "native",
        "SystemCallFilter": ("@system-service", "~@privileged @keyring"),
        # Bounds: of the memory of all of it together, as rlimits cannot.
        "MemoryMax": bounds.memory,
        "MemorySwapMax": 0,
        "TasksMax": bounds.tasks,
        "CPUQuota": f"{round(bounds.cpu * 100)}%",
        "CPUWeight": 20,
        "IOWeight": 20,
        "LimitNOFILE": bounds.files,
        "LimitFSIZE": bounds.file_size,
        "LimitCORE": 0,
        "LimitMEMLOCK": 0,
        "Nice": bounds.nice,
        "OOMPolicy": "kill",
        "OOMScoreAdjust": 500,
    }


# Lists that stand in one line; of others each has a line of its own.
_JOINED = frozenset({"ExecStart", "RestrictAddressFamilies", "CapabilityBoundingSet", "AmbientCapabilities"})


def unit_text(sandbox: Sandbox, means: Means) -> str:
    """A whole unit file.

    Raises:
        NoRuntimeError, ValueError: as ``unit_settings``.
    """
    lines = [
        "[Unit]",
        f"Description=Ferrule plugin {_plain(sandbox)}",
        "CollectMode=inactive-or-failed",
        "",
        "[Service]",
    ]
    for name, value in unit_settings(sandbox, means).items():
        if isinstance(value, tuple):
            words = [" ".join(map(_quoted, value)) if name == "ExecStart" else " ".join(value)]
            if name not in _JOINED:
                words = [_quoted(word) if name == "Environment" else word for word in value]
            lines += [f"{name}={word}" for word in words]
        elif isinstance(value, bool):
            lines.append(f"{name}={'yes' if value else 'no'}")
        else:
            lines.append(f"{name}={value}")
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    """A word that systemd takes for itself: no specifiers, variables, escapes or separators of its own."""
    inner = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$").replace("\n", "\\n")
    return f'"{inner}"'


def _plain(sandbox: Sandbox) -> str:
    if _PLAIN.fullmatch(sandbox.instance) is None:
        raise ValueError(f"{sandbox.instance!r}: letters, digits, points, hyphens and underscores only")
    return sandbox.instance
