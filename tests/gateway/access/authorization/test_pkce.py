"""PKCE: only who made the challenge knows the verifier."""

from __future__ import annotations

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]  # it has none
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.authorization.pkce import answers, challenge_of, is_challenge

VERIFIERS = st.from_regex(r"[A-Za-z0-9._~-]{43,128}", fullmatch=True)


def test_the_example_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert challenge_of(verifier) == challenge
    assert answers(verifier, challenge)


@given(VERIFIERS)
def test_challenges_are_those_of_others(verifier: str) -> None:
    challenge = create_s256_code_challenge(verifier)
    assert is_challenge(challenge)
    assert answers(verifier, challenge)


@given(VERIFIERS, VERIFIERS | st.text(max_size=130))
def test_no_other_verifier_answers(verifier: str, other: str) -> None:
    assert answers(other, challenge_of(verifier)) is (other == verifier)


@pytest.mark.parametrize("verifier", ["v" * 42, "v" * 129, "v" * 42 + "+", "v" * 42 + "é", "v" * 43 + "\n", ""])
def test_what_is_no_verifier_answers_nothing(verifier: str) -> None:
    assert not answers(verifier, challenge_of("v" * 43))


@pytest.mark.parametrize(
    "challenge", ["", "A" * 42, "A" * 44, "A" * 42 + "B", "A" * 42 + "=", "A" * 42 + "\n", "v" * 128]
)
def test_what_is_no_challenge(challenge: str) -> None:
    assert not is_challenge(challenge)


@given(st.text(max_size=60))
def test_plain_challenges_are_none(text: str) -> None:
    if is_challenge(text):
        assert not answers(text, text)
