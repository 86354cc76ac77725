"""Whose key it is ends it, and nobody else; it ends with its person."""

from __future__ import annotations

import httpx

from gateway.core.audit import AuditOutcome
from tests.gateway.api.pages.browser import Browser, Page
from tests.gateway.api.pages.keys.visits import (
    ANNA,
    BEN,
    BOSS,
    EVIL,
    KEYS,
    REVOKE,
    make,
    opened,
    person,
    secret_of,
)
from tests.gateway.api.rig import Rig


async def test_keys_go_with_their_person(rig: Rig, browser: Browser, program: httpx.AsyncClient) -> None:
    await browser.sign_in(KEYS, *BEN)
    headers = {"X-API-Key": secret_of(await make(browser, "devices:read"))}
    ben = person(rig, "ben").id
    assert (await program.delete(f"/v1/users/{ben}", headers=rig.bearer("*"))).status_code == 204
    assert (await program.get("/v1/auth/me", headers=headers)).status_code == 401
    assert rig.credentials.kept_keys == {}
    assert (await browser.open(KEYS)).heading == "Sign in"


async def test_a_person_goes_though_the_disk_keeps_the_keys(
    rig: Rig, browser: Browser, program: httpx.AsyncClient
) -> None:
    await browser.sign_in(KEYS, *BEN)
    headers = {"X-API-Key": secret_of(await make(browser, "devices:read"))}
    rig.credentials.trouble = "the disk is full"
    ben = person(rig, "ben").id
    assert (await program.delete(f"/v1/users/{ben}", headers=rig.bearer("*"))).status_code == 204
    assert (await program.get("/v1/auth/me", headers=headers)).status_code == 401


async def test_revoking_is_asked_for_twice_and_ends_the_key_at_once(
    rig: Rig, browser: Browser, program: httpx.AsyncClient
) -> None:
    await browser.sign_in(KEYS, *ANNA)
    headers = {"X-API-Key": secret_of(await make(browser, "devices:read", name="old"))}
    await make(browser, "devices:read", name="new")
    page = await browser.send(await browser.open(KEYS), REVOKE, "Revoke old")
    assert (page.status, page.heading) == (200, "Revoke “old”?")
    assert (await program.get("/v1/auth/me", headers=headers)).status_code == 200
    kept = await browser.send(page, REVOKE, "Keep it")
    assert kept.heading == "Your API keys"
    assert (await program.get("/v1/auth/me", headers=headers)).status_code == 200
    done = await browser.send(page, REVOKE, "Revoke it")
    assert (done.status, done.heading, done.response.request.method) == (200, "Your API keys", "GET")
    assert (await program.get("/v1/auth/me", headers=headers)).status_code == 401
    assert [key.name for key in rig.access.keys.all()] == ["new"]
    again = await browser.send(page, REVOKE, "Revoke it")
    assert (again.status, again.alert) == (404, "You have no such API key, or not any more.")
    outcomes = [noted.outcome for noted in rig.audit.of("api_key.revoke")]
    assert outcomes == [AuditOutcome.DONE, AuditOutcome.DENIED]


async def test_a_key_is_revoked_by_its_person_though_it_says_more_than_the_person_may(
    rig: Rig, browser: Browser
) -> None:
    rig.people.users.add("boss", ["admin"], None)
    await browser.sign_in(KEYS, *ANNA)
    await make(browser, "*")
    rig.people.users.change(person(rig, "anna").id, roles=["viewer"])
    page = await browser.send(await browser.open(KEYS), REVOKE, "Revoke logger")
    assert "You have none so far." in (await browser.send(page, REVOKE, "Revoke it")).text


async def test_the_key_of_another_person_is_neither_seen_nor_revoked(rig: Rig, browser: Browser) -> None:
    await browser.sign_in(KEYS, *ANNA)
    await make(browser, "devices:read", name="annas own")
    [theirs] = rig.access.keys.all()
    other = opened(rig)
    async with other.client:
        page = await other.sign_in(KEYS, *BEN)
        assert "annas own" not in page.text
        assert theirs.id not in page.text
        form = {"form_token": page.form(KEYS).fields["form_token"], "key_id": theirs.id}
        for decision in ({}, {"decision": "revoke"}):
            refused = Page(await other.client.post(REVOKE, data={**form, **decision}))
            nobodys = Page(await other.client.post(REVOKE, data={**form, "key_id": "key-none", **decision}))
            assert (refused.status, refused.alert) == (nobodys.status, nobodys.alert)
            assert refused.status == 404
            assert "annas own" not in refused.text
    assert rig.access.keys.all() == [theirs]
    noted = rig.audit.of("api_key.revoke")[0]
    assert (noted.outcome, noted.target) == (AuditOutcome.DENIED, theirs.id)


async def test_what_others_made_for_a_person_is_its_own_too(rig: Rig, browser: Browser) -> None:
    owner = f"user:{person(rig, 'ben').id}"
    await rig.access.keys.add(BOSS, owner=owner, name=EVIL, scopes={"devices:read"})
    page = await browser.sign_in(KEYS, *BEN)
    assert EVIL in page.text
    assert "never used" in page.text
    page = await browser.send(page, REVOKE, f"Revoke {EVIL}")
    assert page.heading == f"Revoke “{EVIL}”?"
    assert "<script" not in page.response.text
