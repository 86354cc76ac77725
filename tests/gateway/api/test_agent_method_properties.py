"""Whatever JSON the methods of agents, services and governors are given, it is a result or the caller's own mistake."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.model import LimitSettings
from tests.gateway.agents.board import card_json, service_json
from tests.gateway.api.agent import Agent
from tests.gateway.api.rig import Rig

MUCH = LimitSettings(agent_requests_per_minute=1_000_000, agent_burst=1_000_000, burst=1_000_000, total_burst=1_000_000)
PARAMETERS = {
    "agent.register": ["agentCard"],
    "agent.list": ["capability", "active", "limit", "offset"],
    "agent.heartbeat": ["agentId", "status", "metrics", "renew"],
    "agent.revoke": ["agentId"],
    "discovery.services": ["capability", "location", "limit", "offset"],
    "discovery.announce": ["service", "agentId"],
    "discovery.withdraw": ["serviceId"],
    "security.validateAddress": ["address"],
    "security.validateCard": ["agentCard"],
    "governor.status": [],
    "governor.analyze": ["scope", "priority"],
    "governor.analysis": ["analysisId"],
    "governor.analyses": ["limit", "offset"],
    "governor.actions": ["limit", "offset"],
    "alert.list": ["state", "limit", "offset"],
    "event.list": ["after", "limit", "type"],
    "agent.message": [
        "toAgent",
        "content",
        "priority",
        "category",
        "correlationId",
        "ttl",
        "fromAgent",
    ],
    "agent.messages": ["agentId", "after", "limit", "waiting"],
    "agent.acknowledge": ["messageId"],
    "alarm.list": ["state", "severity", "alarm", "tag", "limit", "offset"],
    "alarm.ack": ["alarmId", "comment"],
    "capability.invoke": ["capabilityId", "operation", "parameters", "agentId"],
}
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "temp-sensor-001",
            "temperature-read",
            "10.0.0.1",
            "8.8.8.8",
            "all",
            "modbus-rtu",
            "serial-communication",
            "list",
        ]
    )
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
        | st.dictionaries(st.sampled_from(list(card_json())), inner, max_size=5).map(lambda given: card_json() | given)
        | st.dictionaries(st.sampled_from(list(service_json())), inner, max_size=5).map(
            lambda given: service_json() | given
        )
    ),
    max_leaves=8,
)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, Any]:
    method = draw(st.sampled_from(list(PARAMETERS)))
    names = PARAMETERS[method]
    params: Any = {name: draw(values) for name in names if draw(st.integers(0, 4))}
    return method, draw(st.just(params) | values) if not draw(st.integers(0, 9)) else params


@settings(max_examples=12, deadline=None)
@given(given_calls=st.lists(calls(), min_size=20, max_size=40))
def test_nothing_is_a_fault_of_ours(
    tmp_path_factory: pytest.TempPathFactory, given_calls: list[tuple[str, Any]]
) -> None:
    state = tmp_path_factory.mktemp("state")

    async def ask() -> None:
        rig = Rig(state, MUCH)
        agent = Agent(rig, scopes=["*"])
        await agent.register()
        own = agent.token
        for method, params in given_calls:
            for token in (own, rig.tokens.issue({"*"})):
                agent.token = token
                body = {"jsonrpc": "2.0", "method": method, "id": 1, "params": params}
                response = await agent.client.post("/api/v1/rpc", json=body, headers=agent.bearer)
                answer = response.json()
                assert "result" in answer or answer["error"]["code"] != -32603, (method, params, answer)

    with structlog.testing.capture_logs():
        trio.run(ask)
