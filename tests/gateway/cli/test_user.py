"""``ferrule user``."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from gateway.access.users.first_admin import CODE_FILE as MADE_BY_THE_GATEWAY
from gateway.api.pages.views import SETUP
from gateway.cli.main import main
from gateway.cli.user import CODE_FILE
from tests.gateway.cli.peer import Peer, body_of, send, serving

PASSWORD = "correct horse battery"


def user(number: int, name: str, *roles: str, disabled: bool = False) -> dict[str, Any]:
    return {
        "id": f"user-{number:016x}",
        "name": name,
        "roles": list(roles),
        "disabled": disabled,
        "created_at": "2026-11-22T12:00:00Z",
    }


class People(Peer):
    """A gateway that has users, and shows one of them at a time."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.users = [user(1, "anna", "admin"), user(2, "ben", "viewer", disabled=True)]
        self.calls: list[tuple[str, str, Any]] = []
        self.refusal: tuple[int, dict[str, Any]] | None = None

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = body_of(request)
        path, _, query = request.path.partition("?")
        data: Any = None if body is None else body["data"]
        if request.command != "GET":
            self.calls.append((request.command, path, data))
            if self.refusal is not None:
                send(request, self.refusal[1], self.refusal[0])
                return
        match request.command, path.split("/")[2:]:
            case "GET", ["users"]:
                number = 1 if "page[number]=2" in query else 0
                links = {} if number else {"next": "/v1/users?page[number]=2"}
                send(request, {"data": self.users[number : number + 1], "links": links})
            case "POST", ["users"]:
                send(request, {"data": user(3, data["name"], *data["roles"])}, 201)
            case "PATCH", ["users", id_]:
                [found] = [one for one in self.users if one["id"] == id_]
                send(request, {"data": {**found, **{key: data[key] for key in data if key in found}}})
            case "DELETE", ["users", _]:
                send(request, None, 204)
            case "POST", ["auth", "first-admin", "code"]:
                send(request, {"data": {"code": "aaaaa-bbbbb-ccccc-ddddd"}}, 201)


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[People]:
    with serving(People(tmp_path)) as made:
        yield made


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nnext line\n"))


def test_everybody_is_listed(peer: People, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "list", *peer.words]) == 0
    header, anna, ben = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "roles", "state", "added", "id"]
    assert anna.split()[:3] == ["anna", "admin", "active"]
    assert ben.split()[:3] == ["ben", "viewer", "disabled"]
    assert main(["user", "list", "--json", *peer.words]) == 0
    assert json.loads(capsys.readouterr().out) == {"users": peer.users, "total": 2}
    peer.users = []
    assert main(["user", "list", *peer.words]) == 0
    assert "ferrule user code" in capsys.readouterr().out


@pytest.mark.usefixtures("typed")
def test_one_is_added_with_a_password_that_is_no_argument(peer: People, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "add", "carla", "--role", "operator", "--role", "viewer", *peer.words]) == 0
    assert capsys.readouterr().out == "carla may sign in as operator, viewer\n"
    data = {"name": "carla", "roles": ["operator", "viewer"], "password": PASSWORD}
    assert peer.calls == [("POST", "/v1/users", data)]


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize(
    ("words", "data", "shown"),
    [
        (["password", "Ben"], {"password": PASSWORD}, "ben has another password"),
        (["roles", "ben", "operator", "viewer"], {"roles": ["operator", "viewer"]}, "ben is operator, viewer now"),
        (["disable", "ben"], {"disabled": True}, "ben is disabled"),
        (["enable", "user-0000000000000002"], {"disabled": False}, "ben may sign in again"),
    ],
)
def test_one_is_changed(
    peer: People, capsys: pytest.CaptureFixture[str], words: list[str], data: dict[str, Any], shown: str
) -> None:
    assert main(["user", *words, *peer.words]) == 0
    assert capsys.readouterr().out.startswith(shown)
    assert peer.calls == [("PATCH", "/v1/users/user-0000000000000002", data)]


def test_one_is_removed(peer: People, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "remove", "ben", "--json", *peer.words]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": "user-0000000000000002"}
    assert peer.calls == [("DELETE", "/v1/users/user-0000000000000002", None)]


def test_a_name_that_nobody_has_is_code_2(peer: People, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "disable", "nobody", *peer.words]) == 2
    assert 'there is no user "nobody"' in capsys.readouterr().err
    assert peer.calls == []


@pytest.mark.parametrize("lines", ["", "\n"])
def test_without_a_password_nothing_is_sent(
    peer: People, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lines: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["user", "add", "carla", "--role", "viewer", *peer.words]) == 2
    assert "no password on standard input" in capsys.readouterr().err
    assert peer.calls == []


@pytest.mark.parametrize(("second", "code"), [(PASSWORD, 0), ("another", 2)])
def test_on_a_terminal_it_is_asked_for_twice(
    peer: People, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], second: str, code: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = iter([PASSWORD, second])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    assert main(["user", "password", "ben", *peer.words]) == code
    assert len(peer.calls) == (1 if code == 0 else 0)
    assert PASSWORD not in capsys.readouterr().out


def test_who_ends_the_question_for_a_password_changes_nothing(
    peer: People, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-D."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def ended(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", ended)
    assert main(["user", "password", "ben", *peer.words]) == 2
    assert "no password was given; nothing was changed" in capsys.readouterr().err
    assert peer.calls == []


@pytest.mark.usefixtures("typed")
def test_what_the_gateway_refuses_is_said_and_never_the_password(
    peer: People, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.refusal = (422, {"title": "Unprocessable Content", "detail": "password: must be longer."})
    assert main(["user", "add", "carla", "--role", "viewer", *peer.words]) == 2
    said = capsys.readouterr().err
    assert said == "ferrule: password: must be longer; nothing was changed\n"
    peer.refusal = (409, {"title": "Conflict", "detail": "anna is the only administrator."})
    assert main(["user", "remove", "anna", *peer.words]) == 1
    assert "the only administrator" in capsys.readouterr().err


def test_the_code_is_read_on_the_board_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert CODE_FILE == MADE_BY_THE_GATEWAY
    assert main(["user", "code", "--state", str(tmp_path)]) == 1
    assert "--renew" in capsys.readouterr().err
    (tmp_path / CODE_FILE).write_text("aaaaa-bbbbb-ccccc-ddddd\n")
    assert main(["user", "code", "--state", str(tmp_path)]) == 0
    code, cure = capsys.readouterr().out.splitlines()
    assert code == "aaaaa-bbbbb-ccccc-ddddd"
    assert f"{SETUP} in a browser" in cure
    assert main(["user", "code", "--json", "--state", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"code": "aaaaa-bbbbb-ccccc-ddddd"}
    (tmp_path / CODE_FILE).write_bytes(b"\xff")
    assert main(["user", "code", "--state", str(tmp_path)]) == 1


def test_another_code_is_made_by_the_gateway(peer: People, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "code", "--renew", *peer.words]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "aaaaa-bbbbb-ccccc-ddddd"
    assert peer.calls == [("POST", "/v1/auth/first-admin/code", None)]
