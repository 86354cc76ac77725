"""What every page is: without scripts, readable by everybody, and what comes from outside is text."""

from __future__ import annotations

from gateway.api.rest.problems import Problem
from tests.gateway.api.pages.browser import Browser, brought_back
from tests.gateway.api.pages.conftest import Site, link

LOGIN, AUTHORIZE, LOGOUT = "/v1/auth/login", "/v1/auth/authorize", "/v1/auth/logout"
ANNA = ("anna", "anna's password")


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


async def test_a_fault_of_ours_is_a_page_with_its_id(site: Site) -> None:
    reply = site.pages.refusal(Problem(500, "internal_error", "this is a fault of the gateway.", id_="0123abcd"))
    assert reply.status == 500
    assert b"This is a fault of the gateway." in reply.body
    assert b"0123abcd" in reply.body
