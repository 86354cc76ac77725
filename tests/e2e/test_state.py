"""What is kept over a restart, a crash and a full disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import until
from tests.e2e.simulated import POLL, TAGS, Drive, drive
from tests.e2e.site import Gateway, Site, device, tcp_line


@pytest.fixture
def plant(site: Site, start: Start) -> Drive:
    made = drive(start, site.directory)
    site.configure(tcp_line("plant", made.port, device("drive", 1, TAGS, POLL)))
    return made


def kept(site: Site, kind: str) -> bool:
    """Whether a kind of fact is on disk."""
    with closing(sqlite3.connect(f"file:{site.state}/ferrule.db?mode=ro", uri=True)) as database:
        found: int = database.execute("SELECT count(*) FROM fact WHERE kind = ?", (kind,)).fetchone()[0]
    return found > 0


def refusals(gateway: Gateway) -> int:
    return int(sum(gateway.devices()["plant/drive"]["refusals"].values()))


def test_after_a_crash_the_safe_value_is_written_and_nothing_is_learned_twice(site: Site, plant: Drive) -> None:
    gateway = site.start()
    assert gateway.awaits("plant/drive/beyond", quality="good")["value"] == 66
    assert refusals(gateway) > 0
    gateway.writes("plant/drive/setpoint", 500, lease=60)
    gateway.awaits("plant/drive/setpoint", value=500)
    until(lambda: kept(site, "splits"), "the divided block is on disk")
    assert kept(site, "lease")
    gateway.hang_up()
    gateway.kill()

    again = site.start()
    assert again.awaits("plant/drive/setpoint", quality="good", value=7)
    assert again.awaits("plant/drive/beyond", quality="good")["value"] == 66
    assert refusals(again) == 0
    until(lambda: not kept(site, "lease"), "the lease is over")
    again.writes("plant/drive/setpoint", 8)


def test_the_last_values_come_back_as_that_and_no_more(site: Site, plant: Drive) -> None:
    gateway = site.start()
    before = gateway.awaits("plant/drive/beyond", quality="good")
    gateway.hang_up()
    assert gateway.stop() == 0
    plant.die()

    again = site.start()
    reading = again.read("plant/drive/beyond")["plant/drive/beyond"]
    assert (reading["value"], reading["quality"], reading["lastValue"]) == (None, "bad", 66)
    assert before["timestamp"] <= reading["timestamp"]
    restored = reading["timestamp"]
    plant.live()
    fresh = again.awaits("plant/drive/beyond", quality="good")
    assert fresh["timestamp"] > restored


def test_history_outlives_a_restart(site: Site, plant: Drive) -> None:
    first = site.start()
    began = first.awaits("plant/drive/ticks", quality="good")["timestamp"]
    first.awaits("plant/drive/actual", quality="good")
    first.hang_up()
    first.stop()
    second = site.start()
    samples = second.call("tag.history", {"tag": "plant/drive/ticks", "start": began, "end": 4_000_000_000})["samples"]
    assert any(sample["value"] is not None for sample in samples)


def test_a_state_directory_serves_one_gateway(site: Site, plant: Drive) -> None:
    first = site.start()
    second = site.launch()
    assert second.wait() == 1
    [words] = second.stderr.splitlines()
    assert f"{site.state} is in use by another gateway" in words
    assert "ready" not in second.stdout
    first.awaits("plant/drive/beyond", quality="good")


def test_a_state_path_that_is_no_directory_is_named(site: Site) -> None:
    site.configure()
    site.state.write_text("")
    gateway = site.launch()
    assert gateway.wait() == 1
    [words] = gateway.stderr.splitlines()
    assert str(site.state) in words
    assert "--state" in words


def test_a_first_start_may_be_cut_short_anywhere(site: Site, plant: Drive) -> None:
    for moment in ("lock", "root.key", "admin.json", "ferrule.db", "ca.pem", "server.pem"):
        gateway = site.launch()
        until((site.state / moment).exists, f"{moment} is there")
        gateway.kill()
    site.start().awaits("plant/drive/beyond", quality="good")


def test_only_the_authority_s_certificate_can_be_read_by_others(site: Site, plant: Drive) -> None:
    site.start()
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in site.state.iterdir()}
    assert [name for name, mode in modes.items() if mode & 0o007] == ["ca.pem"]
    secrets = {"root.key", "admin.json", "ca.key", "server.pem", "ferrule.db"}
    assert all(modes[name] == 0o600 for name in secrets)
    assert stat.S_IMODE(site.state.stat().st_mode) & 0o007 == 0


def test_a_root_key_that_others_can_read_is_refused(site: Site) -> None:
    site.configure()
    gateway = site.start()
    gateway.stop()
    (site.state / "root.key").chmod(0o644)
    again = site.launch()
    assert again.wait() == 1
    assert "can be read or written by others" in again.stderr
    (site.state / "root.key").chmod(0o600)


def test_a_damaged_database_is_set_aside_and_the_gateway_starts(site: Site, plant: Drive) -> None:
    gateway = site.start()
    gateway.awaits("plant/drive/beyond", quality="good")
    gateway.hang_up()
    gateway.stop()
    for name in ("ferrule.db", "history.db"):
        file = site.state / name
        content = bytearray(file.read_bytes())
        content[: len(content) // 2] = os.urandom(len(content) // 2)
        file.write_bytes(content)
    again = site.start()
    again.awaits("plant/drive/beyond", quality="good")
    again.logged("ferrule.db was damaged")
    again.logged("history.db was damaged")


def fill(file: Path) -> None:
    """Take what is left of the disk."""
    with file.open("ab", buffering=0) as filler:
        chunk = bytes(65536)
        while chunk:
            try:
                filler.write(chunk)
            except OSError:
                chunk = chunk[: len(chunk) // 2]


def test_a_full_disk_stops_neither_polling_nor_serving(site: Site, plant: Drive) -> None:
    site.state.mkdir()
    inside = ["unshare", "--map-root-user", "--mount"]
    mount = f'mount -t tmpfs -o size=48m none "{site.state}"'
    allowed = shutil.which("unshare") and subprocess.run([*inside, "sh", "-c", mount], check=False).returncode == 0
    if not allowed:
        pytest.skip("this machine lets nobody mount a small file system in a namespace of its own")
    # Nobody else sees the small disk, and it goes with the process.
    gateway = site.launch(before=[*inside, "sh", "-c", f'{mount} && exec "$@"', "sh"])
    gateway.state = Path(f"/proc/{gateway.process.pid}/root{site.state}")
    gateway.ready()
    gateway.awaits("plant/drive/ticks", quality="good")

    filler = gateway.state / "filler"

    def noticed() -> bool:
        fill(filler)
        return "disk is full" in gateway.stderr

    until(noticed, "the full disk is noticed")
    before = gateway.read("plant/drive/ticks")["plant/drive/ticks"]
    until(
        lambda: gateway.read("plant/drive/ticks")["plant/drive/ticks"]["sequence"] > before["sequence"] + 5,
        "polling goes on",
    )
    gateway.writes("plant/drive/setpoint", 9)
    gateway.writes("plant/drive/setpoint", 10, lease=60)
    span = {"tag": "plant/drive/ticks", "start": before["timestamp"], "end": 4_000_000_000}
    until(lambda: gateway.call("tag.history", span)["samples"], "history is served from memory")
    health = gateway.call("server.health")
    assert (health["status"], health["storage"]["durable"]) == ("degraded", False)
    gateway.logged("the disk is full: free some space")

    filler.unlink()
    until(lambda: gateway.call("server.health")["storage"]["durable"], "the disk takes data again")
    assert gateway.call("server.health")["status"] == "healthy"
