"""In whose name a webhook receives: it outlives a token, and not a revocation (D-149)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal
from tests.gateway.webhooks.conftest import BODY, OPERATOR, Rig

ANNA = Principal("anna", frozenset({"webhooks:write", "devices:read"}), Kind.AGENT, "t1", expires=1)
ALARMS = {**BODY, "events": ["alarm:*"]}


async def test_a_token_that_expires_stops_no_webhook(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        await webhooks.create(ANNA, ALARMS)
    async with rig.running() as webhooks:
        assert rig.wall() > ANNA.expires
        rig.happens(count=3)
        await trio.sleep(5)
        assert sorted(rig.sequences()) == [1, 2, 3]


async def test_a_revoked_owner_gets_nothing_and_that_is_told_with_the_cure(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(ANNA, ALARMS)
        await webhooks.create(OPERATOR, {**ALARMS, "url": "https://b.test/hook"})
        rig.happens()
        await trio.sleep(5)
        rig.owners.revoke("anna")
        rig.happens(count=2)
        await trio.sleep(100)
        assert rig.sequences() == [1]
        # Others go on.
        assert sorted(rig.sequences("b.test")) == [1, 2, 3]
        shown = await webhooks.get(OPERATOR, made.webhook.id)
        assert (shown.state, shown.reason, shown.owner) == ("disabled", "revoked", "anna")
        [told] = rig.told("webhook:disabled")
        assert (told["reason"], "anna was revoked. Look where it goes" in str(told["message"])) == ("revoked", True)
        [alert] = rig.alerts.standing()
        assert "anna was revoked" in alert.summary
        # Told of once, whoever else is revoked.
        rig.owners.revoke("ben")
        assert len(rig.told("webhook:disabled")) == 1
    # It stays so.
    async with rig.running() as webhooks:
        await trio.sleep(100)
        assert (await webhooks.get(OPERATOR, made.webhook.id)).reason == "revoked"
        assert rig.sequences() == [1]


async def test_who_was_revoked_while_the_gateway_was_off_gets_nothing(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(ANNA, ALARMS)
    rig.owners.changed.clear()
    rig.owners.revoke("anna")
    async with rig.running() as webhooks:
        rig.happens()
        await trio.sleep(5)
        assert rig.sequences() == []
        assert (await webhooks.get(OPERATOR, made.webhook.id)).reason == "revoked"


async def test_who_resumes_it_becomes_its_owner_and_must_be_allowed_what_it_brings(
    autojump_clock: MockClock, rig: Rig
) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(ANNA, ALARMS)
        rig.owners.revoke("anna")
        rig.happens()
        await trio.sleep(5)
        poor = replace(OPERATOR, scopes=frozenset({"webhooks:write"}))
        with pytest.raises(GatewayError) as refused:
            await webhooks.resume(poor, made.webhook.id)
        assert refused.value.code is Code.FORBIDDEN
        shown = await webhooks.resume(OPERATOR, made.webhook.id)
        assert (shown.state, shown.owner) == ("active", "operator")
        await trio.sleep(5)
        # What the log still had is delivered.
        assert rig.sequences() == [1]
        assert rig.alerts.standing() == []
        # Whatever becomes of the owner before.
        rig.owners.revoke("anna")
        assert (await webhooks.get(OPERATOR, made.webhook.id)).state == "active"


async def test_who_changes_it_takes_it_over_and_who_only_resumes_a_pause_does_not(
    autojump_clock: MockClock, rig: Rig
) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(ANNA, ALARMS)
        await webhooks.pause(OPERATOR, made.webhook.id)
        assert (await webhooks.resume(OPERATOR, made.webhook.id)).owner == "anna"
        rig.owners.revoke("anna")
        changed = await webhooks.patch(OPERATOR, made.webhook.id, {"active": True})
        assert (changed.state, changed.owner, changed.reason) == ("active", "operator", None)
        rig.happens()
        await trio.sleep(5)
        assert rig.sequences() == [1]


async def test_by_which_client_somebody_came_is_known_after_a_restart(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        await webhooks.create(Principal("user:ben", ANNA.scopes, Kind.USER, "t3", client_id="panel"), ALARMS)
    async with rig.running() as webhooks:
        rig.owners.judged.clear()
        webhooks.recheck()
        assert [(owner.subject, owner.client_id) for owner in rig.owners.judged] == [("user:ben", "panel")]
