"""The real hashes of passwords."""

from __future__ import annotations

import pytest
import trio

from gateway.access.users.passwords import MOST_WAITING, Passwords
from gateway.core.errors import Code, GatewayError


async def test_only_the_right_password_fits() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("correct horse battery")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.hash("correct horse battery") != hashed
    assert await passwords.fits(hashed, "correct horse battery")
    assert not await passwords.fits(hashed, "Correct horse battery")
    assert not await passwords.fits(hashed, "\ud800")
    assert not await passwords.fits("damaged", "correct horse battery")


async def test_letters_composed_otherwise_are_the_same() -> None:
    passwords = Passwords()
    assert await passwords.fits(await passwords.hash("café au lait"), "cafe\u0301 au lait")


async def test_who_is_not_there_is_worked_for_as_well() -> None:
    passwords = Passwords()
    assert not await passwords.fits(None, "anything at all")
    # The one it was held against has the same cost, so it takes the same time.
    assert passwords._nobodys is not None
    assert passwords._nobodys.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_crowd_is_told_to_come_again() -> None:
    passwords = Passwords()
    ends: list[str] = []

    async def attempt() -> None:
        try:
            ends.append(str(await passwords.fits(None, "wrong")))
        except GatewayError as error:
            ends.append(error.code)

    async with trio.open_nursery() as nursery:
        for _ in range(MOST_WAITING + 3):
            nursery.start_soon(attempt)
    assert sorted(ends) == ["False"] * MOST_WAITING + [Code.UNAVAILABLE] * 3
    assert not await passwords.fits(None, "wrong")


async def test_the_run_loop_goes_on_meanwhile() -> None:
    passwords = Passwords()
    steps = 0
    async with trio.open_nursery() as nursery:

        async def count() -> None:
            nonlocal steps
            while True:
                await trio.sleep(0.001)
                steps += 1

        nursery.start_soon(count)
        for _ in range(3):
            await passwords.hash("correct horse battery")
        nursery.cancel_scope.cancel()
    assert steps > 3


@pytest.mark.parametrize("length", [256, 257, 100_000])
async def test_a_book_is_not_hashed(length: int) -> None:
    passwords = Passwords()
    hashed = await passwords.hash("x" * 256)
    assert await passwords.fits(hashed, "x" * length) is (length == 256)
