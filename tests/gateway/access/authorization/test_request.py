"""Requests of programs: who asks and where the answer goes is proven first, then everything else."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.authorization.consent import offered
from gateway.access.authorization.pkce import challenge_of
from gateway.access.authorization.request import LONGEST_STATE, AuthorizationRequest, Declined, Unproven, read
from gateway.access.oauth.grant import Client
from tests.gateway.access.authorization.granting import AGENT_API, CALLBACK, PLUGIN_API, PROGRAM, VERIFIER
from tests.gateway.access.people import Household

CLIENTS = {
    "program": PROGRAM,
    "off": replace(PROGRAM, id="off", disabled=True),
    "machine": replace(PROGRAM, id="machine", redirect_uris=()),
    "two": replace(PROGRAM, id="two", redirect_uris=(CALLBACK, "https://panel.example/cb")),
}


def audience(values: list[str]) -> frozenset[str] | None:
    return frozenset(values) if set(values) <= {PLUGIN_API, AGENT_API} else None


GOOD = {
    "response_type": "code",
    "client_id": "program",
    "redirect_uri": "http://127.0.0.1:51004/callback",
    "scope": "devices:read",
    "state": "s t/å",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


def asked(*more: tuple[str, str], **changes: str | None) -> list[tuple[str, str]]:
    values = {**GOOD, **changes}
    return [*((name, value) for name, value in values.items() if value is not None), *more]


def test_a_good_request_is_read() -> None:
    assert read(asked(("unknown", "ignored"), ("unknown2", "")), CLIENTS.get, audience) == AuthorizationRequest(
        client=PROGRAM,
        redirect_uri="http://127.0.0.1:51004/callback",
        redirect_given=True,
        state="s t/å",
        challenge=challenge_of(VERIFIER),
        scope="devices:read",
        audience=frozenset({PLUGIN_API}),
    )


def test_what_may_be_left_out() -> None:
    found = read(asked(redirect_uri=None, scope=None, state=None), CLIENTS.get, audience)
    assert (found.redirect_uri, found.redirect_given, found.scope, found.state) == (CALLBACK, False, None, None)
    assert read(asked(scope=""), CLIENTS.get, audience).scope is None


def test_resources_may_be_several() -> None:
    assert read(asked(("resource", PLUGIN_API), ("resource", AGENT_API)), CLIENTS.get, audience).audience == {
        PLUGIN_API,
        AGENT_API,
    }


@pytest.mark.parametrize(
    "parameters",
    [
        asked(client_id=None),
        asked(client_id=""),
        asked(client_id="nobody"),
        asked(client_id="off"),
        asked(client_id="machine"),
        asked(("client_id", "program")),
        asked(redirect_uri="https://evil.example/cb"),
        asked(redirect_uri="http://127.0.0.1:5/callback/"),
        asked(("redirect_uri", "https://evil.example/cb")),
        asked(client_id="two", redirect_uri=None),
        [],
    ],
)
def test_nobody_is_sent_where_it_is_not_proven(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(Unproven) as unproven:
        read(parameters, CLIENTS.get, audience)
    assert "evil" not in str(unproven.value)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        (asked(response_type=None), "invalid_request"),
        (asked(response_type="token"), "unsupported_response_type"),
        (asked(response_type="code token"), "unsupported_response_type"),
        (asked(response_mode="fragment"), "invalid_request"),
        (asked(code_challenge=None), "invalid_request"),
        (asked(code_challenge_method=None), "invalid_request"),
        (asked(code_challenge_method="plain"), "invalid_request"),
        (asked(code_challenge="short"), "invalid_request"),
        (asked(("scope", "devices:write")), "invalid_request"),
        (asked(("code_challenge", challenge_of("w" * 43))), "invalid_request"),
        (asked(("resource", "https://elsewhere.example/")), "invalid_target"),
    ],
)
def test_the_program_is_told_of_its_mistake(parameters: list[tuple[str, str]], error: str) -> None:
    with pytest.raises(Declined) as declined:
        read(parameters, CLIENTS.get, audience)
    assert (declined.value.uri, declined.value.error) == ("http://127.0.0.1:51004/callback", error)
    assert declined.value.state == "s t/å"


def test_a_state_that_stands_there_twice_or_is_a_book_is_not_given_back() -> None:
    for parameters in (asked(("state", "another")), asked(state="x" * (LONGEST_STATE + 1))):
        with pytest.raises(Declined) as declined:
            read(parameters, CLIENTS.get, audience)
        assert (declined.value.error, declined.value.state) == ("invalid_request", None)


@given(
    st.lists(st.tuples(st.sampled_from([*GOOD, "resource"]) | st.text(max_size=8), st.text(max_size=20)), max_size=12)
)
def test_any_request_ends_in_one_of_three_ways(more: list[tuple[str, str]]) -> None:
    for parameters in (more, asked(*more)):
        with suppress(Unproven):
            assert sent_to(parameters).endswith("/callback")


def sent_to(parameters: list[tuple[str, str]]) -> str:
    try:
        return read(parameters, CLIENTS.get, audience).redirect_uri
    except Declined as declined:
        return declined.uri


@pytest.mark.parametrize(
    ("roles", "client", "scope", "expected"),
    [
        (("admin",), PROGRAM, "devices:read plugins:write", {"devices:read"}),
        (("viewer",), PROGRAM, "devices:read devices:write", {"devices:read"}),
        (("admin",), replace(PROGRAM, roles=frozenset({"viewer"})), "*", {"devices:read"}),
        (("admin",), replace(PROGRAM, roles=frozenset(), scopes=frozenset({"devices:write"})), None, {"devices:write"}),
        (("viewer",), PROGRAM, "openid devices:read", {"devices:read"}),
    ],
)
def test_a_person_gives_what_both_may_have(
    roles: tuple[str, ...], client: Client, scope: str | None, expected: set[str]
) -> None:
    found = replace(read(asked(), CLIENTS.get, audience), client=client, scope=scope)
    given = offered(found, Household().add("anna", *roles))
    assert given >= expected
    assert scope is None or scope == "*" or given == expected


def test_what_nobody_may_give_is_declined() -> None:
    found = replace(read(asked(), CLIENTS.get, audience), scope="plugins:write")
    with pytest.raises(Declined) as declined:
        offered(found, Household().add("anna", "viewer"))
    assert declined.value.error == "invalid_scope"
