"""A secret that a plugin says is covered wherever it says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.core.errors import GatewayError
from gateway.plugins.host.concealing import COVER, SHORTEST, concealed
from gateway.plugins.host.states import State

from .fakes import FakeProcess
from .lives import saying, scene

CANARY = "sk-canary-4711"
OTHER = "sk-canary-0815"
CONFIG: Mapping[str, Any] = {"config": {"api_key": CANARY}, "secrets": (CANARY,)}


def test_the_longest_is_covered_first() -> None:
    assert concealed("pass password", ("pass", "password")) == f"{COVER} {COVER}"
    assert concealed("a: b", ("a", "")) == "a: b"


PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIE\nINTuctv5E1hK1bbY8fdp/+Xx\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "said",
    [
        str({"key": PEM}),
        json.dumps({"key": PEM}),
        PEM.splitlines()[1],
        PEM.splitlines()[2],
        f"GET https://host/?key={quote_plus(PEM)}",
        f"GET https://host/?key={quote(PEM)}",
        f"https://user:{quote(PEM.splitlines()[2], safe='')}@host/",
    ],
)
def test_a_key_of_many_lines_is_covered_as_programs_say_it(said: str) -> None:
    covered = concealed(said, (PEM,))
    assert COVER in covered
    assert "MC4C" not in covered
    assert "INTu" not in covered


def test_quotes_and_letters_of_other_languages_are_covered_as_programs_say_them() -> None:
    secret = "gehei\"m'nis\\größe"
    for said in (repr({"a": secret}), json.dumps([secret]), json.dumps([secret], ensure_ascii=False), quote(secret)):
        covered = concealed(said, (secret,))
        assert COVER in covered
        assert "gehei" not in covered


@given(st.text(), st.lists(st.text("ab", min_size=SHORTEST, max_size=8)))
def test_nothing_of_them_is_left(text: str, secrets: list[str]) -> None:
    covered = concealed(f"{text}{''.join(secrets)}", secrets)
    assert not any(secret in covered for secret in secrets)


async def test_in_its_log_and_its_health(autojump_clock: MockClock) -> None:
    async def talks(process: FakeProcess) -> None:
        await process.complains.send_all(f"no such key: {CANARY}\n".encode())
        await process.say({"method": "log", "params": {"message": f"using {CANARY}"}})
        await process.say(f"print {CANARY}".encode())
        await process.behave({"health": {"status": "degraded", "detail": f"{CANARY} is old"}})

    async with scene(talks, **CONFIG) as on:
        await on.instance.activate(None)
        await trio.sleep(1)
        texts = [note.text for note in on.instance.notes.last()]
        assert {f"no such key: {COVER}", f"using {COVER}", f"print {COVER}"} <= set(texts)
        assert on.instance.report().health_detail == f"{COVER} is old"
        assert CANARY not in repr((texts, on.gateway.told, on.instance.spec))


async def test_in_why_it_does_not_start(autojump_clock: MockClock) -> None:
    program = saying(initialize={"code": -32000, "message": f"cannot use {CANARY}"})
    async with scene(program, **CONFIG) as on:
        await on.instance.activate(None)
        fall = on.instance.report().fall
        assert fall is not None
        assert COVER in fall.message
        assert CANARY not in repr((fall, on.gateway.told, on.instance.notes.last()))


async def test_in_why_it_refuses_another_one(autojump_clock: MockClock) -> None:
    program = saying(config={"code": -32000, "message": f"{CANARY} is good, {OTHER} is not"})
    async with scene(program, **CONFIG) as on:
        await on.instance.activate(None)
        with pytest.raises(GatewayError) as refused:
            await on.instance.configure({"api_key": OTHER}, None, (OTHER,))
        assert refused.value.reason == f"the plugin refuses it: {COVER} is good, {COVER} is not"
        assert on.instance.spec.config == {"api_key": CANARY}


async def test_whoever_is_wanted_again_while_it_ends_keeps_nobody_waiting(autojump_clock: MockClock) -> None:
    async def slow(process: FakeProcess) -> None:
        while (heard := await process.hear()) is not None:
            if heard["method"] == "shutdown":
                await trio.sleep(2)
            await process.say({"id": heard["id"], "result": {"status": "healthy"}})
        process.end(0)

    async with scene(slow) as on:
        await on.instance.activate(None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(on.instance.deactivate, None)
            await trio.sleep(1)
            await on.instance.activate(None)
        while on.state is not State.ACTIVE:  # noqa: ASYNC110 - virtual time
            await trio.sleep(0.1)
        assert len(on.runner.processes) == 2
