"""Behind the real journal, with a disk that fails and comes back: what is in the log in the end, clients have got."""

from __future__ import annotations

import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from gateway.api.live.live import Live
from gateway.core.errors import GatewayError
from gateway.core.events import EventSource
from gateway.core.turns import Turns
from gateway.events.journal import Journal
from gateway.settings.model import LimitSettings
from tests.gateway.api.live.stage import Listener, Stage, on_stage

STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["alarm:raised", "tag:changed", "accept"]), st.integers(1, 10)),
        st.tuples(st.just("tag:changed"), st.just(600)),
        st.tuples(st.sampled_from(["break", "mend", "come", "go"]), st.just(0)),
        st.tuples(st.just("sleep"), st.sampled_from([0, 1, 5])),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
@example(steps=[("tag:changed", 600), ("break", 0), ("come", 0), ("alarm:raised", 1), ("sleep", 1)])
def test_what_is_in_the_log_in_the_end_was_heard_once_by_who_came_again(steps: list[tuple[str, int]]) -> None:
    async def play(stage: Stage) -> None:
        stage.limits = LimitSettings(event_queue=10_000)
        source = EventSource("gw", stage.rig.board.timeline, 0, reserve=lambda _: None, stride=10_000, leap=lambda: 0)
        journal = Journal(source, stage.bus, stage.log, stage.rig.alerts)
        journal.keep = lambda event: event.type == "tag:changed" and event.sequence % 2 == 0
        stage.live = Live(
            verify=stage.rig.agents.bearer.verify,
            bus=stage.bus,
            log=stage.log,
            unlogged=journal.unlogged,
            published=lambda: journal.published,
            rates=stage.rig.rates,
            limits=lambda: stage.limits,
            wall=stage.rig.board.timeline.now,
            turns=Turns(),
        )
        stage.nursery.start_soon(stage.live.run)
        stage.nursery.start_soon(journal.run)
        listener = Listener(stage, stage.token("*"), "*")

        async def accept() -> None:
            try:
                await journal.accept("user:action", {})
            except GatewayError:
                return

        for what, count in steps:
            if what in {"break", "mend"}:
                stage.log.broken = what == "break"
            elif what == "come":
                listener.come(at_once=True)
            elif what == "go":
                listener.go()
            elif what == "sleep":
                await trio.sleep(count)
            else:
                for _ in range(count):
                    if what == "accept":
                        stage.nursery.start_soon(accept)
                    else:
                        journal.announce(what, {})
        stage.log.broken = False
        await trio.sleep(60)
        listener.go()
        listener.come(at_once=True)
        await wait_all_tasks_blocked()
        listener.go()
        assert listener.got == sorted(set(listener.got))
        # Of what the log could not be read for when it came, it was told.
        kept = {event.sequence for event in stage.log.events if event.sequence > listener.missing_to}
        assert kept <= set(listener.got)

    on_stage(play)
