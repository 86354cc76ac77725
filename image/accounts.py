"""Users of the gateway on a system whose /etc nobody can write: they are there from the start, with fixed numbers."""

from __future__ import annotations

import tarfile
from pathlib import Path

from image.compose import Tree
from systemd.debian.stop import BuildError

# As systemd/ferrule.sysusers has it; the number is one below 1000 that Debian gives to nobody by itself.
USER, NUMBER = "ferrule", 890


def with_accounts(base: Path, tree: Tree) -> None:
    """Add the gateway's user to what the base has.

    Args:
        base: tar of the Debian system.
        tree: takes the files.

    Raises:
        BuildError: the number is taken.
    """
    wanted = {"etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"}
    found: dict[str, str] = {}
    with tarfile.open(base) as source:
        for member in source:
            name = member.name.removeprefix("./")
            if name in wanted and (file := source.extractfile(member)) is not None:
                found[name] = file.read().decode()
    if any(
        line.split(":")[2] == str(NUMBER) for name in ("etc/passwd", "etc/group") for line in found[name].splitlines()
    ):
        raise BuildError(f"a package of the base has user or group {NUMBER}; give the gateway another number")
    found["etc/passwd"] += f"{USER}:x:{NUMBER}:{NUMBER}:Ferrule gateway:/var/lib/ferrule:/usr/sbin/nologin\n"
    found["etc/shadow"] += f"{USER}:!*:1::::::\n"
    found["etc/gshadow"] += f"{USER}:!*::\n"
    found["etc/group"] += f"{USER}:x:{NUMBER}:\n"
    for name, text in found.items():
        tree.files[name] = (text.encode(), 0o640 if "shadow" in name else 0o644)
