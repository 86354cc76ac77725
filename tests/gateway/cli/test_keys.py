"""``ferrule keys``."""

from __future__ import annotations

import fcntl
import json
import time
from pathlib import Path

import pytest

from gateway.access.generation import GENERATION_FILE
from gateway.access.jws import AGENT_API
from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens
from gateway.cli.main import main
from gateway.core.errors import GatewayError


def keys(state: Path, *words: str) -> int:
    return main(["keys", *words, "--state", str(state)])


def is_good(tokens: OperatorTokens, token: str) -> bool:
    try:
        return tokens.verify(token, AGENT_API).subject == "operator"
    except GatewayError:
        return False


def test_a_rotation_reaches_tokens_and_the_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = load_root_key(tmp_path)
    gateway = OperatorTokens(root, time.time, lambda: True)

    def given_out() -> str:
        assert main(["token", "--state", str(tmp_path), "--scope", "devices:read"]) == 0
        return capsys.readouterr().out.splitlines()[-1]

    old = given_out()
    assert keys(tmp_path, "rotate") == 0
    assert "generation 1; tokens of the generation before still count" in capsys.readouterr().out
    new = given_out()
    assert not is_good(gateway, new)
    assert root.follow(tmp_path)
    assert is_good(gateway, new)
    assert is_good(gateway, old)
    assert keys(tmp_path, "rotate", "--end-all") == 0
    assert "every token given out before is void" in capsys.readouterr().out
    assert root.follow(tmp_path)
    assert not is_good(gateway, new)
    assert not is_good(gateway, old)
    assert is_good(gateway, given_out())


def test_which_keys_count_is_shown_without_their_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = load_root_key(tmp_path)
    assert keys(tmp_path, "show", "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["gatewayId"], first["generation"]) == (root.gateway_id, 0)
    assert [one["tokens"] for one in first["keys"]] == ["operators", "agents", "enrolments", "clients"]
    assert first["keys"][0]["verifies"] == [root.key("operator-token").kid]
    assert keys(tmp_path, "rotate") == 0
    capsys.readouterr()
    assert keys(tmp_path, "show", "--json") == 0
    second = json.loads(capsys.readouterr().out)
    for before, now in zip(first["keys"], second["keys"], strict=True):
        assert now["verifies"] == [now["signs"], before["signs"]]
    assert keys(tmp_path, "show") == 0
    shown = capsys.readouterr().out
    assert "generation 1" in shown
    assert second["keys"][1]["signs"] in shown
    secrets = [key.secret.hex() for key in load_root_key(tmp_path).token_keys("operator-token")]
    assert not any(secret in shown for secret in secrets)


def test_a_running_gateway_is_to_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_root_key(tmp_path)
    assert keys(tmp_path, "rotate") == 0
    assert "ferrule reload" not in capsys.readouterr().out
    with (tmp_path / "lock").open("w+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("1\n/etc/ferrule/ferrule.toml\n")
        lock.flush()
        assert keys(tmp_path, "rotate") == 0
    assert "ferrule reload" in capsys.readouterr().out


def test_a_directory_without_a_key_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for act in ("show", "rotate"):
        assert keys(tmp_path, act) == 1
        assert "Start the gateway on this directory first" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert keys(tmp_path / "sate", "rotate") == 2
    assert "sate is no directory" in capsys.readouterr().err


def test_a_damaged_file_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_root_key(tmp_path)
    (tmp_path / GENERATION_FILE).write_text("?")
    for act in ("show", "rotate"):
        assert keys(tmp_path, act) == 1
        assert f"{GENERATION_FILE} does not hold the number" in capsys.readouterr().err
    assert (tmp_path / GENERATION_FILE).read_text() == "?"
