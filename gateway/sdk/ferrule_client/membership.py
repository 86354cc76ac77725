"""An agent among others: registers, keeps its token good, and stays known as long as it runs. Pure."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from typing import NoReturn

from . import effects
from .agents import Announced, Heartbeat, Registration
from .backoff import Backoff
from .effects import Report, Steps
from .errors import (
    AgentNotFoundError,
    AuthenticationError,
    ConfigurationError,
    InternalError,
    ProtocolError,
    RateLimitError,
    RpcError,
    UnavailableError,
    UnreachableError,
)
from .members import Members
from .rpc import Call
from .session import Session

# What is asked of the gateway where it says nothing that can be.
_USUAL_WAIT_S = 30.0
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 1.0, 86400.0
# The gateway gives the next token in the last fifth of a token's life, to whoever asks with a heartbeat then.
_RENEWED_AFTER = 0.8
# Where it has given none by now, the agent registers anew as long as its token still counts.
_REPLACED_AFTER = 0.95
# Heartbeats come a little early, each agent at its own moment.
_EARLY = 0.1
# So often in a row a gateway may not know a token it has just given, before that is an error.
_MOST_REFUSED = 3

_log = logging.getLogger("ferrule_client")
# What passes by itself. Anything else is a mistake somewhere, and waiting does not mend it.
_OUTAGES = (UnreachableError, UnavailableError, InternalError, RateLimitError, ProtocolError)


class Membership:
    """Registers one agent and keeps it registered.

    Args:
        session: carries the calls out; its token is replaced by each new one.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._renew_at = math.inf
        self._replace_at = math.inf
        self._registered = False

    def register(self) -> Steps[Registration]:
        """Register, with the last token where there is one, else with the enrolment.

        Raises:
            AuthenticationError: neither counts any more: the agent has to be enrolled.
            FerruleError: no other error is mended by another token.
        """
        agent = self._session.agent()
        if agent.key is None:
            raise ConfigurationError("registering needs a key: give enrolment, or key with kid and secret")
        # In this order: an enrolment is good once, and one that is not needed stays for another day.
        shown = [token for token in dict.fromkeys((self._session.token, agent.enrolment)) if token is not None]
        if not shown:
            raise ConfigurationError("registering needs an enrolment: ferrule agents enrol on the gateway makes one")
        refused: AuthenticationError | None = None
        for token in shown:
            call = Call("agent.register", {"agentCard": agent.card})
            answer = yield from self._session.call(call, repeatable=False, signed=True, bearer=token)
            try:
                registration = Registration.read(answer.only())
            except AuthenticationError as error:
                # Of two refusals the one that passes with time is told.
                refused = error if refused is None or refused.server_time is None else refused
                continue
            yield from self._take(registration.token, registration.expires_at.timestamp() - answer.now)
            self._registered = True
            return registration
        if refused is None:
            raise AssertionError("something was shown, and was neither taken nor refused")
        refused.add_note(f"enrol it again: ferrule agents enrol --agent-id {agent.agent_id}")
        raise refused

    def heartbeat(self, report: Report) -> Steps[Heartbeat]:
        """Tell the gateway how the agent is; renews the token when it is time to.

        Raises:
            ConfigurationError: the agent was not registered yet; nothing was sent.
        """
        params: dict[str, object] = {
            "agentId": self._session.registered().agent_id,
            "status": str(report.status),
            "metrics": dict(report.metrics),
            "renew": True,
        }
        answer = yield from self._session.call(Call("agent.heartbeat", params))
        given = Members(answer.only(), "agent.heartbeat")
        token = given.text_or_none("token")
        if token is not None:
            yield from self._take(token, given.moment("expiresAt").timestamp() - answer.now)
        again = given.text_or_none("registerAgain")
        if token is None and (again is not None or self._session.clocks.monotonic() >= self._replace_at):
            self._registered = False
        due = given.moment("nextHeartbeat")
        return Heartbeat(due, _believable(due.timestamp() - answer.now), token is not None, again)

    def announce(self, service: Mapping[str, object]) -> Steps[Announced]:
        """Announce a service, or prolong it."""
        answer = yield from self._session.call(Call("discovery.announce", {"service": dict(service)}))
        given = Members(answer.only(), "discovery.announce")
        expires = given.moment("expiresAt")
        return Announced(given.text("serviceId"), expires, _believable(expires.timestamp() - answer.now))

    def withdraw(self, service_id: str) -> Steps[None]:
        """Withdraw a service before its time."""
        answer = yield from self._session.call(Call("discovery.withdraw", {"serviceId": service_id}))
        answer.only()

    def unregister(self) -> Steps[None]:
        """Leave; services go too. Coming back needs a new enrolment."""
        agent_id = self._session.registered().agent_id
        answer = yield from self._session.call(Call("agent.unregister", {"agentId": agent_id}))
        answer.only()
        self._session.token = None
        self._registered = False
        self._renew_at = self._replace_at = math.inf
        yield from effects.keep_token(None)

    def stay(self, services: Iterable[Mapping[str, object]] = ()) -> Steps[NoReturn]:
        """Register where that is due, send heartbeats, announce services in time; over outages, without an end.

        Raises:
            FerruleError: what does not pass by itself: the agent has to be enrolled, its card or report is wrong.
        """
        offered = [dict(service) for service in services]
        due = [-math.inf] * len(offered)
        backoff = Backoff(self._session.clocks.random)
        refused = 0
        while True:
            try:
                if not self._registered:
                    registration = yield from self.register()
                    _log.info("%s is registered until %s", registration.agent_id, registration.expires_at)
                beat = yield from self._beat()
                for number, service in enumerate(offered):
                    if self._session.clocks.monotonic() >= due[number]:
                        announced = yield from self.announce(service)
                        due[number] = self._session.clocks.monotonic() + announced.wait / 2
            except _OUTAGES as error:
                yield from self._wait_out(error, backoff)
                continue
            except (AgentNotFoundError, AuthenticationError) as error:
                if not self._registered and isinstance(error, AuthenticationError) and error.server_time is not None:
                    # The gateway's clock is wrong, and it knows: boards without a clock chip start so.
                    yield from self._wait_out(error, backoff)
                    continue
                # It was registered a moment ago, or this comes out of `register`: then nothing is left to try.
                refused += 1
                if not self._registered or refused >= _MOST_REFUSED:
                    raise
                self._registered = False
                # With the agent its services were forgotten.
                due = [-math.inf] * len(offered)
                continue
            refused = 0
            backoff.reset()
            if self._registered:
                yield from effects.pause(self._rest(beat.wait, min(due, default=math.inf)))

    def _beat(self) -> Steps[Heartbeat]:
        report = yield from effects.ask_report()
        return (yield from self.heartbeat(report))

    def _rest(self, wait: float, due: float) -> float:
        """Seconds until there is something to say: the next heartbeat, a service, or a token that lives shortly."""
        clocks = self._session.clocks
        wait *= 1 - _EARLY * clocks.random()
        now = clocks.monotonic()
        if now < self._renew_at and now + wait >= self._replace_at:
            due = min(due, self._renew_at + _SHORTEST_WAIT_S)
        return min(wait, max(due - now, _SHORTEST_WAIT_S))

    def _wait_out(self, error: Exception, backoff: Backoff) -> Steps[None]:
        wait = backoff.seconds()
        if isinstance(error, RpcError) and error.retry_after is not None:
            wait = max(wait, min(error.retry_after, _LONGEST_WAIT_S))
        _log.warning("not heard by the gateway, trying again in %.1f s: %s", wait, error)
        yield from effects.pause(wait)

    def _take(self, token: str, life: float) -> Steps[None]:
        self._session.token = token
        now = self._session.clocks.monotonic()
        self._renew_at = now + _RENEWED_AFTER * max(life, _SHORTEST_WAIT_S)
        self._replace_at = now + _REPLACED_AFTER * max(life, _SHORTEST_WAIT_S)
        yield from effects.keep_token(token)


def _believable(seconds: float) -> float:
    """A wait the gateway asks for; after a step of its clock it may say what nobody can mean."""
    # Its answers are dated in whole seconds, cut off.
    seconds -= 1
    return max(seconds, _SHORTEST_WAIT_S) if -1 <= seconds <= _LONGEST_WAIT_S else _USUAL_WAIT_S
