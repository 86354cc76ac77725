"""Rotation of token keys, by the file beside the root key."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.access.generation import GENERATION_FILE, GenerationError, end_operators, read_generation, rotate
from gateway.access.keys import ROOT_KEY_FILE, KeyFileError, RootKey, load_root_key, read_root_key
from gateway.core.ports import FactStore


@pytest.fixture
def facts(gateway: Any) -> FactStore:
    kept: FactStore = gateway.facts
    return kept


def kids(root: RootKey, purpose: str = "operator-token") -> list[str]:
    return [key.kid for key in root.token_keys(purpose)]


def test_a_gateway_that_never_rotated_signs_as_it_always_did(tmp_path: Path) -> None:
    root = load_root_key(tmp_path)
    assert read_generation(tmp_path) == (root.generation, root.operators) == (0, 0)
    assert not (tmp_path / GENERATION_FILE).exists()
    assert root.token_keys("operator-token") == [root.key("operator-token")]


def test_the_new_key_signs_and_the_one_before_still_verifies(tmp_path: Path) -> None:
    root = load_root_key(tmp_path)
    seen = [kids(root)[0]]
    for generation in (1, 2, 3):
        assert rotate(tmp_path) == (generation, 0)
        assert root.follow(tmp_path)
        assert not root.follow(tmp_path)
        new, before = kids(root)
        assert before == seen[-1]
        assert new not in seen
        seen.append(new)
        assert kids(load_root_key(tmp_path)) == kids(read_root_key(tmp_path)) == [new, before]


def test_purposes_share_no_key_in_any_generation(tmp_path: Path) -> None:
    root = RootKey(bytes(32), 5)
    secrets = [key.secret for purpose in ("agent-token", "enrolment-token") for key in root.token_keys(purpose)]
    assert len(set(secrets)) == 4


def test_what_is_no_token_key_stays_the_same(tmp_path: Path) -> None:
    old, new = RootKey(bytes(32)), RootKey(bytes(32), 9)
    assert old.gateway_id == new.gateway_id
    assert old.key("audit") == new.key("audit")
    assert old.agent_secret("a", "k") == new.agent_secret("a", "k")
    assert len({old.agent_secret(agent, kid) for agent in "ab" for kid in "kl"}) == 4


def test_ending_all_ends_what_a_restore_of_an_older_backup_forgot(tmp_path: Path) -> None:
    root = load_root_key(tmp_path)
    given_out = set(kids(root))
    for end_all in (False, False, True, False, True):
        rotate(tmp_path, end_all=end_all)
        root.follow(tmp_path)
        given_out |= set(kids(root))
    (tmp_path / GENERATION_FILE).unlink()
    rotate(tmp_path, end_all=True)
    root.follow(tmp_path)
    assert not given_out & set(kids(root))


def test_whoever_remembers_proven_tokens_is_told(tmp_path: Path) -> None:
    root = load_root_key(tmp_path)
    told: list[int] = []
    root.changed.append(lambda: told.append(root.generation))
    root.follow(tmp_path)
    rotate(tmp_path)
    root.follow(tmp_path)
    assert told == [1]


def test_the_gateways_user_can_read_what_root_has_written(tmp_path: Path) -> None:
    rotate(tmp_path)
    assert stat.S_IMODE((tmp_path / GENERATION_FILE).stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "content", [b"", b"x", b"-1", b"1.5", b"12345678901", "٣".encode(), b"1 2 3", b"1  2", b"1 x", b"1 12345678901"]
)
def test_a_damaged_file_stops_neither_a_start_nor_a_running_gateway(tmp_path: Path, content: bytes) -> None:
    rotate(tmp_path)
    root = load_root_key(tmp_path)
    (tmp_path / GENERATION_FILE).write_bytes(content)
    with structlog.testing.capture_logs() as logs:
        assert not root.follow(tmp_path)
    assert root.generation == 1
    assert [entry["event"] for entry in logs] == ["token keys stay as they are"]
    with pytest.raises(KeyFileError, match=GENERATION_FILE):
        read_root_key(tmp_path)
    with pytest.raises(GenerationError, match="put it back from a backup"):
        rotate(tmp_path)
    with structlog.testing.capture_logs() as logs:
        anew = load_root_key(tmp_path, lambda: 1.8e9)
    assert logs[0]["kept_as"] == "root.generation.old-20270115T080000Z"
    assert (tmp_path / "root.generation.old-20270115T080000Z").read_bytes() == content
    assert rotate(tmp_path).number == anew.generation + 1 == read_generation(tmp_path).number


def test_after_damage_no_key_of_before_is_good_again(tmp_path: Path) -> None:
    root = load_root_key(tmp_path)
    given_out = set(kids(root))
    for end_all in (False, False, True):
        rotate(tmp_path, end_all=end_all)
        root.follow(tmp_path)
        given_out |= set(kids(root))
    for _ in range(3):
        (tmp_path / GENERATION_FILE).write_bytes(b"\0" * 4)
        anew = set(kids(load_root_key(tmp_path)))
        assert not given_out & anew
        given_out |= anew


def held(state: Path, facts: FactStore) -> RootKey:
    """The root key of a gateway that has started."""
    root = load_root_key(state)
    root.hold(state, facts, lambda: 1.8e9)
    return root


@pytest.mark.parametrize("end_all", [False, True])
def test_a_file_that_is_lost_brings_no_key_back(tmp_path: Path, facts: FactStore, *, end_all: bool) -> None:
    root = held(tmp_path, facts)
    [stolen] = kids(root)
    for _ in range(2):
        rotate(tmp_path, end_all=end_all)
        root.follow(tmp_path)
    now = kids(root)
    (tmp_path / GENERATION_FILE).unlink()
    with structlog.testing.capture_logs() as logs:
        assert not root.follow(tmp_path)
    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("the generation of token keys was written again", "it was missing")
    ]
    (tmp_path / GENERATION_FILE).unlink()
    for gateway in (root, held(tmp_path, facts)):
        assert kids(gateway) == kids(read_root_key(tmp_path)) == now
        assert stolen not in kids(gateway)


def test_a_file_that_was_set_back_ends_all_tokens(tmp_path: Path, facts: FactStore) -> None:
    root = held(tmp_path, facts)
    given_out = set(kids(root))
    for _ in range(4):
        rotate(tmp_path)
        root.follow(tmp_path)
        given_out |= set(kids(root))
    (tmp_path / GENERATION_FILE).write_text("2")
    assert root.follow(tmp_path, lambda: 1.8e9)
    assert not given_out & set(kids(root))
    given_out |= set(kids(root))
    (tmp_path / GENERATION_FILE).unlink()
    # While no gateway runs it counts from nothing.
    assert rotate(tmp_path).number == 1
    with structlog.testing.capture_logs() as logs:
        again = held(tmp_path, facts)
    assert "all tokens given out are void" in logs[0]["event"]
    assert not given_out & set(kids(again))
    assert kids(held(tmp_path, facts)) == kids(again)


def test_where_the_file_cannot_be_written_the_generation_counts_all_the_same(tmp_path: Path, facts: FactStore) -> None:
    facts.remember("token_keys", "generation", [7, 2])
    (tmp_path / ROOT_KEY_FILE).write_bytes(bytes(32))
    (tmp_path / ROOT_KEY_FILE).chmod(0o600)
    root = load_root_key(tmp_path)
    root.hold(tmp_path / "not-there", facts)
    assert (root.generation, root.operators) == (7, 2)
    root = load_root_key(tmp_path)
    facts.remember("token_keys", "generation", "seven")
    root.hold(tmp_path, facts)
    assert root.generation == 0
    assert facts.recall("token_keys") == {"generation": [0, 0]}


def test_operators_tokens_end_by_themselves(tmp_path: Path, facts: FactStore) -> None:
    root = held(tmp_path, facts)
    rotate(tmp_path)
    root.follow(tmp_path)
    operators, agents = set(kids(root)), kids(root, "agent-token")
    for _ in range(2):
        counts = end_operators(tmp_path)
        assert root.follow(tmp_path)
        assert (root.generation, root.operators) == counts
        assert not operators & set(kids(root))
        operators |= set(kids(root))
        assert kids(root, "agent-token") == agents
    now = kids(root)
    assert kids(read_root_key(tmp_path)) == kids(held(tmp_path, facts)) == now
    rotate(tmp_path)
    assert root.follow(tmp_path)
    assert kids(root)[1] == now[0]
    # Neither a file that is lost nor one that was set back brings them back.
    now = kids(root)
    (tmp_path / GENERATION_FILE).unlink()
    assert kids(held(tmp_path, facts)) == now
    (tmp_path / GENERATION_FILE).write_text(f"{root.generation}\n")
    assert not operators & set(kids(held(tmp_path, facts)))
