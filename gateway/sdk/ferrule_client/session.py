"""One gateway as a caller sees it: carries calls out, waits where it is told to, and corrects its clock. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from . import effects
from .effects import Response, Send, Steps
from .errors import AuthenticationError, ConfigurationError, RateLimitError, RpcError, UnreachableError
from .identity import Identity
from .rpc import Call, encode, judge
from .signature import HEADER, sign_card

PATH = "/api/v1/rpc"
USER_AGENT = "ferrule-client/0.1.0"
# Shorter waits than this are not worth a try; it also ends the loop where somebody says "after 0 seconds" for ever.
_SHORTEST_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where time comes from.

    Attributes:
        wall: Unix seconds by this machine.
        monotonic: seconds that only go forward.
        random: a number from 0 to 1.
    """

    wall: Callable[[], float]
    monotonic: Callable[[], float]
    random: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Answer:
    """What calls came to.

    Attributes:
        outcomes: of each its result, or an `RpcError`.
        now: Unix seconds by the other side's clock, when it answered.
    """

    outcomes: list[object]
    now: float

    def only(self) -> object:
        """The result of a single call.

        Raises:
            RpcError: it was refused.
        """
        if isinstance(self.outcomes[0], RpcError):
            raise self.outcomes[0]
        return self.outcomes[0]


class Session:
    """Carries calls out.

    Args:
        url: the gateway's origin.
        identity: the agent that calls; None for a program that is none.
        token: what it shows, before it is registered.
        max_wait: seconds a call may wait in all because there were too many; 0: an error at once.
        clocks: where time comes from.

    Attributes:
        url: the gateway's origin.
        identity: the agent that calls.
        token: the bearer token it shows now.
        clocks: where time comes from.
    """

    def __init__(self, url: str, identity: Identity | None, token: str | None, max_wait: float, clocks: Clocks) -> None:
        self.url = url
        self.identity = identity
        self.token = token
        self.clocks = clocks
        self._max_wait = max_wait
        self._skew = 0.0

    @property
    def skew(self) -> float:
        """Seconds the gateway's clock is ahead of ours, as far as it said so (`data.serverTime`)."""
        return self._skew

    def registered(self) -> Identity:
        """The agent that calls, once it has a token.

        Raises:
            ConfigurationError: the program is no agent, or was not registered yet.
        """
        agent = self.agent()
        if self.token is None:
            raise ConfigurationError(f"{agent.agent_id} is not registered: call register() first; keep_alive() does so")
        return agent

    def agent(self) -> Identity:
        """The agent that calls.

        Raises:
            ConfigurationError: the program is none.
        """
        if self.identity is None:
            raise ConfigurationError("this needs an agent: give agent_card, and enrolment or key")
        return self.identity

    def call(
        self, call: Call, *, repeatable: bool = True, signed: bool = False, bearer: str | None = None
    ) -> Steps[Answer]:
        """Carry out one call.

        Args:
            call: the call.
            repeatable: doing it twice is the same as once, so that it is tried again when a connection breaks.
            signed: show the card's signature with it.
            bearer: shown instead of the token.

        Raises:
            FerruleError: no answer; of an answer that is an error see `Answer.only`.
        """
        return (yield from self._insist(_Order((call,), False, repeatable, signed, bearer)))

    def batch(self, calls: Sequence[Call]) -> Steps[Answer]:
        """Carry out calls in their order, in one request. It is not tried again when a connection breaks."""
        return (yield from self._insist(_Order(tuple(calls), True, False, False, None)))

    def _insist(self, order: _Order) -> Steps[Answer]:
        waited, tried_again, corrected, switched = 0.0, False, False, False
        while True:
            token = order.bearer or self.token
            error: object
            answer: Answer | None = None
            try:
                answer = yield from self._once(order, token)
                error = answer.outcomes[0] if not order.batch else None
            except UnreachableError as broken:
                # Mostly a connection that the other side had closed for being idle.
                if not broken.sent or not order.repeatable or tried_again:
                    raise
                tried_again = True
                continue
            except RpcError as refused:
                error = refused
            if isinstance(error, RateLimitError):
                wait = max(error.retry_after or 0.0, _SHORTEST_WAIT_S)
                if waited + wait <= self._max_wait:
                    waited += wait
                    yield from effects.pause(wait)
                    continue
            elif isinstance(error, AuthenticationError):
                if order.signed and not corrected and self._correct(error):
                    corrected = True
                    continue
                # A heartbeat got a new token while this call was on its way with the old one.
                if order.bearer is None and self.token != token and not switched:
                    switched = True
                    continue
                if token is None:
                    error.add_note("this client has no token yet: register() first, or give it one")
            if answer is None:
                if isinstance(error, RpcError):
                    raise error
                raise AssertionError("without an answer there is an error")
            return answer

    def _once(self, order: _Order, token: str | None) -> Steps[Answer]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if order.signed:
            agent = self.agent()
            headers["X-Agent-ID"] = agent.agent_id
            if agent.key is not None:
                headers[HEADER] = sign_card(agent.card, agent.key, int(self.clocks.wall() + self._skew))
        body = encode(order.calls, batch=order.batch)
        response = yield from effects.send(Send(f"{self.url}{PATH}", headers, body))
        outcomes = judge(response.status, response.body, len(order.calls), batch=order.batch)
        return Answer(outcomes, self._time_there(response))

    def _correct(self, error: AuthenticationError) -> bool:
        """Go by the gateway's time where it says it; whether that is worth another try."""
        if error.server_time is not None:
            self._skew = error.server_time.timestamp() - self.clocks.wall()
            return True
        # Its clock was set right since it last said so, and what it said then is wrong now.
        corrected, self._skew = self._skew != 0, 0.0
        return corrected

    def _time_there(self, response: Response) -> float:
        """Unix seconds by the other side's clock: two times it gives can be compared, whatever ours shows."""
        try:
            return parsedate_to_datetime(response.headers.get("date", "")).timestamp()
        except (ValueError, TypeError):
            return self.clocks.wall() + self._skew


@dataclass(frozen=True, slots=True)
class _Order:
    calls: tuple[Call, ...]
    batch: bool
    repeatable: bool
    signed: bool
    bearer: str | None
