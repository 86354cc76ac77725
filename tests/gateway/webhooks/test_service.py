"""Webhooks as the API sees them (WH-01 to WH-24; D-010, D-141, D-142, D-146, D-148, D-149)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import DeliveryStatus
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal
from gateway.core.sealing import Seal, SealError
from gateway.settings.model import WebhookAllow, WebhookSettings
from gateway.webhooks.webhook import from_document
from tests.gateway.webhooks.conftest import BODY, OPERATOR, Rig, answers, away

SECRET = "webhook-secret-here"
AT = 1_800_000_000.0
READER = Principal("reader", frozenset({"webhooks:write", "devices:read"}), Kind.AGENT, "t1")
OTHER = Principal("other", frozenset({"webhooks:write", "devices:read"}), Kind.AGENT, "t2")


async def test_what_is_registered_is_shown_and_survives_a_restart(autojump_clock: MockClock, rig: Rig) -> None:
    body: Mapping[str, Json] = {
        "url": "https://a.test/webhooks/agent-events",
        "events": ["plugin:installed", "message:received", "system:alert"],
        "secret": SECRET,
        "active": True,
        "retry_policy": {"max_attempts": 5, "backoff_multiplier": 2, "initial_delay": 1},
        "filter": {"severity": ["critical"]},
        "description": "of the plant",
        "format": "cloudevents",
        "ordered": True,
    }
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, body)
        assert base64.b64decode(made.signing_secret.removeprefix("whsec_")) == SECRET.encode()
        before = await webhooks.get(OPERATOR, made.webhook.id)
        assert await webhooks.list(OPERATOR) == [before]
    async with rig.running() as webhooks:
        after = await webhooks.get(OPERATOR, made.webhook.id)
        assert after == before
        assert (after.url, list(after.events), after.filter) == (body["url"], body["events"], body["filter"])
        assert (after.state, after.ordered, after.format, after.owner) == ("active", True, "cloudevents", "operator")
        assert after.scopes == tuple(sorted(OPERATOR.scopes))


async def test_an_owner_is_an_operator_by_name_over_restarts(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = (await webhooks.create(replace(OPERATOR, name="anna"), BODY)).webhook
        assert made.owner == "operator:anna"
    async with rig.running() as webhooks:
        assert (await webhooks.get(OPERATOR, made.id)).owner == "operator:anna"


async def test_the_scopes_that_are_shown_are_those_of_who_changed_it_last(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = (await webhooks.create(OPERATOR, BODY)).webhook
        less = Principal("narrow", frozenset({"webhooks:write", "devices:read"}), Kind.OPERATOR, "t9")
        changed = await webhooks.patch(less, made.id, {"events": ["device:*"]})
        assert (changed.owner, changed.scopes) == ("narrow", ("devices:read", "webhooks:write"))
        assert (await webhooks.get(OPERATOR, made.id)).scopes == changed.scopes


async def test_a_secret_is_given_back_once_and_stands_nowhere(
    autojump_clock: MockClock, rig: Rig, capfd: pytest.CaptureFixture[str]
) -> None:
    rig.receivers["a.test"] = answers(500)
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        id_ = made.webhook.id
        rig.happens()
        await trio.sleep(60)
        shown = [
            made,
            await webhooks.list(OPERATOR),
            await webhooks.get(OPERATOR, id_),
            await webhooks.replace(OPERATOR, id_, BODY),
            await webhooks.patch(OPERATOR, id_, {"description": "x"}),
            await webhooks.test(OPERATOR, id_),
            await webhooks.deliveries(OPERATOR, id_),
            rig.announced,
            rig.alerts.standing(),
            rig.outbox.kept,
            rig.outbox.rows,
            dict(rig.outbox.attempts),
            capfd.readouterr(),
        ]
        assert msgspec.json.encode(rig.outbox.kept[id_].document)
    for text in map(repr, shown):
        assert SECRET not in text
        assert made.signing_secret not in text


async def test_a_secret_is_made_where_none_is_given(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {"url": "https://a.test/", "events": ["*"]})
        result = await webhooks.test(OPERATOR, made.webhook.id)
    assert result.delivered
    [arrived] = rig.arrived
    proof = base64.b64decode(made.signing_secret.removeprefix("whsec_"))
    assert len(proof) == 32
    assert (arrived.body["event_type"], arrived.event_id) == ("webhook:test", result.event_id)
    assert "seq" not in arrived.body


async def test_who_rotates_again_within_the_day_drops_no_secret(autojump_clock: MockClock, rig: Rig) -> None:
    """The answer with the first one may have been lost, or the receiver have it already."""

    def verified_by() -> list[bool]:
        arrived = rig.arrived[-1].parcel
        headers = dict(arrived.headers)
        signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), arrived.body])
        shown = headers["webhook-signature"].split(" ")
        assert len(shown) == len(set(shown))
        keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in known]
        proofs = ["v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
        return [proof in shown for proof in proofs]

    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {"url": "https://a.test/", "events": ["*"]})
        id_, known = made.webhook.id, [made.signing_secret]
        for _ in range(3):
            await trio.sleep(3600)
            known.append((await webhooks.rotate_secret(OPERATOR, id_)).signing_secret)
            await webhooks.test(OPERATOR, id_)
            assert all(verified_by())
        for change in (
            webhooks.rotate_secret(OPERATOR, id_),
            webhooks.patch(OPERATOR, id_, {"secret": "another secret of mine"}),
        ):
            with pytest.raises(GatewayError, match="rotate again then") as refused:
                await change
            assert refused.value.code is Code.CONFLICT
            assert refused.value.details == {"retryAfter": 86400 - 2 * 3600}
    # They are kept over a restart, and the oldest goes first.
    async with rig.running() as webhooks:
        await trio.sleep(86400 - 2 * 3600 + 60)
        await webhooks.test(OPERATOR, id_)
        assert verified_by() == [False, True, True, True]
        again = await webhooks.rotate_secret(OPERATOR, id_, known[2])
        assert again.webhook.previous_secret_until == pytest.approx(rig.wall() + 86400, abs=1)
        await webhooks.test(OPERATOR, id_)
        assert verified_by() == [False, True, True, True]


@pytest.mark.parametrize(("until", "signing"), [(AT + 60.0, 2), (AT - 60.0, 1)])
def test_the_one_secret_that_earlier_versions_kept_is_read(until: float, signing: int) -> None:
    seal = Seal(b"k" * 32)
    document: dict[str, Json] = {
        "url": "https://a.test/",
        "events": ["*"],
        "filter": {},
        "description": "",
        "format": "seed",
        "ordered": False,
        "retry_policy": None,
        "owner": {"subject": "a", "scopes": [], "kind": "agent", "token_id": "t", "expires": 0},
        "secret": seal.close("the newest secret of all", "wh-1/secret"),
        "previous": seal.close("the secret before that", "wh-1/previous"),
        "previous_until": until,
        "state": "active",
        "reason": None,
        "created": AT,
        "updated": AT,
        "failing": 0.0,
        "lost": 0,
        "replay": None,
    }
    keys = from_document("wh-1", document, seal).keys
    assert [one.text for one in keys.at(AT)] == ["the newest secret of all", "the secret before that"][:signing]


async def test_both_secrets_sign_for_a_day(autojump_clock: MockClock, rig: Rig) -> None:
    def signatures() -> int:
        return len(dict(rig.arrived[-1].parcel.headers)["webhook-signature"].split(" "))

    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        id_ = made.webhook.id
        again = await webhooks.rotate_secret(OPERATOR, id_)
        assert again.signing_secret != made.signing_secret
        assert again.webhook.previous_secret_until == pytest.approx(rig.wall() + 86400, abs=1)
        await webhooks.test(OPERATOR, id_)
        assert signatures() == 2
    async with rig.running() as webhooks:
        await trio.sleep(86300)
        await webhooks.test(OPERATOR, id_)
        assert signatures() == 2
        await trio.sleep(200)
        await webhooks.test(OPERATOR, id_)
        assert signatures() == 1
        assert (await webhooks.get(OPERATOR, id_)).previous_secret_until is None
        arrived = rig.arrived[-1]
        # The library compares with its own clock, which is not that of this test.
        signed = (
            f"{arrived.event_id}.{dict(arrived.parcel.headers)['webhook-timestamp']}.".encode() + arrived.parcel.body
        )
        proof = hmac.digest(base64.b64decode(again.signing_secret.removeprefix("whsec_")), signed, "sha256")
        assert dict(arrived.parcel.headers)["webhook-signature"] == "v1," + base64.b64encode(proof).decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": None}, "url"),
        ({"url": 5}, "url"),
        ({"url": "ftp://a.test/"}, "url"),
        ({"url": "https://u:p@a.test/"}, "url"),
        ({"events": []}, "events"),
        ({"events": "alarm:*"}, "events"),
        ({"events": ["alarm:raised", 5]}, "events[1]"),
        ({"events": ["alarm:raised", "a b"]}, "events[1]"),
        ({"events": ["system:alrt"]}, "events[0]"),
        ({"events": ["nosuch:thing", "plugin:nosuch"]}, "events[1]"),
        ({"filter": {"severity": "critical"}}, "filter.severity"),
        ({"filter": []}, "filter"),
        ({"secret": "short"}, "secret"),
        ({"secret": 5}, "secret"),
        ({"active": 1}, "active"),
        ({"ordered": "yes"}, "ordered"),
        ({"format": "xml"}, "format"),
        ({"description": "x" * 1001}, "description"),
        ({"retry_policy": []}, "retry_policy"),
        ({"retry_policy": {"max_attempts": 0}}, "retry_policy.max_attempts"),
        ({"retry_policy": {"max_attempts": 21}}, "retry_policy.max_attempts"),
        ({"retry_policy": {"max_attempts": True}}, "retry_policy.max_attempts"),
        ({"retry_policy": {"backoff_multiplier": 0.5}}, "retry_policy.backoff_multiplier"),
        ({"retry_policy": {"backoff_multiplier": float("nan")}}, "retry_policy.backoff_multiplier"),
        ({"retry_policy": {"initial_delay": 3601}}, "retry_policy.initial_delay"),
        ({"retry_policy": {"retries": 3}}, "retry_policy.retries"),
        ({"colour": "red"}, "colour"),
        ({"id": "wh-1"}, "id"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_place(
    autojump_clock: MockClock, rig: Rig, change: dict[str, Json], field: str
) -> None:
    async with rig.running() as webhooks:
        with pytest.raises(GatewayError) as refused:
            await webhooks.create(OPERATOR, {**BODY, **change})
        assert (refused.value.code, refused.value.field) == (Code.INVALID, field)
        assert await webhooks.list(OPERATOR) == []


async def test_types_of_others_and_all_types_may_be_asked_for(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        events = ["user:action:*", "*", "plugin:*", "tag:*", "analytics.*", "webhook:*"]
        made = await webhooks.create(OPERATOR, {**BODY, "events": events})
        assert list(made.webhook.events) == events


async def test_where_it_may_not_go_nothing_is_registered(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        with pytest.raises(GatewayError, match="not allowed") as refused:
            await webhooks.create(OPERATOR, {**BODY, "url": "https://evil.example/"})
        assert (refused.value.code, refused.value.field) == (Code.FORBIDDEN, "url")
        made = await webhooks.create(OPERATOR, BODY)
        with pytest.raises(GatewayError):
            await webhooks.patch(OPERATOR, made.webhook.id, {"url": "http://a.test/"})


async def test_nobody_asks_for_what_it_may_not_see(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        with pytest.raises(GatewayError, match="your token lacks system:read") as refused:
            await webhooks.create(READER, {**BODY, "events": ["alarm:raised", "system:alert"]})
        assert refused.value.details["requiredScope"] == "system:read"
        assert (refused.value.code, refused.value.field) == (Code.FORBIDDEN, "events[1]")


async def test_who_changes_a_webhook_lends_it_its_own_eyes(autojump_clock: MockClock, rig: Rig) -> None:
    weak = replace(READER, kind=Kind.OPERATOR)
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        await webhooks.patch(weak, made.webhook.id, {"events": ["*", "alarm:*"], "url": "https://b.test/"})
        rig.happens("system:alert")
        rig.happens("alarm:raised")
        await trio.sleep(10)
    assert rig.sequences("b.test") == [2]


async def test_others_see_only_their_own(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        mine = await webhooks.create(READER, {**BODY, "events": ["alarm:*"]})
        id_ = mine.webhook.id
        assert await webhooks.list(OTHER) == []
        for call in (webhooks.get, webhooks.remove, webhooks.pause, webhooks.test, webhooks.deliveries):
            with pytest.raises(GatewayError) as refused:
                await call(OTHER, id_)
            assert refused.value.code is Code.NOT_FOUND
        assert [one.id for one in await webhooks.list(OPERATOR)] == [id_]
        administrator = Principal("client:admin-1", frozenset({"*"}), Kind.CLIENT, "token-9")
        assert [one.id for one in await webhooks.list(administrator)] == [id_]


async def test_so_many_and_no_more(autojump_clock: MockClock, rig: Rig) -> None:
    rig.settings = replace(rig.settings, max_webhooks=2)
    async with rig.running() as webhooks:
        made, _ = [await webhooks.create(OPERATOR, BODY) for _ in range(2)]
        with pytest.raises(GatewayError) as refused:
            await webhooks.create(OPERATOR, BODY)
        assert refused.value.code is Code.TOO_MANY
        await webhooks.remove(OPERATOR, made.webhook.id)
        await webhooks.create(OPERATOR, BODY)


async def test_replacing_resets_what_is_missing_but_not_the_secret(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {**BODY, "ordered": True, "description": "old"})
        id_ = made.webhook.id
        changed = await webhooks.replace(OPERATOR, id_, {"url": "https://b.test/", "events": ["alarm:*"]})
        assert (changed.ordered, changed.description, changed.url) == (False, "", "https://b.test/")
        patched = await webhooks.patch(OPERATOR, id_, {"description": "new", "retry_policy": None})
        assert (patched.description, patched.url, patched.created_at) == ("new", "https://b.test/", changed.created_at)
        await webhooks.test(OPERATOR, id_)
        assert len(dict(rig.arrived[-1].parcel.headers)["webhook-signature"].split(" ")) == 1


async def test_what_is_not_wanted_any_more_is_not_delivered_later(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500, 200)
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        rig.happens("alarm:raised")
        await trio.sleep(1)
        await webhooks.patch(OPERATOR, made.webhook.id, {"events": ["device:*"]})
        await trio.sleep(60)
        [delivery] = await webhooks.deliveries(OPERATOR, made.webhook.id)
        assert delivery.status is DeliveryStatus.CANCELLED
    assert len(rig.arrived) == 1


async def test_a_pause_keeps_what_happens_meanwhile(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        id_ = made.webhook.id
        assert (await webhooks.pause(OPERATOR, id_)).state == "paused"
        rig.happens(count=5)
        await trio.sleep(3600)
        assert rig.arrived == []
        assert webhooks.wants("tag:changed") is False
    async with rig.running() as webhooks:
        assert (await webhooks.get(OPERATOR, id_)).state == "paused"
        await webhooks.resume(OPERATOR, id_)
        await trio.sleep(10)
        assert sorted(rig.sequences()) == [1, 2, 3, 4, 5]
        assert webhooks.wants("tag:changed") is True


async def test_what_was_removed_gets_nothing_and_is_forgotten(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {**BODY, "retry_policy": {"max_attempts": 1}})
        rig.happens()
        await trio.sleep(10)
        assert rig.alerts.standing()
        await webhooks.remove(OPERATOR, made.webhook.id)
        rig.happens()
        await trio.sleep(10)
        assert len(rig.arrived) == 1
        assert (rig.outbox.kept, rig.outbox.rows, rig.alerts.standing()) == ({}, {}, [])
        with pytest.raises(GatewayError):
            await webhooks.get(OPERATOR, made.webhook.id)


async def test_a_disk_in_trouble_takes_no_orders(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        rig.outbox.trouble = True
        for call in (
            webhooks.create(OPERATOR, BODY),
            webhooks.pause(OPERATOR, made.webhook.id),
            webhooks.remove(OPERATOR, made.webhook.id),
            webhooks.rotate_secret(OPERATOR, made.webhook.id),
        ):
            with pytest.raises(GatewayError) as refused:
                await call
            assert refused.value.code is Code.UNAVAILABLE
        found = await webhooks.get(OPERATOR, made.webhook.id)
        assert (found.state, found.deliveries) == ("active", None)
        rig.outbox.trouble = False
        assert len(await webhooks.list(OPERATOR)) == 1


async def test_before_the_disk_was_read_nothing_is_known(autojump_clock: MockClock, rig: Rig) -> None:
    rig.outbox.trouble = True
    async with rig.running() as webhooks:
        with pytest.raises(GatewayError) as refused:
            await webhooks.create(OPERATOR, BODY)
        assert refused.value.code is Code.UNAVAILABLE
        rig.outbox.trouble = False
        await trio.sleep(10)
        await webhooks.create(OPERATOR, BODY)


async def test_under_another_root_key_it_stops_and_says_so(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
    rig.seal = Seal(b"x" * 32)
    async with rig.running() as webhooks:
        rig.happens()
        await trio.sleep(10)
        found = await webhooks.get(OPERATOR, made.webhook.id)
        assert (found.state, found.reason) == ("disabled", "secret")
        assert "root key" in rig.alerts.standing()[0].summary
        assert rig.arrived == []
        await webhooks.rotate_secret(OPERATOR, made.webhook.id, SECRET)
        await webhooks.resume(OPERATOR, made.webhook.id)
        await trio.sleep(10)
        assert rig.sequences() == [1]
        assert rig.alerts.standing() == []


async def test_one_damaged_registration_takes_no_other_along(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made, _ = [await webhooks.create(OPERATOR, BODY) for _ in range(2)]
    rig.outbox.kept[made.webhook.id] = replace(rig.outbox.kept[made.webhook.id], document={"url": 5})
    async with rig.running() as webhooks:
        assert len(await webhooks.list(OPERATOR)) == 1


async def test_a_reload_that_forbids_it_stops_it_at_once(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        rig.settings = WebhookSettings(allow=(WebhookAllow(host="other.test"),))
        with pytest.raises(GatewayError) as refused:
            await webhooks.patch(OPERATOR, made.webhook.id, {"description": "x"})
        assert refused.value.code is Code.FORBIDDEN


def test_a_seal_opens_with_its_key_and_in_its_place_only() -> None:
    seal = Seal(bytes(32))
    closed = seal.close(SECRET, "wh-1/secret")
    assert SECRET not in closed
    assert seal.open(closed, "wh-1/secret") == SECRET
    assert seal.close(SECRET, "wh-1/secret") != closed
    for other, place, text in (
        (Seal(b"x" * 32), "wh-1/secret", closed),
        (seal, "wh-2/secret", closed),
        (seal, "wh-1/secret", closed[:-4]),
        (seal, "wh-1/secret", "no base64!"),
        (seal, "wh-1/secret", ""),
    ):
        with pytest.raises(SealError):
            other.open(text, place)
