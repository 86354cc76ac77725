"""An image is the same for everybody: no key, number, name or password of a board, and no trace of who built it.

It is read as somebody would who has found a card: part of `make image-test`.
"""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from image.bundle import AUTHORITY
from image.disk import BOOT_A, BOOT_B, ROOT_B, SELECTOR
from systemd.debian.cache import cache_directory
from systemd.debian.mirror import mirror
from systemd.debian.tree import PROJECT

from .board import Card
from .contents import Found, first_system, is_empty, of_its_own, read_by_firmware, system
from .keys import holds_key, readable

# It has keys that are the same in every Debian, and tests itself with them.
_TESTS_ITSELF = "root/usr/lib/aarch64-linux-gnu/libgnutls.so."
# What makes whoever runs it somebody else; Debian's own, of packages that every system has.
_SETUID = {
    "usr/bin/chfn",
    "usr/bin/chsh",
    "usr/bin/gpasswd",
    "usr/bin/mount",
    "usr/bin/newgrp",
    "usr/bin/passwd",
    "usr/bin/su",
    "usr/bin/umount",
    "usr/lib/dbus-1.0/dbus-daemon-launch-helper",
}
_SETGID = {"usr/bin/chage", "usr/bin/expiry", "usr/sbin/unix_chkpwd"}
_FOR_EVERYBODY = {"tmp", "var/tmp", "run/lock", "var/lock"}
# Where there is nothing on an image: it is the board's own.
_EMPTY = (
    "boot/ferrule",
    "data",
    "dev",
    "etc/ssl/private",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "var/cache",
    "var/lib/apt/lists",
    "var/lib/ferrule",
    "var/lib/private",
    "var/lib/systemd/timesync",
    "var/log",
    "var/tmp",
)


@pytest.fixture(scope="module")
def found(fresh: Card) -> dict[str, Found]:
    return system(fresh)


@pytest.fixture(scope="module")
def everything(fresh: Card, found: dict[str, Found]) -> dict[str, bytes]:
    """All files of the card, by the partition and path."""
    parts = {"root": {path: one.content for path, one in found.items()}}
    for partition in (SELECTOR, BOOT_A):
        parts[f"partition {partition.number}"] = read_by_firmware(fresh, partition)
    parts["initramfs"] = first_system(fresh, parts[f"partition {BOOT_A.number}"]["initrd.zst"])
    return {f"{part}/{path}": content for part, files in parts.items() for path, content in files.items()}


def test_all_of_the_card_was_looked_at(everything: dict[str, bytes]) -> None:
    """What follows finds nothing: so it has to be sure that it looked."""
    for name in (
        "root/usr/bin/ferrule",
        "root/usr/lib/ferrule/build-id",
        "partition 1/ferrule.toml",
        "partition 2/kernel8.img",
        "initramfs/init",
    ):
        assert everything[name], name
    assert len(everything) > 5000


def test_no_private_key_is_on_it(everything: dict[str, bytes]) -> None:
    named = {name: content for name, content in everything.items() if not name.startswith(_TESTS_ITSELF)}
    assert not [name for name, content in named.items() if holds_key(name, content)]


def test_the_authority_is_there_without_its_key(found: dict[str, Found]) -> None:
    content = found[AUTHORITY].content
    assert len(x509.load_pem_x509_certificates(content)) == 1
    assert content.count(b"-----BEGIN") == 1


def test_nothing_that_must_be_each_boards_own_is_on_it(found: dict[str, Found]) -> None:
    assert found["etc/machine-id"].content == b""
    assert found["etc/hostname"].content == b""
    names = {name for line in _lines(found, "etc/hosts") for name in line.split()[1:]}
    assert names <= {"localhost", "ip6-localhost", "ip6-loopback", "ip6-allnodes", "ip6-allrouters"}
    seeds = {"var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "var/lib/systemd/credential.secret"}
    assert not {path for path in seeds & found.keys() if found[path].kind != b"2"}
    below = [path for path in found for place in _EMPTY if path.startswith(f"{place}/")]
    # Directories may be there.
    assert not [path for path in below if found[path].kind != b"5"]


def test_the_other_slot_and_the_boards_partition_are_empty(fresh: Card) -> None:
    assert is_empty(fresh, BOOT_B)
    assert is_empty(fresh, ROOT_B)
    assert of_its_own(fresh) == ["lost+found"]


def test_no_password_opens_it(found: dict[str, Found]) -> None:
    users = {line.split(":")[0]: line.split(":")[1] for line in _lines(found, "etc/passwd")}
    hashes = {line.split(":")[0]: line.split(":")[1] for line in _lines(found, "etc/shadow")}
    assert set(users.values()) == {"x"}
    assert users.keys() == hashes.keys()
    assert {"root", "ferrule"} <= users.keys()
    assert set(hashes.values()) <= {"*", "!", "!*", "!!"}
    for name in ("etc/group", "etc/gshadow"):
        assert {line.split(":")[1] for line in _lines(found, name)} <= {"*", "!", "!*", "x"}, name


def _lines(found: dict[str, Found], path: str) -> list[str]:
    return [line for line in found[path].content.decode().splitlines() if line.strip() and not line.startswith("#")]


def test_few_programs_make_somebody_else_of_who_runs_them(found: dict[str, Found]) -> None:
    assert {path for path, one in found.items() if one.mode & stat.S_ISUID} <= _SETUID
    setgid = {path for path, one in found.items() if one.mode & stat.S_ISGID and one.kind != b"5"}
    assert setgid <= _SETGID
    assert not [path for path, one in found.items() if any("security.capability" in name for name in one.extended)]


def test_nobody_but_root_writes_to_it(found: dict[str, Found]) -> None:
    for path, one in found.items():
        if one.kind == b"2":
            continue
        assert one.kind in {b"0", b"5"}, f"{path} is a device, or worse"
        if one.mode & stat.S_IWOTH:
            assert path in _FOR_EVERYBODY, path
            assert one.mode & stat.S_ISVTX, path
        if path.startswith(("usr/", "etc/", "boot/")):
            assert (one.owner, one.mode & stat.S_IWGRP) == (0, 0), path
    shadows = {path: oct(found[path].mode) for path in ("etc/shadow", "etc/gshadow")}
    assert set(shadows.values()) == {"0o640"}
    assert found["root"].mode == 0o700


def test_it_does_not_tell_where_it_was_built(everything: dict[str, bytes], found: dict[str, Found]) -> None:
    assert not [path for path in found if path.startswith(("etc/apt/sources.list", "etc/apt/auth.conf.d/"))]
    traces = sorted(set(told_by_this_machine()))
    search = re.compile(b"|".join(re.escape(trace.encode()) for trace in traces))
    told = []
    for name, content in everything.items():
        told += [f"{name}: {hit[0].decode()}" for text in readable(content) if (hit := search.search(text)) is not None]
    assert not told


def told_by_this_machine() -> Iterator[str]:
    """Words that only the machine has that builds: its directories, and who it fetches from."""
    yield str(PROJECT)
    yield str(cache_directory())
    # The directory a build works in, and that of tests.
    yield "/.image-"
    yield "/pytest-of-"
    if (home := str(Path.home())) != "/root":
        yield home
    addresses = [mirror().packages, mirror().security or ""]
    pip = [sys.executable, "-m", "pip", "config", "list"]
    addresses += re.findall(
        r"[a-z]+://[^\s'\"]+", subprocess.run(pip, capture_output=True, text=True, check=True).stdout
    )
    for address in addresses:
        parts = urlsplit(address)
        where = parts.hostname or parts.path
        # Those that everybody knows stand in the documentation of programs.
        if where and not where.endswith((".debian.org", "pypi.org", ".pythonhosted.org")):
            yield where
