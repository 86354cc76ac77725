"""A card is flashed, and its board started again and again: `make image-test`.

One board is taken through its life in this order: first start, a configuration of its own, a wrong one, a reboot by a
pulled plug, a second board with the same image, a factory reset.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from image.disk import DATA, offsets

from .board import PATIENCE_S, Board, Card, powered
from .site import CONFIG, HOST_SEEN_FROM_BOARD, free_port

PASSWORD = "correct horse battery"


# What a board listens on, with SSH: docs/appliance.md says the same.
PORTS = {"tcp 22", "tcp 3500", "udp 5353", "udp 68"}


@dataclass
class Life:
    """What was learnt of a board so far."""

    card: Card
    key: Path
    port: int
    ssh: int
    told: list[str] = field(default_factory=list)

    def run(self, *words: str) -> str:
        """Run a program on the board, by SSH."""
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        end = time.monotonic() + PATIENCE_S
        while True:
            done = subprocess.run(
                ["ssh", "-i", self.key, "-p", str(self.ssh), *options, "root@127.0.0.1", *words],
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )
            # 255: the connection. The forwarded port takes it before anybody listens on the board.
            if done.returncode != 255 or time.monotonic() > end:
                break
            time.sleep(1)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def life(fresh: Card) -> Life:
    key = fresh.path.with_name("key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "technician", "-f", key], check=True)
    return Life(fresh.copy("board.img"), key, free_port(), free_port())


def info(card: Card) -> dict[str, str]:
    """What ``ferrule-info.txt`` says, by what somebody looks for."""
    text = card.read("ferrule-info.txt") or ""
    host = re.search(r"^Name +(\S+)\.local\r?$", text, re.MULTILINE)
    code = re.search(r"^    ([a-z0-9]{5}(?:-[a-z0-9]{5}){3})\r?$", text, re.MULTILINE)
    print_ = re.findall(r"^    ((?:[0-9A-F]{2}:){15}[0-9A-F]{2})\r?$", text, re.MULTILINE)
    return {
        "host": host[1] if host else "",
        "code": code[1] if code else "",
        "fingerprint": ":".join(print_),
        "text": text,
    }


@contextmanager
def running(life: Life) -> Iterator[Board]:
    """The board, until it answers and has told so on its card."""
    with powered(life.card, life.port, life.ssh) as board:
        board.answers()
        yield board


def call(life: Life, path: str, *words: str) -> tuple[int, str]:
    """Call the gateway by its name on the network, trusting its own authority alone."""
    host = info(life.card)["host"]
    authority = life.card.tools.work / "ca.pem"
    authority.write_text(life.card.read("ferrule-ca.pem") or "")
    done = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--max-time", "60", "--cacert", authority),
            *("--resolve", f"{host}.local:{life.port}:127.0.0.1", "--write-out", "\n%{http_code}"),
            *(f"https://{host}.local:{life.port}{path}", *words),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def read(life: Life) -> dict[str, object]:
    """The tag of the device, as an agent on the network gets it."""
    token = life.run("ferrule", "token", "--scope", "devices:read").strip()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tag.read", "params": {"tags": ["hall/plc/temp"]}})
    status, answer = call(life, "/api/v1/rpc", "--json", body, "--header", f"Authorization: Bearer {token}")
    assert status == 200, answer
    found: dict[str, object] = json.loads(answer)["result"]["readings"][0]
    return found


def test_a_board_that_was_flashed_tells_who_it_is(life: Life, device: int) -> None:
    life.card.write("ferrule.toml", CONFIG.format(host=HOST_SEEN_FROM_BOARD, port=device))
    life.card.write("network.toml", f'[ssh]\nkeys = ["{life.key.with_suffix(".pub").read_text().strip()}"]\n')
    life.card.grow(256)
    assert "ferrule-info.txt" not in life.card.names()
    with running(life) as board:
        board.until(r"Address +https://ferrule-[2-9a-z]{4}\.local:3500")
        # The partition that is the board's own took the room there was.
        assert any("the data partition grows" in line for line in board.lines)
        wait_for(lambda: info(life.card)["code"])
        said = info(life.card)
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
        wait_for(lambda: not info(life.card)["code"])


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


def wait_for(fact: Callable[[], object]) -> None:
    """Look at the card again and again until it is so."""
    end = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < end
        time.sleep(1)


def test_a_wrong_file_is_refused_with_its_reason_and_what_was_right_goes_on(life: Life, device: int) -> None:
    right = CONFIG.format(host=HOST_SEEN_FROM_BOARD, port=device)
    life.card.write("ferrule.toml", right.replace("[server]", "[sever]"))
    with running(life) as board:
        board.until(r'ferrule.toml:1:\d+: error: unknown key "sever"')
        assert read(life)["value"] == 4711
        said = life.card.read("ferrule-errors.txt")
        assert said is not None
        assert "The last one that was right is still in force" in said
        assert 'ferrule.toml:1:2: error: unknown key "sever"' in said
    life.card.write("ferrule.toml", right.replace('"temp"', '"heat"'))
    with running(life):
        assert "heat" in life.run("ferrule", "read", "hall/plc/heat", "--json")
        assert "ferrule-errors.txt" not in life.card.names()
    life.card.write("ferrule.toml", right)


def test_a_board_whose_plug_is_pulled_is_the_same_board(life: Life) -> None:
    # Every block above ended like this, in the middle of whatever went on.
    with running(life):
        said = info(life.card)
        assert [said["host"], said["fingerprint"]] == life.told[:2]
        assert read(life)["value"] == 4711
        # Nobody can be made the first administrator a second time.
        assert not said["code"]
        life.told.append(life.run("cat", "/etc/machine-id").strip())


def test_another_board_with_the_same_image_is_another_board(life: Life, fresh: Card) -> None:
    other = Life(fresh.copy("other.img"), life.key, free_port(), free_port())
    other.card.write("network.toml", life.card.read("network.toml") or "")
    with running(other):
        wait_for(lambda: info(other.card)["code"])
        said = info(other.card)
        told = [said["host"], said["fingerprint"], said["code"], other.run("cat", "/etc/machine-id").strip()]
        theirs = other.run("sha256sum", "/data/ssh/key", "/var/lib/ferrule/root.key")
    assert not set(told) & set(life.told)
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
        assert "factory-reset" not in life.card.names()
        wait_for(lambda: info(life.card)["code"])
        said = info(life.card)
        assert not {said["host"], said["fingerprint"], said["code"]} & set(life.told)
    assert canary.encode() not in data_of(life.card)


def data_of(card: Card) -> bytes:
    """All bytes of the partition that is the board's own."""
    with card.path.open("rb") as file:
        file.seek(offsets()[DATA.number] * 1024 * 1024)
        return file.read()
