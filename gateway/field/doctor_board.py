"""What is wrong with the board: supply, card, disk, clock, certificate, and the gateway itself."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from gateway.field.doctor import Finding, State, World, read_text
from gateway.state_lock import owner_of

# vcgencmd get_throttled: bit 0 under-voltage now, bit 16 since the start.
_NOW, _SINCE_START = 1 << 0, 1 << 16
_MOUNT_ESCAPE = re.compile(r"\\([0-7]{3})")
# JEDEC eMMC 5.0, EXT_CSD 267 to 269: tenths of the life used, 0x0B beyond it; of the reserve 1 normal, 2 low, 3 urgent.
_WORN, _WORN_OUT = 0x09, 0x0B
_LOW_FREE, _NO_FREE = 200_000_000, 20_000_000
_LOW_SHARE = 0.05
_SANE_YEAR = 2025
_CERTIFICATE_SOON_DAYS = 5
_AUTHORITY_SOON_DAYS = 90


def board_checks(world: World) -> list[Finding]:
    """All checks of the board."""
    return [
        _supply(world),
        *_cards(world),
        _mount(world),
        _space(world),
        _clock(world),
        *_certificates(world),
        _running(world),
    ]


def _supply(world: World) -> Finding:
    check, cure = "supply", "use a stronger supply and a short, thick cable; take power-hungry USB devices off"
    for sensor in sorted(world.path("/sys/class/hwmon").glob("hwmon*")):
        if read_text(sensor / "name") == "rpi_volt" and (alarm := read_text(sensor / "in0_lcrit_alarm")) is not None:
            if alarm != "0":
                return Finding(check, "board", State.FAULT, "under-voltage now", cure)
            break
    else:
        sensor = None
    throttled = re.search(r"0x([0-9a-fA-F]+)", world.run(["vcgencmd", "get_throttled"]) or "")
    if throttled is None:
        if sensor is not None:
            return Finding(check, "board", State.OK, "no under-voltage")
        return Finding(check, "board", State.UNKNOWN, "this board does not measure its supply")
    bits = int(throttled[1], 16)
    if bits & _NOW:
        return Finding(check, "board", State.FAULT, "under-voltage now", cure)
    if bits & _SINCE_START:
        return Finding(check, "board", State.WARNING, "there was under-voltage since the start", cure)
    return Finding(check, "board", State.OK, "no under-voltage since the start")


def _cards(world: World) -> list[Finding]:
    findings = []
    for card in sorted(world.path("/sys/block").glob("mmcblk*")):
        if "boot" in card.name or "rpmb" in card.name:
            continue
        findings.append(_card(card))
    return findings or [Finding("card", "/sys/block", State.UNKNOWN, "there is no SD card or eMMC here")]


def _card(card: Path) -> Finding:
    check, cure = "card", "make a backup (ferrule backup) and put a new one in"
    if read_text(card / "ro") == "1":
        words = "it is read-only: worn out, or its switch is set"
        return Finding(check, card.name, State.FAULT, words, cure)
    used = re.findall(r"0x([0-9a-fA-F]{2})", read_text(card / "device" / "life_time") or "")
    worst = max((int(one, 16) for one in used), default=0)
    reserve = read_text(card / "device" / "pre_eol_info")
    if worst >= _WORN_OUT or reserve in {"0x03", "0x3"}:
        return Finding(check, card.name, State.FAULT, "it is worn out by its own account", cure)
    if worst >= _WORN or reserve in {"0x02", "0x2"}:
        return Finding(check, card.name, State.WARNING, f"about {min(worst, 10) * 10} % of its life is used", cure)
    if worst:
        return Finding(check, card.name, State.OK, f"at most {worst * 10} % of its life is used")
    return Finding(check, card.name, State.UNKNOWN, "it does not tell how worn it is (SD cards mostly do not)")


def _mount(world: World) -> Finding:
    """The file system the state lies on: the mount with the longest path above it."""
    state = world.state if world.state.is_absolute() else world.state.absolute()
    best: tuple[int, str, str] | None = None
    for row in (world.text("/proc/mounts") or "").splitlines():
        words = row.split()
        if len(words) < 4:
            continue
        where = Path(_MOUNT_ESCAPE.sub(lambda found: chr(int(found[1], 8)), words[1]))
        # Of two mounts on one place the later one is seen.
        if where in {state, *state.parents} and (best is None or len(where.parts) >= best[0]):
            best = len(where.parts), str(where), words[3]
    if best is None:
        return Finding("read-only", str(world.state), State.UNKNOWN, "the system does not say what is mounted")
    if "ro" in best[2].split(","):
        words_ = f"{best[1]} is mounted read-only: the gateway keeps everything in memory and forgets it at a restart"
        cure = f"dmesg says why (a worn card, or a file system error); mount -o remount,rw {best[1]}"
        return Finding("read-only", str(world.state), State.FAULT, words_, cure)
    return Finding("read-only", str(world.state), State.OK, f"{best[1]} can be written")


def _space(world: World) -> Finding:
    place = next((path for path in (world.state, *world.state.parents) if os.path.lexists(path)), Path("/"))
    try:
        free, total = world.free(place)
    except OSError as error:
        return Finding("free space", str(world.state), State.UNKNOWN, f"{error.strerror}")
    words = f"{free / 1e6:.0f} MB free of {total / 1e6:.0f} MB"
    cure = "delete what is not needed (journalctl --vacuum-size=50M), or lower [storage] database_limit"
    if free < _NO_FREE:
        return Finding("free space", str(world.state), State.FAULT, words, cure)
    if free < _LOW_FREE and free < _LOW_SHARE * total:
        return Finding("free space", str(world.state), State.WARNING, words, cure)
    return Finding("free space", str(world.state), State.OK, words)


def _clock(world: World) -> Finding:
    now = datetime.fromtimestamp(world.now(), UTC)
    words = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    cure = "connect a network with a time server (timedatectl timesync-status), or fit a clock chip"
    if now.year < _SANE_YEAR:
        return Finding("clock", "board", State.FAULT, f"{words} cannot be right", cure)
    if not world.synchronised():
        return Finding("clock", "board", State.WARNING, f"{words}, and nobody vouches for it", cure)
    return Finding("clock", "board", State.OK, f"{words}, synchronised")


def _certificates(world: World) -> list[Finding]:
    # What may not be looked at may be there.
    hidden = os.path.lexists(world.state) and not os.access(world.state, os.X_OK)
    found = [
        _certificate(world, world.state / name, soon)
        for name, soon in (("server.pem", _CERTIFICATE_SOON_DAYS), ("ca.pem", _AUTHORITY_SOON_DAYS))
        if os.path.lexists(world.state / name) or hidden
    ]
    words = "none here yet: the gateway makes one at its first start"
    return found or [Finding("certificate", str(world.state), State.UNKNOWN, words)]


def _certificate(world: World, file: Path, soon: int) -> Finding:
    check = "certificate"
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except PermissionError:
        return Finding(check, str(file), State.UNKNOWN, "this user may not read it")
    except (OSError, ValueError):
        cure = "restore a backup, or move it away: the gateway makes a new one, and callers need the new ca.pem"
        return Finding(check, str(file), State.FAULT, "it cannot be read", cure)
    days = (certificate.not_valid_after_utc.timestamp() - world.now()) / 86400
    cure = "it is renewed by the running gateway: start it, and look at the clock of this board"
    until = f"good until {certificate.not_valid_after_utc:%Y-%m-%d}"
    if world.now() < certificate.not_valid_before_utc.timestamp():
        return Finding(check, str(file), State.FAULT, "it is not valid yet: the clock is wrong", cure)
    if days < 0:
        return Finding(check, str(file), State.FAULT, f"it has run out: {until}", cure)
    return Finding(check, str(file), State.WARNING if days < soon else State.OK, until, cure if days < soon else "")


def _running(world: World) -> Finding:
    check = "gateway"
    try:
        owner = owner_of(world.state)
    except PermissionError:
        return Finding(check, str(world.state), State.UNKNOWN, "this user may not see whether it runs")
    except (OSError, ValueError):
        cure = "systemctl start ferrule; journalctl -u ferrule says why it stopped"
        return Finding(check, str(world.state), State.WARNING, "no gateway runs on this state directory", cure)
    return Finding(check, str(world.state), State.OK, f"running as process {owner.pid} with {owner.config}")
