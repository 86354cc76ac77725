"""Nonces that were seen: a signature counts once."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from gateway.core.errors import Code, GatewayError
from gateway.core.ports import FactStore

# Of one agent within the time nonces are remembered: it cannot use up the room of the others.
QUOTA = 128
# Of all agents.
CAPACITY = 16384
NONCE = "nonce"
# Of one agent, of signatures that were shown with calls that change nothing: more than it can make in their time.
MOST_SHOWN = 640


class Nonces:
    """Remembers nonces of agents for as long as a signature with them might count.

    Nothing is dropped before its time to make room: who has used up the room waits.

    Args:
        clock: seconds that only go forward; a step of the wall clock must bring no nonce back.
        life: seconds a nonce is remembered.
        quota: nonces of one agent.
        capacity: nonces of all agents.
        facts: where they are kept over restarts, on disk with what the signature was good for; None: nowhere.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        life: float,
        quota: int = QUOTA,
        capacity: int = CAPACITY,
        facts: FactStore | None = None,
    ) -> None:
        self._clock = clock
        self._life = life
        self._quota = quota
        self._capacity = capacity
        self._facts = facts
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._times: dict[str, deque[float]] = {}
        self._shown: dict[str, OrderedDict[str, float]] = {}
        # How long the gateway was off is not known for certain: those of earlier runs begin their whole life anew.
        for key in () if facts is None else facts.recall(NONCE):
            agent_id, _, nonce = key.partition(" ")
            self._note(agent_id, nonce)

    def is_new(self, agent_id: str, nonce: str) -> bool:
        """Whether an agent has not used a nonce yet."""
        self._drop_old()
        return (agent_id, nonce) not in self._seen

    def show(self, agent_id: str, nonce: str) -> bool:
        """Show a nonce, as often as one likes; it can be used no more. False where it was used before."""
        if not self.is_new(agent_id, nonce):
            return False
        shown = self._shown.setdefault(agent_id, OrderedDict())
        now = self._clock()
        shown[nonce] = now
        shown.move_to_end(nonce)
        while len(shown) > MOST_SHOWN or next(iter(shown.values())) <= now - self._life:
            shown.popitem(last=False)
        return True

    def use(self, agent_id: str, nonce: str, *, urgent: bool = True) -> bool:
        """Use a nonce; False where it was used or shown before.

        Args:
            agent_id: whose signature has it.
            nonce: what stands in it.
            urgent: it goes to the disk at once; otherwise within the flush interval.

        Raises:
            GatewayError: TOO_MANY, there is no room for another.
        """
        self._drop_old()
        if (agent_id, nonce) in self._seen or nonce in self._shown.get(agent_id, ()):
            return False
        times = self._times.get(agent_id, deque())
        if len(times) >= self._quota:
            raise self._full(f"{agent_id} has made {len(times)} signatures lately", times[0])
        if len(self._seen) >= self._capacity:
            raise self._full("agents have made too many signatures lately", next(iter(self._seen.values())))
        self._note(agent_id, nonce)
        if self._facts is not None:
            self._facts.remember(NONCE, f"{agent_id} {nonce}", value=True, urgent=urgent)
        return True

    def _note(self, agent_id: str, nonce: str) -> None:
        now = self._clock()
        self._seen[agent_id, nonce] = now
        self._times.setdefault(agent_id, deque()).append(now)

    def _drop_old(self) -> None:
        ended = self._clock() - self._life
        while self._seen:
            (agent_id, nonce), used = next(iter(self._seen.items()))
            if used > ended:
                return
            del self._seen[agent_id, nonce]
            if self._facts is not None:
                self._facts.remember(NONCE, f"{agent_id} {nonce}", None)
            times = self._times[agent_id]
            times.popleft()
            if not times:
                del self._times[agent_id]

    def _full(self, reason: str, oldest: float) -> GatewayError:
        wait = max(1, int(oldest + self._life - self._clock()) + 1)
        return GatewayError(Code.TOO_MANY, f"{reason}: wait {wait} s", details={"retryAfter": wait})
