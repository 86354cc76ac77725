"""Codes and refresh tokens: each good once, for who it was given to, and a second use ends all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from gateway.access.authorization.codes import LIFE, MOST_OF_ONE
from gateway.access.authorization.families import FAMILY
from gateway.access.authorization.families import MOST_OF_ONE as MOST_FAMILIES
from gateway.access.oauth.grant import Form, Issued, OAuthError
from tests.gateway.access.authorization.granting import (
    AGENT_API,
    CALLBACK,
    DAY,
    PLUGIN_API,
    PROGRAM,
    VERIFIER,
    Granting,
    other,
)


@pytest.fixture
def house() -> Granting:
    house = Granting()
    house.add("boss")
    return house


def code_form(shown: str, audience: frozenset[str] | None = None, **changes: str | None) -> Form:
    values: Mapping[str, str | None] = {
        "code": shown,
        "code_verifier": VERIFIER,
        "redirect_uri": CALLBACK,
        **changes,
    }
    return Form({name: value for name, value in values.items() if value is not None}, audience)


async def refused(work: object) -> str:
    with pytest.raises(OAuthError) as error:
        await work  # type: ignore[misc]  # a call of a grant
    return error.value.error


async def refreshed(house: Granting, token: str | None, **more: str) -> Issued:
    return await house.by_refresh.exchange(PROGRAM, Form({"refresh_token": token or "", **more}))


async def test_a_code_gives_tokens_once(house: Granting) -> None:
    anna = house.add("anna")
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(anna)))
    assert given.subject == f"user:{anna.id}"
    assert given.scopes == {"devices:read", "devices:write"}
    assert given.resource == {PLUGIN_API}
    assert given.refresh_token is not None
    assert given.grant is not None
    assert given.refresh_token not in repr(given)


async def test_a_code_that_is_shown_again_ends_what_it_gave(house: Granting) -> None:
    code = house.code(house.add("anna"))
    given = await house.by_code.exchange(PROGRAM, code_form(code))
    house.wait(1800)
    assert await refused(house.by_code.exchange(PROGRAM, code_form(code))) == "invalid_grant"
    assert await refused(refreshed(house, given.refresh_token)) == "invalid_grant"
    assert house.voids.ended(str(given.grant))
    assert len(house.notes.of("auth.code_reuse")) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "unknown"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:1/callback"}, "invalid_grant"),
    ],
)
async def test_every_binding_of_a_code_holds(house: Granting, changes: dict[str, str | None], error: str) -> None:
    values = {**code_form(house.code(house.add("anna"))).values, **changes}
    form = Form({name: value for name, value in values.items() if value is not None})
    assert await refused(house.by_code.exchange(PROGRAM, form)) == error


async def test_a_code_is_of_one_client(house: Granting) -> None:
    code = house.code(house.add("anna"))
    assert await refused(house.by_code.exchange(other(), code_form(code))) == "invalid_grant"
    # Whoever else tries it costs the one it was given to nothing.
    assert (await house.by_code.exchange(PROGRAM, code_form(code))).scopes


async def test_there_is_no_second_guess_at_a_verifier(house: Granting) -> None:
    code = house.code(house.add("anna"))
    assert await refused(house.by_code.exchange(PROGRAM, code_form(code, code_verifier="w" * 43))) == "invalid_grant"
    assert await refused(house.by_code.exchange(PROGRAM, code_form(code))) == "invalid_grant"


async def test_a_code_is_good_for_a_minute(house: Granting) -> None:
    anna = house.add("anna")
    code = house.code(anna)
    house.wait(LIFE - 0.001)
    assert (await house.by_code.exchange(PROGRAM, code_form(code))).scopes
    code = house.code(anna)
    house.wait(LIFE)
    assert await refused(house.by_code.exchange(PROGRAM, code_form(code))) == "invalid_grant"


async def test_the_redirect_uri_may_be_left_out_where_it_was(house: Granting) -> None:
    anna = house.add("anna")
    for uri in (None, CALLBACK):
        code = house.code(anna, redirect_given=False)
        assert (await house.by_code.exchange(PROGRAM, code_form(code, redirect_uri=uri))).scopes


@pytest.mark.parametrize("deed", ["password", "disable", "remove"])
async def test_codes_and_refresh_tokens_end_with_their_owner(house: Granting, deed: str) -> None:
    anna = house.add("anna")
    code, given = house.code(anna), await house.by_code.exchange(PROGRAM, code_form(house.code(anna)))
    if deed == "password":
        house.users.set_password(anna.id, "another")
    elif deed == "disable":
        house.users.change(anna.id, disabled=True)
        house.users.change(anna.id, disabled=False)
    else:
        house.users.remove(anna.id)
    assert await refused(house.by_code.exchange(PROGRAM, code_form(code))) == "invalid_grant"
    assert await refused(refreshed(house, given.refresh_token)) == "invalid_grant"
    assert house.facts.recall(FAMILY) == {}


async def test_codes_of_one_person_are_bounded(house: Granting) -> None:
    anna, ben = house.add("anna"), house.add("ben")
    of_ben, first = house.code(ben), house.code(anna)
    last = [house.code(anna) for _ in range(MOST_OF_ONE)][-1]
    assert len(house.codes) == MOST_OF_ONE + 1
    assert await refused(house.by_code.exchange(PROGRAM, code_form(first))) == "invalid_grant"
    for code in (last, of_ben):
        assert (await house.by_code.exchange(PROGRAM, code_form(code))).scopes


async def test_a_refresh_token_is_good_once_and_gives_the_next(house: Granting) -> None:
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(house.add("anna"))))
    tokens = [given.refresh_token]
    for _ in range(5):
        given = await refreshed(house, tokens[-1])
        tokens.append(given.refresh_token)
    assert len(set(tokens)) == 6
    assert len(house.families) == 1


async def test_one_that_was_used_ends_the_family_whoever_shows_it(house: Granting) -> None:
    first = await house.by_code.exchange(PROGRAM, code_form(house.code(house.add("anna"))))
    second = await refreshed(house, first.refresh_token)
    assert await refused(refreshed(house, first.refresh_token)) == "invalid_grant"
    assert await refused(refreshed(house, second.refresh_token)) == "invalid_grant"
    assert len(house.families) == 0
    [noted] = house.notes.of("auth.refresh_reuse")
    assert noted.details == {"client": "program"}


async def test_another_client_gets_nothing_and_costs_nothing(house: Granting) -> None:
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(house.add("anna"))))
    form = Form({"refresh_token": str(given.refresh_token)})
    assert await refused(house.by_refresh.exchange(other(), form)) == "invalid_grant"
    assert (await refreshed(house, given.refresh_token)).scopes


async def test_families_outlive_a_restart_hashed(house: Granting) -> None:
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(house.add("anna"))))
    token = str(given.refresh_token)
    assert token not in repr(house.facts.kinds)
    assert token.rpartition(".")[2] not in repr(house.facts.kinds)
    assert hashlib.sha256(token.encode()).hexdigest() in repr(house.facts.kinds)
    house.restart()
    second = await refreshed(house, token)
    house.restart()
    assert await refused(refreshed(house, token)) == "invalid_grant"
    house.restart()
    assert await refused(refreshed(house, second.refresh_token)) == "invalid_grant"


async def test_it_ends_when_it_is_not_used_and_in_any_case_in_the_end(house: Granting) -> None:
    anna = house.add("anna")
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(anna)))
    for _ in range(4):
        house.wait(7 * DAY - 1)
        given = await refreshed(house, given.refresh_token)
    house.wait(2 * DAY + 4)
    assert await refused(refreshed(house, given.refresh_token)) == "invalid_grant"

    given = await house.by_code.exchange(PROGRAM, code_form(house.code(anna)))
    house.wait(7 * DAY)
    assert await refused(refreshed(house, given.refresh_token)) == "invalid_grant"


async def test_a_clock_that_may_be_wrong_makes_nothing_forgotten(house: Granting) -> None:
    anna = house.add("anna")
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(anna)))
    right, house.synchronised = house.now, False
    house.now += 3650 * DAY
    assert await refused(refreshed(house, given.refresh_token)) == "invalid_grant"
    await house.by_code.exchange(PROGRAM, code_form(house.code(anna)))
    house.now, house.synchronised = right, True
    assert (await refreshed(house, given.refresh_token)).scopes


async def test_scopes_can_be_narrowed_and_never_widened(house: Granting) -> None:
    anna = house.add("anna")
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(anna)))
    less = await refreshed(house, given.refresh_token, scope="devices:read")
    assert less.scopes == {"devices:read"}
    again = await refreshed(house, less.refresh_token)
    assert again.scopes == {"devices:read", "devices:write"}
    assert await refused(refreshed(house, again.refresh_token, scope="plugins:write")) == "invalid_scope"
    # A mistake costs no token.
    house.users.change(anna.id, roles=["viewer"])
    assert (await refreshed(house, again.refresh_token)).scopes == {"devices:read"}


async def test_the_audience_can_be_narrowed_and_never_widened(house: Granting) -> None:
    both = frozenset({PLUGIN_API, AGENT_API})
    anna = house.add("anna")
    code = house.code(anna, audience=both)
    given = await house.by_code.exchange(PROGRAM, code_form(code, frozenset({AGENT_API})))
    assert given.resource == {AGENT_API}
    assert (await refreshed(house, given.refresh_token)).resource == both
    code = house.code(anna)
    assert await refused(house.by_code.exchange(PROGRAM, code_form(code, both))) == "invalid_target"


async def test_a_person_has_so_many_families_with_a_program(house: Granting) -> None:
    anna = house.add("anna")
    given = []
    for _ in range(MOST_FAMILIES + 1):
        given.append(await house.by_code.exchange(PROGRAM, code_form(house.code(anna))))
        house.wait(1)
    assert len(house.families) == MOST_FAMILIES
    assert await refused(refreshed(house, given[0].refresh_token)) == "invalid_grant"
    assert (await refreshed(house, given[1].refresh_token)).scopes


async def test_a_client_that_is_disabled_leaves_nothing(house: Granting) -> None:
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(house.add("anna"))))
    house.voids.end("client:another")
    given = await refreshed(house, given.refresh_token)
    house.voids.end(PROGRAM.subject)
    house.restart()
    assert await refused(refreshed(house, given.refresh_token)) == "invalid_grant"
    assert house.facts.recall(FAMILY) == {}


async def test_revocation_ends_the_family(house: Granting) -> None:
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(house.add("anna"))))
    token = str(given.refresh_token)
    assert not await house.by_refresh.revoke(PROGRAM, "no.such.token")
    assert await refused(house.by_refresh.revoke(other(), token)) == "invalid_grant"
    assert await house.by_refresh.revoke(PROGRAM, token)
    assert await refused(refreshed(house, token)) == "invalid_grant"
    assert await house.by_refresh.revoke(PROGRAM, token)


async def test_introspection_tells_of_the_newest_token_alone(house: Granting) -> None:
    anna = house.add("anna")
    given = await house.by_code.exchange(PROGRAM, code_form(house.code(anna)))
    shown = house.by_refresh.look(str(given.refresh_token))
    assert shown is not None
    assert (shown["client_id"], shown["sub"], shown["username"]) == ("program", f"user:{anna.id}", "anna")
    assert shown["exp"] == house.now + 7 * DAY
    await refreshed(house, given.refresh_token)
    for token in (str(given.refresh_token), "no.such.token", ""):
        assert house.by_refresh.look(token) is None


async def test_what_another_version_wrote_is_left_out(house: Granting) -> None:
    house.facts.remember(FAMILY, "damaged", {"client": 7})
    house.facts.remember(FAMILY, "more", "damaged")
    house.restart()
    assert len(house.families) == 0
