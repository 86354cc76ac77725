"""``ferrule webhooks``."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.access.keys import load_root_key
from gateway.cli.main import main
from gateway.cli.webhook_names import one_of
from tests.gateway.cli.peer import Peer, body_of, send, serving

SECRET = "whsec_4cyykLPV3R0YULUKvlbJ9UTVy6+ppzrevqObOKhc2DE="
NOW = "2026-11-22T12:00:00Z"
EVENT = "019ab1c4-9d0e-7b6a-8f0e-3d7c1f4a2b11"
ATTEMPT = {
    "number": 10,
    "at": NOW,
    "duration_ms": 31.0,
    "address": "192.168.1.20",
    "response_status": 500,
    "response_body": "out of \x1b[2Jpaper",
    "error": "answered 500",
    "delivered": False,
}


def webhook(number: int, host: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"wh-0000000000000000{number:04x}",
        "url": f"https://{host}/in/token-of-the-receiver",
        "events": ["alarm:*", "device:down"],
        "state": "active",
        "reason": None,
        "failing_for": 0.0,
        "scopes": ["devices:read", "webhooks:write"],
        "lost": 0,
        "previous_secret_until": None,
        "deliveries": {"waiting": 2, "delivered": 7, "dead": 1, "cancelled": 0},
    } | changes


def delivery(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"019ab1c4-0000-7000-8000-{number:012x}",
        "event_id": EVENT,
        "event_type": "alarm:raised",
        "status": "delivered",
        "attempts": 1,
        "created_at": NOW,
        "next_attempt_at": None,
        "finished_at": "2026-11-22T12:00:01Z",
        "redelivery": False,
    } | changes


class Hooks(Peer):
    """A gateway that has webhooks, and gives one of them and two deliveries at a time."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.calls: list[tuple[str, str, Any]] = []
        self.tokens: list[str] = []
        self.webhooks = [webhook(0xABC1, "192.168.1.20"), webhook(0xABC2, "in.example.com:8443", state="paused")]
        self.rows = [delivery(0x30001), delivery(0x20002, status="dead", attempts=10), delivery(0x10003)]
        self.test: dict[str, Any] = {
            "event_id": EVENT,
            "delivered": True,
            "response_status": 204,
            "duration_ms": 12.3,
            "address": "192.168.1.20",
            "response_body": "",
            "error": None,
        }
        self.problem: tuple[int, dict[str, Any]] | None = None

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = body_of(request)
        self.tokens.append(str(request.headers["Authorization"]).partition(" ")[2])
        self.calls.append((request.command, request.path, body and body.get("data", body)))
        status, said = self.answer(request.command, request.path, body)
        send(request, said, status)

    def answer(self, verb: str, path: str, body: Any) -> tuple[int, Any]:
        place, _, query = path.partition("?")
        if verb != "GET" and place.startswith("/v1") and self.problem is not None:
            status, error = self.problem
            return status, {"status": status, "detail": error["detail"], "errors": [error]}
        match place.removeprefix("/v1/webhooks").split("/")[1:]:
            case [] if verb == "POST":
                return 201, {"data": webhook(0xABC3, "new") | body["data"] | {"signing_secret": SECRET}}
            case []:
                number = 1 if "page[number]=2" in query else 0
                links = {} if number else {"next": "/v1/webhooks?page[number]=2"}
                return 200, {"data": self.webhooks[number : number + 1], "links": links}
            case [_] if verb == "DELETE":
                return 204, None
            case [_, "test"]:
                return 200, {"data": self.test}
            case [id_, ("pause" | "resume") as act]:
                [found] = [one for one in self.webhooks if one["id"] == id_]
                return 200, {"data": found | {"state": "paused" if act == "pause" else "active"}}
            case [_, "rotate-secret"]:
                return 200, {"data": self.webhooks[0] | {"signing_secret": SECRET, "previous_secret_until": NOW}}
            case [_, "redeliver"]:
                return 202, {"data": {"webhook_id": "wh", "events": 17, **body["data"]}}
            case [_, "deliveries"]:
                wanted = re.search(r"status=(\w+)", query)
                rows = [row for row in self.rows if wanted is None or row["status"] == wanted[1]]
                start = 2 if "before" in query else 0
                links = {"next": f"{path}&before=x"} if len(rows) > start + 2 else {}
                return 200, {"data": rows[start : start + 2], "links": links}
            case [_, "deliveries", _]:
                return 200, {"data": self.rows[1] | {"log": [ATTEMPT]}}
            case [_, "deliveries", _, "redeliver"]:
                return 202, {"data": delivery(0x40004, status="waiting")}
        return 200, {"jsonrpc": "2.0", "id": body["id"], "result": {"timestamp": NOW}}


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Hooks]:
    with serving(Hooks(tmp_path)) as made:
        yield made


def test_all_of_them_are_shown_with_their_hosts_and_no_more_of_their_urls(
    peer: Hooks, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.webhooks[1] |= {"state": "disabled", "reason": "gone", "failing_for": 7300.0, "lost": 3}
    assert main(["webhooks", *peer.words]) == 0
    shown = capsys.readouterr().out
    header, first, second = shown.splitlines()
    assert header.split() == ["id", "state", "host", "events", "arrived", "waiting", "dead", "lost"]
    assert first.split()[:3] == ["000000abc1", "active", "192.168.1.20"]
    assert "alarm:* +1" in first
    # The gateway's clock is a second behind that.
    assert first.split()[-6:] == ["0", "ms", "ago", "2", "1", "0"]
    assert "disabled: gone" in second
    # Many receivers have a secret in the rest of their URL.
    assert "token-of-the-receiver" not in shown
    assert main(["webhooks", "list", "--json", *peer.words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["total"] == 2
    assert [one["last_success"] for one in found["webhooks"]] == ["2026-11-22T12:00:01Z"] * 2


def test_lists_fit_a_terminal_and_show_has_the_rest(peer: Hooks, capsys: pytest.CaptureFixture[str]) -> None:
    types = ["alarm:*", "plugin:config_updated", "governor:analysis_complete", "webhook:delivery_failed"]
    peer.webhooks = [
        webhook(
            0xABC1,
            "receiver-of-the-works.plant-3.example.com:8443",
            events=types,
            failing_for=180_000.0,
            scopes=["agents:read", "devices:read", "events:subscribe", "governor:read", "plugins:read", "system:read"],
            lost=12_345,
            filter={"severity": ["critical"]},
            owner="client:analytics",
            sequence=3,
            newest=9,
        )
    ]
    peer.rows = [
        delivery(0x30001, event_type="governor:analysis_complete.of.many.words", redelivery=True, attempts=10),
        delivery(0x20002, status="waiting", finished_at=None, next_attempt_at="2026-11-23T12:00:00Z"),
    ]
    assert main(["webhooks", *peer.words]) == 0
    [_, row] = capsys.readouterr().out.splitlines()
    assert "failing 2 d" in row
    assert "alarm:* +3" in row
    assert main(["webhooks", "deliveries", "abc1", *peer.words]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[1].split()[-3:] == ["12:00:00Z", "ended", "12:00:01Z"]
    assert rows[2].endswith("12:00:00Z  next 11-23 12:00:00Z")
    assert max(map(len, [row, *rows])) <= 100
    assert main(["webhooks", "show", "abc1", *peer.words]) == 0
    shown = capsys.readouterr().out
    for words in (
        "host          receiver-of-the-works.plant-3.example.com:8443\n",
        f"events        {', '.join(types)}\n",
        "severity    critical\n",
        "owner         client:analytics\n",
        "scopes        agents:read devices:read events:subscribe governor:read plugins:read system:read\n",
        "lost          12345\n",
        "log           3 of 9\n",
    ):
        assert words in shown
    assert "token-of-the-receiver" not in shown
    assert main(["webhooks", "show", "abc1", "--json", *peer.words]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == peer.webhooks[0]["id"]


@pytest.mark.parametrize(
    ("events", "scopes"),
    [
        ("alarm:*", "devices:read webhooks:write"),
        ("alarm:*,system:alert", "devices:read system:read webhooks:write"),
        ("user:action", "events:subscribe webhooks:write"),
        ("webhook:*", "webhooks:read webhooks:write"),
    ],
)
def test_a_token_is_made_with_what_the_patterns_need_and_no_more(
    peer: Hooks, tmp_path: Path, events: str, scopes: str
) -> None:
    load_root_key(tmp_path)
    words = ["--state", str(tmp_path), *peer.words[: peer.words.index("--token")]]
    assert main(["webhooks", "add", "https://new/in", "--events", events, *words]) == 0
    claims = msgspec.json.decode(base64.urlsafe_b64decode(peer.tokens[-1].split(".")[1] + "=="))
    assert sorted(claims["scope"].split()) == sorted(scopes.split())


def test_a_token_that_has_less_is_told_so(peer: Hooks, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["webhooks", "add", "https://new/in", "--events", "alarm:*,system:alert", *peer.words]
    # The peer's webhooks carry devices:read and webhooks:write.
    assert main(words) == 0
    assert "note: the token lacks system:read: what needs them is not brought" in capsys.readouterr().err
    peer.problem = 403, {"detail": "your token lacks devices:read.", "meta": {"required_scope": "devices:read"}}
    assert main(words) == 7
    assert '"devices:read system:read webhooks:write"' in capsys.readouterr().err


def test_none_is_said_to_be_none(peer: Hooks, capsys: pytest.CaptureFixture[str]) -> None:
    peer.webhooks = []
    assert main(["webhooks", *peer.words]) == 0
    assert capsys.readouterr().out.startswith("no webhook is registered: ferrule webhooks add")


def test_the_secret_of_a_new_one_is_shown_with_how_to_use_it(
    peer: Hooks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("a secret of 22 signs.\n")
    words = ["webhooks", "add", "https://new/in", "--events", "alarm:*, device:down,", "--ordered", *peer.words]
    assert main([*words, "--secret-file", str(tmp_path / "secret"), "--format", "cloudevents"]) == 0
    verb, path, data = peer.calls[-1]
    assert (verb, path) == ("POST", "/v1/webhooks")
    assert data == {
        "url": "https://new/in",
        "events": ["alarm:*", "device:down"],
        "ordered": True,
        "format": "cloudevents",
        "description": "",
        "secret": "a secret of 22 signs.",
    }
    shown = capsys.readouterr().out
    assert f"secret: {SECRET}\n" in shown
    assert "standardwebhooks.webhooks.Webhook(SECRET).verify(body, headers)" in shown
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["signing_secret"] == SECRET
    assert "secret" not in peer.calls[-1][2]
    assert main([*words, "--secret-file", str(tmp_path / "absent")]) == 2
    assert "nothing was changed" in capsys.readouterr().err


def test_a_pattern_that_no_event_of_the_gateway_fits_is_asked_about(
    peer: Hooks, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["webhooks", "add", "https://new/in", *peer.words, "--events"]
    assert main([*words, "alarms:*"]) == 0
    assert 'Did you mean "alarm:*"?' in capsys.readouterr().err
    assert main([*words, "*,alarm:*,device:down,shop.orders.*"]) == 0
    assert "fits" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (
            403,
            {"detail": "url: 10.0.0.1 is not allowed. Allow it in the configuration."},
            (7, "10.0.0.1 is not allowed"),
        ),
        (403, {"detail": "no.", "meta": {"required_scope": "webhooks:write"}}, (7, '--scope "... webhooks:write"')),
        (422, {"detail": "events[0]: no such type."}, (2, "events[0]: no such type")),
        (401, {"detail": "it has expired."}, (7, "does not take the token: it has expired")),
        (429, {"detail": "too fast.", "meta": {"retry_after": 9}}, (7, "try again in 9 s")),
        (503, {"detail": "the disk is full.", "meta": {"retry_after": 5}}, (1, "the disk is full; try again in 5 s")),
        (500, {"detail": "a fault.", "id": "e-1"}, (1, "its log has more under e-1")),
    ],
)
def test_a_refusal_says_why_and_that_nothing_was_changed(
    peer: Hooks, capsys: pytest.CaptureFixture[str], status: int, error: dict[str, Any], told: tuple[int, str]
) -> None:
    peer.problem = status, error
    assert main(["webhooks", "add", "https://10.0.0.1/in", "--events", "alarm:*", *peer.words]) == told[0]
    said = capsys.readouterr().err
    assert told[1] in said
    assert said.endswith("; nothing was changed\n")


def test_a_test_ends_with_what_came_of_it(peer: Hooks, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhooks", *peer.words, "test", "192.168.1.20"]) == 0
    assert peer.calls[-1][1] == "/v1/webhooks/wh-0000000000000000abc1/test"
    assert capsys.readouterr().out == f"delivered: 204 by 192.168.1.20 after 12 ms, webhook-id {EVENT}\n"
    peer.test |= {"delivered": False, "response_status": 401, "error": "answered 401", "response_body": "who?"}
    assert main(["webhooks", "test", "abc1", *peer.words]) == 1
    assert capsys.readouterr().out == "not delivered: answered 401 by 192.168.1.20 after 12 ms\n  it says: who?\n"
    assert main(["webhooks", "test", "abc1", "--json", *peer.words]) == 1


def test_one_rests_goes_on_and_ends(peer: Hooks, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhooks", "pause", "in.example.com:8443", *peer.words]) == 0
    assert "is paused: events wait" in capsys.readouterr().out
    assert main(["webhooks", "resume", "abc2", "--json", *peer.words]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "active"
    assert main(["webhooks", "remove", "wh-0000000000000000abc2", *peer.words]) == 0
    assert peer.calls[-1][:2] == ("DELETE", "/v1/webhooks/wh-0000000000000000abc2")
    assert capsys.readouterr().out == "wh-0000000000000000abc2 to in.example.com:8443 is removed\n"


def test_deliveries_are_listed_page_by_page_and_one_with_its_attempts(
    peer: Hooks, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["webhooks", "deliveries", "abc1", *peer.words]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in shown] == ["id", "0000030001", "0000020002", "0000010003"]
    assert main(["webhooks", "deliveries", "abc1", "--status", "dead", "--json", *peer.words]) == 0
    assert [row["status"] for row in json.loads(capsys.readouterr().out)["deliveries"]] == ["dead"]
    assert main(["webhooks", "deliveries", "abc1", "20002", *peer.words]) == 0
    head, tried, said = capsys.readouterr().out.splitlines()
    assert head == f"alarm:raised {EVENT}: dead"
    assert tried == f"  10  {NOW}  answered 500 at 192.168.1.20 after 31 ms"
    # What a receiver answers must not clear the screen.
    assert said == "     it says: out of \\x1b[2Jpaper"


def test_one_event_is_delivered_again_or_those_of_some_time(peer: Hooks, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhooks", "redeliver", "abc2", "10003", *peer.words]) == 0
    assert peer.calls[-1][1].endswith("/deliveries/019ab1c4-0000-7000-8000-000000010003/redeliver")
    assert capsys.readouterr().out.endswith("as delivery 0000040004, once it is resumed: it is paused\n")
    assert main(["webhooks", "redeliver", "abc1", "--since", "2h", "--until", "1h", *peer.words]) == 0
    # By the gateway's clock, not by ours.
    assert peer.calls[-1][2] == {"start": "2026-11-22T10:00:00.000Z", "end": "2026-11-22T11:00:00.000Z"}
    assert "17 events from" in capsys.readouterr().out
    for words in ([], ["10003", "--since", "1h"], ["--until", "1h"], ["--since", "1h", "--until", "2h"]):
        assert main(["webhooks", "redeliver", "abc1", *words, *peer.words]) == 2
        assert "nothing was changed" in capsys.readouterr().err


def test_a_time_that_is_to_come_is_called_that(peer: Hooks, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhooks", "redeliver", "abc1", "--since", "2126-11-22T12:00:00Z", *peer.words]) == 2
    told = capsys.readouterr().err
    assert "--since lies in the future; nothing was changed" in told
    assert "--until" not in told


def test_where_nothing_was_delivered_yet_a_test_is_said_to_be_no_delivery(
    peer: Hooks, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.rows = []
    assert main(["webhooks", "deliveries", "abc1", *peer.words]) == 0
    assert "no delivery yet" in capsys.readouterr().out
    assert main(["webhooks", "deliveries", "abc1", "--status", "dead", *peer.words]) == 0
    assert "no dead delivery yet" in capsys.readouterr().out


def test_another_secret_is_shown_with_how_long_the_one_before_counts(
    peer: Hooks, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["webhooks", "rotate", "abc1", *peer.words]) == 0
    assert peer.calls[-1] == ("POST", "/v1/webhooks/wh-0000000000000000abc1/rotate-secret", {})
    shown = capsys.readouterr().out
    assert f"the one before signs too until {NOW}" in shown
    assert f"secret: {SECRET}\n" in shown


@pytest.mark.parametrize(("word", "why"), [("abc", "no webhook"), ("zzzz", "no webhook"), ("in", "no webhook")])
def test_a_word_that_means_none_is_refused(
    peer: Hooks, capsys: pytest.CaptureFixture[str], word: str, why: str
) -> None:
    assert main(["webhooks", "pause", word, *peer.words]) == 2
    assert why in capsys.readouterr().err
    assert all(verb == "GET" for verb, _, _ in peer.calls)


def test_a_host_that_several_go_to_is_refused_with_their_ids() -> None:
    two = [webhook(0xABC1, "a"), webhook(0xABC2, "a")]
    with pytest.raises(Exception, match=r"several .* 000000abc1 .* 000000abc2"):
        one_of("a", two)
