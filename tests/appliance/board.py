"""A board without a board: the card in an emulated machine, started the way a Pi's firmware would start it.

The firmware itself cannot run here. What it does is small and written down by its maker, and done here in its place: it
reads ``autoboot.txt`` of the first partition, takes kernel, initramfs and command line from the partition that is named
there, and says in the device tree which one that was.
"""

from __future__ import annotations

import random
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from image.disk import BOOT_A, BOOT_B, SELECTOR, offsets
from image.tools import Tools
from systemd.debian.stop import BuildError

from .machines import VIRT, Machine
from .plug import Plug, plugged

# An emulated start takes half a minute on a quiet machine, and ten where others have the processors.
PATIENCE_S = 1200.0
_LOOKS = 30
_QEMU = "qemu-system-aarch64"
_PLUG = "plug"
_FROM_FIRMWARE = ("kernel8.img", "initrd.zst", "cmdline.txt")


class Card:
    """A card in the hands of somebody with a computer.

    Args:
        path: of the image.
        tools: that read and write it; its work directory is that of the image.
    """

    def __init__(self, path: Path, tools: Tools) -> None:
        self.path = path
        self.tools = tools

    def _at(self, number: int) -> str:
        return f"{self.path.name}@@{offsets()[number]}M"

    def read(self, name: str, partition: int = SELECTOR.number) -> str | None:
        """A file of a FAT partition; None: it is not there."""
        target = self.tools.work / "read"
        target.unlink(missing_ok=True)
        if name not in self.names(partition):
            return None
        self._ask("mcopy", "-n", "-o", "-i", self._at(partition), f"::{name}", "read")
        return target.read_text(errors="replace")

    def names(self, partition: int = SELECTOR.number) -> list[str]:
        """What lies there."""
        said = self._ask("mdir", "-b", "-i", self._at(partition), "::/")
        return [line.removeprefix("::/").rstrip("/") for line in said.splitlines()]

    def _ask(self, *words: str) -> str:
        # A board that runs may be writing there: what is half written cannot be read, and is whole a moment later.
        for _ in range(_LOOKS):
            try:
                return self.tools.run(*words)
            except BuildError:
                time.sleep(1)
        return self.tools.run(*words)

    def write(self, name: str, text: str) -> None:
        """Put a file on the first partition, as an editor would."""
        (self.tools.work / "written").write_text(text)
        self.tools.run("mcopy", "-o", "-i", self._at(SELECTOR.number), "written", f"::{name}")

    def remove(self, name: str) -> None:
        """Delete a file of the first partition."""
        self.tools.run("mdel", "-i", self._at(SELECTOR.number), f"::{name}")

    def copy(self, name: str) -> Card:
        """Another card with the same image."""
        target = self.path.with_name(name)
        # What was never written takes no room in the copy either.
        subprocess.run(["cp", "--sparse=always", self.path, target], check=True)
        return Card(target, self.tools)

    def grow(self, mebibytes: int) -> None:
        """The image, on a card that is larger."""
        with self.path.open("r+b") as file:
            file.truncate(self.path.stat().st_size + mebibytes * 1024 * 1024)


@dataclass
class Board:
    """One that is powered.

    Attributes:
        card: in it.
        port: of this machine, which leads to the gateway's.
        partition: that the firmware took.
        machine: that does as if it were one.
        plug: of its card; None: the card keeps whatever it was told.
        lines: what it said on its console.
    """

    card: Card
    port: int
    partition: int
    machine: subprocess.Popen[bytes]
    plug: Plug | None = None
    lines: list[str] = field(default_factory=list)

    def follow(self, output: IO[bytes]) -> None:
        """Keep what it says."""
        for line in output:
            self.lines.append(_plain(line))

    def until(self, pattern: str) -> str:
        """Wait until it says something.

        Raises:
            AssertionError: it never does, or goes off before.
        """
        end, seen = time.monotonic() + PATIENCE_S, 0
        while True:
            # The machine is asked first: what it said with its last breath counts, too.
            off = self.machine.poll() is not None
            for line in self.lines[seen:]:
                seen += 1
                if re.search(pattern, line):
                    return line
            if off or time.monotonic() > end:
                raise AssertionError(f"the board never said {pattern}:\n{self.said()}")
            time.sleep(0.1)

    def answers(self) -> None:
        """Wait until the gateway answers on its port, whatever it says.

        Raises:
            AssertionError: it never does.
        """
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        end = time.monotonic() + PATIENCE_S
        while self.machine.poll() is None and time.monotonic() < end:
            try:
                urllib.request.urlopen(f"https://127.0.0.1:{self.port}/v1", context=context, timeout=10)
            except urllib.error.HTTPError:
                return
            except OSError:
                # The forwarded port takes connections before anybody listens.
                time.sleep(0.5)
            else:
                return
        raise AssertionError(f"the gateway never answered:\n{self.said()}")

    def gone(self) -> None:
        """Wait until it restarts by itself: here that ends the machine.

        Raises:
            subprocess.TimeoutExpired: it never does.
        """
        self.machine.wait(PATIENCE_S)

    def said(self) -> str:
        """The last of what it said."""
        return "\n".join(self.lines[-60:])

    def cut(self) -> None:
        """Pull the plug."""
        if self.plug is not None:
            self.plug.cut()
        self.machine.kill()
        self.machine.wait()


@contextmanager
def powered(
    card: Card, port: int, ssh: int, chance: random.Random | None = None, model: Machine = VIRT
) -> Iterator[Board]:
    """A board with a card in it, until the block ends: then its power is cut.

    Args:
        card: its files change as the board writes them.
        port: of this machine that shall lead to the gateway.
        ssh: of this machine that shall lead to the board's port for SSH.
        chance: decides what the cut takes of that which the card had not put away yet; without it, nothing.
        model: what does as if it were the board.
    """
    with ExitStack() as stack:
        plug = None
        disk = ["-drive", f"file={card.path.name},format=raw,{model.drive}"]
        if chance is not None:
            plug = stack.enter_context(plugged(card.path, card.tools.work / _PLUG, chance))
            disk = ["-blockdev", f"driver=nbd,server.type=unix,server.path={_PLUG},node-name=card"]
        yield stack.enter_context(_started(card, (port, ssh), disk, plug, model))


@contextmanager
def _started(card: Card, ports: tuple[int, int], disk: list[str], plug: Plug | None, model: Machine) -> Iterator[Board]:
    tools, work = card.tools, card.tools.work
    port, ssh = ports
    partition = firmware(card, model)
    words = [
        *(_QEMU, *model.model, *model.console),
        *("-accel", "tcg,thread=multi", "-nographic", "-no-reboot", "-monitor", "none"),
        *("-kernel", "kernel8.img", "-initrd", "initrd.zst", "-dtb", "board.dtb"),
        *("-append", " ".join([(work / "cmdline.txt").read_text().strip(), *model.kernel])),
        *disk,
        *("-netdev", f"user,id=lan,hostfwd=tcp:127.0.0.1:{port}-:3500,hostfwd=tcp:127.0.0.1:{ssh}-:22"),
        *model.devices,
    ]
    machine = subprocess.Popen(
        tools.command(*words, network=True), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if machine.stdout is None:
        raise AssertionError("it was asked for its output")
    board = Board(card, port, partition, machine, plug)
    listener = threading.Thread(target=board.follow, args=(machine.stdout,), daemon=True)
    listener.start()
    try:
        yield board
    except BaseException:
        # Whatever went wrong: what it said is what there is to see of it.
        sys.stderr.write("\n".join(["the board said:", *board.lines, ""]))
        raise
    finally:
        board.cut()
        listener.join()
        machine.stdout.close()


def firmware(card: Card, model: Machine) -> int:
    """Do what the firmware does until it starts the kernel; returns the partition it took."""
    said = card.read("autoboot.txt")
    found = re.search(r"^boot_partition=(\d)$", said or "", re.MULTILINE)
    # Without the file it is the first partition, and there is no kernel there.
    if found is None:
        raise AssertionError(f"the firmware finds nothing to start: {said}")
    partition = int(found[1])
    if partition not in {BOOT_A.number, BOOT_B.number}:
        raise AssertionError(f"the firmware would start partition {partition}")
    tools = card.tools
    for name in _FROM_FIRMWARE:
        tools.run("mcopy", "-n", "-o", "-i", card._at(partition), f"::{name}", name)
    if model.device_tree is None:
        tools.run(_QEMU, *model.model, "-machine", "dumpdtb=board.dtb")
        _light(tools)
    else:
        tools.run("mcopy", "-n", "-o", "-i", card._at(partition), f"::{model.device_tree}", "board.dtb")
    tools.run("fdtput", "-c", "board.dtb", "/chosen/bootloader")
    tools.run("fdtput", "-t", "i", "board.dtb", "/chosen/bootloader", "partition", str(partition))
    return partition


def _light(tools: Tools) -> None:
    """Give the machine the activity light that all boards have, on a pin of its own."""
    pins = tools.run("fdtget", "-t", "u", "board.dtb", "/pl061@9030000", "phandle").strip()
    tools.run("fdtput", "-c", "-p", "board.dtb", "/leds/led-act")
    tools.run("fdtput", "-t", "s", "board.dtb", "/leds", "compatible", "gpio-leds")
    for name, value in (("label", "ACT"), ("linux,default-trigger", "heartbeat")):
        tools.run("fdtput", "-t", "s", "board.dtb", "/leds/led-act", name, value)
    tools.run("fdtput", "-t", "u", "board.dtb", "/leds/led-act", "gpios", pins, "0", "0")


def _plain(line: bytes) -> str:
    """Without colours, and without the strokes that move a cursor."""
    return re.sub(r"\x1b[\[(][0-9;?!]*[A-Za-z]|\x1bM", "", line.decode(errors="replace")).rstrip()
