"""WebSockets in figures: open, sent, cut and refused."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.settings.model import LimitSettings
from tests.gateway.api.live.stage import Peer, Stage
from tests.gateway.api.live.test_tokens import bearer, handshake


async def test_what_is_open_and_what_went_out(stage: Stage) -> None:
    stage.announce()
    peers = [await stage.peer() for _ in range(2)]
    await stage.open()
    await peers[0].ask("subscribe", channels=["alarms"])
    await peers[1].ask("subscribe", channels=["alarms"], resume_from=0)
    assert (await peers[1].hear())["seq"] == 1
    stage.announce()
    stage.announce("device:down", {"device": "a/b"})
    for peer in peers:
        assert (await peer.hear())["seq"] == 2
    assert (stage.live.figures.open, stage.live.figures.sent) == (3, 3)
    await trio.aclose_forcefully(peers[0].socket.stream)
    await wait_all_tasks_blocked()
    assert stage.live.figures.open == 2


async def test_what_was_cut_and_why(stage: Stage, autojump_clock: MockClock) -> None:
    assert set(stage.live.figures.cut.values()) == {0}
    await (await stage.open()).closed()
    stage.limits = LimitSettings(event_queue=2)
    slow = await stage.peer(lockstep=True)
    await slow.ask("subscribe", channels=["alarms"])
    for _ in range(2000):
        stage.announce(data={"alarm_id": "x" * 1000})
        await wait_all_tasks_blocked()
        if stage.live.figures.cut["slow"]:
            break
    await slow.closed()
    cut = {reason: number for reason, number in stage.live.figures.cut.items() if number}
    assert cut == {"unauthenticated": 1, "slow": 1}


async def test_what_was_refused_and_why(stage: Stage) -> None:
    assert set(stage.live.figures.refused.values()) == {0}
    assert not isinstance(await handshake(stage, bearer("nonsense")), Peer)
    stage.rig.rates.follow(LimitSettings(anonymous_requests_per_minute=1, anonymous_burst=1))
    await handshake(stage)
    await handshake(stage)
    refused = stage.live.figures.refused
    assert refused["unauthenticated"] == 1
    assert refused["too_many"] >= 1
    assert refused["forbidden"] == 0
