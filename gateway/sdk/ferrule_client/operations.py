"""What a program may ask of a gateway, and of other agents, besides being one. Pure."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from . import effects
from .addresses import service_url
from .agents import AddressCheck, Agents, CardCheck, Service, Services
from .alarms import Alarm, Alarms
from .effects import Send, Steps
from .errors import ConfigurationError, InternalError, NotTrustedError, ProtocolError, RpcError, UnreachableError
from .events import Events
from .identity import bearer
from .members import Members
from .messages import Messages, Sent
from .rpc import Call, encode, judge
from .session import Session
from .tags import History, Outcome, Reading, Scalar, Tags, WriteResult, readings

Moment = datetime | float | str
# Methods that may be repeated when a connection breaks, without a thought of what was done: they only ask.
_ASKING = (
    ".list", ".read", ".history", ".status", ".info", ".health", ".services", ".card", ".traffic",
    ".validateAddress", ".validateCard", ".actions", ".analyses", ".analysis",
)  # fmt: skip


class Operations:
    """Calls by name, with results that have types.

    Args:
        session: carries the calls out.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def call(self, method: str, params: Mapping[str, object] | None = None) -> Steps[object]:
        """Any method; its result as it came."""
        repeatable = method.endswith(_ASKING)
        return (yield from self._session.call(Call(method, params or {}), repeatable=repeatable)).only()

    def batch(self, calls: Iterable[Call]) -> Steps[list[object]]:
        """Up to 20 calls in one request: of each its result, or an `RpcError` as a value."""
        return (yield from self._session.batch(list(calls))).outcomes

    def list_agents(self, capability: str | None, active: bool | None) -> Steps[Agents]:  # noqa: FBT001 # as the API has it
        """The agents that are registered."""
        params = _given(capability=capability, active=active)
        return Agents.read((yield from self.call("agent.list", params)))

    def agent_card(self, agent_id: str) -> Steps[dict[str, object]]:
        """The card another agent registered with."""
        given = Members((yield from self.call("agent.card", {"agentId": agent_id})), "agent.card")
        return given.inner("agentCard").given

    def discover_services(self, capability: str | None, location: str | None) -> Steps[Services]:
        """The services that can do this, there."""
        params = _given(capability=capability, location=location)
        return Services.read((yield from self.call("discovery.services", params)))

    def validate_address(self, address: str) -> Steps[AddressCheck]:
        """What the gateway makes of an address."""
        return AddressCheck.read((yield from self.call("security.validateAddress", {"address": address})))

    def validate_agent_card(self, card: Mapping[str, object] | None) -> Steps[CardCheck]:
        """What the gateway makes of a card; of the agent's own also whether its signature counts."""
        own = self._session.identity
        signed = own is not None and own.key is not None and (card is None or card == own.card)
        params = {"agentCard": self._session.agent().card if card is None else card}
        answer = yield from self._session.call(Call("security.validateCard", params), signed=signed)
        return CardCheck.read(answer.only())

    def read_tags(self, tags: Sequence[str], max_age: float | None) -> Steps[dict[str, Reading]]:
        """The readings of tags, by name."""
        if isinstance(tags, str):
            raise ConfigurationError("tags: a list of names, not one text")
        params = {"tags": list(tags), **_given(maxAge=max_age)}
        return readings((yield from self.call("tag.read", params)))

    def list_tags(self, line: str | None, device: str | None, limit: int | None, offset: int) -> Steps[Tags]:
        """The tags there are."""
        params = {**_given(line=line, device=device, limit=limit), "offset": offset}
        return Tags.read((yield from self.call("tag.list", params)))

    def history(self, tag: str, start: Moment, end: Moment, resolution: float | str | None) -> Steps[History]:
        """What a tag was."""
        params = {"tag": tag, "start": _moment(start), "end": _moment(end), **_given(resolution=resolution)}
        return History.read((yield from self.call("tag.history", params)))

    def write_tag(self, tag: str, value: Scalar, lease: float | None) -> Steps[WriteResult]:
        """Write a tag. It is sent once, and whatever happens then has an outcome.

        Raises:
            RpcError: the gateway refused the call itself, and nothing was written.
        """
        params = {"tag": tag, "value": value, **_given(lease=lease)}
        try:
            return WriteResult.read((yield from self.call("tag.write", params)))
        except NotTrustedError:
            raise
        except UnreachableError as error:
            return WriteResult(Outcome.UNKNOWN if error.sent else Outcome.NOT_SENT, "unreachable", str(error))
        except (ProtocolError, InternalError) as error:
            return WriteResult(Outcome.UNKNOWN, "no_clear_answer", str(error))

    def list_alarms(
        self, state: str | None, severity: str | None, alarm: str | None, tag: str | None, offset: int
    ) -> Steps[Alarms]:
        """The alarms of the configuration."""
        params = {**_given(state=state, severity=severity, alarm=alarm, tag=tag), "offset": offset}
        return Alarms.read((yield from self.call("alarm.list", params)))

    def acknowledge_alarm(self, alarm_id: str, comment: str | None) -> Steps[Alarm]:
        """Say that somebody has seen an alarm. A second time changes nothing."""
        call = Call("alarm.ack", {"alarmId": alarm_id, **_given(comment=comment)})
        return Alarm.read(Members((yield from self._session.call(call)).only(), call.method))

    def send_message(
        self,
        to_agent: str,
        content: str,
        *,
        priority: str,
        category: str,
        correlation_id: str | None,
        ttl: float | None,
    ) -> Steps[Sent]:
        """Write to an agent. It is sent once: where the answer is lost, the message may be there all the same."""
        params: dict[str, object] = {"toAgent": to_agent, "content": content, "priority": priority}
        params |= {"category": category, **_given(correlationId=correlation_id, ttl=ttl)}
        return Sent.read((yield from self.call("agent.message", params)))

    def messages(self, after: int, limit: int | None, *, waiting: bool) -> Steps[Messages]:
        """Messages to the caller."""
        call = Call("agent.messages", {"after": after, "waiting": waiting, **_given(limit=limit)})
        return Messages.read((yield from self._session.call(call)).only())

    def acknowledge_message(self, message_id: str) -> Steps[datetime]:
        """Say that a message arrived. A second time changes nothing."""
        call = Call("agent.acknowledge", {"messageId": message_id})
        return Members((yield from self._session.call(call)).only(), call.method).moment("acknowledgedAt")

    def list_events(self, after: int, type_: str | None, limit: int | None) -> Steps[Events]:
        """Events that are kept."""
        params = {"after": after, **_given(type=type_, limit=limit)}
        return Events.read((yield from self.call("event.list", params)))

    def call_service(
        self,
        service: Service | str,
        method: str,
        params: Mapping[str, object] | None,
        *,
        path: str,
        token: str | None,
        trust: ssl.SSLContext | None,
    ) -> Steps[object]:
        """A method of another agent, called there.

        Raises:
            FerruleError: no answer, or one that is an error.
        """
        endpoint = service if isinstance(service, str) else service.endpoint
        if endpoint is None:
            raise ConfigurationError("the service says no endpoint")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {bearer(token, 'token')}"
        body = encode([Call(method, params or {})], batch=False)
        response = yield from effects.send(Send(service_url(endpoint, path), headers, body, trust))
        outcome = judge(response.status, response.body, 1, batch=False)[0]
        if isinstance(outcome, RpcError):
            raise outcome
        return outcome


def _given(**params: object) -> dict[str, object]:
    return {name: value for name, value in params.items() if value is not None}


def _moment(moment: Moment) -> float | str:
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ConfigurationError("a time needs its offset, such as datetime.now(UTC)")
        return moment.isoformat()
    return moment
