"""Forms, cookies and sessions: what was not made for this browser and this person does nothing."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import httpx
import pytest

from gateway.access.login.sessions import IDLE
from gateway.core.audit import AuditOutcome
from tests.gateway.api.pages.browser import Browser, Page, brought_back
from tests.gateway.api.pages.conftest import Site, link

LOGIN, AUTHORIZE, LOGOUT = "/v1/auth/login", "/v1/auth/authorize", "/v1/auth/logout"
ANNA = ("anna", "anna's password")


async def test_the_cookie_is_for_this_gateway_alone_and_changes_with_the_sign_in(browser: Browser) -> None:
    page = await browser.open(link())
    before = page.response.headers["set-cookie"]
    assert re.fullmatch(r"__Host-ferrule=[A-Za-z0-9_-]{43}; Path=/; Secure; HttpOnly; SameSite=Lax", before)
    form = page.form(LOGIN)
    response = await browser.client.post(LOGIN, data={**form.fields, "name": "anna", "password": "anna's password"})
    after = response.headers["set-cookie"]
    assert response.status_code == 303
    assert after != before
    assert after.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")


async def test_a_name_put_into_a_browser_from_outside_is_worth_nothing(site: Site, browser: Browser) -> None:
    """Session fixation: the thief knows the name of before the sign-in."""
    page = await browser.open(link())
    known = browser.client.cookies["__Host-ferrule"]
    await browser.send(page, LOGIN, "Sign in", name="anna", password="anna's password")
    thief = site.browser()
    async with thief.client:
        thief.client.cookies.set("__Host-ferrule", known, domain="rig")
        assert (await thief.open(link())).heading == "Sign in"


async def test_to_sign_in_elsewhere_ends_the_session_before(site: Site, browser: Browser) -> None:
    await browser.sign_in(link(), *ANNA)
    elsewhere = site.browser()
    async with elsewhere.client:
        await elsewhere.sign_in(link(), *ANNA)
    assert (await browser.open(link())).heading == "Sign in"


async def consent_form(browser: Browser) -> dict[str, str]:
    page = await browser.sign_in(link(), *ANNA)
    return {**page.form(AUTHORIZE).fields, "decision": "allow"}


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
    site: Site, browser: Browser, changes: dict[str, str], headers: dict[str, str]
) -> None:
    form = {**await consent_form(browser), **changes}
    for path, extra in ((AUTHORIZE, {}), (LOGIN, {"name": "anna", "password": "anna's password"}), (LOGOUT, {})):
        response = await browser.client.post(path, data={**form, **extra}, headers=headers)
        assert response.status_code == 403
        assert "location" not in response.headers
        assert "set-cookie" not in response.headers
    assert len(site.house.codes) == 0
    assert (await browser.open(link())).heading == "Allow A program?"
    assert {noted.outcome for noted in site.house.notes.of("auth.form")} == {AuditOutcome.DENIED}


async def test_a_form_token_of_another_person_does_nothing(site: Site, browser: Browser) -> None:
    form = await consent_form(browser)
    other = site.browser()
    async with other.client:
        theirs = await other.sign_in(link(), "ben", "ben's password")
        form["form_token"] = theirs.form(AUTHORIZE).fields["form_token"]
    assert (await browser.client.post(AUTHORIZE, data=form)).status_code == 403


async def test_what_a_form_says_of_the_program_is_held_against_the_rules_anew(site: Site, browser: Browser) -> None:
    form = await consent_form(browser)
    evil = link(redirect_uri="https://evil.example/cb").partition("?")[2]
    response = await browser.client.post(AUTHORIZE, data={**form, "request_query": evil})
    assert response.status_code == 400
    more = link(scope="plugins:write").partition("?")[2]
    response = await browser.client.post(AUTHORIZE, data={**form, "request_query": more})
    assert "error=invalid_scope" in response.headers["location"]
    assert len(site.house.codes) == 0


async def test_to_sign_in_leads_nowhere_but_to_the_program_that_was_proven(browser: Browser) -> None:
    page = await browser.open(link())
    for request in ("https://evil.example/", "client_id=nobody", "//evil.example", "a=%0d%0alocation:x"):
        data = {**page.form(LOGIN).fields, "request_query": request, "name": "anna", "password": "anna's password"}
        response = await browser.client.post(LOGIN, data=data)
        assert response.status_code == 400
        assert "location" not in response.headers
        assert "set-cookie" not in response.headers


async def test_a_session_that_is_over_asks_to_sign_in_again(site: Site, browser: Browser) -> None:
    page = await browser.sign_in(link(), *ANNA)
    site.house.wait(IDLE)
    page = await browser.send(page, AUTHORIZE, "Allow")
    assert page.heading == "Sign in"
    assert page.alert == "You were signed out, because nothing was done for a while. Sign in again."
    page = await browser.send(page, LOGIN, "Sign in", name="anna", password="anna's password")
    assert "code" in brought_back(await browser.send(page, AUTHORIZE, "Allow"))


async def test_who_is_disabled_says_yes_to_nothing(site: Site, browser: Browser) -> None:
    site.house.users.add("boss", ["admin"], None)
    page = await browser.sign_in(link(), *ANNA)
    anna = site.house.users.named("anna")
    assert anna is not None
    site.house.users.change(anna.id, disabled=True)
    assert (await browser.send(page, AUTHORIZE, "Allow")).heading == "Sign in"
    assert len(site.house.codes) == 0


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=b", "text/plain", 415),
        (b"a=b", "", 415),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=%zz", "application/x-www-form-urlencoded", 400),
        ("a=é".encode(), "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=b" for _ in range(60)), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 20_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_what_is_no_form_is_refused(browser: Browser, content: bytes, kind: str, status: int) -> None:
    for path in (LOGIN, LOGOUT, AUTHORIZE):
        page = Page(await browser.client.post(path, content=content, headers={"content-type": kind}))
        assert page.status == status
        assert page.heading == "That did not work"


async def test_without_origin_and_fetch_headers_the_form_token_decides(browser: Browser) -> None:
    """Old browsers and text browsers send neither."""
    form = await consent_form(browser)
    response = await browser.client.post(
        AUTHORIZE, content=urlencode(form), headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert response.status_code == httpx.codes.SEE_OTHER
