"""Pieces of a card: each is read back by a program that is not ours, or told what it must refuse."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from image import cpio, disk
from image.compose import Tree, compose
from image.modules import Modules
from systemd.debian.cache import Cache, cache_directory
from systemd.debian.mirror import from_targets, mirror
from systemd.debian.roots import packages
from systemd.debian.stop import BuildError

EPOCH = 1_790_000_000


def test_an_archive_for_the_kernel_is_what_cpio_reads() -> None:
    entries = [
        cpio.folder("bin"),
        cpio.device("console", 5, 1),
        cpio.file("bin/odd", b"12345", runs=True),
        cpio.link("bin/sh", "odd"),
    ]
    made = cpio.archive(entries)
    assert made == cpio.archive(entries)
    listed = subprocess.run(["cpio", "-tvn", "--quiet"], input=made, capture_output=True, check=True).stdout.decode()
    rows = [line.split() for line in listed.splitlines()]
    assert [row[0] for row in rows] == ["drwxr-xr-x", "crw-------", "-rwxr-xr-x", "lrwxrwxrwx"]
    assert {tuple(row[2:4]) for row in rows} <= {("root", "root"), ("0", "0")}
    assert listed.splitlines()[-1].endswith("bin/sh -> odd")


def _kernel(directory: Path) -> Modules:
    (directory / "kernel").mkdir(parents=True)
    (directory / "modules.dep").write_text(
        "kernel/ext4.ko: kernel/jbd2.ko kernel/mbcache.ko\nkernel/jbd2.ko: kernel/base.ko\nkernel/mbcache.ko:\n"
        "kernel/base.ko:\nkernel/crc32c-generic.ko:\n"
    )
    (directory / "modules.builtin").write_text("kernel/drivers/block/loop.ko\n")
    (directory / "modules.softdep").write_text("# soft\nsoftdep ext4 pre: crc32c-generic absent post: later\n")
    return Modules(directory)


def test_a_driver_comes_after_all_that_it_needs(tmp_path: Path) -> None:
    order = _kernel(tmp_path / "modules").load_order(["ext4", "loop"])
    names = [Path(path).name for path in order]
    assert sorted(names) == ["base.ko", "crc32c-generic.ko", "ext4.ko", "jbd2.ko", "mbcache.ko"]
    assert names[-1] == "ext4.ko"
    assert names.index("base.ko") < names.index("jbd2.ko")


def test_a_driver_that_the_kernel_lacks_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no module bcm2835_wdt"):
        _kernel(tmp_path / "modules").load_order(["bcm2835_wdt"])


def test_partitions_lie_one_behind_the_other_on_whole_mebibytes() -> None:
    begin = disk.offsets()
    ends = {p.number: begin[p.number] + p.size for p in (*disk.PRIMARY, *disk.LOGICAL)}
    assert begin[1] == 4
    for before, after in ((1, 2), (2, 3), (3, 5), (5, 6), (6, 7)):
        assert ends[before] <= begin[after]
    # What is said of a logical partition stands in the sector before it: there must be one.
    for before, after in ((3, 5), (5, 6), (6, 7)):
        assert ends[before] < begin[after]


def test_a_slot_is_the_same_bytes_and_tells_nothing_of_who_built_it(tmp_path: Path) -> None:
    (tmp_path / "root/etc/ssh").mkdir(parents=True)
    (tmp_path / "root/var/lib/dbus").mkdir(parents=True)
    (tmp_path / "root/dev").mkdir()
    (tmp_path / "root/root/.ssh").mkdir(parents=True)
    (tmp_path / "root/etc/apt/sources.list.d").mkdir(parents=True)
    told = {"etc/apt/sources.list", "etc/apt/sources.list.d/0000mirror.list", "root/.ssh/known_hosts"}
    secrets = {"etc/ssh/ssh_host_ed25519_key", "etc/machine-id", "var/lib/dbus/machine-id", "dev/null"}
    for name in ("etc/motd", *told, *secrets):
        (tmp_path / "root" / name).write_text(name)
    base = tmp_path / "base.tar"
    with tarfile.open(base, "w") as tar:
        tar.add(tmp_path / "root", ".")
    tree = Tree()
    tree.files["etc/motd"] = (b"ours", 0o644)
    tree.files["usr/lib/new/tool"] = (b"#!/bin/sh\n", 0o755)
    tree.links["etc/resolv.conf"] = "/run/resolv.conf"
    tree.folders["data"] = 0o755
    target, again = tmp_path / "0.tar", tmp_path / "1.tar"
    compose(base, tree, target, EPOCH)
    compose(base, tree, again, EPOCH)
    assert target.read_bytes() == again.read_bytes()
    with tarfile.open(target) as tar:
        names = {member.name.removeprefix("./").strip("/"): member for member in tar}
        motd = tar.extractfile(names["etc/motd"])
        assert motd is not None
        assert motd.read() == b"ours"
    assert not (told | secrets | {"root/.ssh"}) & set(names)
    assert {"dev", "data", "usr/lib/new", "etc/ssh"} <= set(names)
    assert names["usr/lib/new/tool"].mode == 0o755
    assert max(member.mtime for member in names.values()) <= EPOCH


def test_debian_comes_from_where_this_machine_gets_it() -> None:
    lines = [
        "http://other.example/|Other|Other",
        "http://deb.example/debian/|Debian|Debian",
        "http://deb.example/debian-security/|Debian|Debian-Security",
    ]
    found = from_targets(lines)
    sources = found.sources("trixie").splitlines()
    assert [line.split()[2:4] for line in sources] == [
        ["http://deb.example/debian", "trixie"],
        ["http://deb.example/debian", "trixie-updates"],
        ["http://deb.example/debian-security", "trixie-security"],
    ]
    with pytest.raises(BuildError, match="apt-get update, or set FERRULE_MIRROR"):
        from_targets(lines[:1])


def test_a_mirror_that_is_named_goes_before() -> None:
    found = mirror({"FERRULE_MIRROR": "https://mirror.example/debian/"})
    assert (found.packages, found.security) == (
        "https://mirror.example/debian",
        "https://mirror.example/debian-security",
    )
    assert mirror({"FERRULE_MIRROR": "file:/srv/archive"}).security is None
    with pytest.raises(BuildError, match="which is no address"):
        mirror({"FERRULE_MIRROR": "mirror.example"})


def test_what_was_made_is_kept_by_what_it_was_made_of(tmp_path: Path) -> None:
    cache, made = Cache(tmp_path / "cache"), []

    def make(target: Path) -> None:
        made.append(target)
        target.write_text(str(len(made)))

    assert cache.get("thing", {"of": 1}, make).read_text() == "1"
    assert cache.get("thing", {"of": 1}, make).read_text() == "1"
    assert cache.get("thing", {"of": 2}, make).read_text() == "2"

    def fail(target: Path) -> None:
        target.write_text("half")
        raise BuildError("no")

    with pytest.raises(BuildError):
        cache.get("thing", {"of": 3}, fail)
    assert cache.get("thing", {"of": 3}, make).read_text() == "3"
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_the_cache_lies_where_it_is_told() -> None:
    assert cache_directory({"FERRULE_CACHE": "/srv/cache"}) == Path("/srv/cache")
    assert cache_directory({"XDG_CACHE_HOME": "/x", "HOME": "/home/ines"}) == Path("/x/ferrule")
    assert cache_directory({"HOME": "/home/ines"}) == Path("/home/ines/.cache/ferrule")


def test_a_list_of_packages_may_say_why(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# all\nudev  # devices\n\nbubblewrap\n")
    assert packages(tmp_path / "list") == ["bubblewrap", "udev"]
