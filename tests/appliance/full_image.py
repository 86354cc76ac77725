"""A card is flashed, and its board started again and again: `make image-test`.

One board is taken through its life in this order: first start, a configuration of its own, a wrong one, a reboot by a
pulled plug, a second board with the same image, a factory reset.
"""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from image.disk import DATA, offsets

from .board import Card
from .flashed import Life, call, flashed, info, read, running, told, wait_for
from .site import CONFIG, HOST_SEEN_FROM_BOARD, free_port

PASSWORD = "correct horse battery"
# What a board listens on, with SSH: docs/appliance.md says the same.
PORTS = {"tcp 22", "tcp 3500", "udp 5353", "udp 68"}


@pytest.fixture(scope="module")
def life(fresh: Card, device: int) -> Life:
    return flashed(fresh, "board.img", device)


def test_a_board_that_was_flashed_tells_who_it_is(life: Life) -> None:
    life.card.grow(256)
    assert "ferrule-info.txt" not in life.card.names()
    with running(life) as board:
        board.until(r"Address +https://ferrule-[2-9a-z]{4}\.local:3500")
        # The partition that is the board's own took the room there was.
        assert any("the data partition grows" in line for line in board.lines)
        said = told(life, code=True)
        life.told += [said["host"], said["fingerprint"], said["code"]]
        assert re.fullmatch(r"ferrule-[2-9a-hjkmnp-z]{4}", said["host"])

        # By the name that is on the card, over TLS that is vouched for by the file on the card.
        tag = read(life)
        assert (tag["value"], tag["quality"]) == (4711, "good")
        shown = subprocess.run(
            ["openssl", "x509", "-in", life.card.tools.work / "ca.pem", "-noout", "-fingerprint", "-sha256"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert shown.strip().endswith(said["fingerprint"])

        # The code on the card makes the first administrator, and is on the card no more.
        body = json.dumps({"data": {"code": said["code"], "name": "ines", "password": PASSWORD}})
        status, answer = call(life, "/v1/auth/first-admin", "--json", body)
        assert status == 201, answer
        wait_for(lambda: not told(life)["code"])


def test_it_listens_where_it_is_said_and_nowhere_else(life: Life) -> None:
    with running(life):
        rows = life.run("ss", "-lntuH").splitlines()
    # What only the board itself reaches opens nothing.
    open_ = {
        f"{row.split()[0]} {row.split()[4].rpartition(':')[2]}"
        for row in rows
        if not re.match(r"127\.|\[::1\]", row.split()[4])
    }
    assert open_ == PORTS


def test_a_wrong_file_is_refused_with_its_reason_and_what_was_right_goes_on(life: Life, device: int) -> None:
    right = CONFIG.format(host=HOST_SEEN_FROM_BOARD, port=device)
    life.card.write("ferrule.toml", right.replace("[server]", "[sever]"))
    with running(life) as board:
        board.until(r'ferrule.toml:1:\d+: error: unknown key "sever"')
        assert read(life)["value"] == 4711
        said = life.run("cat", "/boot/ferrule/ferrule-errors.txt")
        assert "The last one that was right is still in force" in said
        assert 'ferrule.toml:1:2: error: unknown key "sever"' in said
        # The light is quick: somebody should look.
        wait_for(lambda: life.blinks() == "100")
    life.card.write("ferrule.toml", right.replace('"temp"', '"heat"'))
    with running(life):
        assert "heat" in life.run("ferrule", "read", "hall/plc/heat", "--json")
        wait_for(lambda: life.blinks() == "1000")
        life.run("systemctl", "stop", "ferrule")
        assert life.blinks() == "100"
    assert "ferrule-errors.txt" not in life.card.names()
    life.card.write("ferrule.toml", right)


def test_a_board_whose_plug_is_pulled_is_the_same_board(life: Life) -> None:
    # Every block above ended like this, in the middle of whatever went on.
    said = info(life.card)
    assert [said["host"], said["fingerprint"]] == life.told[:2]
    with running(life):
        said = told(life)
        assert [said["host"], said["fingerprint"]] == life.told[:2]
        assert read(life)["value"] == 4711
        # Nobody can be made the first administrator a second time.
        assert not said["code"]
        life.told.append(life.run("cat", "/etc/machine-id").strip())


def test_another_board_with_the_same_image_is_another_board(life: Life, fresh: Card) -> None:
    other = Life(fresh.copy("other.img"), life.key, free_port(), free_port())
    other.card.write("network.toml", life.card.read("network.toml") or "")
    with running(other):
        said = told(other, code=True)
        words = [said["host"], said["fingerprint"], said["code"], other.run("cat", "/etc/machine-id").strip()]
        theirs = other.run("sha256sum", "/data/ssh/key", "/var/lib/ferrule/root.key")
    assert not set(words) & set(life.told)
    with running(life):
        mine = life.run("sha256sum", "/data/ssh/key", "/var/lib/ferrule/root.key")
    assert not {line.split()[0] for line in mine.splitlines()} & {line.split()[0] for line in theirs.splitlines()}
    other.card.path.unlink()


def test_a_factory_reset_leaves_nothing_of_it(life: Life) -> None:
    canary = "canary-that-sings-alone"
    with running(life):
        life.run("sh", "-c", f"'echo {canary}-kept > /data/kept; echo {canary}-gone > /data/gone; sync; rm /data/gone'")
        life.run("sync")
    assert canary.encode() in data_of(life.card)
    life.card.write("factory-reset", "")
    with running(life) as board:
        board.until("the board is as it was when it was flashed")
        said = told(life, code=True)
        assert not {said["host"], said["fingerprint"], said["code"]} & set(life.told)
    assert "factory-reset" not in life.card.names()
    assert canary.encode() not in data_of(life.card)


def data_of(card: Card) -> bytes:
    """All bytes of the partition that is the board's own."""
    with card.path.open("rb") as file:
        file.seek(offsets()[DATA.number] * 1024 * 1024)
        return file.read()
