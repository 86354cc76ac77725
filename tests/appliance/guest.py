"""A Debian with systemd as its first process, in namespaces of this machine: no boot, and no container program."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Generous: nothing waits for it that does not fail.
PATIENCE_S = 180.0

_BOOT = """
cd "$0"
mount --bind . . && cd "$0"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for device in null zero full random urandom tty; do cp -a "/dev/$device" dev/; done
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
ip link set lo up
pivot_root . mnt
umount -l mnt
# As systemd has it where it is the first of a machine: what it mounts for a unit is seen there.
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin TERM=dumb /lib/systemd/systemd --log-target=journal
"""


@dataclass(frozen=True, slots=True)
class Guest:
    """A Debian that runs.

    Attributes:
        root: its files.
        first: number of its first process, here.
    """

    root: Path
    first: int

    def run(self, *words: str, check: bool = True, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program in it to its end."""
        done = subprocess.run(
            [
                "nsenter",
                "--target",
                str(self.first),
                "--all",
                "--",
                "/usr/bin/env",
                "-i",
                _PATH,
                "LANG=C.UTF-8",
                *words,
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            input=given,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.journal()}"
            )
        return done

    def say(self, *words: str) -> str:
        """What a program in it says."""
        return self.run(*words).stdout.strip()

    def journal(self, unit: str = "ferrule") -> str:
        """The last of what a unit said."""
        return self.run("journalctl", "--no-pager", "-n", "40", "-o", "cat", "-u", unit, check=False).stdout

    def shown(self, unit: str, setting: str) -> str:
        """What systemd knows of a unit."""
        return self.say("systemctl", "show", "--value", "-p", setting, unit)

    def until(self, *words: str, says: str) -> str:
        """Run a program again and again until it says something.

        Raises:
            AssertionError: it never does.
        """
        end = time.monotonic() + PATIENCE_S
        while True:
            done = self.run(*words, check=False)
            if says in done.stdout:
                return done.stdout
            if time.monotonic() > end:
                raise AssertionError(
                    f"{' '.join(words)} never said {says}: {done.stdout}{done.stderr}\n{self.journal()}"
                )
            time.sleep(0.2)


_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextmanager
def booted(tar: Path) -> Iterator[Guest]:
    """Start a fresh copy of a root, and leave nothing of it behind."""
    place = Path(tempfile.mkdtemp(prefix="ferrule-guest-"))
    try:
        subprocess.run(["tar", "-C", str(place), "-xf", str(tar)], check=True)
        # Each a machine of its own; and what asks for a network finds none.
        (place / "etc/machine-id").write_text("uninitialized\n")
        spaces = ("--mount", "--pid", "--cgroup", "--net", "--uts", "--ipc", "--propagation", "private")
        shell = subprocess.Popen(
            ["unshare", *spaces, "--fork", "--kill-child", "/bin/sh", "-ec", _BOOT, str(place)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            guest = Guest(place, _first_of(shell))
            guest.run("systemctl", "is-system-running", "--wait", check=False)
            yield guest
        finally:
            # With the first process of a namespace, the kernel ends all of it.
            shell.kill()
            shell.communicate()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _first_of(shell: subprocess.Popen[bytes]) -> int:
    end = time.monotonic() + PATIENCE_S
    children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
    while time.monotonic() < end:
        if shell.poll() is not None:
            _, said = shell.communicate()
            raise AssertionError(f"systemd does not start: {said.decode()}")
        for child in children.read_text().split():
            if (Path("/proc") / child / "comm").read_text().strip() == "systemd" and _listens(int(child)):
                return int(child)
        time.sleep(0.1)
    raise AssertionError("systemd does not start")


def _listens(first: int) -> bool:
    return (
        subprocess.run(
            ["nsenter", "--target", str(first), "--all", "--", "/bin/test", "-S", "/run/systemd/private"], check=False
        ).returncode
        == 0
    )


def can_boot() -> bool:
    """Whether this machine lets us: as root, with namespaces."""
    return os.geteuid() == 0 and shutil.which("unshare") is not None
