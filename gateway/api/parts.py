"""What the API is made of beside the field: agents, and those who govern."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from gateway.access.agent_tokens import AgentTokens
from gateway.access.bearer import Bearer
from gateway.access.revocations import Revocations
from gateway.access.signature import CardSignatures
from gateway.agents.directory import Directory
from gateway.core.alerts import Alerts
from gateway.core.ports import FactStore
from gateway.governor.analysis.analyses import Analyses
from gateway.governor.governors import Governors


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentParts:
    """Built together, for they share the root key and the facts on disk.

    Attributes:
        bearer: proves tokens of every class.
        tokens: gives agents theirs.
        signatures: checks ``X-Agent-Signature``.
        revocations: what was given out and no longer counts.
        directory: agents and services.
        facts: settled before an answer promises something.
        now: Unix seconds.
        ca: file with the authorities of agents' certificates; None: no agent is called.
        devices: addresses and ports of the lines: what is there is no agent, whatever a card says.
        is_own: whether the gateway itself listens at an address and a port: it is no agent either.
    """

    bearer: Bearer
    tokens: AgentTokens
    signatures: CardSignatures
    revocations: Revocations
    directory: Directory
    facts: FactStore
    now: Callable[[], float]
    ca: Callable[[], str | None]
    devices: Callable[[], Collection[tuple[str, int]]]
    is_own: Callable[[str, int], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorParts:
    """The governors of this gateway, and what they tell people.

    Attributes:
        governors: the five loops.
        analyses: that were asked for.
        alerts: what somebody should see to.
    """

    governors: Governors
    analyses: Analyses
    alerts: Alerts
