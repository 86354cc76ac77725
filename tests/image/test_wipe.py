"""A factory reset leaves nothing of what was on the partition, deleted or not."""

from __future__ import annotations

import subprocess
from pathlib import Path

from image.build import HERE

SCRIPT = HERE / "overlay/usr/lib/ferrule/wipe-data"
MIB = 1024 * 1024


def wipe(device: Path, size: int) -> None:
    """Run it on a file that takes the place of a partition; only the kernel's word for its size is ours."""
    script = SCRIPT.read_text().replace('$(cat "/sys/class/block/${1##*/}/size")', str(size // 512))
    subprocess.run(["dash", "-c", script, "wipe-data", device], check=True, capture_output=True)


def test_nothing_is_left_of_a_file_and_of_a_deleted_one(tmp_path: Path) -> None:
    device, size = tmp_path / "partition", 33 * MIB
    canary = b"canary-" * 1000
    with device.open("wb") as file:
        file.truncate(size)
        # At the beginning, over the edge of two steps, and in the last bytes, of a size that is no whole step.
        for at in (0, 4 * MIB - 3000, 17 * MIB + 1, size - len(canary)):
            file.seek(at)
            file.write(canary)
    wipe(device, size)
    assert device.stat().st_size == size
    assert b"canary-" not in device.read_bytes()
    said = subprocess.run(["e2fsck", "-fn", device], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
    assert "ferrule-data" in said.stdout
