"""The package in a real Debian under a real systemd: `make image-test`, or `pytest tests/appliance/full_package.py`.

One guest per release is taken through its life in this order: installed, polling, hurt, upgraded, removed, purged.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from .guest import Guest, booted
from .making import package, root_with_systemd

SUITES = os.environ.get("FERRULE_TEST_SUITES", "trixie bookworm").split()
CONFIG = """\
[gateway]
name = "box"

[server]
bind = "127.0.0.1"

[[line]]
name = "boiler"
transport = "rtu"
port = "/run/devices/tty-boiler"
baudrate = 19200

[[line.device]]
name = "plc"
unit = 1

[[line.device.tag]]
name = "temp"
table = "holding"
address = 0
type = "uint16"
poll = "500ms"
"""
DEVICES = """\
[[line]]
name = "boiler"
transport = "rtu"
port = "tty-boiler"
baudrate = 19200

[[line.device]]
name = "plc"
unit = 1
point = [{ name = "temp", table = "holding", address = 0, type = "uint16", value = 4711 }]
"""


@pytest.fixture(scope="module", params=SUITES)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    """A Debian with the package in it, and a device on a line that is polled."""
    suite = str(request.param)
    first, second = package(suite, "0.1.0"), package(suite, "0.1.1")
    with booted(root_with_systemd(suite)) as guest:
        for name, file in (("first.deb", first), ("second.deb", second)):
            (guest.root / "root" / name).write_bytes(file.read_bytes())
        yield guest


def active(guest: Guest) -> str:
    return guest.shown("ferrule", "ActiveState")


def pid(guest: Guest) -> str:
    return guest.shown("ferrule", "MainPID")


def strike(guest: Guest, signal: str) -> None:
    """Send a signal to the gateway itself."""
    guest.run("sh", "-c", f"kill -{signal} {pid(guest)}")


def value(guest: Guest) -> str:
    return guest.until("ferrule", "read", "boiler/plc/temp", "--json", says="4711")


def test_installs_and_runs(guest: Guest) -> None:
    begun = time.monotonic()
    guest.run("dpkg", "-i", "/root/first.deb")
    print(f"installed and started in {time.monotonic() - begun:.1f} s")  # noqa: T201 - a figure for docs/operation.md
    guest.until("systemctl", "is-active", "ferrule", says="active\n")
    assert guest.say("ferrule", "--version").endswith("0.1.0")
    assert guest.say("stat", "-c", "%U %a", "/var/lib/ferrule") == "ferrule 750"
    # Nothing that it made is open to others, and nothing belongs to somebody else.
    assert guest.say("find", "/var/lib/ferrule", "!", "-user", "ferrule") == ""
    assert guest.say("find", "/var/lib/ferrule", "-type", "f", "-perm", "/o+rwx", "!", "-name", "ca.pem") == ""
    assert guest.shown("ferrule", "NRestarts") == "0"


def test_reads_a_tag_of_a_serial_device(guest: Guest) -> None:
    (guest.root / "root/devices.toml").write_text(DEVICES)
    (guest.root / "etc/ferrule/devices.toml").write_text(DEVICES)
    guest.run("mkdir", "-p", "/run/devices")
    guest.run("chown", "ferrule:", "/run/devices")
    guest.run(
        *("systemd-run", "--unit=devices", "--uid=ferrule", "--gid=ferrule"),
        *("/usr/bin/ferrule", "simulate", "/etc/ferrule/devices.toml", "--directory", "/run/devices"),
    )
    guest.until("find", "/run/devices", says="tty-boiler")
    (guest.root / "etc/ferrule/ferrule.toml").write_text(CONFIG)
    before = pid(guest)
    guest.run("systemctl", "reload", "ferrule")
    reading = value(guest)
    assert '"good"' in reading
    assert pid(guest) == before, "a reload is no restart"


def test_a_configuration_with_a_mistake_is_refused_and_the_old_one_goes_on(guest: Guest) -> None:
    file = guest.root / "etc/ferrule/ferrule.toml"
    file.write_text(CONFIG.replace("baudrate = 19200", "baudrat = 19200"))
    before = pid(guest)
    assert guest.run("systemctl", "reload", "ferrule", check=False).returncode != 0
    guest.until("journalctl", "-u", "ferrule", "-o", "cat", says='unknown key "baudrat"')
    file.write_text(CONFIG)
    value(guest)
    assert pid(guest) == before


def test_devices_are_serial_ports_only(guest: Guest) -> None:
    # In the very unit, by its own settings: what is no serial port cannot be opened, whoever may read it otherwise.
    guest.run("mkdir", "-p", "/run/systemd/system/ferrule.service.d")
    guest.run("mknod", "-m", "0666", "/dev/disk", "b", "254", "0")
    guest.run("mknod", "-m", "0666", "/dev/ttyS9", "c", "4", "73")
    script = """
import os
for name in ('/dev/disk', '/dev/ttyS9', '/dev/null'):
    try:
        os.close(os.open(name, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)); print(name, 'opened', flush=True)
    except OSError as error:
        print(name, error.strerror, flush=True)
"""
    said = as_the_unit(guest, script)
    assert "/dev/disk Operation not permitted" in said
    # It may be opened; that there is no such hardware here is another matter.
    assert "/dev/ttyS9 Operation not permitted" not in said
    assert "/dev/null opened" in said


def test_what_the_hardening_takes_away(guest: Guest) -> None:
    script = """
import ctypes, mmap, os, socket
def tried(name, what):
    try:
        what(); print(name, 'possible', flush=True)
    except OSError as error:
        print(name, 'refused', flush=True)
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result != 0: raise OSError(ctypes.get_errno(), 'x')
tried('write-etc', lambda: open('/etc/ferrule/x', 'w'))
tried('write-usr', lambda: open('/usr/x', 'w'))
tried('write-state', lambda: os.remove((open('/var/lib/ferrule/.x', 'w').name)))
tried('namespace', lambda: checked(libc.unshare(0x10000000)))
tried('packet', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
tried('executable-memory', lambda: mmap.mmap(-1, 4096, prot=7))
tried('home', lambda: os.listdir('/root'))
tried('sysctl', lambda: open('/proc/sys/kernel/hostname', 'w').write('x'))
"""
    said = as_the_unit(guest, script)
    for name in ("write-etc", "write-usr", "namespace", "packet", "executable-memory", "home", "sysctl"):
        assert f"{name} refused" in said, said
    assert "write-state possible" in said


def as_the_unit(guest: Guest, script: str) -> str:
    """Run some Python with exactly the settings of the unit."""
    text = (guest.root / "usr/lib/systemd/system/ferrule.service").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("ExecReload", "WatchdogSec", "Restart"))]
    (guest.root / "usr/share/tried.py").write_text(script)
    unit = "\n".join(lines).replace("Type=notify", "Type=oneshot")
    start = next(line for line in lines if line.startswith("ExecStart="))
    unit = unit.replace(start, "ExecStart=/usr/lib/ferrule/bin/python3 /usr/share/tried.py")
    # The state and runtime directories stay those of the gateway, and outlive this.
    unit = unit.replace("RuntimeDirectory=ferrule\n", "").replace("RuntimeDirectoryMode=0750\n", "")
    (guest.root / "etc/systemd/system/tried.service").write_text(unit)
    guest.run("systemctl", "daemon-reload")
    guest.run("systemctl", "start", "tried")
    guest.run("journalctl", "--sync")
    return guest.journal("tried")


def test_killed_it_comes_back(guest: Guest) -> None:
    for _ in range(3):
        before = pid(guest)
        strike(guest, "KILL")
        deadline = time.monotonic() + 120
        while pid(guest) in {before, "0"} and time.monotonic() < deadline:
            time.sleep(0.2)
        guest.until("systemctl", "is-active", "ferrule", says="active\n")
        value(guest)


def test_a_gateway_that_hangs_is_ended_and_started_anew(guest: Guest) -> None:
    before = pid(guest)
    begun = time.monotonic()
    strike(guest, "STOP")
    guest.until("journalctl", "-u", "ferrule", "-o", "cat", says="Watchdog timeout")
    print(f"the watchdog bit after {time.monotonic() - begun:.0f} s")  # noqa: T201 - a figure for docs/operation.md
    guest.until("systemctl", "is-active", "ferrule", says="active\n")
    value(guest)
    assert pid(guest) != before


def test_a_wrong_configuration_at_the_start_is_never_given_up(guest: Guest) -> None:
    file = guest.root / "etc/ferrule/ferrule.toml"
    file.write_text("nonsense")
    guest.run("systemctl", "restart", "ferrule", check=False)
    deadline = time.monotonic() + 120
    while int(guest.shown("ferrule", "NRestarts")) < 3 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert int(guest.shown("ferrule", "NRestarts")) >= 3
    assert guest.shown("ferrule", "Result") != "start-limit-hit"
    file.write_text(CONFIG)
    # Nobody starts it.
    guest.until("systemctl", "is-active", "ferrule", says="active\n")
    value(guest)


def test_stops_within_five_seconds(guest: Guest) -> None:
    begun = time.monotonic()
    guest.run("systemctl", "stop", "ferrule")
    took = time.monotonic() - begun
    print(f"stopped in {took:.1f} s")  # noqa: T201 - a figure for docs/operation.md
    assert guest.shown("ferrule", "Result") == "success"
    usec = [
        int(guest.shown("ferrule", name))
        for name in ("ActiveExitTimestampMonotonic", "InactiveEnterTimestampMonotonic")
    ]
    assert usec[1] - usec[0] < 5_000_000
    guest.run("systemctl", "start", "ferrule")
    value(guest)


def test_a_certificate_of_ones_own_comes_as_a_credential(guest: Guest) -> None:
    guest.run("mkdir", "-p", "-m", "0700", "/etc/credstore")
    keys = subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "30",
            ),
            *("-subj", "/CN=box.example.com", "-addext", "subjectAltName=DNS:box.example.com,IP:127.0.0.1"),
            *("-keyout", "-", "-out", "-"),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    key, _, certificate = keys.partition("-----BEGIN CERTIFICATE-----")
    for name, text in (("ferrule.key", key), ("ferrule.crt", "-----BEGIN CERTIFICATE-----" + certificate)):
        (guest.root / "etc/credstore" / name).write_text(text)
        (guest.root / "etc/credstore" / name).chmod(0o600)
    place = "/run/credentials/ferrule.service"
    named = f'bind = "127.0.0.1"\ncertificate = "{place}/ferrule.crt"\nkey = "{place}/ferrule.key"'
    (guest.root / "etc/ferrule/ferrule.toml").write_text(CONFIG.replace('bind = "127.0.0.1"', named))
    guest.run("systemctl", "restart", "ferrule", check=False)
    shown = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', 3500)))"
    said = guest.run("/usr/bin/python3", "-c", shown, check=False).stdout
    (guest.root / "etc/ferrule/ferrule.toml").write_text(CONFIG)
    guest.run("systemctl", "restart", "ferrule")
    assert said.strip() == ("-----BEGIN CERTIFICATE-----" + certificate).strip()


def test_backups_are_kept_by_number(guest: Guest) -> None:
    for _ in range(9):
        # As systemd counts, nine in a row are too many; a night is longer.
        guest.run("systemctl", "reset-failed", "ferrule-backup", check=False)
        guest.run("systemctl", "start", "ferrule-backup")
    names = guest.say("ls", "/var/lib/ferrule-backups").splitlines()
    assert [name[8:14] for name in names] == [f"{number:06d}" for number in range(3, 10)]
    assert guest.say("stat", "-c", "%U %a", f"/var/lib/ferrule-backups/{names[0]}") == "ferrule 600"


def test_a_plugin_runs_in_a_unit_of_its_own(guest: Guest) -> None:
    install_plugin(guest)
    units = guest.until("systemctl", "list-units", "--plain", "--no-legend", "ferrule-plugin@*", says="running")
    unit = units.split()[0]
    assert guest.shown(unit, "User") == "ferrule"
    inside = guest.shown(unit, "MainPID")
    assert "bwrap" in guest.say("cat", f"/proc/{inside}/comm")
    # What it says came through: it is healthy, and no alert says it lacks a sandbox.
    guest.until("ferrule", "plugin", "list", says=" healthy")
    # A tag of the plugin, made from a reading of the serial device: all the way through.
    assert '"good"' in guest.until("ferrule", "read", "derived/fahrenheit", "--json", says="8511.8")
    assert "plugins are not protected" not in guest.journal()


def test_a_plugin_ends_with_the_gateway_however_that_ends(guest: Guest) -> None:
    unit = guest.say("systemctl", "list-units", "--plain", "--no-legend", "ferrule-plugin@*").split()[0]
    inside = guest.shown(unit, "MainPID")
    strike(guest, "KILL")
    deadline = time.monotonic() + 60
    while guest.run("test", "-d", f"/proc/{inside}", check=False).returncode == 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert guest.run("test", "-d", f"/proc/{inside}", check=False).returncode != 0
    # And a new one comes with the new gateway.
    guest.until("systemctl", "list-units", "--plain", "--no-legend", "ferrule-plugin@*", says="running")


def install_plugin(guest: Guest) -> None:
    run = guest.run
    place = "/etc/plugin-of-the-test"
    run("mkdir", place)
    run("ferrule", "plugin", "new", "scale-reader", "--directory", f"{place}/scale-reader")
    file = guest.root / "etc/ferrule/ferrule.toml"
    publisher = guest.say("ferrule", "plugin", "keygen", f"{place}/publisher.key", "--name", "workshop")
    file.write_text(f"{CONFIG}\n{publisher}\n")
    guest.run("systemctl", "reload", "ferrule")
    archive = f"{place}/scale-reader-0.1.0.tar.gz"
    run("ferrule", "plugin", "pack", f"{place}/scale-reader", "--output", archive)
    run("ferrule", "plugin", "sign", archive, "--key", f"{place}/publisher.key")
    run("ferrule", "plugin", "publish", archive)
    example = f"{place}/scale-reader/config.example.json"
    run("ferrule", "plugin", "install", "scale-reader", "--config", example, "--grant-all", "--activate")


def test_upgrade_keeps_configuration_and_state(guest: Guest) -> None:
    identity = guest.say(
        "sha256sum", "/var/lib/ferrule/root.key", "/var/lib/ferrule/ca.pem", "/etc/ferrule/ferrule.toml"
    )
    before = pid(guest)
    guest.run("dpkg", "-i", "/root/second.deb")
    assert guest.say("ferrule", "--version").endswith("0.1.1")
    guest.until("systemctl", "is-active", "ferrule", says="active\n")
    assert pid(guest) != before
    after = guest.say("sha256sum", "/var/lib/ferrule/root.key", "/var/lib/ferrule/ca.pem", "/etc/ferrule/ferrule.toml")
    assert after == identity
    value(guest)


def test_an_upgrade_does_not_start_what_was_stopped_and_disabled(guest: Guest) -> None:
    guest.run("systemctl", "disable", "--now", "ferrule")
    guest.run("dpkg", "-i", "/root/second.deb")
    assert active(guest) == "inactive"
    assert guest.run("systemctl", "is-enabled", "ferrule", check=False).stdout.strip() == "disabled"
    guest.run("systemctl", "enable", "--now", "ferrule")


def test_removal_keeps_what_is_ones_own_and_purging_does_not(guest: Guest) -> None:
    guest.run("systemctl", "stop", "devices")
    # What tests put there is the technician's own, and stays.
    ours = ["/etc/ferrule/devices.toml", "/etc/plugin-of-the-test", "/etc/credstore"]
    guest.run("rm", "-r", *ours)
    guest.run("dpkg", "--remove", "ferrule")
    assert guest.say("find", "/proc", "-maxdepth", "1", "-user", "ferrule") == ""
    assert (guest.root / "etc/ferrule/ferrule.toml").exists()
    assert (guest.root / "var/lib/ferrule/root.key").exists()
    assert not (guest.root / "usr/lib/ferrule").exists()
    guest.run("dpkg", "--purge", "ferrule")
    left = guest.say(
        "find", "/etc", "/usr", "/var/lib", "/run", "-xdev", "-name", "*ferrule*", "-not", "-path", "/run/systemd/*"
    )
    # Logs of dpkg are Debian's, and the list of sources is named by what made this root.
    assert [name for name in left.splitlines() if "/dpkg/" not in name and "/sources.list.d/" not in name] == []
