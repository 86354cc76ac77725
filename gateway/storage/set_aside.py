"""A damaged database is kept for those who want to look, under a name with the date, and never in the way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.storage.copies import sync_directory

KEEP = 3


def set_aside(path: Path, wall: float) -> Path:
    """Rename a database and its log; keep the newest three of such files.

    Args:
        path: the database.
        wall: Unix seconds, for the name.

    Returns:
        The new name.

    Raises:
        OSError: the disk does not take the renaming.
    """
    stamp = datetime.fromtimestamp(wall, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{path.name}.bad-{stamp}"
    number = 1
    while path.with_name(name).exists():
        number += 1
        name = f"{path.name}.bad-{stamp}-{number}"
    bad = path.with_name(name)
    log = Path(f"{path}-wal")
    if log.exists():
        log.replace(Path(f"{bad}-wal"))
    if path.exists():
        path.replace(bad)
    Path(f"{path}-shm").unlink(missing_ok=True)
    sync_directory(path.parent)
    _forget_old(path)
    return bad


def _forget_old(path: Path) -> None:
    bad = [file for file in path.parent.glob(f"{path.name}.bad-*") if not file.name.endswith(("-wal", "-shm"))]
    bad.sort(key=lambda file: file.stat().st_mtime_ns)
    for file in bad[:-KEEP]:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
