"""A person signs in and says yes or no; and everything that must not happen on the way."""

from __future__ import annotations

import pytest

from gateway.access.oauth.grant import Form
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


async def test_somebody_else_may_sign_in(site: Site, browser: Browser) -> None:
    page = await browser.sign_in(link(), *ANNA)
    page = await browser.send(page, LOGOUT, "I am not anna: sign in as somebody else")
    assert page.heading == "Sign in"
    assert len(site.house.notes.of("auth.logout")) == 1
    page = await browser.send(page, LOGIN, "Sign in", name="ben", password="ben's password")
    assert "ben" in page.text


async def test_a_query_that_cannot_be_read_is_refused(browser: Browser) -> None:
    page = await browser.open(f"{AUTHORIZE}?client_id=%ff")
    assert page.status == 400


@pytest.mark.parametrize(("verb", "path"), [("PUT", AUTHORIZE), ("PUT", LOGIN), ("GET", LOGOUT), ("DELETE", LOGIN)])
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
