"""The kit hears what a real gateway says: alarms, messages, events, over restarts of it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from gateway.sdk.ferrule_client import (
    AsyncFerruleClient,
    AuthorizationError,
    Event,
    FerruleClient,
    NotFoundError,
)
from tests.e2e.programs import Program, ferrule, free_port, until
from tests.e2e.site import Gateway, Site, device, tcp_line

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "follow_events.py"
TAG = 'name = "power", table = "input", address = 0, type = "uint16"'
ALARM = '[[alarm]]\nname = "away"\ndevice_down = "bus/meter"\nmessage = "the meter is away"\n'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A line to nowhere, and an alarm on its device."""
    made = Site(tmp_path / "site")
    line = tcp_line("bus", free_port(), device("meter", 1, [TAG]))
    made.configure(line + ALARM, server=f'bind = "127.0.0.1"\nport = {free_port()}')
    try:
        yield made
        made.close()
    finally:
        for gateway in made.gateways:
            gateway.hang_up()
            gateway.kill()


def enrolled(site: Site, agent_id: str, *more: str) -> Path:
    path = site.directory / f"{agent_id}.json"
    path.write_text(ferrule("agents", "enrol", "--state", site.state, "--agent-id", agent_id, *more).stdout)
    return path


def card(agent_id: str) -> dict[str, Any]:
    about = {"agentId": agent_id, "name": "A", "description": "", "version": "1.0.0"}
    return {**about, "capabilities": [], "endpoints": []}


def agent(site: Site, gateway: Gateway, agent_id: str, *more: str) -> FerruleClient:
    made = FerruleClient(
        gateway.url, card(agent_id), ca=gateway.state / "ca.pem", enrolment=enrolled(site, agent_id, *more)
    )
    made.register()
    return made


def test_alarms_are_listed_and_acknowledged(site: Site) -> None:
    gateway = site.start()
    scope = "agents:read devices:read devices:write"
    with agent(site, gateway, "watch", "--scope", scope) as client:
        alarms = until(lambda: client.list_alarms("standing").alarms, "the alarm stands")
        assert [(one.alarm, one.device, one.severity, one.state) for one in alarms] == [
            ("away", "bus/meter", "warning", "raised")
        ]
        assert alarms[0].alarm_id is not None
        assert alarms[0].raised_at is not None
        seen = client.acknowledge_alarm(alarms[0].alarm_id, "on my way")
        assert (seen.state, seen.acknowledged_by, seen.comment) == ("acknowledged", "watch", "on my way")
        assert client.list_alarms("raised").total == 0
        with pytest.raises(NotFoundError):
            client.acknowledge_alarm("alarm-none")


def test_agents_write_to_each_other_and_listen(site: Site) -> None:
    gateway = site.start()
    with agent(site, gateway, "asks") as asks, agent(site, gateway, "answers") as answers:
        with answers.follow_events(["agent:messages"]) as events:
            heard: list[Event] = []
            waiting = threading.Thread(target=lambda: heard.extend(events), daemon=True)
            waiting.start()
            until(lambda: events.seq is not None, "it is subscribed")
            sent = asks.send_message("answers", "how warm is it?", priority="high", correlation_id="q-1")
            until(lambda: heard, "the message is told")
            events.close()
            waiting.join(10)
            assert not waiting.is_alive()
        assert heard[0].data["message_id"] == sent.message_id
        assert heard[0].seq == sent.seq
        [message] = answers.messages().messages
        assert (message.content, message.priority, message.correlation_id) == ("how warm is it?", "high", "q-1")
        when = answers.acknowledge_message(message.message_id)
        assert answers.acknowledge_message(message.message_id) == when
        assert answers.messages().messages == ()
        assert answers.messages(waiting=False).messages[0].acknowledged_at == when
        found = answers.list_events(after=0, type_="message:*")
        assert [event.seq for event in found.events] == [sent.seq]
        assert answers.list_events(after=found.after).events == ()


def test_events_are_followed_over_a_restart_and_none_is_left_out(site: Site) -> None:
    gateway = site.start()
    operator = gateway.token(["*"])
    trust = gateway.state / "ca.pem"
    with FerruleClient(gateway.url, ca=trust, token=operator) as client:
        with client.follow_events(patterns=["user:*"], since=0) as events:
            publish(gateway, 1)
            assert next(events).data == {"number": 1}
            assert gateway.stop() == 0
            again = site.start()
            for number in (2, 3):
                publish(again, number)
            assert [next(events).data["number"] for _ in range(2)] == [2, 3]
            last = events.seq
        publish(again, 4)
        with client.follow_events(patterns=["user:*"], since=last) as events:
            assert next(events).data == {"number": 4}
    with (
        FerruleClient(again.url, ca=trust, token=again.token(["devices:read"])) as reader,
        reader.follow_events(["webhooks"]) as events,
        pytest.raises(AuthorizationError, match="webhooks:read"),
    ):
        next(events)


def publish(gateway: Gateway, number: int) -> None:
    headers = {"Authorization": f"Bearer {gateway.token(['*'])}"}
    data = {"data": {"event_type": "user:counted", "payload": {"number": number}}}
    assert gateway.client.post("/v1/events", json=data, headers=headers).status_code == 202


async def test_they_are_followed_on_trio_too_and_cancelled_at_any_moment(site: Site) -> None:
    gateway = await trio.to_thread.run_sync(site.start)
    trust = gateway.state / "ca.pem"
    async with (
        AsyncFerruleClient(gateway.url, ca=trust, token=gateway.token(["*"])) as client,
        client.follow_events(patterns=["user:*"], since=0) as events,
    ):
        for patience in (0.0, 0.001, 0.01, 0.05):
            with trio.move_on_after(patience):
                await anext(events)
        for number in range(1, 6):
            await trio.to_thread.run_sync(publish, gateway, number)
        with trio.fail_after(30):
            assert [(await anext(events)).data["number"] for _ in range(5)] == [1, 2, 3, 4, 5]
            await trio.to_thread.run_sync(gateway.stop)
            again = await trio.to_thread.run_sync(site.start)
            await trio.to_thread.run_sync(publish, again, 6)
            async for event in events:
                assert event.data == {"number": 6}
                break


def test_the_example_hears_what_came_while_it_was_away(site: Site, unpacked: Path, tmp_path: Path) -> None:
    gateway = site.start()
    enrolment = enrolled(site, "listener")
    (tmp_path / "prints").mkdir()

    def run() -> Program:
        return Program(
            [
                sys.executable,
                EXAMPLE,
                "--endpoint",
                gateway.url,
                "--ca",
                site.state / "ca.pem",
                "--enrolment",
                enrolment,
            ],
            tmp_path / "prints",
            cwd=tmp_path,
            env={"PYTHONPATH": str(unpacked), "PYTHONSAFEPATH": "1"},
        )

    with agent(site, gateway, "writer") as writer:
        program = run()
        try:
            program.line("following")
            assert "the meter is away" in until(lambda: program.stdout, "it says something")
            writer.send_message("listener", "one")
            program.line("message of writer: one")
            until(lambda: not writer_waits(gateway), "it was acknowledged")
        finally:
            program.kill()
        writer.send_message("listener", "two")
        program = run()
        try:
            program.line("message of writer: two")
            assert "message of writer: one" not in program.stdout
        finally:
            program.kill()


def writer_waits(gateway: Gateway) -> list[Any]:
    headers = {"Authorization": f"Bearer {gateway.token(['*'])}"}
    found = gateway.client.get("/v1/messages", params={"waiting": "true"}, headers=headers).json()["data"]
    assert isinstance(found, list)
    return found
