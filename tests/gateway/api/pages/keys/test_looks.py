"""The pages are as the others are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.settings.model import AccessSettings, LimitSettings
from tests.gateway.api.pages.browser import Browser, Page
from tests.gateway.api.pages.keys.visits import (
    ANNA,
    BEN,
    EVIL,
    KEYS,
    LOGIN,
    LOGOUT,
    REVOKE,
    make,
    opened,
    person,
)
from tests.gateway.api.rig import Rig


async def test_a_clock_that_nobody_has_set_is_told_of(rig: Rig, browser: Browser) -> None:
    page = await browser.sign_in(KEYS, *ANNA)
    assert "time server" not in page.text
    rig.board.set(rig.board.wall, synchronised=False)
    assert "time server" in (await browser.open(KEYS)).text


async def test_whose_roles_allow_nothing_makes_none(rig: Rig, browser: Browser) -> None:
    # As after a downgrade.
    ben = person(rig, "ben")
    rig.people.users._users[ben.id] = replace(ben, roles=frozenset({"of-tomorrow"}))
    page = await browser.sign_in(KEYS, *BEN)
    assert "None of your roles allows anything" in page.text
    assert [form.action for form in page.forms] == [LOGOUT]


async def test_the_pages_are_as_the_others_are(rig: Rig, browser: Browser) -> None:
    listed = await browser.sign_in(KEYS, *ANNA)
    made = await make(browser, "devices:read", name=EVIL, page=listed)
    listed = await browser.open(KEYS)
    asked = await browser.send(listed, REVOKE, f"Revoke {EVIL}")
    over = await make(browser, "devices:read", name=EVIL, page=listed, form_once="")
    for page in (listed, made, asked, over):
        headers = page.response.headers
        assert headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert "<script" not in page.response.text
        assert EVIL in page.text
        assert not [tag for tag, _ in page.tags if tag in {"script", "style", "img", "iframe", "object", "svg"}]
        for _, values in page.tags:
            assert not [name for name in values if name.startswith("on") or name == "style"]
        assert page.title.startswith(page.heading)
        typed = [
            values for tag, values in page.tags if tag == "select" or (tag == "input" and values["type"] != "hidden")
        ]
        assert {values["id"] for values in typed} == set(page.labels)


@pytest.mark.parametrize(("verb", "path"), [("PUT", KEYS), ("DELETE", KEYS), ("GET", REVOKE)])
async def test_other_verbs_get_a_page_too(browser: Browser, verb: str, path: str) -> None:
    response = await browser.client.request(verb, path)
    assert (response.status_code, response.headers["content-type"]) == (405, "text/html; charset=utf-8")


async def test_where_nobody_signs_in_there_are_no_such_pages(rig: Rig, browser: Browser) -> None:
    page = await browser.sign_in(KEYS, *ANNA)
    form = {**page.form(KEYS).fields, "name": "x", "scope": "devices:read"}
    rig.settings = replace(rig.settings, access=AccessSettings(login=False))
    for response in (
        await browser.client.get(KEYS),
        await browser.client.get(LOGIN),
        await browser.client.post(KEYS, data=form),
        await browser.client.post(REVOKE, data=form),
    ):
        page = Page(response)
        assert (page.status, page.heading) == (404, "No sign-in here")
    assert rig.access.keys.all() == []


async def test_they_count_against_the_limit_of_strangers(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LimitSettings(anonymous_requests_per_minute=1, anonymous_burst=2))
    browser = opened(rig)
    async with browser.client:
        pages = [await browser.open(KEYS) for _ in range(3)]
    assert [page.status for page in pages] == [200, 200, 429]
    assert pages[-1].heading == "One moment"
