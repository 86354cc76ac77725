"""A power cut while a board makes its key for SSH does not keep it from having one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from image.build import HERE

UNIT = HERE / "overlay/usr/lib/systemd/system/ferrule-ssh.service"
# As dropbearkey does: a file that is there already is an error.
_MAKES_KEYS = '#!/bin/sh\n[ ! -e "$4" ] || exit 1\necho "key $$" > "$4"\n'


def start(board: Path) -> None:
    """Do what the unit does before it starts the service, with another directory for what is the board's own."""
    found = re.search(r"^ExecStartPre=/bin/sh -c '(.+)'$", UNIT.read_text(), re.MULTILINE)
    assert found is not None
    programs = board / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "dropbearkey").write_text(_MAKES_KEYS)
    (programs / "dropbearkey").chmod(0o755)
    script = found[1].replace("/data/ssh", f"{board}/ssh")
    subprocess.run(["dash", "-c", script], check=True, env={"PATH": f"{programs}:/usr/bin:/bin"})


def test_a_key_is_made_once_whatever_a_power_cut_left(tmp_path: Path) -> None:
    key = tmp_path / "ssh/key"
    key.parent.mkdir()
    key.with_name("key.new").write_text("half")
    start(tmp_path)
    made = key.read_text()
    assert made.startswith("key ")
    start(tmp_path)
    assert key.read_text() == made
