"""A board in the tests as people see it: who put the card in, who logs in, who calls it on the network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .board import PATIENCE_S, Board, Card, powered
from .machines import VIRT, Machine
from .site import CONFIG, HOST_SEEN_FROM_BOARD, free_port


@dataclass
class Life:
    """What was learnt of a board so far."""

    card: Card
    key: Path
    port: int
    ssh: int
    told: list[str] = field(default_factory=list)

    def words(self, *words: str) -> list[str]:
        """What starts a program on the board, by SSH."""
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        return ["ssh", "-i", str(self.key), "-p", str(self.ssh), *options, "root@127.0.0.1", *words]

    def put(self, content: bytes, target: str) -> None:
        """A file for the board."""
        subprocess.run(self.words(f"cat > {target}"), input=content, check=True)

    def run(self, *words: str) -> str:
        """Run one to its end."""
        end = time.monotonic() + PATIENCE_S
        while True:
            done = subprocess.run(self.words(*words), capture_output=True, text=True, check=False, timeout=PATIENCE_S)
            # 255: the connection. The forwarded port takes it before anybody listens on the board.
            if done.returncode != 255 or time.monotonic() > end:
                break
            time.sleep(1)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def blinks(self) -> str:
        """What its light does: the milliseconds that it is on at a time; nothing where it does not blink."""
        return self.run("cat /sys/class/leds/ACT/delay_on 2>/dev/null || true").strip()


def flashed(fresh: Card, name: str, device: int) -> Life:
    """A board of its own, whose technician has set it up: a device to read, and a key for SSH.

    Args:
        fresh: the card that it is a copy of.
        name: of its card.
        device: port of the device, on this machine.
    """
    key = fresh.path.with_name(f"{name}.key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "technician", "-f", key], check=True)
    life = Life(fresh.copy(name), key, free_port(), free_port())
    life.card.write("ferrule.toml", CONFIG.format(host=HOST_SEEN_FROM_BOARD, port=device))
    life.card.write("network.toml", f'[ssh]\nkeys = ["{key.with_suffix(".key.pub").read_text().strip()}"]\n')
    return life


def info(card: Card) -> dict[str, str]:
    """What ``ferrule-info.txt`` says on a card without power, by what somebody looks for."""
    return _understood(card.read("ferrule-info.txt") or "")


def told(life: Life, *, code: bool = False) -> dict[str, str]:
    """What a board that runs has told on its card, and its certificate, as soon as all of it is there.

    Somebody who is logged in looks: from outside nobody can while the board writes to it.

    Args:
        life: of the board.
        code: the first administrator's is waited for, too.
    """
    found: dict[str, str] = {}

    def whole() -> bool:
        text = life.run("cat", "/boot/ferrule/ferrule-info.txt", "/boot/ferrule/ferrule-ca.pem", "||", "true")
        before, begin, rest = text.partition("-----BEGIN CERTIFICATE-----")
        found.update(_understood(before), authority=begin + rest)
        return bool(found["host"] and found["fingerprint"] and rest and (found["code"] or not code))

    wait_for(whole)
    return found


def _understood(text: str) -> dict[str, str]:
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
def running(life: Life, model: Machine = VIRT) -> Iterator[Board]:
    """A board that answers, until the block ends."""
    with powered(life.card, life.port, life.ssh, model=model) as board:
        board.answers()
        yield board


def call(life: Life, path: str, *words: str) -> tuple[int, str]:
    """Call the gateway by its name on the network, trusting its own authority alone."""
    board = told(life)
    host = board["host"]
    authority = life.card.tools.work / "ca.pem"
    authority.write_text(board["authority"])
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


def token(life: Life) -> str:
    """One that reads the field, of this start: the board has no clock."""
    return life.run("ferrule", "token", "--scope", "devices:read").strip()


def ask(life: Life, bearer: str, method: str, params: object = None) -> Any:
    """The result of a call, as an agent on the network gets it; None: it was refused."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}})
    status, answer = call(life, "/api/v1/rpc", "--json", body, "--header", f"Authorization: Bearer {bearer}")
    assert status == 200, answer
    return json.loads(answer).get("result")


def read(life: Life, tag: str = "hall/plc/temp") -> dict[str, object]:
    """A tag of the device; good, where it ever is."""
    bearer, end = token(life), time.monotonic() + PATIENCE_S
    while True:
        found: dict[str, object] = ask(life, bearer, "tag.read", {"tags": [tag]})["readings"][0]
        # The gateway answers before the device has.
        if found["quality"] == "good" or time.monotonic() > end:
            return found
        time.sleep(1)


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    sys.stderr.write(f"{text}\n")


def wait_for(fact: Callable[[], object]) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < end, "it was waited for in vain"
        time.sleep(1)
