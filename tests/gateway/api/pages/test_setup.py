"""The first administrator comes about in a browser: with the code that lies on the board, once, and for nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.access.login.sessions import Sessions
from gateway.access.users.first_admin import CODE_FILE, MOST_ATTEMPTS
from gateway.access.users.user import User
from gateway.api.pages.routes import setup_routes
from gateway.api.pages.setup import SetupPages, SetupParts
from gateway.core.audit import AuditOutcome
from gateway.core.errors import Code, GatewayError
from gateway.settings.model import AccessSettings, LimitSettings
from tests.gateway.access.people import Household
from tests.gateway.api.pages.browser import Browser, Page
from tests.gateway.api.rig import Rig, rpc_body

SETUP, BUTTON = "/v1/auth/setup", "Become the administrator"
PASSWORD = "correct horse battery"
PASSWORDS = {"password": PASSWORD, "password_again": PASSWORD}
MANY = LimitSettings(anonymous_requests_per_minute=100_000, anonymous_burst=10_000)


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path, MANY)
    await made.people.first_admin.begin()
    return made


def opened(rig: Rig) -> Browser:
    """A new browser, without cookies."""
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.7", 5))
    return Browser(httpx.AsyncClient(transport=transport, base_url="https://rig"))


@pytest.fixture
async def browser(rig: Rig) -> AsyncIterator[Browser]:
    made = opened(rig)
    async with made.client:
        yield made


def code_of(rig: Rig) -> str:
    return (rig.state / CODE_FILE).read_text().strip()


async def become(rig: Rig, browser: Browser, **typed: str) -> Page:
    """Open the page, fill it in, and send it."""
    page = await browser.open(SETUP)
    return await browser.send(page, SETUP, BUTTON, **{"code": code_of(rig), "name": "anna", **PASSWORDS, **typed})


async def test_who_has_the_code_administers_and_the_page_is_closed(rig: Rig, browser: Browser) -> None:
    code = code_of(rig)
    page = await become(rig, browser, code=f" {code.upper().replace('-', ' ')}", name=" Anna")
    assert (page.status, page.heading, page.links) == (200, "That is done", {"Sign in": "/v1/auth/keys"})
    anna = rig.people.users.named("anna")
    assert anna is not None
    assert anna.roles == {"admin"}
    assert anna.password == f"hash of {PASSWORD}"
    assert not (rig.state / CODE_FILE).exists()
    page = await browser.open(SETUP)
    assert (page.status, page.heading, page.forms) == (404, "There is an administrator already", [])
    assert page.links == {"Sign in": "/v1/auth/keys"}
    [noted] = rig.audit.of("user.add_first")
    assert (noted.outcome, noted.details, noted.target) == (AuditOutcome.DONE, {"name": "anna"}, anna.id)
    for secret in (code, PASSWORD, browser.client.cookies["__Host-ferrule"]):
        assert secret not in repr(rig.audit.entries)


async def test_the_page_leads_to_the_first_key(rig: Rig, browser: Browser) -> None:
    """On a board without a shell this is the whole way: from the code on the card to a call that reads."""
    page = await browser.open((await become(rig, browser)).links["Sign in"])
    page = await browser.send(page, "/v1/auth/login", "Sign in", name="anna", password=PASSWORD)
    page = await browser.send(page, "/v1/auth/keys", "Make the key", name="first", scope=["devices:read"])
    asked = rpc_body("tag.read", {"tags": ["bus/meter/power"]})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://rig") as program:
        answer = await program.post("/api/v1/rpc", json=asked, headers={"X-API-Key": page.literals[0]})
    assert answer.json()["result"]["readings"][0]["value"] == 42.5


async def test_who_was_slower_is_told_so(rig: Rig, browser: Browser) -> None:
    code, page = code_of(rig), await browser.open(SETUP)
    other = opened(rig)
    async with other.client:
        assert (await become(rig, other, name="ben")).status == 200
    page = await browser.send(page, SETUP, BUTTON, code=code, name="anna", **PASSWORDS)
    assert (page.status, page.heading) == (409, "There is an administrator already")
    assert rig.people.users.named("anna") is None


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        ({"code": "aaaaa-aaaaa-aaaaa-aaaaa"}, 403, "The code is not the one on the board"),
        ({"code": ""}, 403, "The code is not the one on the board"),
        ({"name": "no name"}, 400, "Name: must be 1 to 64 letters"),
        ({"name": ""}, 400, "Name: must be"),
        ({"password": "short", "password_again": "short"}, 400, "Password: must have at least 12"),
        ({"password_again": "correct horse batterz"}, 400, "The two passwords are not the same."),
        ({"name": "ben"}, 409, 'There is a user "ben" already.'),
    ],
)
async def test_what_is_wrong_is_told_and_what_was_typed_stays_but_for_the_password(
    rig: Rig, browser: Browser, typed: dict[str, str], status: int, told: str
) -> None:
    rig.people.users.add("ben", ["viewer"], None)
    page = await become(rig, browser, **typed)
    assert (page.status, page.heading) == (status, "The first administrator")
    assert told in page.alert
    fields = page.form(SETUP).fields
    assert fields["name"] == typed.get("name", "anna")
    assert fields["code"] == typed.get("code", code_of(rig))
    assert (fields["password"], fields["password_again"]) == ("", "")
    assert not rig.people.users.administered
    page = await browser.send(page, SETUP, BUTTON, code=code_of(rig), name="anna", **PASSWORDS)
    assert page.heading == "That is done"


async def test_wrong_codes_make_it_void_as_everywhere(rig: Rig, browser: Browser) -> None:
    code = code_of(rig)
    for _ in range(MOST_ATTEMPTS):
        assert (await become(rig, browser, code="wrong")).status == 403
    assert not (rig.state / CODE_FILE).exists()
    page = await browser.send(await browser.open(SETUP), SETUP, BUTTON, code=code, name="anna", **PASSWORDS)
    assert page.status == 403
    assert "ferrule user code --renew" in page.alert
    assert {noted.outcome for noted in rig.audit.of("user.add_first")} == {AuditOutcome.FAILED}


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
async def test_a_form_of_somebody_else_does_nothing_and_costs_no_try(
    rig: Rig, browser: Browser, changes: dict[str, str], headers: dict[str, str]
) -> None:
    form = {**(await browser.open(SETUP)).form(SETUP).fields, "name": "eve", **PASSWORDS, **changes}
    for code in (code_of(rig), *["wrong"] * MOST_ATTEMPTS):
        refused = await browser.client.post(SETUP, data={**form, "code": code}, headers=headers)
        assert refused.status_code == 403
    assert rig.people.users.all() == []
    assert {noted.outcome for noted in rig.audit.of("auth.form")} == {AuditOutcome.DENIED}
    assert (await become(rig, browser)).heading == "That is done"


async def test_the_page_is_as_the_others_are(rig: Rig, browser: Browser) -> None:
    page = await browser.open(SETUP)
    headers = page.response.headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["cache-control"] == "no-store"
    assert headers["set-cookie"].endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert not [tag for tag, _ in page.tags if tag in {"script", "style", "img", "iframe"}]
    typed = {values["id"]: values for tag, values in page.tags if tag == "input" and values["type"] != "hidden"}
    assert typed.keys() == page.labels.keys() == {"code", "name", "password", "password_again"}
    assert {typed[name]["type"] for name in ("password", "password_again")} == {"password"}
    assert all("autocomplete" in values for values in typed.values())
    page = await become(rig, browser, code='"><script>alert(1)</script>', name='"><script>')
    assert "<script" not in page.response.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [(b"{}", "application/json", 415), (b"a=%ff", "application/x-www-form-urlencoded", 400)],
)
async def test_what_is_no_form_is_refused(browser: Browser, content: bytes, kind: str, status: int) -> None:
    page = Page(await browser.client.post(SETUP, content=content, headers={"content-type": kind}))
    assert (page.status, page.heading) == (status, "That did not work")


async def test_other_verbs_get_a_page_too(browser: Browser) -> None:
    response = await browser.client.put(SETUP)
    assert (response.status_code, response.headers["content-type"]) == (405, "text/html; charset=utf-8")


async def test_where_nobody_signs_in_there_is_no_such_page(tmp_path: Path) -> None:
    rig = Rig(tmp_path, MANY)
    rig.settings = type(rig.settings)(access=AccessSettings(login=False))
    browser = opened(rig)
    async with browser.client:
        page = await browser.open(SETUP)
        assert (page.status, page.heading) == (404, "No sign-in here")
        sent = Page(await browser.client.post(SETUP, data={"code": "x"}))
        assert (sent.status, sent.heading) == (404, "No sign-in here")


async def test_it_counts_against_the_limit_of_strangers(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LimitSettings(anonymous_requests_per_minute=1, anonymous_burst=2))
    browser = opened(rig)
    async with browser.client:
        pages = [await browser.open(SETUP) for _ in range(3)]
    assert [page.status for page in pages] == [200, 200, 429]
    assert pages[-1].heading == "One moment"


class Crowded:
    """People whose passwords cannot be hashed now."""

    async def add_first(self, code: str, name: str, password: str) -> User:
        raise GatewayError(Code.UNAVAILABLE, "too many sign in at once", details={"retryAfter": 3})


async def test_a_crowd_is_told_to_come_again(tmp_path: Path) -> None:
    house = Household()
    parts = SetupParts(
        people=Crowded(),
        administered=lambda: False,
        sessions=Sessions(house.users, lambda: house.elapsed),
        audit=house.notes,
        gateway="boiler <room>",
        enabled=lambda: True,
    )
    rig = Rig(tmp_path, people=setup_routes(SetupPages(parts)))
    browser = opened(rig)
    async with browser.client:
        page = await browser.send(await browser.open(SETUP), SETUP, BUTTON, code="x", name="anna", **PASSWORDS)
    assert (page.status, page.response.headers["retry-after"]) == (503, "3")
    assert page.alert == "Too many sign in at once."
    assert "boiler <room>" in page.text
