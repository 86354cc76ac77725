"""A person signs in and says yes or no; and everything that must not happen on the way."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import httpx
import pytest

from gateway.access.login.sessions import IDLE
from gateway.access.oauth.grant import Form
from gateway.api.rest.problems import Problem
from gateway.core.audit import AuditOutcome
from tests.gateway.access.authorization.granting import PROGRAM, VERIFIER
from tests.gateway.api.pages.browser import Browser, Page, brought_back
from tests.gateway.api.pages.conftest import CALLBACK, ISSUER, Site, link

LOGIN, AUTHORIZE, LOGOUT = "/v1/auth/login", "/v1/auth/authorize", "/v1/auth/logout"
ANNA = ("anna", "anna's password")


async def test_yes_brings_a_code_that_gives_what_was_granted(site: Site, browser: Browser) -> None:
    page = await browser.open(link())
    assert (page.status, page.heading) == (200, "Sign in")
    page = await browser.send(page, LOGIN, "Sign in", name="Anna", password="anna's password")
    assert page.heading == "Allow A program?"
    assert "anna" in page.text
    assert "devices:read" in page.text
    assert "127.0.0.1:51004" in page.text
    answer = brought_back(await browser.send(page, AUTHORIZE, "Allow"))
    assert answer == {"code": answer["code"], "state": "st&te=1", "iss": ISSUER}
    form = Form({"code": answer["code"], "code_verifier": VERIFIER, "redirect_uri": CALLBACK})
    given = await site.house.by_code.exchange(PROGRAM, form)
    assert given.scopes == {"devices:read"}
    anna = site.house.users.named("anna")
    assert anna is not None
    assert given.subject == f"user:{anna.id}"


async def test_no_brings_no_code(site: Site, browser: Browser) -> None:
    page = await browser.sign_in(link(), *ANNA)
    answer = brought_back(await browser.send(page, AUTHORIZE, "Refuse"))
    assert answer.keys() == {"error", "error_description", "state", "iss"}
    assert (answer["error"], answer["state"]) == ("access_denied", "st&te=1")
    assert len(site.house.codes) == 0


async def test_who_is_signed_in_is_asked_at_once_the_next_time(browser: Browser) -> None:
    await browser.sign_in(link(), *ANNA)
    page = await browser.open(link(scope="devices:write"))
    assert page.heading == "Allow A program?"
    assert "devices:write" in page.text


async def test_without_a_state_none_is_given_back(browser: Browser) -> None:
    page = await browser.sign_in(link(state=None), *ANNA)
    assert brought_back(await browser.send(page, AUTHORIZE, "Allow")).keys() == {"code", "iss"}


async def test_a_program_may_ask_by_post(browser: Browser) -> None:
    body = link().partition("?")[2]
    headers = {"content-type": "application/x-www-form-urlencoded", "origin": "https://panel.example"}
    page = Page(await browser.client.post(AUTHORIZE, content=body, headers=headers))
    assert page.heading == "Sign in"
    page = await browser.send(page, LOGIN, "Sign in", name="anna", password="anna's password")
    assert "code" in brought_back(await browser.send(page, AUTHORIZE, "Allow"))


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": "off"},
        {"redirect_uri": "https://evil.example/cb"},
        {"redirect_uri": "http://127.0.0.1:5/other"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": f"{CALLBACK}\r\nx: y"},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_proven(
    site: Site, browser: Browser, changes: dict[str, str | None]
) -> None:
    for path in (link(**changes), link(**changes, response_type="token")):
        page = await browser.open(path)
        assert (page.status, page.heading) == (400, "You cannot sign in by this link")
        assert "location" not in page.response.headers
        assert not page.forms
        assert "evil" not in page.response.text
    assert len(site.house.notes.of("auth.authorize")) == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
    ],
)
async def test_a_program_is_told_of_its_mistakes_before_anybody_signs_in(
    browser: Browser, changes: dict[str, str | None], error: str
) -> None:
    page = await browser.open(link(**changes))
    answer = brought_back(page)
    assert page.response.headers["location"].startswith(f"{CALLBACK}?")
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "st&te=1", ISSUER)


async def test_what_a_person_may_not_give_goes_back_as_an_error(browser: Browser) -> None:
    page = await browser.sign_in(link(scope="devices:write"), "ben", "ben's password")
    assert brought_back(page)["error"] == "invalid_scope"


async def test_a_person_gives_no_more_than_it_has(browser: Browser) -> None:
    page = await browser.sign_in(link(scope="devices:read devices:write"), "ben", "ben's password")
    assert "devices:read" in page.text
    assert "devices:write" not in page.text


@pytest.mark.parametrize("name", ["anna", "nobody"])
async def test_a_wrong_password_and_a_wrong_name_look_the_same(site: Site, browser: Browser, name: str) -> None:
    page = await browser.sign_in(link(), name, "wrong")
    assert (page.status, page.heading) == (403, "Sign in")
    assert page.alert == "The name or the password is not right."
    assert page.form(LOGIN).fields["name"] == name
    assert "password" not in {key for key, value in page.form(LOGIN).fields.items() if value}
    assert "set-cookie" not in page.response.headers
    page = await browser.send(page, LOGIN, "Sign in", name="anna", password="anna's password")
    assert page.heading == "Allow A program?"


async def test_who_tries_too_often_is_told_how_long_to_wait(site: Site, browser: Browser) -> None:
    page = await browser.open(link())
    for _ in range(7):
        page = await browser.send(page, LOGIN, "Sign in", name="anna", password="wrong")
    assert page.status == 429
    assert page.response.headers["retry-after"] == "2"
    assert page.alert == "There were too many attempts. Try again in 2 s."
    site.house.wait(2)
    page = await browser.send(page, LOGIN, "Sign in", name="anna", password="anna's password")
    assert page.heading == "Allow A program?"


async def test_a_crowd_is_told_to_come_again(site: Site, browser: Browser) -> None:
    site.house.hasher.crowded = True
    page = await browser.sign_in(link(), *ANNA)
    assert (page.status, page.response.headers["retry-after"]) == (503, "1")


async def test_each_page_forbids_scripts_frames_and_being_kept(browser: Browser) -> None:
    login = await browser.open(link())
    consent = await browser.send(login, LOGIN, "Sign in", name="anna", password="anna's password")
    error = await browser.open(link(client_id="nobody"))
    for page, more in ((login, " http://127.0.0.1:51004"), (consent, " http://127.0.0.1:51004"), (error, "")):
        headers = page.response.headers
        assert headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'self'; form-action 'self'{more}; frame-ancestors 'none'; base-uri 'none'"
        )
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert not [tag for tag, _ in page.tags if tag in {"script", "style", "img", "iframe", "object", "svg"}]
        for _, values in page.tags:
            assert not [name for name in values if name.startswith("on") or name == "style"]


async def test_each_page_is_readable_by_everybody(browser: Browser) -> None:
    login = await browser.open(link())
    consent = await browser.send(login, LOGIN, "Sign in", name="anna", password="anna's password")
    for page in (login, consent):
        assert ("html", {"lang": "en"}) in page.tags
        assert [values["content"] for tag, values in page.tags if values.get("name") == "viewport"] == [
            "width=device-width, initial-scale=1"
        ]
        assert [tag for tag, _ in page.tags if tag in {"main", "h1"}] == ["main", "h1"]
        assert page.title.startswith(page.heading)
        typed = [values for tag, values in page.tags if tag == "input" and values["type"] != "hidden"]
        assert {values["id"] for values in typed} == set(page.labels)
        assert all("autocomplete" in values for values in typed)


async def test_the_stylesheet_is_there_for_browsers_without_anything(browser: Browser) -> None:
    page = await browser.open(link())
    [place] = [values["href"] for tag, values in page.tags if tag == "link"]
    response = await browser.client.get(str(place))
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert "url(" not in response.text
    assert "@import" not in response.text


async def test_what_comes_from_outside_is_text(browser: Browser) -> None:
    page = await browser.open(link(client_id="evil", state='"><script>alert(2)</script>'))
    assert "<script" not in page.response.text
    assert "<script>alert('x')</script> & \"Co\"" in page.text
    assert "boiler <room>" in page.text
    page = await browser.send(page, LOGIN, "Sign in", name='"><script>', password="x")
    assert "<script" not in page.response.text
    page = await browser.send(page, LOGIN, "Sign in", name="anna", password="anna's password")
    assert "<script" not in page.response.text
    assert brought_back(await browser.send(page, AUTHORIZE, "Allow"))["state"] == '"><script>alert(2)</script>'


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
    for request in ("https://evil.example/", "client_id=nobody", "", "//evil.example", "a=%0d%0alocation:x"):
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


async def test_somebody_else_may_sign_in(site: Site, browser: Browser) -> None:
    page = await browser.sign_in(link(), *ANNA)
    page = await browser.send(page, LOGOUT, "I am not anna: sign in as somebody else")
    assert page.heading == "Sign in"
    assert len(site.house.notes.of("auth.logout")) == 1
    page = await browser.send(page, LOGIN, "Sign in", name="ben", password="ben's password")
    assert "ben" in page.text


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


async def test_a_query_that_cannot_be_read_is_refused(browser: Browser) -> None:
    page = await browser.open(f"{AUTHORIZE}?client_id=%ff")
    assert page.status == 400


@pytest.mark.parametrize(("verb", "path"), [("PUT", AUTHORIZE), ("GET", LOGIN), ("GET", LOGOUT), ("DELETE", LOGIN)])
async def test_other_verbs_get_a_page_too(browser: Browser, verb: str, path: str) -> None:
    response = await browser.client.request(verb, path)
    assert response.status_code == 405
    assert "POST" in response.headers["allow"]
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["content-type"].startswith("text/html")


async def test_people_may_be_kept_out_altogether(site: Site, browser: Browser) -> None:
    site.enabled = False
    page = await browser.open(link())
    assert (page.status, page.heading) == (404, "No sign-in here")
    assert "location" not in page.response.headers


async def test_too_many_requests_get_a_page(browser: Browser) -> None:
    page = await browser.open(link())
    for _ in range(200):
        if page.status != 200:
            break
        page = await browser.open(link())
    assert (page.status, page.heading) == (429, "One moment")
    assert int(page.response.headers["retry-after"]) > 0


async def test_all_is_noted_and_no_secret_of_it(site: Site, browser: Browser) -> None:
    page = await browser.sign_in(link(), "anna", "wrong")
    page = await browser.send(page, LOGIN, "Sign in", name="anna", password="anna's password")
    await browser.send(page, AUTHORIZE, "Refuse")
    page = await browser.open(link())
    code = brought_back(await browser.send(page, AUTHORIZE, "Allow"))["code"]
    anna = site.house.users.named("anna")
    assert anna is not None
    told = [(noted.action, noted.outcome.value, noted.subject) for noted in site.house.notes.entries]
    who = f"user:{anna.id}"
    assert told == [
        ("auth.login", "denied", who),
        ("auth.login", "done", who),
        ("auth.consent", "denied", who),
        ("auth.consent", "done", who),
    ]
    assert site.house.notes.entries[-1].details == {"client": "program", "scope": "devices:read"}
    everything = repr(site.house.notes.entries)
    assert code not in everything
    assert "anna's password" not in everything
    assert browser.client.cookies["__Host-ferrule"] not in everything


async def test_a_panel_elsewhere_gets_its_answer_too(browser: Browser) -> None:
    path = link(client_id="panel", redirect_uri=None)
    page = await browser.sign_in(path, *ANNA)
    assert "form-action 'self' https://panel.example:8443;" in page.response.headers["content-security-policy"]
    page = await browser.send(page, AUTHORIZE, "Allow")
    assert page.response.headers["location"].startswith("https://panel.example:8443/cb?code=")


async def test_without_origin_and_fetch_headers_the_form_token_decides(browser: Browser) -> None:
    """Old browsers and text browsers send neither."""
    form = await consent_form(browser)
    response = await browser.client.post(
        AUTHORIZE, content=urlencode(form), headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert response.status_code == httpx.codes.SEE_OTHER


async def test_a_fault_of_ours_is_a_page_with_its_id(site: Site) -> None:
    reply = site.pages.refusal(Problem(500, "internal_error", "this is a fault of the gateway.", id_="0123abcd"))
    assert reply.status == 500
    assert b"This is a fault of the gateway." in reply.body
    assert b"0123abcd" in reply.body
