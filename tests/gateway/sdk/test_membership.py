"""Registering, and staying registered, over hours of virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.sdk.ferrule_client import (
    AgentStatus,
    AuthenticationError,
    AuthorizationError,
    ConfigurationError,
    InvalidParamsError,
    NotTrustedError,
    ProtocolError,
    Report,
    UnreachableError,
)
from gateway.sdk.ferrule_client.errors import rpc_error

from .conftest import CARD, EnoughError, Stage

GONE = UnreachableError("no route to host", sent=False)
VOID = rpc_error(-32001, "Authentication error", {"reason": "void"})
SERVICE = {"serviceId": "s-1", "name": "S", "type": "t", "capabilities": [], "endpoint": "https://10.0.0.2", "ttl": 300}


def test_the_enrolment_registers_and_the_token_is_kept(stage: Stage) -> None:
    registration = stage.play(stage.membership.register())
    assert registration.agent_id == "temp-sensor-001"
    assert stage.bearers() == ["enrolment"]
    assert stage.sent[0]["params"] == {"agentCard": CARD}
    assert stage.sent[0]["headers"]["X-Agent-Signature"]
    assert (stage.session.token, stage.kept) == ("token-1", ["token-1"])
    assert "token-1" not in repr(registration)


def test_a_kept_token_comes_before_the_enrolment(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(token="kept")
    stage.serve()
    stage.play(stage.membership.register())
    assert stage.bearers() == ["kept"]


def test_a_kept_token_that_is_void_gives_way_to_the_enrolment(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(token="kept")
    stage.serve()
    taken = stage.answers["agent.register"]
    stage.answers["agent.register"] = [VOID, taken]
    stage.play(stage.membership.register())
    assert stage.bearers() == ["kept", "enrolment"]


def test_when_nothing_counts_any_more_the_error_says_what_to_do(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(token="kept")
    stage.answers["agent.register"] = VOID
    with pytest.raises(AuthenticationError) as caught:
        stage.play(stage.membership.register())
    assert "ferrule agents enrol --agent-id temp-sensor-001" in caught.value.__notes__[0]


def test_a_registration_whose_answer_was_lost_is_not_sent_twice(stage: Stage) -> None:
    stage.answers["agent.register"] = UnreachableError("broke off", sent=True)
    with pytest.raises(UnreachableError):
        stage.play(stage.membership.register())
    assert len(stage.sent) == 1


def test_without_enrolment_and_token_nothing_is_sent(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(enrolment=None)
    with pytest.raises(ConfigurationError, match="enrolment"):
        stage.play(stage.membership.register())


@pytest.mark.parametrize("early", ["heartbeat", "unregister"])
def test_who_has_not_registered_is_told_to_do_that_first(stage: Stage, early: str) -> None:
    steps = stage.membership.heartbeat(Report()) if early == "heartbeat" else stage.membership.unregister()
    with pytest.raises(ConfigurationError, match=r"temp-sensor-001 is not registered: call register\(\) first"):
        stage.play(steps)
    assert stage.sent == []


def test_heartbeats_come_as_often_as_they_are_asked_for(stage: Stage) -> None:
    stage.reports = [Report(AgentStatus.BUSY, {"cpu": 12.5})]
    stage.stay(600)
    beats = [request for request in stage.sent if request["method"] == "agent.heartbeat"]
    assert beats[0]["params"] == {
        "agentId": "temp-sensor-001",
        "status": "busy",
        "metrics": {"cpu": 12.5},
        "renew": True,
    }
    assert beats[1]["params"]["status"] == "active"
    assert 600 / 30 <= len(beats) <= 600 / 25
    assert all(25 <= wait <= 30 for wait in stage.pauses)


@pytest.mark.parametrize("fast", [-400_000.0, 1e9])
def test_neither_clock_has_to_be_right(stage: Stage, fast: float) -> None:
    stage.fast = fast
    stage.stay(7200)
    assert all(25 <= wait <= 30 for wait in stage.pauses)
    assert stage.methods().count("agent.register") == 1
    assert 2 <= len(stage.kept) <= 4


def test_the_token_is_renewed_before_it_expires(stage: Stage) -> None:
    stage.stay(4 * 3600)
    assert stage.methods().count("agent.register") == 1
    assert stage.kept == [f"token-{number}" for number in range(1, 6)]
    assert stage.session.token == "token-5"


def test_a_token_that_lives_shorter_than_heartbeats_are_apart_is_renewed_too(stage: Stage) -> None:
    stage.serve(life=50)
    stage.stay(1200)
    assert stage.methods().count("agent.register") == 1
    assert len(stage.kept) > 1200 / 50


def test_a_gateway_that_renews_nothing_is_registered_with_anew(stage: Stage) -> None:
    heartbeat = stage.answers["agent.heartbeat"]
    assert callable(heartbeat)
    stage.answers["agent.heartbeat"] = lambda _: heartbeat({"params": {}})
    stage.stay(2 * 3600)
    assert stage.methods().count("agent.register") == 3
    assert set(stage.bearers()) == {"enrolment", "token-1", "token-2", "token-3"}


def test_a_gateway_that_wants_to_see_the_key_again_is_shown_it_while_the_token_is_good(stage: Stage) -> None:
    renews = stage.answers["agent.heartbeat"]
    assert callable(renews)

    def refuses(request: dict[str, Any]) -> object:
        answer: dict[str, object] = renews(request)
        if answer.pop("token", None) is not None:
            del answer["expiresAt"]
            answer["registerAgain"] = "signed 30 days ago"
        return answer

    stage.answers["agent.heartbeat"] = refuses
    stage.stay(0.9 * 3600)
    assert stage.methods().count("agent.register") == 2
    assert stage.methods()[-2:] == ["agent.heartbeat"] * 2
    assert stage.play(stage.membership.heartbeat(Report())).register_again is None


def test_an_outage_is_waited_out_with_longer_and_longer_pauses(stage: Stage) -> None:
    stage.stay(60)
    works, stage.answers["agent.heartbeat"] = stage.answers["agent.heartbeat"], GONE
    stage.pauses.clear()
    stage.stay(600)
    assert stage.pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert max(stage.pauses) == 60
    stage.answers["agent.heartbeat"] = works
    stage.pauses.clear()
    stage.stay(100)
    assert all(wait <= 30 for wait in stage.pauses)


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("x", sent=True),
        NotTrustedError("x"),
        ProtocolError("x"),
        rpc_error(-32603, "x"),
        rpc_error(-32007, "x", {"retryAfter": 7}),
        rpc_error(-32004, "x", {"retryAfter": 7}),
    ],
)
def test_what_passes_is_waited_out_from_the_first_registration_on(stage: Stage, error: Exception) -> None:
    register = stage.answers["agent.register"]
    stage.answers["agent.register"] = [error, error, error, register]
    stage.stay(300)
    assert stage.session.token == "token-1"


def test_the_gateway_says_how_long_to_stay_away(stage: Stage) -> None:
    stage.answers["agent.register"] = rpc_error(-32007, "full", {"retryAfter": 90})
    stage.stay(400)
    assert stage.pauses[0] == 90


@pytest.mark.parametrize("code", [-32001, -32005])
def test_a_gateway_that_forgot_the_agent_gets_to_know_it_again(stage: Stage, code: int) -> None:
    works = stage.answers["agent.heartbeat"]
    stage.answers["agent.heartbeat"] = [works, works, rpc_error(code, "who?"), works]
    stage.stay(300, [SERVICE])
    assert stage.methods().count("agent.register") == 2
    assert stage.bearers()[-1] == "token-2"
    again = stage.methods().index("agent.register", 1)
    assert stage.methods()[again : again + 3] == ["agent.register", "agent.heartbeat", "discovery.announce"]


def test_an_agent_that_was_revoked_ends_and_says_so(stage: Stage) -> None:
    works = stage.answers["agent.heartbeat"]
    stage.answers["agent.heartbeat"] = [works, VOID]
    stage.answers["agent.register"] = [stage.answers["agent.register"], VOID]
    with pytest.raises(AuthenticationError):
        stage.play(stage.membership.stay())
    assert stage.methods().count("agent.register") == 3


def test_a_gateway_that_takes_no_token_it_gave_is_not_asked_for_ever(stage: Stage) -> None:
    stage.answers["agent.heartbeat"] = VOID
    with pytest.raises(AuthenticationError):
        stage.play(stage.membership.stay())
    assert len(stage.sent) <= 10


@pytest.mark.parametrize("error", [rpc_error(-32602, "bad metric"), rpc_error(-32002, "not granted")])
def test_a_mistake_is_not_waited_out(stage: Stage, error: Exception) -> None:
    stage.answers["agent.heartbeat"] = error
    with pytest.raises((InvalidParamsError, AuthorizationError)):
        stage.play(stage.membership.stay())
    assert stage.pauses == []


def test_services_are_announced_again_within_their_time(stage: Stage) -> None:
    short: dict[str, Any] = {**SERVICE, "serviceId": "s-2", "ttl": 30}
    stage.stay(1200, [SERVICE, short])
    said: dict[str, list[float]] = {"s-1": [], "s-2": []}
    for request in stage.sent:
        if request["method"] == "discovery.announce":
            said[request["params"]["service"]["serviceId"]].append(0)
    assert 8 <= len(said["s-1"]) <= 12
    assert 75 <= len(said["s-2"]) <= 120


def test_a_nonsensical_time_for_the_next_heartbeat_is_not_believed(stage: Stage) -> None:
    for nonsense in ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        stage.answers["agent.heartbeat"] = {"acknowledged": True, "nextHeartbeat": nonsense}
        stage.pauses.clear()
        stage.stay(100)
        assert all(25 <= wait <= 30 for wait in stage.pauses)


def test_whoever_leaves_shows_no_token_any_more(stage: Stage) -> None:
    stage.play(stage.membership.register())
    stage.play(stage.membership.unregister())
    assert stage.sent[-1]["params"] == {"agentId": "temp-sensor-001"}
    assert (stage.session.token, stage.kept) == (None, ["token-1", None])


def test_a_report_that_fails_is_the_programs_own_error(stage: Stage) -> None:
    class Reports(list[Report]):
        def pop(self, *_: object) -> Report:
            raise EnoughError

    stage.reports = Reports([Report()])
    with pytest.raises(EnoughError):
        stage.play(stage.membership.stay())


def test_a_gateway_whose_clock_is_wrong_for_a_while_is_waited_out(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(token="from-the-future")
    stage.serve()
    works = stage.answers["agent.register"]
    assert callable(works)
    early = rpc_error(-32001, "", {"reason": "not yet good", "serverTime": "2026-01-01T00:00:00Z"})

    def refuse(request: dict[str, Any]) -> object:
        if stage.seconds > 60:
            return works(request)
        # The token is too early for that clock, and the enrolment is used up.
        return early if stage.bearers()[-1] == "from-the-future" else VOID

    stage.answers["agent.register"] = refuse
    stage.stay(120)
    assert stage.pauses[:3] == [1, 2, 4]
    assert stage.session.token == "token-1"
