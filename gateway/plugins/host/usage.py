"""What processes take, measured: from ``/proc``, and of the files an instance keeps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# Processes of one instance that are looked at: more than it may have.
MOST_PROCESSES = 1000
_TICKS = os.sysconf("SC_CLK_TCK")
# Of /proc/PID/status: memory without a file, shared or not, and the tables of all pages; and pages of files.
_OWN, _FILES = ("RssAnon", "RssShmem", "VmPTE"), "RssFile"
# Fields of /proc/PID/stat after the name, which may hold blanks: utime, stime, cutime, cstime (proc(5), 14 to 17).
_TIMES = slice(11, 15)
_THREADS = 17
# Of its start, in ticks since the start of the system (proc(5), 22).
_STARTED = 19


@dataclass(frozen=True, slots=True)
class Usage:
    """What an instance takes at a moment.

    Attributes:
        cpu: seconds of processor time since it was started, of all it started too.
        memory: resident bytes, and what the tables of its pages take. Files that are shared are counted once, memory
            that is shared for each process: from outside nobody sees which of it is the same.
        tasks: threads of all its processes.
    """

    cpu: float
    memory: int
    tasks: int


def descendants(pid: int, proc: Path = PROC) -> list[tuple[int, int]]:
    """Processes that come of one, with how many generations lie between; itself first, with 0."""
    found = [(pid, 0)]
    for parent, depth in found:
        if len(found) > MOST_PROCESSES:
            break
        found += [(child, depth + 1) for child in _children(proc / str(parent))]
    return found


def started_at(pid: int, proc: Path = PROC) -> int | None:
    """When a process was started: tells it from a later one of the same number. None: there is none."""
    with suppress(OSError, ValueError, IndexError):
        return int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[_STARTED])
    return None


def still_runs(pid: int, started: int, proc: Path = PROC) -> bool:
    """Whether the process of this number is the one that was started then, and has not ended."""
    with suppress(OSError, ValueError, IndexError):
        fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return int(fields[_STARTED]) == started and fields[0] != "Z"
    return False


def usage_of(pid: int, proc: Path = PROC) -> Usage | None:
    """What a process takes with all that come of it; None: it is not there."""
    cpu, own, shared, tasks, there = 0, 0, 0, 0, False
    for one, _ in descendants(pid, proc):
        with suppress(OSError, ValueError, IndexError):
            fields = (proc / str(one) / "stat").read_text().rpartition(")")[2].split()
            own_kib, files_kib = _resident((proc / str(one) / "status").read_text())
            cpu += sum(map(int, fields[_TIMES]))
            tasks += int(fields[_THREADS])
            own += own_kib
            shared = max(shared, files_kib)
            there = True
    return Usage(cpu / _TICKS, (own + shared) * 1024, tasks) if there else None


def tasks_of(user: int, proc: Path = PROC) -> int:
    """Threads of all processes of a user: what the kernel counts against a bound that they share."""
    count = 0
    for place in proc.iterdir():
        if place.name.isdecimal():
            with suppress(OSError):
                if place.stat().st_uid == user:
                    count += sum(1 for _ in (place / "task").iterdir())
    return count


def size_of(data: Path, most_files: int) -> tuple[int, int]:
    """Bytes on the disk and number of files below a directory; looks at no more than so many.

    What cannot be looked into counts as too much: whoever hides something has a reason.
    """
    size, files = 0, 0
    waiting = [os.fspath(data)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files += 1
                    if files > most_files:
                        return size, files
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError:
            return size, most_files + 1
    return size, files


def _resident(status: str) -> tuple[int, int]:
    """KiB that count for a process itself, and those of files: of the kernel, a zombie has none (proc(5))."""
    found = {
        name: int(words.split()[0])
        for name, _, words in (line.partition(":") for line in status.splitlines())
        if name in _OWN or name == _FILES
    }
    return sum(found.get(name, 0) for name in _OWN), found.get(_FILES, 0)


def _children(place: Path) -> Iterator[int]:
    with suppress(OSError):
        for task in (place / "task").iterdir():
            with suppress(OSError):
                yield from map(int, (task / "children").read_text().split())
