"""``ferrule agents``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey, OKPKey

from gateway.access.acts import left
from gateway.access.agent_tokens import AgentTokens
from gateway.access.bearer import Bearer
from gateway.access.enrolment import DEFAULT_SCOPES, PURPOSE, Enrolments
from gateway.access.enrolment import DEFAULT_TTL as ENROLMENT_TTL
from gateway.access.jws import AGENT_API
from gateway.access.keys import load_root_key
from gateway.access.revocations import Revocations
from gateway.access.signature import CardSignatures, signed_form
from gateway.access.tokens import OperatorTokens
from gateway.cli.main import main
from gateway.cli.options import agents as options
from gateway.core import rfc3339
from gateway.core.ports import Json
from gateway.core.principal import AgentKey, Principal
from tests.gateway.cli.peer import RpcPeer, serving


class Forgetful:
    """Facts of a gateway that has none."""

    def recall(self, kind: str) -> dict[str, Json]:
        return {}

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        """Nothing is kept."""

    async def settle(self) -> None:
        """Nothing is."""


def enrol(state: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["agents", "enrol", "--state", str(state), "--agent-id", "temp-sensor-001", *words]) == 0
    [line] = capsys.readouterr().out.splitlines()
    given: dict[str, Any] = json.loads(line)
    return given


def known(state: Path, token: str) -> Principal:
    """Who the gateway on a state directory takes a token's bearer for."""
    root = load_root_key(state)
    revocations = Revocations(Forgetful(), time.time, lambda: True)
    bearer = Bearer(
        root,
        operators=OperatorTokens(root, time.time, lambda: True),
        agents=AgentTokens(root, time.time, revocations.epoch),
        enrolments=Enrolments(root, time.time),
        revocations=revocations,
        wall=time.time,
        synchronised=lambda: True,
    )
    return bearer.verify(token, AGENT_API)


def test_an_enrolment_is_one_object_and_all_an_agent_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = load_root_key(tmp_path)
    given = enrol(tmp_path, capsys)
    assert list(given) == ["agentId", "kid", "secret", "token", "expiresAt"]
    assert given["agentId"] == "temp-sensor-001"
    assert abs(rfc3339.parse(given["expiresAt"]) - time.time() - 86400) < 60
    principal = known(tmp_path, given["token"])
    assert principal.subject == "temp-sensor-001"
    assert principal.granted == DEFAULT_SCOPES
    assert principal.covers("anything")
    assert principal.key == AgentKey(given["kid"])
    card = {"agentId": "temp-sensor-001", "name": "x"}
    header = {"alg": "HS256", "kid": given["kid"], "iat": int(time.time()), "nonce": "0123456789"}
    registry = jws.JWSRegistry(algorithms=["HS256"], strict_check_header=False)
    secret = OctKey.import_key({"kty": "oct", "k": given["secret"]})
    signature = jws.detach_content(jws.serialize_compact(header, signed_form(card), secret, registry=registry))
    CardSignatures(root, time.time, lambda: True, time.monotonic).check(
        signature, card, "temp-sensor-001", principal.key
    )


def test_an_enrolment_says_who_made_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_root_key(tmp_path)
    monkeypatch.setenv("SUDO_USER", "anna")
    principal = known(tmp_path, enrol(tmp_path, capsys)["token"])
    assert (principal.name, principal.known_as) == ("anna", "temp-sensor-001")


def test_capabilities_scopes_and_life_are_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = load_root_key(tmp_path)
    given = enrol(tmp_path, capsys, "--capabilities", "b, a", "--scope", "devices:read devices:write", "--ttl", "60")
    principal = known(tmp_path, given["token"])
    assert principal.capabilities == {"a", "b"}
    assert principal.granted == {"devices:read", "devices:write"}
    claims = jwt.decode(given["token"], OctKey.import_key(root.token_keys(PURPOSE)[0].secret)).claims
    assert claims["exp"] - claims["nbf"] == 60


def test_the_defaults_are_those_of_the_enrolment() -> None:
    assert set(options.DEFAULT_SCOPES.split()) == DEFAULT_SCOPES
    assert options.DEFAULT_TTL == ENROLMENT_TTL
    assert not any(scope in DEFAULT_SCOPES for scope in ("devices:write", "agents:write", "*"))


def test_nothing_is_kept_of_an_enrolment_but_who_made_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    root = load_root_key(tmp_path)
    before = sorted(tmp_path.iterdir())
    given = enrol(tmp_path, capsys, "--scope", "devices:read", "--capabilities", "heat")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "acts", *before]
    [act] = left(tmp_path, root).values()
    assert act is not None
    assert (act.action, act.by, act.target) == ("agent.enrol", "anna", "temp-sensor-001")
    assert act.details == {
        "capabilities": ["heat"],
        "scope": "devices:read",
        "pinned": False,
        "kid": given["kid"],
        "expires": given["expiresAt"],
    }
    [file] = (tmp_path / "acts").iterdir()
    assert given["secret"] not in file.read_text()
    assert given["token"] not in file.read_text()


def test_who_ends_tokens_without_a_gateway_is_left_for_the_audit_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    root = load_root_key(tmp_path)
    assert main(["keys", "rotate", "--state", str(tmp_path)]) == 0
    assert main(["token", "revoke", "--all", "--state", str(tmp_path)]) == 0
    acts = [act for act in left(tmp_path, root).values() if act is not None]
    assert {(act.action, act.by, act.target) for act in acts} == {
        ("keys.rotate", "anna", None),
        ("token.revoke", "anna", "all of operators"),
    }
    assert {"generation": 1, "endAll": False} in [act.details for act in acts]


def test_an_act_that_cannot_be_left_is_told_and_done_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_root_key(tmp_path)
    (tmp_path / "acts").touch()
    assert main(["agents", "enrol", "--state", str(tmp_path), "--agent-id", "a"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["agentId"] == "a"
    assert "the audit log will not say who did this" in shown.err


@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_an_agent_with_a_key_of_its_own_gets_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    load_root_key(tmp_path / "state")
    pair = OKPKey.generate_key("Ed25519")
    file = tmp_path / form
    file.write_bytes(pair.as_pem(private=False) if form == "pem" else json.dumps(pair.as_dict(private=False)).encode())
    given = enrol(tmp_path / "state", capsys, "--public-key", str(file))
    assert given["secret"] is None
    key = known(tmp_path / "state", given["token"]).key
    assert key == AgentKey(given["kid"], pair.public_key.public_bytes_raw())


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["--agent-id", "a b"], "1 to 128 letters"),
        (["--capabilities", ""], "leave it out to allow any"),
        (["--capabilities", "a,,b"], "one comma between"),
        (["--capabilities", "a b"], "one comma between"),
        (["--scope", "devices:reed"], 'did you mean "devices:read"?'),
        (["--ttl", "0"], "1 to 2592000"),
        (["--ttl", "2592001"], "1 to 2592000"),
        (["--public-key", "/nowhere/key.pem"], "/nowhere/key.pem: No such file or directory. Is the path right?"),
        (["--public-key", "/dev/null"], "/dev/null: an Ed25519 public key is 32 bytes"),
        (["--state", "/nowhere"], "/nowhere is no directory"),
    ],
)
def test_what_cannot_be_enrolled_is_refused_with_the_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], cure: str
) -> None:
    load_root_key(tmp_path)
    assert main(["agents", "enrol", "--state", str(tmp_path), "--agent-id", "a", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert cure in shown.err


def test_no_key_is_made_where_no_gateway_has_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "enrol", "--state", str(tmp_path), "--agent-id", "a"]) == 1
    assert "Start the gateway on this directory first" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def row(agent_id: str, status: str = "active") -> dict[str, Any]:
    return {
        "agentId": agent_id,
        "name": f"Agent {agent_id}",
        "version": "1.0.0",
        "status": status,
        "lastSeen": "2026-11-22T08:13:46.123Z",
        "capabilities": ["x", "y"],
        "endpoints": [],
    }


class Agents(RpcPeer):
    """Stands for a gateway with these agents, of which it shows two at a time."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.agents = [row("a"), row("b", "inactive"), row("c")]
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.error: dict[str, Any] | None = None

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((method, params))
        if self.error is not None:
            return {"error": self.error}
        if method == "agent.revoke":
            known = any(agent["agentId"] == params["agentId"] for agent in self.agents)
            return {"result": {"revoked": True, "agentId": params["agentId"], "unregistered": known}}
        start = params.get("offset", 0)
        return {"result": {"agents": self.agents[start : start + 2], "total": len(self.agents)}}


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Agents]:
    with serving(Agents(tmp_path)) as made:
        yield made


def test_every_agent_is_listed_however_many_there_are(peer: Agents, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "list", *peer.words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["agent", "name", "version", "status", "last", "seen", "capabilities"]
    assert [line.split()[0] for line in lines[1:]] == ["a", "b", "c"]
    assert "inactive" in lines[2]
    assert main(["agents", "list", "--json", *peer.words]) == 0
    assert json.loads(capsys.readouterr().out) == {"agents": peer.agents, "total": 3}


def test_the_gateway_is_asked_for_what_fits(peer: Agents, capsys: pytest.CaptureFixture[str]) -> None:
    peer.agents = []
    assert main(["agents", "list", "--active", "--capability", "modbus-rtu", *peer.words]) == 0
    assert peer.calls == [("agent.list", {"active": True, "capability": "modbus-rtu"})]
    assert "no agent is registered that fits" in capsys.readouterr().out


def test_an_agent_is_revoked_by_the_gateway(peer: Agents, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "revoke", "a", *peer.words]) == 0
    assert peer.calls == [("agent.revoke", {"agentId": "a"})]
    assert "ferrule agents enrol --agent-id a" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "known"), [("a", True), ("temp-sensr-001", False)])
def test_what_came_of_revoking_is_told_to_programs_too(
    peer: Agents, capsys: pytest.CaptureFixture[str], name: str, known: object
) -> None:
    assert main(["agents", "revoke", name, "--json", *peer.words]) == 0
    assert json.loads(capsys.readouterr().out) == {"revoked": True, "agentId": name, "unregistered": known}


def test_revoking_a_name_that_nobody_has_says_so(peer: Agents, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "revoke", "temp-sensr-001", *peer.words]) == 0
    shown = capsys.readouterr().out
    assert "temp-sensr-001: no agent of this name is registered" in shown
    assert "tokens and enrolments are void" in " ".join(shown.split())


def test_a_refusal_to_revoke_is_told(peer: Agents, capsys: pytest.CaptureFixture[str]) -> None:
    peer.error = {"code": -32005, "message": "Agent not found", "data": {"reason": "there is no agent ghost"}}
    assert main(["agents", "revoke", "ghost", *peer.words]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "there is no agent ghost; nothing was revoked" in shown.err


def test_without_a_gateway_it_says_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "revoke", "a", "--state", str(tmp_path)]) == 6
    assert "start it" in capsys.readouterr().err
