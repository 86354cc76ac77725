"""What no longer counts, over restarts and clocks that step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.jws import AGENT_API
from gateway.access.revocations import AGENT_REVOKED, ENROLMENT_USED, REMEMBERED, TOKEN_REVOKED
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import AgentKey

NOW = 1_800_000_000.25


def token_of(gateway: Any, agent_id: str) -> str:
    token: str = gateway.agents.issue(agent_id, [], [], AgentKey("k")).token
    return token


def is_good(gateway: Any, token: str) -> bool:
    try:
        gateway.bearer.verify(token, AGENT_API)
    except GatewayError as error:
        if error.code is not Code.UNAUTHENTICATED:
            raise
        return False
    return True


def test_an_enrolment_registers_once(gateway: Any) -> None:
    token = gateway.enrolments.issue("meter-1").token
    enrolment = gateway.bearer.verify(token, AGENT_API)
    gateway.revocations.spend(enrolment)
    with pytest.raises(GatewayError, match="was used") as caught:
        gateway.revocations.spend(enrolment)
    assert caught.value.code is Code.UNAUTHENTICATED
    assert not is_good(gateway, token)
    gateway.restart()
    assert not is_good(gateway, token)
    assert gateway.facts.urgent == [ENROLMENT_USED]
    assert is_good(gateway, gateway.enrolments.issue("meter-1").token)


def test_a_revoked_agent_is_out_with_all_it_has(gateway: Any) -> None:
    everything = [token_of(gateway, "meter-1"), gateway.enrolments.issue("meter-1").token]
    gateway.wait(1)
    everything.append(token_of(gateway, "meter-1"))
    others = [token_of(gateway, "meter-2"), gateway.operators.issue({"*"})]
    assert all(is_good(gateway, token) for token in everything + others)
    gateway.revocations.revoke_agent("meter-1")
    for _ in range(2):
        assert not any(is_good(gateway, token) for token in everything)
        assert all(is_good(gateway, token) for token in others)
        gateway.restart()
    assert gateway.facts.urgent == [AGENT_REVOKED]


def test_an_agent_that_was_revoked_can_be_enrolled_anew_a_moment_later(gateway: Any) -> None:
    gateway.revocations.revoke_agent("meter-1")
    gateway.wait(0.002)
    assert is_good(gateway, gateway.enrolments.issue("meter-1").token)


def test_a_board_that_started_with_a_wrong_clock_revokes_what_it_issued_before(gateway: Any) -> None:
    token = token_of(gateway, "meter-1")
    gateway.now, gateway.synchronised = 0.0, False
    gateway.restart()
    gateway.revocations.revoke_agent("meter-1")
    gateway.now, gateway.synchronised = NOW, True
    assert not is_good(gateway, token)
    assert is_good(gateway, token_of(gateway, "meter-1"))


def test_what_is_issued_after_a_revocation_is_good_whatever_the_clock_does(gateway: Any) -> None:
    gateway.revocations.revoke_agent("meter-1")
    assert is_good(gateway, token_of(gateway, "meter-1"))
    gateway.now -= 86400
    assert is_good(gateway, token_of(gateway, "meter-1"))


@settings(max_examples=50)
@given(steps=st.lists(st.sampled_from(["issue", "revoke", "supersede", "back", "forth", "restart"]), max_size=20))
def test_exactly_what_was_issued_since_the_last_step_is_good(new_gateway: Any, steps: list[str]) -> None:
    gateway = new_gateway()
    good: list[str] = []
    void: list[str] = []
    for step in steps:
        if step == "issue":
            good.append(token_of(gateway, "a"))
        elif step in {"revoke", "supersede"}:
            (gateway.revocations.revoke_agent if step == "revoke" else gateway.revocations.supersede)("a")
            void, good = void + good, []
        elif step == "restart":
            gateway.restart()
        else:
            gateway.now += 1 if step == "forth" else -1
    gateway.now = NOW
    assert all(is_good(gateway, token) for token in good)
    assert not any(is_good(gateway, token) for token in void)


def test_tokens_that_ended_long_ago_are_forgotten(gateway: Any) -> None:
    gateway.revocations.revoke_token("j", int(gateway.now) + 3600)
    gateway.revocations.spend(gateway.bearer.verify(gateway.enrolments.issue("meter-2").token, AGENT_API))
    gateway.wait(30 * 86400)
    gateway.restart()
    assert all(gateway.facts.kept[kind] for kind in (TOKEN_REVOKED, ENROLMENT_USED))
    gateway.wait(REMEMBERED)
    gateway.restart()
    assert not any(gateway.facts.kept.values())


def test_one_fact_is_kept_of_an_agent_however_often_it_registers(gateway: Any) -> None:
    for _ in range(50):
        gateway.revocations.supersede("meter-1")
    assert gateway.facts.kept == {AGENT_REVOKED: {"meter-1": [50, 0, -1]}}


def test_a_superseded_agent_keeps_its_open_enrolment(gateway: Any) -> None:
    enrolment = gateway.enrolments.issue("meter-1").token
    gateway.revocations.supersede("meter-1")
    assert is_good(gateway, enrolment)
    gateway.revocations.revoke_agent("meter-1")
    gateway.revocations.supersede("meter-1")
    assert not is_good(gateway, enrolment)


def test_a_clock_that_may_be_wrong_forgets_nothing(gateway: Any) -> None:
    given = gateway.agents.issue("meter-1", [], [], AgentKey("k"))
    gateway.revocations.revoke_token(given.token_id, given.expires)
    gateway.synchronised = False
    gateway.now += 20 * 365 * 86400
    gateway.restart()
    gateway.revocations.revoke_token("j", int(gateway.now))
    gateway.now, gateway.synchronised = NOW, True
    gateway.restart()
    assert not is_good(gateway, given.token)


def test_facts_of_another_version_do_not_keep_the_gateway_from_starting(gateway: Any) -> None:
    gateway.facts.kept = {TOKEN_REVOKED: {"a": "soon", "b": 4_000_000_000}, AGENT_REVOKED: {"c": {"before": 1}}}
    gateway.restart()
    assert is_good(gateway, token_of(gateway, "c"))


def test_what_goes_on_in_the_name_of_an_agent_ends_with_its_revocation_and_with_nothing_else(gateway: Any) -> None:
    agent = gateway.bearer.verify(token_of(gateway, "meter-1"), AGENT_API)
    mark = gateway.revocations.mark(agent)
    gateway.revocations.supersede("meter-1")
    gateway.wait(400 * 86400)
    # It got another token, and this one has expired: it is the same agent still.
    assert gateway.revocations.barred(agent, mark) is None
    gateway.revocations.revoke_agent("meter-2")
    assert gateway.revocations.barred(agent, mark) is None
    told = []
    gateway.revocations.changed.append(lambda: told.append(gateway.revocations.barred(agent, mark)))
    gateway.revocations.revoke_agent("meter-1")
    assert told == ["meter-1 was revoked, or enrolled with another key, since"]
    gateway.restart()
    assert "was revoked" in gateway.revocations.barred(agent, mark)
    # What it does after it was enrolled again is another matter.
    gateway.revocations.supersede("meter-1", enrolled=True)
    assert gateway.revocations.barred(agent, gateway.revocations.mark(agent)) is None


def test_what_was_done_with_a_revoked_token_does_not_go_on(gateway: Any) -> None:
    first, second = (gateway.bearer.verify(gateway.operators.issue({"*"}), AGENT_API) for _ in range(2))
    gateway.revocations.revoke_token(first.token_id, first.expires)
    assert "operator" in gateway.revocations.barred(first, gateway.revocations.mark(first))
    assert gateway.revocations.barred(second, gateway.revocations.mark(second)) is None
