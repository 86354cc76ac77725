"""A board is brought to another system: kept when it works, left when it does not; part of `make image-test`.

In this order: a bundle that is not taken, one that is sent by the network and kept, one that breaks the gateway, a
trial that the power ends.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from image.build import Builder
from image.compose import Tree
from image.signing import Signing, signing
from systemd.debian.cache import Cache, cache_directory
from systemd.debian.epoch import epoch
from systemd.debian.mirror import mirror
from systemd.debian.tree import PROJECT

from .board import Card, powered
from .flashed import Life, call, flashed, read, running, say, told, wait_for

NEWER, BROKEN = 1000, 2000


def make(target: Path, vouching: Signing, later: int, **files: bytes) -> Path:
    """A bundle of what this image is made of, with other files, of sources that are so many seconds later."""
    over = Tree()
    over.files = {name.replace("__", "/"): (content, 0o644) for name, content in files.items()}

    builder = Builder(mirror(), Cache(cache_directory()), vouching, say)
    builder.build(target, over, epoch(PROJECT) + later)
    target.unlink()
    return target.with_suffix(".raucb")


@pytest.fixture(scope="module")
def life(fresh: Card, device: int) -> Life:
    made = flashed(fresh, "updated.img", device)
    # Room for a bundle, twice.
    made.card.grow(1024)
    return made


@pytest.fixture(scope="module")
def newer(fresh: Card, vouching: Signing) -> Path:
    return make(fresh.path.with_name("newer.img"), vouching, NEWER, etc__newer=b"newer\n")


@pytest.fixture(scope="module")
def broken(fresh: Card, vouching: Signing) -> Path:
    breaks = {
        "etc__systemd__system__ferrule.service.d__50-broken.conf": b"[Service]\nExecStart=\nExecStart=/bin/false\n"
    }
    return make(fresh.path.with_name("broken.img"), vouching, BROKEN, **breaks)


def status(life: Life) -> dict[str, object]:
    """What the board says of itself and its last update."""
    found: dict[str, object] = json.loads(life.run("ferrule", "update", "--status", "--json"))
    return found


def who(life: Life) -> list[str]:
    """By what others know it."""
    board = told(life)
    return [board["host"], board["fingerprint"]]


def phase(life: Life) -> object:
    update = status(life)["update"]
    assert isinstance(update, dict)
    return update["phase"]


def refused(life: Life, *words: str) -> str:
    """Why the board does not take a bundle."""
    done = subprocess.run(life.words("ferrule", "update", *words), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def test_a_bundle_that_is_not_ours_is_not_taken(life: Life, newer: Path, tmp_path: Path) -> None:
    strange, _ = signing(tmp_path / "strange")
    with running(life):
        assert read(life)["value"] == 4711
        first = status(life)
        life.told = who(life)
        life.put(newer.read_bytes(), "/data/newer.raucb")
        # A board that trusts others: to it this one is signed by a stranger.
        life.run("sh", "-c", f"'cat > /run/strange.pem << E\n{strange.authority.read_text()}E\n'")
        life.run("mount", "--bind", "/run/strange.pem", "/etc/rauc/authority.pem")
        assert "not signed by those who made this image" in refused(life, "/data/newer.raucb")
        life.run("umount", "/etc/rauc/authority.pem")
        life.run("sh", "-c", "'head -c 20000000 /data/newer.raucb > /data/short.raucb'")
        assert "damaged" in refused(life, "/data/short.raucb")
        life.run("rm", "/data/newer.raucb", "/data/short.raucb")
        again = status(life)
        assert (again["slot"], again["running"]) == ("a", first["running"])
        assert phase(life) == "idle"
        assert life.card.read("autoboot.txt") == "[all]\nboot_partition=2\n# was tried, now on 2\n"


def test_one_that_is_sent_by_the_network_is_tried_and_kept(life: Life, newer: Path) -> None:
    with running(life) as board:
        token = life.run("ferrule", "token", "--scope", "system:update").strip()
        code, answer = call(
            life,
            "/v1/system/update",
            *("--request", "PUT", "--header", f"Authorization: Bearer {token}", "--max-time", "900"),
            *("--header", "Content-Type: application/octet-stream", "--upload-file", str(newer)),
        )
        assert code == 202, answer
        board.until("the next start tries slot B")
        board.gone()
    with running(life) as board:
        assert board.partition == 3
        # Until it is kept, the start after this one is the old one's.
        board.until("has proved itself and is kept")
        now = status(life)
        assert (now["slot"], phase(life)) == ("b", "kept")
        assert life.run("cat", "/etc/newer") == "newer\n"
        assert read(life)["value"] == 4711
        assert who(life) == life.told[:2]
        assert life.card.read("autoboot.txt") == "[all]\nboot_partition=3\n# was tried, now on 3\n"
        assert "before-update.backup" in life.run("ls", "/var/lib/ferrule-backups")


def test_one_that_breaks_the_gateway_is_left_by_itself(life: Life, broken: Path) -> None:
    with running(life) as board:
        assert board.partition == 3
        life.put(broken.read_bytes(), "/data/broken.raucb")
        subprocess.run(life.words("ferrule", "update", "/data/broken.raucb"), check=False)
        board.gone()
    with powered(life.card, life.port, life.ssh) as board:
        assert board.partition == 2
        board.until("the board goes back to what it ran before")
        board.gone()
    with running(life) as board:
        assert board.partition == 3
        assert read(life)["value"] == 4711
        now = status(life)
        update = now["update"]
        assert isinstance(update, dict)
        assert (now["slot"], update["phase"]) == ("b", "fell_back")
        assert "ended" in update["reason"]


def test_a_trial_that_the_power_ends_is_over(life: Life, newer: Path) -> None:
    with running(life) as board:
        life.told.append(life.run("date", "+%s"))
        # As old as what runs, and so no step back.
        life.run("mv", "/data/broken.raucb", "/data/again.raucb")
        life.run("ferrule", "update", "--later", "/data/again.raucb")
        assert life.card.read("autoboot.txt") == "[all]\nboot_partition=2\n# on trial, back to 3\n"
    with powered(life.card, life.port, life.ssh) as board:
        assert board.partition == 2
        board.until("Prove the system that is on trial|restarts in|ferrule")
    with running(life) as board:
        assert board.partition == 3
        # It has no clock, and knows all the same that time goes on.
        wait_for(lambda: int(life.run("date", "+%s")) > int(life.told[2]))
        wait_for(lambda: phase(life) == "fell_back")
        assert read(life)["value"] == 4711
        assert who(life) == life.told[:2]
