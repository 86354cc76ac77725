"""``ferrule token``."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest

from gateway.access.keys import load_root_key
from gateway.access.tokens import AGENT_API, PLUGIN_API, OperatorTokens
from gateway.cli.main import main


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
