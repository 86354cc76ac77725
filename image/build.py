"""From inputs to a card: the order in which everything is made, and the record of what went in."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from image import disk
from image.accounts import with_accounts
from image.bom import bill, of_base, of_debs, of_wheels, versions
from image.bundle import AUTHORITY, bundle
from image.checksums import write_checksums
from image.compose import Tree, compose
from image.debs import BUSYBOX, FIRMWARE, Archive, Deb, unpack
from image.initramfs import initramfs
from image.kernel import FIRMWARE as FIRMWARE_FILES
from image.kernel import FIRST_STAGE, Kernel, add_modules, kernel
from image.signing import Signing
from image.tools import Tools
from systemd.debian.cache import Cache, digest
from systemd.debian.epoch import epoch
from systemd.debian.interpreter import interpreter
from systemd.debian.locked import Target, runtime_pins, wheels
from systemd.debian.mirror import Mirror
from systemd.debian.roots import Roots, native, packages
from systemd.debian.suite import SUITES
from systemd.debian.tree import PROJECT, make_tree, version_of_project

HERE = Path(__file__).parent
SUITE = SUITES["trixie"]
_BOARD = Target("arm64", SUITE.python)

# Nothing is in them on the card: something is mounted there.
_MOUNTED_ON = (
    "boot/ferrule",
    "data",
    "etc/ferrule",
    "var/lib/ferrule",
    "var/lib/ferrule-backups",
    "var/lib/systemd/timesync",
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What went into an image; the same inputs give the same image.

    Attributes:
        epoch: Unix seconds, of the commit.
        base: SHA-256 of the tar of the Debian base.
        debs: packages that were unpacked, with versions and SHA-256.
        lock: SHA-256 of the lock file.
        authority: SHA-256 of the certificate that boards hold updates against.
        python: SHA-256 of the Python that made the byte code.
        tools: packages of the system whose programs wrote the image, and their versions.
    """

    epoch: int
    base: str
    debs: tuple[tuple[str, str, str], ...]
    lock: str
    authority: str
    python: str
    tools: tuple[tuple[str, str], ...]


class Builder:
    """Makes images.

    Args:
        mirror: where Debian comes from.
        cache: keeps what takes long.
        signing: vouches for updates.
        say: told what is being done.
    """

    def __init__(self, mirror: Mirror, cache: Cache, signing: Signing, say: Callable[[str], None]) -> None:
        self._mirror = mirror
        self._cache = cache
        self._signing = signing
        self._roots = Roots(cache, lambda: mirror, say)
        self._say = say

    def build(self, target: Path, over: Tree | None = None, now: int | None = None) -> Inputs:
        """Write an image; beside it the bundle that brings it to boards that are out, and what tells of both.

        That is the record of what went in, the bill of materials, and signed checksums.

        Args:
            target: the file; what it needs on the way lies beside it and is removed.
            over: files that take the place of those that would be there.
            now: Unix seconds in the place of those of the sources.
        """
        now = epoch(PROJECT) if now is None else now
        tools_root = self._roots.get(SUITE, "apt", native(), packages(HERE / "tools.packages"), directory=True)
        base = self._roots.get(SUITE, "minbase", "arm64", packages(HERE / "base.packages"))
        lock = PROJECT / "requirements.lock"
        with tempfile.TemporaryDirectory(prefix=".image-", dir=target.parent) as scratch:
            work = Path(scratch)
            tools = Tools(tools_root, work, now)
            debs = {deb.name: deb for deb in self._debs(work)}
            inputs = Inputs(
                now,
                digest(base),
                tuple((deb.name, deb.version, deb.sha256) for deb in debs.values()),
                digest(lock),
                digest(self._signing.authority),
                digest(interpreter(SUITE, self._roots).root / f"usr/bin/python{SUITE.python}"),
                tuple(sorted(versions(tools_root).items())),
            )
            [kernel_name] = (name for name in debs if name.startswith("linux-image-"))
            self._say(f"unpacking {kernel_name}")
            core = kernel(debs[kernel_name], work / "kernel")
            tree = self._tree(work, core, base)
            tree.lay(over)
            build_id = _build_id(inputs, tree)
            version = version_of_project()
            about = {"version": version, "built": now, "build": build_id}
            tree.files["usr/lib/ferrule/build-id"] = (f"{build_id}\n".encode(), 0o644)
            tree.files["usr/lib/ferrule/system.json"] = (f"{json.dumps(about)}\n".encode(), 0o644)
            self._say(f"composing system {build_id}")
            compose(base, tree, work / "root.tar", now)
            root = disk.squashfs(tools, "root.tar", "root.squashfs", now)
            boot = disk.fat(tools, "boot.vfat", "FERRULE-A", disk.BOOT_A, _boot(work, tools, core, debs, build_id))
            self._say("writing the card")
            card = disk.card(
                tools,
                "card.img",
                {
                    disk.SELECTOR: disk.fat(
                        tools, "selector.vfat", disk.SELECTOR_LABEL, disk.SELECTOR, _selector(work)
                    ),
                    disk.BOOT_A: boot,
                    disk.ROOT_A: root,
                    disk.DATA: disk.data(tools, "data.ext4"),
                },
            )
            self._say("making the bundle for boards that are out")
            update = bundle(tools, self._signing, {"root": root, "boot": boot}, f"{version}+{now}", build_id)
            update.rename(target.with_suffix(".raucb"))
            card.rename(target)
            told = {"ferrule:build-id": build_id, "ferrule:base-sha256": inputs.base}
            python = wheels(runtime_pins(PROJECT, _BOARD), _BOARD, self._cache)
            parts = [*of_base(base, SUITE), *of_debs(debs.values(), SUITE), *of_wheels(python)]
            target.with_suffix(".cdx.json").write_bytes(bill(version, parts, told, now))
        record = {
            "epoch": inputs.epoch,
            "base": inputs.base,
            "debs": inputs.debs,
            "lock": inputs.lock,
            "authority": inputs.authority,
            "python": inputs.python,
            "tools": dict(inputs.tools),
            "id": build_id,
        }
        target.with_suffix(".inputs.json").write_text(json.dumps(record, indent=2) + "\n")
        beside = [target.with_suffix(suffix) for suffix in (".raucb", ".inputs.json", ".cdx.json")]
        write_checksums([target, *beside], self._signing)
        return inputs

    def _debs(self, work: Path) -> list[Deb]:
        self._say("fetching kernel and firmware")
        archive = Archive(work / "apt", self._mirror, SUITE, "arm64")
        return archive.fetch([archive.kernel(), BUSYBOX, FIRMWARE], work / "debs")

    def _tree(self, work: Path, core: Kernel, base: Path) -> Tree:
        self._say("laying out the gateway")
        make_tree(work / "stage", SUITE, _BOARD, version_of_project(), self._cache)
        tree = Tree()
        tree.add(work / "stage")
        tree.add(HERE / "overlay")
        # What holds until there was a file on the card that was right.
        tree.files["usr/share/ferrule/ferrule.toml"] = ((HERE / "selector/ferrule.toml").read_bytes(), 0o644)
        # The board's own are mounted over them.
        tree.files |= dict.fromkeys(("etc/machine-id", "etc/hostname"), (b"", 0o444))
        tree.folders |= dict.fromkeys(_MOUNTED_ON, 0o755)
        tree.files[AUTHORITY] = (self._signing.authority.read_bytes(), 0o644)
        add_modules(core, tree)
        with_accounts(base, tree)
        return tree


def _boot(work: Path, tools: Tools, core: Kernel, debs: dict[str, Deb], build_id: str) -> dict[str, bytes]:
    """What the firmware loads for a slot."""
    unpack(debs[BUSYBOX].path, work / "busybox")
    (work / "initrd").write_bytes(initramfs(core.modules, (work / "busybox/usr/bin/busybox").read_bytes(), build_id))
    tools.run("zstd", "-q", "-19", "-f", "initrd", "-o", "initrd.zst")
    unpack(debs[FIRMWARE].path, work / "firmware")
    firmware = work / "firmware/usr/lib/raspi-firmware"
    return {
        "kernel8.img": core.image,
        "initrd.zst": (work / "initrd.zst").read_bytes(),
        **core.device_trees,
        **{name: (firmware / name).read_bytes() for name in FIRMWARE_FILES},
        **{path.name: path.read_bytes() for path in sorted((HERE / "boot").iterdir())},
    }


def _selector(work: Path) -> dict[str, bytes]:
    """What people see when they put the card into a computer."""
    first = work / "firmware/usr/lib/raspi-firmware" / FIRST_STAGE
    return {
        FIRST_STAGE: first.read_bytes(),
        **{path.name: path.read_bytes() for path in sorted((HERE / "selector").iterdir())},
    }


def _build_id(inputs: Inputs, tree: Tree) -> str:
    said = hashlib.sha256(repr(inputs).encode())
    for part in _told(tree):
        said.update(part)
    for path in sorted(p for p in HERE.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        said.update(path.read_bytes())
    return said.hexdigest()[:16]


def _told(tree: Tree) -> Iterator[bytes]:
    for name, (content, mode) in sorted(tree.files.items()):
        yield f"{name} {mode} {len(content)}\n".encode()
        yield content
    for name, leads in sorted(tree.links.items()):
        yield f"{name} -> {leads}\n".encode()
