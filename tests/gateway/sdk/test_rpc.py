"""Calls to bytes, and what may come back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.rpc_errors import STATUS
from gateway.sdk.ferrule_client import (
    Call,
    ConfigurationError,
    InvalidParamsError,
    NotPrivateError,
    ProtocolError,
    RateLimitError,
    RpcError,
)
from gateway.sdk.ferrule_client.errors import rpc_error
from gateway.sdk.ferrule_client.rpc import encode, judge


def answer(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, **members}).encode()


def test_an_error_has_the_type_of_its_code_and_says_everything() -> None:
    data = {"field": "agentId", "reason": "must not be empty", "provided": ""}
    (error,) = judge(400, answer(error={"code": -32602, "message": "Invalid params", "data": data}), 1, batch=False)
    assert isinstance(error, InvalidParamsError)
    assert (error.field, error.reason, error.provided, error.retry_after) == ("agentId", "must not be empty", "", None)
    assert str(error) == "Invalid params (-32602): agentId: must not be empty"
    conflict = rpc_error(-32007, "Service unavailable", {"reason": "conflict", "message": "agent a keeps bus/d/x"})
    assert (conflict.reason, conflict.words) == ("conflict", "agent a keeps bus/d/x")
    assert str(conflict) == "Service unavailable (-32007): agent a keeps bus/d/x"


def test_every_code_of_the_gateway_has_a_type_of_its_own() -> None:
    types = {type(rpc_error(code, "")) for code in STATUS}
    assert len(types) == len(STATUS)
    assert RpcError not in types
    assert type(rpc_error(-32099, "new")) is RpcError
    assert isinstance(rpc_error(-32003, ""), NotPrivateError)


def test_a_refusal_may_come_without_an_id() -> None:
    body = answer(id=None, error={"code": -32004, "message": "m", "data": {"retryAfter": 45}})
    (error,) = judge(429, body, 1, batch=False)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 45


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"jsonrpc":"2.0","id":1}',
        b'{"id":1,"result":1}',
        b'{"jsonrpc":"2.0","id":2,"result":1}',
        b'{"jsonrpc":"2.0","id":"1","result":1}',
        b'{"jsonrpc":"2.0","id":true,"result":1}',
        b'{"jsonrpc":"2.0","id":null,"result":1}',
        b'{"jsonrpc":"2.0","id":1,"result":NaN}',
        b'{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}',
        b'{"jsonrpc":"2.0","id":1,"error":{}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":true}}',
        b'{"jsonrpc":"2.0","id":[1],"result":1}',
        b"[" * 100_000,
    ],
)
def test_what_no_gateway_answers_is_told_from_an_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        judge(200, body, 1, batch=False)


@given(body=st.binary())
def test_nothing_else_is_raised(body: bytes) -> None:
    for batch in (False, True):
        with pytest.raises(ProtocolError):
            judge(200, body, 1, batch=batch)


def test_a_batch_is_answered_in_any_order() -> None:
    sent = json.loads(encode([Call("a"), Call("b", {"x": 1})], batch=True))
    assert [(item["id"], item["method"], item["params"]) for item in sent] == [(1, "a", {}), (2, "b", {"x": 1})]
    second = {"jsonrpc": "2.0", "id": 2, "error": {"code": -32005, "message": "Agent not found"}}
    first = {"jsonrpc": "2.0", "id": 1, "result": "r"}
    outcomes = judge(200, json.dumps([second, first]).encode(), 2, batch=True)
    assert outcomes[0] == "r"
    assert isinstance(outcomes[1], RpcError)


def test_a_batch_may_be_refused_whole_but_not_answered_in_part() -> None:
    with pytest.raises(RateLimitError):
        judge(429, answer(id=None, error={"code": -32004, "message": "m"}), 2, batch=True)
    half = json.dumps([{"jsonrpc": "2.0", "id": 1, "result": 1}]).encode()
    twice = json.dumps([{"jsonrpc": "2.0", "id": 1, "result": 1}] * 2).encode()
    for body in (half, twice, answer(id=None, result=1)):
        with pytest.raises(ProtocolError):
            judge(200, body, 2, batch=True)


def test_what_cannot_be_sent_is_not() -> None:
    for calls in ([], [Call("m")] * 21):
        with pytest.raises(ConfigurationError, match="batch"):
            encode(calls, batch=True)
    for value in (float("nan"), {1, 2}, b"x"):
        with pytest.raises(ConfigurationError, match="JSON"):
            encode([Call("m", {"value": value})], batch=False)
