"""What the client says of a connection that breaks, and that it never repeats an order."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.main import main
from tests.gateway.cli.peer import Peer, body_of, send, serving

TAG: dict[str, Any] = {"tag": "bus/d/t", "type": "uint16", "units": None, "writable": True, "poll": 1.0, "place": {}}


class Odd(Peer):
    """Stands for a gateway: answers, or does something else, call by call."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.calls: list[str] = []
        self.on: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = body_of(request)
        self.calls.append(body["method"])
        odd = self.on.get(body["method"])
        if odd is not None:
            odd(request)
            return
        results: dict[str, Any] = {"tag.list": {"tags": [TAG]}, "tag.write": {"outcome": "confirmed"}}
        send(request, {"jsonrpc": "2.0", "id": body["id"], "result": results[body["method"]]})


def hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Odd]:
    with serving(Odd(tmp_path)) as made:
        yield made


def test_a_write_is_made_once(peer: Odd, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["write", "bus/d/t", "5", *peer.words]) == 0
    assert peer.calls == ["tag.list", "tag.write"]
    assert capsys.readouterr().out == "confirmed: bus/d/t = 5\n"


def test_a_write_whose_connection_breaks_is_unknown_and_not_repeated(
    peer: Odd, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.on["tag.write"] = hang_up
    assert main(["write", "bus/d/t", "5", "--json", *peer.words]) == 5
    assert peer.calls == ["tag.list", "tag.write"]
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["reason"]) == ("unknown", "connection")
    assert "read the value before writing again" in told["message"]


def test_a_write_that_gets_no_answer_in_time_is_unknown(peer: Odd, capsys: pytest.CaptureFixture[str]) -> None:
    told = threading.Event()

    def wait(request: BaseHTTPRequestHandler) -> None:
        told.wait(20)
        hang_up(request)

    peer.on["tag.write"] = wait
    assert main(["write", "bus/d/t", "5", "--timeout", "0.3", *peer.words]) == 5
    told.set()
    assert "did not answer within 0.3 s" in capsys.readouterr().out


def test_a_write_that_ctrl_c_leaves_behind_is_unknown(
    peer: Odd, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = http.client.HTTPSConnection.getresponse
    asked: list[http.client.HTTPSConnection] = []

    def interrupted(connection: http.client.HTTPSConnection) -> http.client.HTTPResponse:
        asked.append(connection)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return answer(connection)

    monkeypatch.setattr(http.client.HTTPSConnection, "getresponse", interrupted)
    assert main(["write", "bus/d/t", "5", *peer.words]) == 5
    told = capsys.readouterr().out
    assert told.startswith("unknown: Ctrl-C came before")
    assert "read the value before writing again" in told


def test_ctrl_c_before_the_order_wrote_nothing(peer: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: http.client.HTTPSConnection) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(http.client.HTTPSConnection, "connect", interrupted)
    assert main(["write", "bus/d/t", "5", *peer.words]) == 130
    assert peer.calls == []


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--token", "abc\ndef", "is no token"),
        ("--token", "abc €", "is no token"),
        ("--url", "https://ä..b:3500", "is no address of a gateway"),
        ("--url", "https://exa mple:3500", "is no address of a gateway"),
        ("--url", f"https://{'a' * 80}", "is no address of a gateway"),
        ("--ca", "/", "cannot be read: Is a directory"),
    ],
)
def test_words_that_cannot_be_right_are_named(
    peer: Odd, option: str, value: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", *peer.words, option, value]) == 2
    assert words in capsys.readouterr().err


def test_a_token_out_of_a_file_of_windows_counts(peer: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRULE_TOKEN", " x\r\n")
    assert main(["write", "bus/d/t", "5", *peer.words[:-2]]) == 0


def test_an_empty_variable_is_no_token(
    peer: Odd, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FERRULE_TOKEN", "")
    assert main(["read", *peer.words[:-2], "--state", str(tmp_path)]) == 2
    assert "--url needs a token" in capsys.readouterr().err


def test_nothing_was_written_when_the_question_before_it_failed(peer: Odd, capsys: pytest.CaptureFixture[str]) -> None:
    peer.on["tag.list"] = hang_up
    assert main(["write", "bus/d/t", "5", *peer.words]) == 6
    assert "nothing was written" in capsys.readouterr().err
    assert "tag.write" not in peer.calls


@pytest.mark.parametrize("words", [["bus/d/t", "much"], ["bus/d/u", "5"], ["bus/d/t"], ["--line", "bus", "--yes", "5"]])
def test_nothing_was_written_when_the_words_are_wrong(
    words: list[str], peer: Odd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["write", *words, *peer.words]) == 2
    assert "nothing was written: " in capsys.readouterr().err
    assert "tag.write" not in peer.calls


def test_a_mean_has_no_more_digits_than_anybody_knows(peer: Odd, capsys: pytest.CaptureFixture[str]) -> None:
    sample = {"timestamp": "2026-11-22T20:45:00.000Z", "value": 231.31415016923452, "quality": "good"}
    summed = {"clock": "synchronised", "min": 230.125, "max": 231.5, "count": 29}
    result = {"samples": [sample | summed], "truncated": False}
    peer.on["tag.history"] = lambda request: send(request, {"jsonrpc": "2.0", "id": 0, "result": result})
    assert main(["history", "bus/d/t", "--resolution", "15m", *peer.words]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1] == "231.31415"


@pytest.mark.parametrize(("outcome", "code"), [("refused", 3), ("not_sent", 4), ("unknown", 5)])
def test_every_outcome_has_its_code(peer: Odd, outcome: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    result = {"outcome": outcome, "reason": "why", "message": "in words"}
    peer.on["tag.write"] = lambda request: send(request, {"jsonrpc": "2.0", "id": 0, "result": result})
    assert main(["write", "bus/d/t", "5", *peer.words]) == code
    assert capsys.readouterr().out == f"{outcome}: bus/d/t = 5: in words\n"


def test_nothing_was_written_when_the_order_was_refused(peer: Odd, capsys: pytest.CaptureFixture[str]) -> None:
    error = {"code": -32004, "message": "Rate limit exceeded", "data": {"reason": "too fast", "retryAfter": 3}}
    peer.on["tag.write"] = lambda request: send(request, {"jsonrpc": "2.0", "id": 0, "error": error}, 429)
    assert main(["write", "bus/d/t", "5", *peer.words]) == 7
    assert "nothing was written: too many calls: too fast; try again in 3 s" in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"title": "no"}', b"[1]"])
def test_what_is_no_gateway_is_called_that(peer: Odd, body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    peer.on["tag.list"] = lambda request: send(request, body)
    assert main(["read", *peer.words]) == 6
    assert "is that a gateway" in (told := capsys.readouterr().err) or "is it one?" in told
