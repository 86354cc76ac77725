"""``ferrule-info.txt``: all that somebody needs who holds the board, and nothing that is not so."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from gateway.appliance.info import Board, info_text

CODE = "abcde-fghjk-23456-789mn"
BOARD = Board(
    host="ferrule-k7m2",
    port=3500,
    addresses={"lo": ["127.0.0.1"], "eth0": ["192.168.1.50", "10.0.0.7"]},
    authority=None,
    code=CODE,
    version="1.2.3",
    slot="b",
    ssh=False,
)


def test_where_it_is_found() -> None:
    text = info_text(BOARD)
    for said in (
        "ferrule-k7m2.local",
        "https://ferrule-k7m2.local:3500",
        "https://192.168.1.50:3500  (eth0)",
        "https://10.0.0.7:3500  (eth0)",
        "1.2.3, system B",
        CODE,
    ):
        assert said in text
    assert "127.0.0.1" not in text


def test_a_code_that_was_used_is_not_there() -> None:
    text = info_text(replace(BOARD, code=None))
    assert CODE not in text
    assert "First administrator" not in text


def test_a_board_without_an_address_says_what_to_look_at() -> None:
    assert "is the cable plugged in" in info_text(replace(BOARD, addresses={"lo": ["127.0.0.1"]}))


def test_the_fingerprint_is_what_openssl_says(tmp_path: Path) -> None:
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=a",
    ]
    subprocess.run(
        [*words, "-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.pem"], check=True, capture_output=True
    )
    said = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "ca.pem", "-noout", "-fingerprint", "-sha256"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    text = info_text(replace(BOARD, authority=(tmp_path / "ca.pem").read_bytes()))
    shown = ":".join(line.strip() for line in text.splitlines() if line.startswith("    ") and line.count(":") == 15)
    assert shown == said.strip().rpartition("=")[2]
    # Lines that a small screen and any editor show whole.
    assert max(len(line) for line in text.splitlines()) <= 100
