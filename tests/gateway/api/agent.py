"""An agent as a test plays it: enrolled, signing with its own hands, not with the gateway's code."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import rfc8785

from gateway.access.enrolment import DEFAULT_SCOPES, Enrolments
from gateway.access.tokens import AGENT_API
from gateway.api.seed_paths import method_of
from gateway.api.test_profile.profile import TestProfile
from tests.gateway.agents.board import card_json
from tests.gateway.api.rig import Rig

REGISTER = f"{AGENT_API}/agents/register"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Agent:
    """One agent with what an operator handed to it; ``client`` calls through the test profile's models."""

    rig: Rig
    agent_id: str = "temp-sensor-001"
    capabilities: Iterable[str] | None = None
    scopes: Iterable[str] = DEFAULT_SCOPES
    peer: str = "192.168.1.100"
    by: str | None = None
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(TestProfile(self.rig.app, method_of), client=(self.peer, 40000)),
            base_url="https://rig",
        )
        self.enrol()

    def enrol(self) -> None:
        given = Enrolments(self.rig.root, self.rig.board.timeline.now).issue(
            self.agent_id, self.capabilities, self.scopes, name=self.by
        )
        self.kid, self.token = given.kid, given.token
        self.key = base64.urlsafe_b64decode((given.secret or "") + "=")

    def card(self, **changes: Any) -> dict[str, Any]:
        return card_json(self.agent_id, **changes)

    def sign(self, card: dict[str, Any], **header: Any) -> str:
        signed = {name: value for name, value in card.items() if name != "lastSeen"}
        now = int(self.rig.board.timeline.now())
        fields = {"alg": "HS256", "kid": self.kid, "iat": now, "nonce": secrets.token_hex(16), **header}
        protected = base64url(json.dumps(fields).encode())
        message = f"{protected}.{base64url(rfc8785.dumps(signed))}"
        return f"{protected}..{base64url(hmac.digest(self.key, message.encode(), 'sha256'))}"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def headers(self, card: dict[str, Any]) -> dict[str, str]:
        return {**self.bearer, "X-Agent-ID": self.agent_id, "X-Agent-Signature": self.sign(card)}

    async def try_to_register(
        self, card: dict[str, Any] | None = None, headers: Mapping[str, str | None] | None = None
    ) -> httpx.Response:
        card = self.card() if card is None else card
        sent = {name: value for name, value in (self.headers(card) | dict(headers or {})).items() if value is not None}
        body = {"jsonrpc": "2.0", "method": "agent.register", "id": 3, "params": {"agentCard": card}}
        return await self.client.post(REGISTER, json=body, headers=sent)

    async def register(self, card: dict[str, Any] | None = None) -> dict[str, Any]:
        response = await self.try_to_register(card)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()["result"]
        self.token = answer["token"]
        return answer

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "method": method, "id": 1, "params": params}
        answer: dict[str, Any] = (await self.client.post(f"{AGENT_API}/rpc", json=body, headers=self.bearer)).json()
        return answer
