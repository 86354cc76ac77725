"""Registry and services against a model that remembers only who said what when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.agents.grant import Grant
from gateway.core.errors import Code, GatewayError
from gateway.settings.model import AgentSettings
from tests.gateway.agents.board import Board, service_json, sound

AGENTS = st.sampled_from("abcd")
SERVICES = st.sampled_from("vwxyz")
STATUSES = st.sampled_from(["active", "idle", "busy", "degraded", "maintenance", "offline"])
MAX_AGENTS, MAX_SERVICES = 3, 4
DAY = 86400.0


class Lan(RuleBasedStateMachine):
    """Agents come, speak, announce and go; the power fails and the clock is lost now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Board(settings=AgentSettings(max_services=MAX_SERVICES), max_agents=MAX_AGENTS)
        # Who was heard when, saying what; and what was announced by whom, until when.
        self.heard: dict[str, tuple[float, str]] = {}
        self.offered: dict[str, tuple[str | None, float]] = {}
        self.presence: dict[str, str] = {}
        self.started = 0.0

    def forget_the_silent(self) -> None:
        now = self.board.now
        self.heard = {agent: said for agent, said in self.heard.items() if now - said[0] < DAY}
        self.offered = {
            service: (owner, end)
            for service, (owner, end) in self.offered.items()
            if now < end and (owner is None or owner in self.heard)
        }

    @rule(agent=AGENTS)
    def register(self, agent: str) -> None:
        if agent not in self.heard and len(self.heard) >= MAX_AGENTS:
            with pytest.raises(GatewayError) as error:
                self.board.directory.registry.register(sound(agent), Grant())
            assert error.value.code is Code.UNAVAILABLE
        else:
            self.board.directory.registry.register(sound(agent), Grant())
            self.heard[agent] = (self.board.now, "active")

    @rule(agent=AGENTS)
    def unregister(self, agent: str) -> None:
        if agent in self.heard:
            self.board.directory.registry.unregister(agent)
            del self.heard[agent]
            self.offered = {key: offer for key, offer in self.offered.items() if offer[0] != agent}
        else:
            with pytest.raises(GatewayError):
                self.board.directory.registry.unregister(agent)

    @rule(agent=AGENTS, status=STATUSES)
    def heartbeat(self, agent: str, status: str) -> None:
        if agent in self.heard:
            self.board.directory.registry.heartbeat(agent, status, {"cpu": 1})
            self.heard[agent] = (self.board.now, status)
        else:
            with pytest.raises(GatewayError):
                self.board.directory.registry.heartbeat(agent, status)

    @rule(owner=AGENTS | st.none(), service=SERVICES, ttl=st.sampled_from([30, 300, 86400]))
    def announce(self, owner: str | None, service: str, ttl: int) -> None:
        code = None
        if owner is not None and owner not in self.heard:
            code = Code.AGENT_NOT_FOUND
        elif service in self.offered:
            code = None if self.offered[service][0] == owner else Code.FORBIDDEN
        elif len(self.offered) >= MAX_SERVICES or (owner and owner in {held for held, _ in self.offered.values()}):
            code = Code.UNAVAILABLE
        if code is None:
            self.board.directory.announce(owner, service_json(service, ttl=ttl))
            self.offered[service] = (owner, self.board.now + ttl)
        else:
            with pytest.raises(GatewayError) as error:
                self.board.directory.announce(owner, service_json(service, ttl=ttl))
            assert error.value.code is code

    @rule(seconds=st.sampled_from([1, 29, 30, 31, 59, 60, 61, 119, 120, 300, 3600, 86399, 86400]))
    def wait(self, seconds: int) -> None:
        self.board.now += seconds
        self.forget_the_silent()

    @rule(seconds=st.sampled_from([0, 10, 100, 86400]))
    def restart(self, seconds: int) -> None:
        before = [replace(row, metrics={}) for row in self.board.directory.agents()]
        services = self.board.directory.services()
        self.board.directory.keep()
        if seconds:
            self.board.now += seconds
            self.forget_the_silent()
        self.board.start()
        self.started = self.board.now
        if not seconds:
            assert {row.agent_id: row for row in self.board.directory.agents()} == {row.agent_id: row for row in before}
            assert {row.service_id: row for row in self.board.directory.services()} == {
                row.service_id: row for row in services
            }

    @precondition(lambda self: not self.offered)
    @rule(agent=AGENTS)
    def restart_without_a_clock(self, agent: str) -> None:
        self.board.directory.keep()
        self.board.synchronised = False
        self.board.start()
        self.started = self.board.now
        assert self.board.directory.counts().active == 0
        self.heartbeat(agent, "busy")
        assert self.board.directory.counts().active == (agent in self.heard)
        self.board.synchronised = True
        self.board.timeline.look()

    @invariant()
    def counts_agree(self) -> None:
        counts = self.board.directory.counts()
        assert counts.healthy <= counts.active <= counts.total <= MAX_AGENTS
        now = self.board.now
        active = {agent for agent, (at, said) in self.heard.items() if now - at < 120 and said != "offline"}
        healthy = {agent for agent in active if now - self.heard[agent][0] < 60 and self.heard[agent][1] != "degraded"}
        assert (counts.total, counts.active, counts.healthy) == (len(self.heard), len(active), len(healthy))
        rows = self.board.directory.agents()
        assert {row.agent_id for row in rows} == set(self.heard)
        assert {row.agent_id for row in rows if row.active} == active
        assert {row.agent_id for row in rows if row.healthy} == healthy

    @invariant()
    def services_agree(self) -> None:
        rows = self.board.directory.services()
        assert {row.service_id: row.owner for row in rows} == {key: owner for key, (owner, _) in self.offered.items()}
        for row in rows:
            assert row.expires == self.offered[row.service_id][1] + self.board.ahead > self.board.timeline.now()

    @invariant()
    def whoever_listens_knows_as_much(self) -> None:
        for event, data in self.board.told:
            agent = str(data["agentId"])
            if event in {"agent:unregistered", "agent:expired"}:
                self.presence.pop(agent)
            else:
                self.presence[agent] = event.removeprefix("agent:").replace("registered", "active")
        self.board.told.clear()
        rows = {row.agent_id: row.presence for row in self.board.directory.agents()}
        assert self.presence.keys() == rows.keys()
        if self.board.now >= self.started + 120:
            assert self.presence == rows


TestLan = Lan.TestCase
TestLan.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
