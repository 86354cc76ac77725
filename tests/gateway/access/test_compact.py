"""Tokens as bytes: what others make of ours, and what becomes of theirs; PyJWT and joserfc are the judges."""

from __future__ import annotations

import base64
import hmac
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from gateway.access.compact import proven, sign

SECRET = bytes(range(32))
CLAIMS = st.dictionaries(
    st.text(max_size=8),
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20) | st.lists(st.text(max_size=5)),
    max_size=6,
)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header: object, claims: object, secret: bytes = SECRET) -> str:
    """A token with any header, signed as HS256 is."""
    words = f"{part(header)}.{part(claims)}"
    proof = base64.urlsafe_b64encode(hmac.digest(secret, words.encode(), "sha256")).rstrip(b"=").decode()
    return f"{words}.{proof}"


@given(CLAIMS)
def test_others_read_ours_and_we_read_theirs(claims: dict[str, object]) -> None:
    ours = sign(claims, SECRET, typ="op+jwt", kid="k1")

    judged = jws.deserialize_compact(ours, OctKey.import_key(SECRET), algorithms=["HS256"])
    assert (json.loads(judged.payload), judged.protected) == (claims, {"alg": "HS256", "kid": "k1", "typ": "op+jwt"})
    assert jwt.PyJWS().decode(ours, SECRET, algorithms=["HS256"]) == judged.payload
    assert proven(ours, SECRET) == claims
    theirs = jws.serialize_compact({"alg": "HS256"}, json.dumps(claims), OctKey.import_key(SECRET))
    assert proven(theirs, SECRET) == claims


@given(st.data())
def test_a_token_with_another_character_is_none(data: st.DataObject) -> None:
    token = sign({"sub": "somebody"}, SECRET, typ="op+jwt", kid="k1")
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("AZaz09-_.=\xff").filter(lambda one: one != token[place]))
    with pytest.raises(ValueError, match=r"\S"):
        proven(token[:place] + other + token[place + 1 :], SECRET)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS512"},
        {"alg": "hs256"},
        {"alg": ["HS256"]},
        {"typ": "op+jwt"},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "crit": []},
        ["HS256"],
        "HS256",
        None,
    ],
)
def test_a_header_that_says_something_else_is_refused_though_the_signature_is_right(header: object) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        proven(signed(header, {"sub": "somebody"}), SECRET)


@pytest.mark.parametrize("claims", [[], "text", 1, None])
def test_claims_are_an_object(claims: object) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        proven(signed({"alg": "HS256"}, claims), SECRET)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c", part({"alg": "none"}) + "." + part({}) + "."])
def test_what_is_no_token_is_none(token: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        proven(token, SECRET)


def test_another_key_proves_nothing() -> None:
    with pytest.raises(ValueError, match="signature"):
        proven(sign({}, SECRET, typ="op+jwt", kid="k1"), SECRET[::-1])
