"""What was not made for this browser and this person, or was sent before, does nothing."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from gateway.access.login.sessions import IDLE
from gateway.core.audit import AuditOutcome
from tests.gateway.api.pages.browser import Browser, Page
from tests.gateway.api.pages.keys.visits import (
    ANNA,
    BEN,
    KEYS,
    LOGIN,
    LOGOUT,
    REVOKE,
    make,
    opened,
    secret_of,
)
from tests.gateway.api.rig import Rig


async def test_a_form_that_is_sent_again_makes_no_second_key(rig: Rig, browser: Browser) -> None:
    page = await browser.sign_in(KEYS, *ANNA)
    other_tab = await browser.open(KEYS)
    secret_of(await make(browser, "devices:read", page=page))
    again = await make(browser, "devices:read", page=page)
    assert (again.status, again.heading) == (409, "Your API keys")
    assert "sent before" in again.alert
    assert len(rig.access.keys.all()) == 1
    # Also once the key is gone that it made; what stands open beside it is another form.
    await browser.send(await browser.send(again, REVOKE, "Revoke logger"), REVOKE, "Revoke it")
    assert (await make(browser, "devices:read", page=page)).status == 409
    assert rig.access.keys.all() == []
    secret_of(await make(browser, "devices:read", page=other_tab))


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({"form_token": ""}, {}),
        ({"form_token": "A" * 43}, {}),
        ({}, {"origin": "https://evil.example"}),
        ({}, {"origin": "null"}),
        ({}, {"sec-fetch-site": "cross-site"}),
        ({}, {"sec-fetch-site": "same-site"}),
        ({}, {"cookie": "__Host-ferrule=" + "A" * 43}),
        ({}, {"cookie": ""}),
    ],
)
async def test_a_form_of_somebody_else_does_nothing(
    rig: Rig, browser: Browser, changes: dict[str, str], headers: dict[str, str]
) -> None:
    await browser.sign_in(KEYS, *ANNA)
    await make(browser, "devices:read")
    [kept] = rig.access.keys.all()
    fields = (await browser.open(KEYS)).form(KEYS).fields
    making = {**fields, "name": "eve", "scope": "devices:read", **changes}
    ending = {"form_token": fields["form_token"], "key_id": kept.id, "decision": "revoke", **changes}
    for path, form in ((KEYS, making), (REVOKE, ending)):
        refused = Page(await browser.client.post(path, data=form, headers=headers))
        assert (refused.status, refused.forms) == (403, [])
    assert rig.access.keys.all() == [kept]
    assert {noted.outcome for noted in rig.audit.of("auth.form")} == {AuditOutcome.DENIED}


async def test_a_form_token_of_another_person_does_nothing(rig: Rig, browser: Browser) -> None:
    page = await browser.sign_in(KEYS, *ANNA)
    other = opened(rig)
    async with other.client:
        theirs = (await other.sign_in(KEYS, *BEN)).form(KEYS).fields
    form = {**page.form(KEYS).fields, "name": "x", "scope": "devices:read"}
    for stolen in ({"form_token": theirs["form_token"]}, {"form_once": theirs["form_once"]}, {"form_once": ""}):
        assert (await browser.client.post(KEYS, data={**form, **stolen})).status_code in {403, 409}
    assert rig.access.keys.all() == []


async def test_a_session_that_is_over_does_nothing_and_asks_to_sign_in_again(
    rig: Rig, browser: Browser, mock_clock: MockClock
) -> None:
    page = await browser.sign_in(KEYS, *ANNA)
    await make(browser, "devices:read")
    listed = await browser.open(KEYS)
    mock_clock.jump(IDLE)
    for again in (
        await make(browser, "devices:read", page=page),
        await browser.send(listed, REVOKE, "Revoke logger"),
    ):
        assert again.heading == "Sign in"
        assert again.alert == "You were signed out, because nothing was done for a while. Sign in again."
    assert len(rig.access.keys.all()) == 1
    page = await browser.send(again, LOGIN, "Sign in", name="anna", password="anna's password")
    assert page.heading == "Your API keys"


async def test_nobody_is_left_standing_after_signing_in_or_out(rig: Rig, browser: Browser) -> None:
    page = await browser.sign_in(LOGIN, *ANNA)
    assert (page.heading, str(page.response.url)) == ("Your API keys", f"https://rig{KEYS}")
    assert (await browser.open(LOGIN)).heading == "Your API keys"
    page = await browser.send(page, LOGOUT, "Sign out")
    assert page.heading == "Sign in"
    assert len(rig.audit.of("auth.logout")) == 1
    assert (await browser.open(KEYS)).heading == "Sign in"
    page = await browser.send(page, LOGIN, "Sign in", name="ben", password="wrong")
    assert (page.status, page.heading, page.alert) == (403, "Sign in", "The name or the password is not right.")
    page = await browser.send(page, LOGIN, "Sign in", name="ben", password="ben's password")
    assert page.heading == "Your API keys"
    assert "You are ben." in page.text


@pytest.mark.parametrize(
    ("typed", "scopes", "told"),
    [
        ({"name": ""}, ["devices:read"], "1 to 100 characters"),
        ({"name": "x" * 101}, ["devices:read"], "1 to 100 characters"),
        ({"name": "a\x00b"}, ["devices:read"], "1 to 100 characters"),
        ({}, [], "Tick at least one"),
        ({"lifetime": "99y"}, ["devices:read"], "Choose how long"),
    ],
)
async def test_what_is_wrong_is_told_and_what_was_filled_in_stays(
    rig: Rig, browser: Browser, typed: dict[str, str], scopes: list[str], told: str
) -> None:
    await browser.sign_in(KEYS, *ANNA)
    page = await make(browser, *scopes, page=None, **{"lifetime": "1y", **typed})
    assert (page.status, page.heading) == (400, "Your API keys")
    assert told in page.alert
    form = page.form(KEYS)
    assert form.fields["name"] == typed.get("name", "logger")[:100]
    assert form.ticked.get("scope", []) == scopes
    assert form.fields["lifetime"] == ("90d" if "lifetime" in typed else "1y")
    assert rig.access.keys.all() == []
    secret_of(await make(browser, "devices:read", page=page))


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [(b"{}", "application/json", 415), (b"a=%ff", "application/x-www-form-urlencoded", 400)],
)
async def test_what_is_no_form_is_refused(browser: Browser, content: bytes, kind: str, status: int) -> None:
    await browser.sign_in(KEYS, *ANNA)
    for path in (KEYS, REVOKE):
        page = Page(await browser.client.post(path, content=content, headers={"content-type": kind}))
        assert (page.status, page.heading) == (status, "That did not work")
