"""The programs that write the image, from a Debian root of their own: the same on every machine that builds."""

from __future__ import annotations

from pathlib import Path

from systemd.debian.run import run


class Tools:
    """Runs programs of a Debian root.

    Args:
        root: the directory it lies in.
        work: the directory they see as ``/mnt``, and stand in.
        epoch: the time they take for now, Unix seconds.
    """

    def __init__(self, root: Path, work: Path, epoch: int) -> None:
        self.work = work
        self._prefix = [
            "bwrap",
            *("--ro-bind", str(root), "/"),
            *("--bind", str(work), "/mnt"),
            *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run"),  # noqa: S108 - of their own
            *("--unshare-net", "--die-with-parent", "--chdir", "/mnt", "--clearenv"),
            *("--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            *("--setenv", "SOURCE_DATE_EPOCH", str(epoch), "--setenv", "TZ", "UTC", "--setenv", "LC_ALL", "C"),
            *("--setenv", "MTOOLS_SKIP_CHECK", "1"),
        ]

    def run(self, *command: str, stdin: bytes | None = None) -> str:
        """Run one; paths are those below the work directory.

        Raises:
            BuildError: it failed.
        """
        return run([*self._prefix, *command], stdin=stdin)

    def command(self, *words: str, network: bool = False) -> list[str]:
        """The words that start a program of these, for who watches it himself; network: it has that of this machine."""
        prefix = [word for word in self._prefix if not (network and word == "--unshare-net")]
        return [*prefix, *words]
