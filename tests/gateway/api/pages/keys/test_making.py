"""Who is signed in makes API keys of its own: shown once, and within the roles."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import httpx
import pytest

from gateway.api.pages.keys import MOST_OF_ONE
from gateway.core.audit import AuditOutcome
from gateway.settings.model import AccessSettings
from tests.gateway.api.pages.browser import Browser
from tests.gateway.api.pages.keys.visits import (
    ANNA,
    BEN,
    DAY,
    EVIL,
    KEYS,
    LOGIN,
    REVOKE,
    called,
    make,
    opened,
    person,
    secret_of,
)
from tests.gateway.api.rig import Rig


async def test_who_signs_in_makes_a_key_that_reads_tags_and_does_no_more(
    rig: Rig, browser: Browser, program: httpx.AsyncClient
) -> None:
    page = await browser.open(KEYS)
    assert (page.status, page.heading) == (200, "Sign in")
    page = await browser.send(page, LOGIN, "Sign in", name="anna", password="anna's password")
    assert (page.status, page.heading) == (200, "Your API keys")
    assert "You have none so far." in page.text
    page = await make(browser, "devices:read", page=page, lifetime="30d")
    key = secret_of(page)
    assert key.startswith(f"{person(rig, 'anna').id}:")
    for _ in range(2):
        answer = await called(program, key, "tag.read", {"tags": ["bus/meter/power"]})
        assert answer["result"]["readings"][0]["value"] == 42.5
    written = await called(program, key, "tag.write", {"tag": "bus/meter/power", "value": 1})
    assert written["error"]["code"] == -32002
    assert (await program.get("/v1/clients", headers={"X-API-Key": key})).status_code == 403
    assert rig.field.written == []
    # Once and never again.
    page = await browser.open(KEYS)
    [kept] = rig.access.keys.all()
    assert "logger" in page.text
    assert kept.id in page.text
    assert "devices:read" in page.text
    assert "last used" in page.text
    assert kept.expires == kept.created + 30 * DAY
    assert key.partition(":")[2] not in page.response.text


async def test_the_line_that_is_shown_reads_something(rig: Rig, browser: Browser, program: httpx.AsyncClient) -> None:
    await browser.sign_in(KEYS, *ANNA)
    page = await make(browser, "devices:read", "devices:write")
    words = shlex.split(page.literals[1])
    assert words[:3] == ["curl", "--cacert", "ca.pem"]
    header, _, value = words[words.index("-H") + 1].partition(": ")
    body = words[words.index("--json") + 1]
    url = next(word for word in words if word.startswith("https://rig/"))
    asked = {header: value, "content-type": "application/json"}
    answer = await program.post(url.removeprefix("https://rig"), content=body, headers=asked)
    assert "bus/meter/power" in json.dumps(answer.json()["result"])
    page = await make(browser, "system:read")
    *_, header, url = shlex.split(page.literals[1])
    name, _, value = header.partition(": ")
    answer = await program.get(url.removeprefix("https://rig"), headers={name: value})
    assert answer.json()["data"]["scope"] == "system:read"


async def test_the_key_is_in_no_note_no_address_and_no_answer_that_is_kept(rig: Rig, browser: Browser) -> None:
    await browser.sign_in(KEYS, *ANNA)
    page = await make(browser, "devices:read")
    secret = secret_of(page).partition(":")[2]
    assert secret not in str(page.response.url)
    assert page.response.headers["cache-control"] == "no-store"
    assert "location" not in page.response.headers
    [noted] = rig.audit.of("api_key.create")
    [kept] = rig.access.keys.all()
    assert (noted.outcome, noted.subject, noted.target) == (
        AuditOutcome.DONE,
        f"user:{person(rig, 'anna').id}",
        kept.id,
    )
    assert noted.details == {
        "name": "logger",
        "scopes": ["devices:read"],
        "ttl": 90 * DAY,
        "audience": ["/api/v1", "/v1"],
    }
    for text in (secret, browser.client.cookies["__Host-ferrule"]):
        assert text not in repr(rig.audit.entries)


@pytest.mark.parametrize(
    ("lifetime", "seconds"), [("1d", DAY), ("30d", 30 * DAY), ("90d", 90 * DAY), ("1y", 365 * DAY), ("revoked", None)]
)
async def test_a_key_ends_when_that_was_chosen(
    rig: Rig, browser: Browser, program: httpx.AsyncClient, lifetime: str, seconds: int | None
) -> None:
    page = await browser.sign_in(KEYS, *ANNA)
    assert lifetime in page.form(KEYS).choices["lifetime"]
    assert page.form(KEYS).fields["lifetime"] == "90d"
    key = secret_of(await make(browser, "devices:read", lifetime=lifetime))
    headers = {"X-API-Key": key}
    rig.board.set(rig.board.wall + (seconds or 1000 * DAY) - 2)
    assert (await program.get("/v1/auth/me", headers=headers)).status_code == 200
    rig.board.set(rig.board.wall + 2)
    assert (await program.get("/v1/auth/me", headers=headers)).status_code == (200 if seconds is None else 401)
    told = "Good until it is revoked" if seconds is None else "Expired"
    assert told in (await browser.open(KEYS)).text


async def test_who_may_look_only_gets_keys_that_look_only(
    rig: Rig, browser: Browser, program: httpx.AsyncClient
) -> None:
    page = await browser.sign_in(KEYS, *BEN)
    offered = page.form(KEYS).boxes["scope"]
    assert "devices:read" in offered
    assert not {"devices:write", "system:write", "plugins:act", "*"} & set(offered)
    assert page.form(KEYS).ticked == {}
    for more in ("devices:write", "*", "system:*", "nonsense", EVIL):
        page = await make(browser, "devices:read", more)
        assert (page.status, page.heading) == (403, "Your API keys")
        assert "our roles do not allow" in page.alert
        assert "<script" not in page.response.text
    assert rig.access.keys.all() == []
    assert {noted.outcome for noted in rig.audit.of("api_key.create")} == {AuditOutcome.DENIED}
    key = secret_of(await make(browser, *offered))
    refused = await called(program, key, "tag.write", {"tag": "bus/meter/power", "value": 1})
    assert refused["error"]["code"] == -32002


async def test_an_administrator_is_offered_everything_and_a_key_loses_what_its_person_loses(
    rig: Rig, browser: Browser, program: httpx.AsyncClient
) -> None:
    rig.people.users.add("boss", ["admin"], None)
    page = await browser.sign_in(KEYS, *ANNA)
    assert "*" in page.form(KEYS).boxes["scope"]
    headers = {"X-API-Key": secret_of(await make(browser, "*"))}
    # What needs a key with system:write is done with one: registering a program, for example.
    body = {"data": {"name": "Panel", "kind": "public", "roles": ["viewer"], "redirect_uris": ["http://127.0.0.1/"]}}
    assert (await program.post("/v1/clients", json=body, headers=headers)).status_code == 201
    rig.people.users.change(person(rig, "anna").id, roles=["viewer"])
    assert (await program.get("/v1/auth/me", headers=headers)).status_code == 200
    assert (await program.post("/v1/clients", json=body, headers=headers)).status_code == 403
    rig.people.users.change(person(rig, "anna").id, disabled=True)
    assert (await program.get("/v1/auth/me", headers=headers)).status_code == 401


async def test_there_are_no_more_keys_than_may_be(rig: Rig, browser: Browser) -> None:
    rig.settings = replace(rig.settings, access=AccessSettings(max_keys=1))
    await browser.sign_in(KEYS, *ANNA)
    secret_of(await make(browser, "devices:read"))
    page = await make(browser, "devices:read")
    assert (page.status, page.heading) == (409, "Your API keys")
    assert page.alert == "There are 1 API keys, and no more may be: raise max_keys in [access]."
    assert [noted.outcome for noted in rig.audit.of("api_key.create")] == [AuditOutcome.DONE, AuditOutcome.FAILED]


async def test_one_person_does_not_take_what_there_may_be_of_all(rig: Rig, browser: Browser) -> None:
    await browser.sign_in(KEYS, *BEN)
    for _ in range(MOST_OF_ONE):
        secret_of(await make(browser, "devices:read"))
    page = await make(browser, "devices:read")
    assert page.status == 409
    assert "revoke one first" in page.alert
    other = opened(rig)
    async with other.client:
        await other.sign_in(KEYS, *ANNA)
        secret_of(await make(other, "devices:read"))


async def test_a_disk_that_takes_nothing_is_told_of(rig: Rig, browser: Browser) -> None:
    await browser.sign_in(KEYS, *ANNA)
    await make(browser, "devices:read")
    rig.credentials.trouble = "the disk is full"
    made = await make(browser, "devices:read")
    asked = await browser.send(await browser.open(KEYS), REVOKE, "Revoke logger")
    for page in (made, await browser.send(asked, REVOKE, "Revoke it")):
        assert (page.status, page.response.headers["retry-after"]) == (503, "2")
        assert page.alert == "The disk is full; nothing was changed."
    assert len(rig.access.keys.all()) == 1


async def test_it_is_there_after_a_restart(rig: Rig, browser: Browser) -> None:
    await browser.sign_in(KEYS, *ANNA)
    key = secret_of(await make(browser, "devices:read"))
    again = rig.restarted()
    await again.access.load(None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(again.app), base_url="https://rig") as client:
        assert (await client.get("/v1/auth/me", headers={"X-API-Key": key})).status_code == 200
