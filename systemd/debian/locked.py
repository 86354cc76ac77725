"""The wheels a target needs at run time: those of the lock file, by version and hash, and no other."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from systemd.debian.cache import Cache, digest
from systemd.debian.run import run
from systemd.debian.stop import BuildError

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: *; *(?P<marker>[^\\]+?))? *\\?$")
_HASH = re.compile(r"^ +--hash=(?P<hash>sha256:[0-9a-f]{64})")
_VIA = re.compile(r"^ +# +(?:via +)?(?P<name>[A-Za-z0-9._-]+)")
# Which wheels a system takes: glibc of 2014, 2.17 and 2.28. Debian 12 has 2.36.
_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Target:
    """What wheels are for.

    Attributes:
        architecture: as Debian calls it.
        python: such as "3.13".
    """

    architecture: str
    python: str

    @property
    def machine(self) -> str:
        """As the kernel and Python call it."""
        return MACHINES[self.architecture]


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of the lock file.

    Attributes:
        name: as the lock file has it.
        version: exactly.
        marker: where it is needed; None: everywhere.
        hashes: of all its files.
        via: who needs it.
    """

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    via: frozenset[str]


def read_lock(text: str) -> Iterator[Pin]:
    """The packages of a lock file as uv writes it, with who needs them."""
    found: re.Match[str] | None = None
    hashes: list[str] = []
    via: set[str] = set()
    for line in [*text.splitlines(), "end==0"]:
        if (start := _PIN.match(line)) is not None:
            if found is not None:
                yield Pin(found["name"], found["version"], found["marker"], tuple(hashes), frozenset(via))
            found, hashes, via = start, [], set()
        elif (one := _HASH.match(line)) is not None:
            hashes.append(one["hash"])
        elif (whose := _VIA.match(line)) is not None and whose["name"] != "via":
            via.add(canonicalize_name(whose["name"]))


def runtime_pins(project: Path, target: Target) -> list[Pin]:
    """What the gateway imports on a target: the dependencies of the project, and theirs.

    Args:
        project: directory of pyproject.toml and requirements.lock.
        target: what for.

    Raises:
        BuildError: the lock file does not know one of them.
    """
    wanted = {
        canonicalize_name(Requirement(one).name)
        for one in tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
    }
    there = {
        canonicalize_name(pin.name): pin
        for pin in read_lock((project / "requirements.lock").read_text())
        if pin.marker is None or Marker(pin.marker).evaluate(dict(environment(target)))
    }
    while more := {name for name, pin in there.items() if name not in wanted and pin.via & wanted}:
        wanted |= more
    if missing := wanted - there.keys():
        raise BuildError(f"requirements.lock lacks {', '.join(sorted(missing))}: run `make lock`")
    return [there[name] for name in sorted(wanted)]


def environment(target: Target) -> Mapping[str, str]:
    """What markers see on a target."""
    return {
        "python_version": target.python,
        "python_full_version": f"{target.python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": target.machine,
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "extra": "",
    }


def wheels(pins: list[Pin], target: Target, cache: Cache) -> list[Path]:
    """Fetch the wheels of pins, each checked against its hash; those that were kept are checked, too.

    Raises:
        BuildError: one cannot be had, or is not what was locked.
    """
    requirements = "".join(
        f"{pin.name}=={pin.version} {' '.join(f'--hash={one}' for one in pin.hashes)}\n" for pin in pins
    )

    def fetch(place: Path) -> None:
        place.mkdir()
        wanted = place.with_name("requirements.txt")
        wanted.write_text(requirements)
        run(
            [
                sys.executable,
                *("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
                *("--only-binary=:all:", "--require-hashes", "--implementation", "cp"),
                *("--python-version", target.python),
                *(word for one in _PLATFORMS for word in ("--platform", f"{one}_{target.machine}")),
                *("--dest", place, "--requirement", wanted),
            ]
        )

    made_of = {"architecture": target.architecture, "python": target.python, "requirements": requirements}
    place = cache.get("wheels", made_of, fetch)
    found = sorted(place.glob("*.whl"))
    known = {one for pin in pins for one in pin.hashes}
    for wheel in found:
        if f"sha256:{digest(wheel)}" not in known:
            raise BuildError(f"{wheel} is not what requirements.lock says: remove {place}, and run this again")
    if len(found) != len(pins):
        raise BuildError(f"{place} holds {len(found)} wheels, not {len(pins)}: remove it, and run this again")
    return found
