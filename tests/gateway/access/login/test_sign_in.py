"""Name and password: the same words for every failure, and ever longer waits."""

from __future__ import annotations

import pytest
import trio

from gateway.access.login.sign_in import BY_ADDRESS, BY_NAME, SignIn
from gateway.core.audit import AuditOutcome
from gateway.core.errors import Code, GatewayError
from tests.gateway.access.people import Household

RIGHT = "anna's password"


@pytest.fixture
def house() -> Household:
    house = Household()
    house.add("anna")
    return house


@pytest.fixture
def sign_in(house: Household) -> SignIn:
    return SignIn(house.users, house.hasher, house.notes, lambda: house.elapsed)


async def refusal(sign_in: SignIn, name: str, password: str, address: str = "10.0.0.7") -> GatewayError:
    with pytest.raises(GatewayError) as error:
        await sign_in.prove(name, password, address)
    return error.value


async def test_who_knows_the_password_is_who_was_meant(house: Household, sign_in: SignIn) -> None:
    assert (await sign_in.prove(" Anna", RIGHT, "10.0.0.7")) == house.users.named("anna")


async def test_every_failure_has_the_same_words_and_the_same_work(house: Household, sign_in: SignIn) -> None:
    house.users.add("nothing-yet", ["viewer"], None)
    off = house.users.add("off", ["viewer"], "hash of off's password")
    house.users.change(off.id, disabled=True)
    failures = [
        await refusal(sign_in, "anna", "wrong"),
        await refusal(sign_in, "nobody", "wrong"),
        await refusal(sign_in, "nothing-yet", "wrong"),
        await refusal(sign_in, "off", "off's password"),
        await refusal(sign_in, "", ""),
    ]
    assert {(error.code, error.reason, str(error.details)) for error in failures} == {
        (Code.UNAUTHENTICATED, "The name or the password is not right.", "{}")
    }
    assert len(house.hasher.asked) == len(failures)


async def test_what_fails_is_noted_without_what_strangers_typed(house: Household, sign_in: SignIn) -> None:
    await refusal(sign_in, "my-secret-typed-into-the-wrong-line", "x")
    await refusal(sign_in, "anna", "also secret")
    unknown, known = house.notes.of("auth.login")
    [anna] = house.users.all()
    assert (unknown.subject, unknown.peer, unknown.details) == (None, "10.0.0.7", {"reason": "no such user"})
    assert (known.subject, known.outcome) == (f"user:{anna.id}", AuditOutcome.DENIED)
    assert "secret" not in repr(house.notes.entries)


@pytest.mark.parametrize("name", ["anna", "nobody"])
async def test_a_name_that_is_tried_too_often_has_to_wait_whether_it_exists_or_not(
    house: Household, sign_in: SignIn, name: str
) -> None:
    for number in range(BY_NAME.free):
        assert (await refusal(sign_in, name, "wrong", f"10.0.0.{number}")).code is Code.UNAUTHENTICATED
    waits = []
    for number in range(10):
        assert (await refusal(sign_in, name, "wrong", f"10.0.1.{number}")).code is Code.UNAUTHENTICATED
        tried = len(house.hasher.asked)
        error = await refusal(sign_in, name, "wrong", f"10.0.2.{number}")
        assert error.code is Code.TOO_MANY
        assert len(house.hasher.asked) == tried
        wait = error.details["retryAfter"]
        assert isinstance(wait, int)
        waits.append(wait)
        house.wait(wait)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_the_wait_holds_for_the_right_password_too_and_success_ends_it(house: Household, sign_in: SignIn) -> None:
    for _ in range(BY_NAME.free + 1):
        await refusal(sign_in, "anna", "wrong")
    assert (await refusal(sign_in, "anna", RIGHT)).code is Code.TOO_MANY
    house.wait(2)
    assert (await sign_in.prove("anna", RIGHT, "10.0.0.7")).name == "anna"
    assert (await refusal(sign_in, "anna", "wrong")).code is Code.UNAUTHENTICATED


async def test_an_address_that_tries_many_names_has_to_wait_whatever_password_of_its_own_it_knows(
    house: Household, sign_in: SignIn
) -> None:
    for number in range(BY_ADDRESS.free + 1):
        await refusal(sign_in, f"name-{number}", "wrong")
        if number % 5 == 4:
            await sign_in.prove("anna", RIGHT, "10.0.0.7")
    assert (await refusal(sign_in, "another", "wrong")).code is Code.TOO_MANY
    assert (await sign_in.prove("anna", RIGHT, "10.0.0.8")).name == "anna"


async def test_many_at_once_count_as_many(house: Household, sign_in: SignIn) -> None:
    codes: list[Code] = []

    async def attempt() -> None:
        codes.append((await refusal(sign_in, "anna", "wrong")).code)

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(attempt)
    assert codes.count(Code.UNAUTHENTICATED) == BY_NAME.free + 1
    assert len(house.hasher.asked) == BY_NAME.free + 1


async def test_who_was_only_crowded_out_has_not_failed(house: Household, sign_in: SignIn) -> None:
    house.hasher.crowded = True
    for _ in range(50):
        assert (await refusal(sign_in, "anna", RIGHT)).code is Code.UNAVAILABLE
    house.hasher.crowded = False
    assert (await sign_in.prove("anna", RIGHT, "10.0.0.7")).name == "anna"


async def test_a_password_changed_meanwhile_counts(house: Household) -> None:
    [anna] = house.users.all()

    class Slow:
        async def hash(self, password: str) -> str:
            return password

        async def fits(self, hashed: str | None, password: str) -> bool:
            house.users.set_password(anna.id, "hash of another")
            return True

    sign_in = SignIn(house.users, Slow(), house.notes, lambda: house.elapsed)
    assert (await refusal(sign_in, "anna", RIGHT)).code is Code.UNAUTHENTICATED
