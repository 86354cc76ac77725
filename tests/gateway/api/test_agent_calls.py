"""Calls to agents are few at a time, and nobody has all of them."""

from __future__ import annotations

from collections import Counter

import trio

from gateway.api.agent_calls import MOST_AT_ONCE, MOST_FOR_ONE, AgentCalls
from gateway.core.errors import Code, GatewayError
from gateway.core.roster import AgentRow, AgentStatus, Endpoint, Presence
from tests.gateway.api.rig import Rig


def agent(number: int, port: int) -> AgentRow:
    return AgentRow(
        f"agent-{number}",
        "agent",
        "1.0.0",
        AgentStatus.ACTIVE,
        Presence.ACTIVE,
        active=True,
        healthy=True,
        last_seen=0.0,
        clock="synchronised",
        capabilities=("heat",),
        endpoints=(Endpoint("https", "127.0.0.1", port, "/"),),
    )


class Crowd:
    """Callers of agents that never answer.

    Attributes:
        refused: by caller, how often there was no place.
        reasons: what was said then.
    """

    def __init__(self, calls: AgentCalls, port: int) -> None:
        self._calls = calls
        self._port = port
        self.refused: Counter[str] = Counter()
        self.reasons: set[tuple[Code, str]] = set()
        self._came, self._news = 0, trio.Event()

    def _happened(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def never_answer(self, _: trio.SocketStream) -> None:
        self._came += 1
        self._happened()
        await trio.sleep_forever()

    async def ask(self, number: int, by: str) -> None:
        try:
            await self._calls.invoke(agent(number, self._port), "heat", None, {}, by=by)
        except GatewayError as error:
            self.refused[by] += 1
            self.reasons.add((error.code, error.reason))
            self._happened()

    async def until(self, *, came: int, refused: int) -> None:
        while (self._came, self.refused.total()) != (came, refused):
            await self._news.wait()


async def test_one_caller_cannot_take_all_the_places(rig: Rig) -> None:
    async with rig.served(), trio.open_nursery() as serving:
        calls = AgentCalls(lambda: str(rig.state / "ca.pem"), lambda: (), lambda *_: False, lambda: 0.0)
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        crowd = Crowd(calls, listener.socket.getsockname()[1])
        serving.start_soon(trio.serve_listeners, crowd.never_answer, [listener])
        with trio.fail_after(60):
            async with trio.open_nursery() as greedy:
                for number in range(MOST_AT_ONCE):
                    greedy.start_soon(crowd.ask, number, "greedy")
                left = MOST_AT_ONCE - MOST_FOR_ONE
                await crowd.until(came=MOST_FOR_ONE, refused=left)
                for number in range(left):
                    serving.start_soon(crowd.ask, number, "modest")
                await crowd.until(came=MOST_AT_ONCE, refused=left)
                greedy.cancel_scope.cancel()
            # Whoever has fewer under way again may ask again.
            serving.start_soon(crowd.ask, 0, "greedy")
            await crowd.until(came=MOST_AT_ONCE + 1, refused=left)
        assert crowd.refused == {"greedy": left}
        words = f"{MOST_FOR_ONE} calls to agents are under way for greedy: ask again when one is answered"
        assert crowd.reasons == {(Code.UNAVAILABLE, words)}
        serving.cancel_scope.cancel()
