"""How calls are carried out: waiting, trying again, and the clock."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from gateway.sdk.ferrule_client import AuthenticationError, RateLimitError, RpcError, UnreachableError
from gateway.sdk.ferrule_client.errors import rpc_error
from gateway.sdk.ferrule_client.rpc import Call

from .conftest import START, Stage, stamp

TOO_MANY = rpc_error(-32004, "Rate limit exceeded", {"retryAfter": 5, "limit": 100, "window": 60})
BROKEN = UnreachableError("broke off", sent=True)
ASK = Call("tag.list")


def signed_at(request: dict[str, object]) -> int:
    headers = request["headers"]
    assert isinstance(headers, dict)
    segment = headers["X-Agent-Signature"].partition("..")[0]
    issued: int = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))["iat"]
    return issued


def test_a_call_waits_as_long_as_it_is_told_to(stage: Stage) -> None:
    stage.answers["tag.list"] = [TOO_MANY, TOO_MANY, {"tags": []}]
    assert stage.play(stage.session.call(ASK)).only() == {"tags": []}
    assert stage.pauses == [5, 5]


def test_a_call_without_a_token_that_needs_one_says_what_to_do(stage: Stage) -> None:
    stage.answers["tag.list"] = rpc_error(-32001, "Authentication error", {"reason": "no token"})
    with pytest.raises(AuthenticationError) as caught:
        stage.play(stage.session.call(ASK)).only()
    assert "register() first" in caught.value.__notes__[0]


def test_but_no_longer_than_its_caller_wants(make_stage: Callable[..., Stage]) -> None:
    for most, waits in ((12.0, 2), (0.0, 0)):
        stage = make_stage(max_wait=most)
        stage.answers["tag.write"] = TOO_MANY
        with pytest.raises(RateLimitError) as caught:
            stage.play(stage.session.call(Call("tag.write"))).only()
        assert caught.value.retry_after == 5
        assert stage.pauses == [5] * waits


def test_after_no_time_at_all_is_not_believed_for_ever(stage: Stage) -> None:
    stage.answers["tag.list"] = rpc_error(-32004, "", {"retryAfter": 0})
    with pytest.raises(RateLimitError):
        stage.play(stage.session.call(ASK)).only()
    assert 0 < len(stage.pauses) <= 60


def test_a_question_is_asked_again_once_when_the_connection_breaks(stage: Stage) -> None:
    stage.answers["tag.list"] = [BROKEN, {"tags": []}]
    assert stage.play(stage.session.call(ASK)).only() == {"tags": []}
    stage.answers["tag.list"] = BROKEN
    with pytest.raises(UnreachableError):
        stage.play(stage.session.call(ASK))
    assert len(stage.sent) == 4


def test_an_order_is_not_given_twice(stage: Stage) -> None:
    stage.answers["tag.write"] = BROKEN
    with pytest.raises(UnreachableError):
        stage.play(stage.session.call(Call("tag.write"), repeatable=False))
    with pytest.raises(UnreachableError):
        stage.play(stage.session.batch([Call("tag.write")]))
    assert len(stage.sent) == 2


def test_a_gateway_that_is_not_there_is_not_asked_twice(stage: Stage) -> None:
    stage.answers["tag.list"] = UnreachableError("refused", sent=False)
    with pytest.raises(UnreachableError):
        stage.play(stage.session.call(ASK))
    assert len(stage.sent) == 1


def test_the_clock_is_corrected_by_what_the_gateway_says(stage: Stage) -> None:
    ahead = 86_400.0
    late = rpc_error(-32001, "Authentication error", {"reason": "old", "serverTime": stamp(START + ahead)})
    stage.answers["security.validateCard"] = [late, {"valid": True}]
    call = Call("security.validateCard")
    assert stage.play(stage.session.call(call, signed=True)).only() == {"valid": True}
    assert [signed_at(request) for request in stage.sent] == [START, START + ahead]
    stage.play(stage.session.call(call, signed=True))
    assert signed_at(stage.sent[-1]) == START + ahead
    assert stage.session.skew == ahead


def test_a_clock_that_stays_wrong_is_corrected_once(stage: Stage) -> None:
    stage.answers["security.validateCard"] = rpc_error(-32001, "", {"serverTime": stamp(START)})
    with pytest.raises(AuthenticationError):
        stage.play(stage.session.call(Call("security.validateCard"), signed=True)).only()
    assert len(stage.sent) == 2


@pytest.mark.parametrize("said", ["soon", 7, "2026-11-22T08:00:00", None])
def test_a_time_that_is_none_corrects_nothing(stage: Stage, said: object) -> None:
    stage.answers["security.validateCard"] = rpc_error(-32001, "", {"serverTime": said})
    with pytest.raises(AuthenticationError):
        stage.play(stage.session.call(Call("security.validateCard"), signed=True)).only()
    assert (len(stage.sent), stage.session.skew) == (1, 0)


def test_a_token_that_was_renewed_on_the_way_is_shown_instead(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(token="old")

    def refuse(_: object) -> object:
        stage.session.token = "new"
        stage.answers["tag.list"] = {"tags": []}
        return rpc_error(-32001, "superseded")

    stage.answers["tag.list"] = refuse
    assert stage.play(stage.session.call(ASK)).only() == {"tags": []}
    assert stage.bearers() == ["old", "new"]


def test_without_a_token_none_is_shown(stage: Stage) -> None:
    stage.answers["server.health"] = {"status": "healthy"}
    stage.play(stage.session.call(Call("server.health")))
    assert stage.bearers() == [None]


def test_only_what_is_signed_says_who_it_is(stage: Stage) -> None:
    stage.answers |= {"tag.list": {}, "security.validateCard": {}}
    stage.play(stage.session.call(ASK))
    stage.play(stage.session.call(Call("security.validateCard"), signed=True))
    assert "X-Agent-ID" not in stage.sent[0]["headers"]
    assert stage.sent[1]["headers"]["X-Agent-ID"] == "temp-sensor-001"


def test_errors_within_a_batch_are_values(stage: Stage) -> None:
    stage.answers |= {"a": 1, "b": rpc_error(-32602, "Invalid params", {"field": "x"})}
    one, other = stage.play(stage.operations.batch([Call("a"), Call("b")]))
    assert one == 1
    assert isinstance(other, RpcError)
    assert other.field == "x"


def test_a_correction_is_taken_back_when_the_gateways_clock_was_set_right(stage: Stage) -> None:
    behind = rpc_error(-32001, "", {"reason": "ahead", "serverTime": stamp(START - 86_400)})
    old = rpc_error(-32001, "", {"reason": "old: compare the clocks"})
    stage.answers["security.validateCard"] = [behind, {}, old, {}, old]
    call = Call("security.validateCard")
    for _ in range(2):
        assert stage.play(stage.session.call(call, signed=True)).only() == {}
    assert [signed_at(request) - START for request in stage.sent] == [0, -86_400, -86_400, 0]
    with pytest.raises(AuthenticationError):
        stage.play(stage.session.call(call, signed=True)).only()
    assert len(stage.sent) == 5
