"""A bundle for whoever is asked for help: what this gateway is and does, without its secrets."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TypeVar

from gateway.core import rfc3339
from gateway.field.check import report as check_report
from gateway.field.scrub import Scrubber, secrets_of
from gateway.settings.effective import effective
from gateway.settings.load import load
from gateway.settings.problems import SettingsError

LOG_LINES = 2000
_LOG_PATIENCE_S = 20.0
CONTENTS = "CONTENTS.txt"

T = TypeVar("T")


class BundleError(Exception):
    """The bundle cannot be made; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a bundle is about.

    Attributes:
        state: the state directory.
        config: the configuration; None: there is none.
        pid: process of the gateway; None: it does not run.
        answers: what it said, by the name of the file that will hold it; a text says why it did not.
        now: Unix seconds.
    """

    state: Path
    config: Path | None
    pid: int | None
    answers: Mapping[str, object]
    now: float


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the bundle.

    Attributes:
        name: of the file.
        about: what it is.
        text: its content.
    """

    name: str
    about: str
    text: str


def make_bundle(path: Path, subject: Subject) -> list[Part]:
    """Write a bundle (a zip file, mode 0600) and return what is in it.

    Raises:
        BundleError: something is there already.
        OSError: the disk does not take it.
    """
    scrubber = Scrubber(secrets_of(subject.state, subject.config))
    parts = [Part(name, about, _text(content, scrubber)) for name, about, content in _collected(subject)]
    parts.insert(0, Part(CONTENTS, "this list", _contents(parts, subject.now)))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BundleError(f"{path} is there already: name a new file, or move that one away") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_zipped(parts, subject.now))
            file.flush()
            # A stick is pulled out as soon as the command is over.
            os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return parts


def _zipped(parts: list[Part], now: float) -> bytes:
    """The whole file: a zip writer goes back and forth, which not every driver of a memory stick takes."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as bundle:
        for part in parts:
            entry = zipfile.ZipInfo(part.name, datetime.fromtimestamp(now, UTC).timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, part.text)
    return whole.getvalue()


def _contents(parts: list[Part], now: float) -> str:
    rows = "".join(f"{part.name:<20} {len(part.text.encode()):>9} bytes  {part.about}\n" for part in parts)
    return (
        f"Diagnostics of a Ferrule gateway, made {rfc3339.text(now)}.\n\n{rows}\n"
        "Not in it: keys, certificates, tokens, databases, the history, and files of profiles. Passwords, tokens and\n"
        "keys are covered wherever they stand. Names of lines, devices and tags, their last readings, addresses on\n"
        "the LAN, and what the log says are in it: read it before you give it away.\n"
    )


def _text(content: object, scrubber: Scrubber) -> str:
    if isinstance(content, str):
        return scrubber.clean(content)
    return json.dumps(scrubber.tree(content), ensure_ascii=False, indent=2) + "\n"


def _collected(subject: Subject) -> list[tuple[str, str, object]]:
    """Name, meaning and content of each part; what is no text becomes JSON."""
    said = [
        (f"{name}.json", f"what the gateway answered to {name}", answer) for name, answer in subject.answers.items()
    ]
    return [
        ("versions.json", "this software, what it is built on, the system", _versions()),
        *_of_config(subject.config),
        *said,
        ("system.json", "disk, memory, load, serial ports, the state directory", _system(subject)),
        ("log.txt", f"the last {LOG_LINES} lines of the log", _log(subject.pid)),
    ]


def _versions() -> dict[str, object]:
    packages: dict[str, str] = {}
    for requirement in requires("ferrule") or ():
        if "extra ==" not in requirement:
            name = requirement.partition(";")[0].partition("=")[0].strip()
            try:
                packages[name] = version(name)
            except PackageNotFoundError:
                packages[name] = "missing"
    return {
        "ferrule": version("ferrule"),
        "python": platform.python_version(),
        "packages": packages,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "system": _read(Path("/etc/os-release"), _pretty_name),
        "board": _read(Path("/proc/device-tree/model"), lambda text: text.strip("\0\n ")),
    }


def _pretty_name(text: str) -> str | None:
    names = [line.partition("=")[2].strip('"') for line in text.splitlines() if line.startswith("PRETTY_NAME=")]
    return names[0] if names else None


def _of_config(config: Path | None) -> list[tuple[str, str, object]]:
    if config is None:
        return [("check.txt", "what ferrule check says", "there is no configuration\n")]
    try:
        settings = load(config)
    except SettingsError as error:
        return [("check.txt", "what ferrule check says", f"{error}\n")]
    judged = check_report(settings, blocks=True)
    problems = "".join(f"{problem}\n" for problem in (*settings.warnings, *judged.problems))
    return [
        ("config.toml", "the configuration in force, profiles resolved", effective(settings, defaults=True)),
        ("check.txt", "what ferrule check says", judged.text + problems),
    ]


def _system(subject: Subject) -> dict[str, object]:
    places = {"state": subject.state, "config": None if subject.config is None else subject.config.parent}
    return {
        "uptime": _read(Path("/proc/uptime"), lambda text: float(text.split()[0])),
        "load": _read(Path("/proc/loadavg"), lambda text: [float(word) for word in text.split()[:3]]),
        "memory": _read(Path("/proc/meminfo"), lambda text: _sizes(text, ("MemTotal", "MemAvailable", "SwapTotal"))),
        "disk": {name: _disk(place) for name, place in places.items() if place is not None},
        "process": None
        if subject.pid is None
        else _read(Path(f"/proc/{subject.pid}/status"), lambda text: _sizes(text, ("VmRSS", "VmHWM", "VmSize"))),
        "serialPorts": _names(Path("/dev/serial/by-id")),
        "stateDirectory": _listing(subject.state),
    }


def _sizes(text: str, names: tuple[str, ...]) -> dict[str, int]:
    """Lines such as ``VmRSS:  1234 kB`` as bytes."""
    found = {}
    for line in text.splitlines():
        name, _, size = line.partition(":")
        if name in names:
            found[name] = int(size.split()[0]) * 1024
    return found


def _disk(place: Path) -> dict[str, object] | str:
    try:
        usage = shutil.disk_usage(place)
        read_only = bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except OSError as error:
        return str(error.strerror)
    return {"total": usage.total, "free": usage.free, "readOnly": read_only}


def _names(directory: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in directory.iterdir())
    except OSError:
        return []


def _listing(state: Path) -> list[dict[str, object]] | str:
    rows: list[dict[str, object]] = []
    try:
        for file in sorted(state.iterdir()):
            about = file.lstat()
            mode, changed = stat.filemode(about.st_mode), rfc3339.text(about.st_mtime)
            rows.append({"name": file.name, "bytes": about.st_size, "mode": mode, "changed": changed})
    except OSError as error:
        return str(error.strerror)
    return rows


def _read(path: Path, take: Callable[[str], T]) -> T | None:
    """What a file of the system says; None where there is none, or it says something else."""
    try:
        return take(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError, IndexError):
        return None


def _log(pid: int | None) -> str:
    journal = shutil.which("journalctl")
    if journal is None:
        return "this system has no journalctl: the log is where the gateway was started\n"
    wanted = ["_SYSTEMD_UNIT=ferrule.service", *([] if pid is None else ["+", f"_PID={pid}"])]
    command = [journal, "--no-pager", "--output=short-iso", f"--lines={LOG_LINES}", *wanted]
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, and words of our own
            command, capture_output=True, text=True, errors="replace", timeout=_LOG_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"journalctl did not answer: {error}\n"
    return done.stdout or done.stderr or "the journal has nothing of the gateway\n"
