"""``ferrule token``."""

from __future__ import annotations

import os
import pwd
import re
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from gateway.access.acts import left
from gateway.access.keys import load_root_key
from gateway.access.tokens import AGENT_API, PLUGIN_API, OperatorTokens
from gateway.cli.main import main
from gateway.core.errors import GatewayError
from tests.gateway.cli.peer import RpcPeer, serving


def test_a_token_is_one_line_that_the_gateway_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    root = load_root_key(state)
    assert main(["token", "--state", str(state), "--scope", "devices:read devices:write", "--ttl", "60"]) == 0
    [token] = capsys.readouterr().out.splitlines()
    tokens = OperatorTokens(root, time.time, lambda: True)
    for audience in (AGENT_API, PLUGIN_API):
        assert tokens.verify(token, audience).scopes == {"devices:read", "devices:write"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    # Whoever looks into the audit log later finds who made it, and never the token itself.
    [act] = left(state, root).values()
    assert act is not None
    assert (act.action, act.target) == ("token.mint", claims["jti"])
    assert act.details == {"name": act.by, "scope": "devices:read devices:write", "ttl": 60}
    assert token not in repr(act)


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["--scope", "devices:reed"], 'did you mean "devices:read"?'),
        (["--scope", ""], "at least one scope"),
        (["--scope", "xyz"], "there are: devices:read"),
        (["--scope", "devices:read", "--ttl", "0"], "1 to 86400"),
        (["--scope", "devices:read", "--ttl", "86401"], "1 to 86400"),
        (["--scope", "devices:read", "--ttl", "-5"], "1 to 86400"),
    ],
)
def test_a_wrong_scope_or_lifetime_is_refused_with_the_cure(
    words: list[str], cure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_root_key(tmp_path)
    assert main(["token", "--state", str(tmp_path), *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert cure in shown.err


def test_no_key_is_made_where_no_gateway_has_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--state", str(tmp_path), "--scope", "devices:read"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert str(tmp_path / "root.key") in shown.err
    assert "Start the gateway on this directory first" in shown.err
    assert list(tmp_path.iterdir()) == []


def test_a_lifetime_that_is_no_number_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["token", "--state", str(tmp_path), "--scope", "devices:read", "--ttl", "1h"])
    assert end.value.code == 2
    assert "--ttl" in capsys.readouterr().err


def test_a_damaged_key_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "root.key"
    key.touch(mode=0o600)
    assert main(["token", "--state", str(tmp_path), "--scope", "devices:read"]) == 1
    assert str(key) in capsys.readouterr().err


def test_a_state_directory_that_is_not_there_is_named_and_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slip = tmp_path / "sate"
    assert main(["token", "--state", str(slip), "--scope", "devices:read"]) == 2
    assert str(slip) in capsys.readouterr().err
    assert not slip.exists()


def name_in(token: str) -> object:
    return jwt.decode(token, options={"verify_signature": False}).get("name")


@pytest.mark.parametrize(
    ("words", "sudo", "name"),
    [
        (["--name", "night-shift"], "anna", "night-shift"),
        ([], "anna", "anna"),
        ([], "an na!", "an_na_"),
        ([], "-", None),
        ([], "", pwd.getpwuid(os.getuid()).pw_name),
    ],
)
def test_a_token_says_who_made_it(
    words: list[str],
    sudo: str,
    name: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    load_root_key(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUDO_USER", sudo)
        assert main(["token", "--state", str(tmp_path), "--scope", "devices:read", *words]) == 0
    assert name_in(capsys.readouterr().out.strip()) == name


def test_a_name_that_cannot_be_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_root_key(tmp_path)
    assert main(["token", "--state", str(tmp_path), "--scope", "devices:read", "--name", "a b"]) == 2
    assert "a name is 1 to 64 letters" in capsys.readouterr().err


class Taking(RpcPeer):
    """A gateway that takes what is revoked."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((method, params))
        return {"result": {"revoked": True, **params}}


@pytest.mark.parametrize("as_token", [True, False])
def test_one_token_is_revoked_by_its_id_or_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, as_token: bool
) -> None:
    token = OperatorTokens(load_root_key(tmp_path), time.time, lambda: True).issue(["devices:read"])
    token_id = jwt.decode(token, options={"verify_signature": False})["jti"]
    # One that began with a dash would be taken for an option.
    assert re.fullmatch("[0-9a-f]{24}", token_id)
    with serving(Taking(tmp_path)) as peer:
        assert main(["token", "revoke", token if as_token else token_id, *peer.words]) == 0
    assert peer.calls == [("token.revoke", {"tokenId": token_id})]
    shown = capsys.readouterr().out
    assert f"the token {token_id} is void" in shown
    assert token not in shown


def test_all_tokens_of_operators_end_without_a_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = load_root_key(tmp_path)
    token = OperatorTokens(root, time.time, lambda: True).issue(["devices:read"])
    agents = root.token_keys("agent-token")
    assert main(["token", "revoke", "--all", "--state", str(tmp_path)]) == 0
    assert "all tokens of operators are void" in capsys.readouterr().out
    root.follow(tmp_path)
    with pytest.raises(GatewayError, match="its key was replaced"):
        OperatorTokens(root, time.time, lambda: True).verify(token, AGENT_API)
    assert root.token_keys("agent-token") == agents
    assert main(["token", "--scope", "devices:read", "--state", str(tmp_path)]) == 0
    OperatorTokens(root, time.time, lambda: True).verify(capsys.readouterr().out.splitlines()[-1], AGENT_API)


@pytest.mark.parametrize("words", [["revoke"], ["revoke", "x", "--all"], ["revoke", "a.b.c"], []])
def test_it_takes_one_thing_to_be_told(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_root_key(tmp_path)
    assert main(["token", *words, "--state", str(tmp_path)]) in {2, 6}
    assert capsys.readouterr().err.startswith("ferrule: ")
