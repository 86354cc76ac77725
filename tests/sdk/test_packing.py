"""Archives depend on what is in them, and on nothing else."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from sdk.packing import packed, under


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    for name, age in (("one", 1), ("two", 2)):
        (tmp_path / name / "b").mkdir(parents=True)
        for path in ("z.txt", "b/a.txt", "left/out.txt") if age == 1 else ("left/out.txt", "b/a.txt", "z.txt"):
            file = tmp_path / name / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(path)
            os.utime(file, (age * 1_000_000_000, age * 1_000_000_000))
            file.chmod(0o600 if age == 1 else 0o644)
    first, second = (packed(under(tmp_path / name, "package", without=["left"])) for name in ("one", "two"))
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        assert archive.getnames() == ["package/b/a.txt", "package/z.txt"]
        assert {(entry.mode, entry.uname) for entry in archive} == {(0o644, "")}
