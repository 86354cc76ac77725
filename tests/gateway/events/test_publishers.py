"""What others publish: within their shares, refused in words, and summed up in the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from gateway.core.audit import AuditOutcome
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal
from gateway.events.charges import Charges
from gateway.events.publishers import ACTION, AROUND, SUMMED_S, Publishers
from gateway.events.shares import Shares
from tests.gateway.agents.board import Facts
from tests.gateway.api.fakes import Notes
from tests.gateway.events.board import Board, running

ANNA = Principal("anna", frozenset({"events:publish"}), Kind.AGENT, "t1")
BEN = Principal("ben", frozenset({"events:publish"}), Kind.AGENT, "t2")
TEXT = {"text": "x" * 869}
SIZE = AROUND + 880
WEEK = 604_800.0


@dataclass
class Stage:
    board: Board
    notes: Notes
    publishers: Publishers

    async def publish(self, by: Principal = ANNA, peer: str = "10.0.0.7", *, kept: bool = True) -> GatewayError | None:
        """Publish an event; gives back why it was refused."""
        try:
            await self.publishers.publish(by, peer, "user:action", TEXT, kept=kept)
        except GatewayError as error:
            return error
        return None


@asynccontextmanager
async def staged(allowance: int = 10 * SIZE) -> AsyncIterator[Stage]:
    async with running() as board:
        notes = Notes()
        shares = Shares(2 * allowance, WEEK, Facts(), board.timeline.now)
        publishers = Publishers(board.journal, Charges(shares, board.alerts), notes, board.timeline.now)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(publishers.run)
            yield Stage(board, notes, publishers)
            nursery.cancel_scope.cancel()


async def test_one_publisher_leaves_the_log_to_others_and_is_told_when_to_come_back(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        for _ in range(10):
            assert await stage.publish() is None
        refused = await stage.publish()
        assert refused is not None
        assert refused.code is Code.TOO_MANY
        wait = refused.details["retryAfter"]
        assert isinstance(wait, int)
        assert "anna has published 10000 bytes of events and messages" in refused.reason
        assert "[events] size" in refused.reason
        # Another token of the same subject is no other owner; another subject is.
        again = await stage.publish(Principal("anna", ANNA.scopes, Kind.AGENT, "t9"))
        assert again is not None
        assert await stage.publish(BEN) is None
        assert len([type_ for type_ in stage.board.types if type_ == "user:action"]) == 11
        # What is not kept takes no room.
        assert await stage.publish(kept=False) is None
        await trio.sleep(wait)
        assert await stage.publish() is None


async def test_a_key_is_no_second_publisher_beside_the_tokens_of_its_owner(autojump_clock: MockClock) -> None:
    """Two halves of the log are all of it: what others said would be gone."""
    scopes = frozenset({"events:publish"})
    by_token = Principal("client:meter", scopes, Kind.CLIENT, "t1")
    by_key = Principal("client:meter", scopes, Kind.API_KEY, "key-1")
    async with staged(2 * SIZE) as stage:
        assert await stage.publish(by_token) is None
        assert await stage.publish(by_key) is None
        for by in (by_key, by_token):
            refused = await stage.publish(by)
            assert refused is not None
            assert refused.code is Code.TOO_MANY


async def test_that_somebody_wants_more_than_its_share_is_an_alert_until_it_does_no_more(
    autojump_clock: MockClock,
) -> None:
    async with staged(SIZE) as stage:
        await stage.publish()
        for _ in range(3):
            assert await stage.publish() is not None
        await trio.sleep(1)
        assert stage.board.alert_states == [("share", "firing")]
        await trio.sleep(SUMMED_S + 61)
        assert stage.board.alert_states == [("share", "firing"), ("share", "resolved")]


async def test_what_the_disk_did_not_take_used_nothing_up(autojump_clock: MockClock) -> None:
    async with staged(SIZE) as stage:
        stage.board.disk.trouble = "the disk is full"
        for _ in range(3):
            refused = await stage.publish()
            assert refused is not None
            assert refused.code is Code.UNAVAILABLE
        stage.board.disk.trouble = None
        await trio.sleep(10)
        assert await stage.publish() is None


async def test_the_first_event_is_noted_at_once_and_the_others_of_the_hour_together(
    autojump_clock: MockClock,
) -> None:
    async with staged(100 * SIZE) as stage:
        for _ in range(50):
            assert await stage.publish() is None
        assert await stage.publish(BEN, "10.0.0.8") is None
        first, other = stage.notes.entries
        assert (first.action, first.subject, first.peer, first.details) == (
            ACTION,
            "anna",
            "10.0.0.7",
            {"event_type": "user:action"},
        )
        assert (other.subject, other.peer) == ("ben", "10.0.0.8")
        await trio.sleep(SUMMED_S + 61)
        [_, _, summed] = stage.notes.entries
        assert (summed.outcome, summed.subject, summed.peer) == (AuditOutcome.DONE, "anna", "10.0.0.7")
        assert (summed.details["events"], summed.details["bytes"]) == (49, 49 * SIZE)
        assert summed.details["refused"] == 0
        await stage.publish()
        assert len(stage.notes.entries) == 4


async def test_what_was_summed_up_is_noted_when_the_gateway_stops(autojump_clock: MockClock) -> None:
    async with staged(2 * SIZE) as stage:
        for _ in range(5):
            await stage.publish()
    assert [note.details.get("events") for note in stage.notes.entries] == [None, 1]
    assert stage.notes.entries[1].details["refused"] == 3


async def test_a_type_of_the_gateways_own_is_refused_and_that_is_noted(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        with pytest.raises(GatewayError) as refused:
            await stage.publishers.publish(ANNA, "10.0.0.7", "alarm:raised", TEXT)
        assert (refused.value.code, refused.value.field) == (Code.FORBIDDEN, "event_type")
        [note] = stage.notes.entries
        assert (note.outcome, note.target, note.subject) == (AuditOutcome.DENIED, "alarm:raised", "anna")
        assert stage.board.told == []
