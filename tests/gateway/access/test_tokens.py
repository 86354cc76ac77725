"""Operator tokens, judged with tokens built by hand from hmac and base64, not by the library that makes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.access.keys import RootKey
from gateway.access.tokens import AGENT_API, PLUGIN_API, PURPOSE, OperatorTokens
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind

NOW = 1_800_000_000.5
ROOT = RootKey(bytes(range(32)))
KEY = ROOT.key(PURPOSE)

HEADER: dict[str, object] = {"alg": "HS256", "typ": "op+jwt", "kid": KEY.kid}
CLAIMS: dict[str, object] = {
    "iss": ROOT.gateway_id,
    "sub": "operator",
    "aud": ["/v1", "/api/v1"],
    "scope": "devices:read",
    "iat": 1_800_000_000,
    "nbf": 1_800_000_000,
    "exp": 1_800_003_600,
    "jti": "abc",
}


@dataclass
class Board:
    now: float = NOW
    synchronised: bool = True
    tokens: OperatorTokens = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = OperatorTokens(ROOT, lambda: self.now, lambda: self.synchronised)


@pytest.fixture
def board() -> Board:
    return Board()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(
    header: dict[str, object],
    claims: object,
    secret: bytes = KEY.secret,
    digest: Callable[..., object] = hashlib.sha256,
) -> str:
    """A JWS as RFC 7515 describes it, without any JOSE library."""
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"  # type: ignore[arg-type] # a hash constructor


def refusal(board: Board, token: str, audience: str = AGENT_API) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        board.tokens.verify(token, audience)
    assert caught.value.code is Code.UNAUTHENTICATED
    return caught.value


def test_an_issued_token_carries_exactly_its_scopes_on_both_path_families(board: Board) -> None:
    token = board.tokens.issue({"devices:read", "governor:read"}, ttl=60)
    for audience in (PLUGIN_API, AGENT_API):
        principal = board.tokens.verify(token, audience)
        assert principal.kind is Kind.OPERATOR
        assert principal.subject == "operator"
        assert principal.scopes == {"devices:read", "governor:read"}
        assert principal.may("devices:read")
        assert not principal.may("devices:write")


def test_an_issued_token_has_the_form_of_the_ruling(board: Board) -> None:
    head, body, signature = board.tokens.issue({"devices:read"}, ttl=60).split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == HEADER
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert claims | {"jti": "abc"} == CLAIMS | {"exp": 1_800_000_060}
    assert len(claims["jti"]) >= 16
    expected = hmac.new(KEY.secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "==") == expected


def test_a_token_of_another_jose_implementation_is_accepted(board: Board) -> None:
    assert board.tokens.verify(sign(HEADER, CLAIMS), AGENT_API).scopes == {"devices:read"}


def test_another_process_with_the_same_root_key_accepts_it(board: Board) -> None:
    principal = Board().tokens.verify(board.tokens.issue({"devices:read"}), AGENT_API)
    assert principal.scopes == {"devices:read"}


def public_key_pem() -> bytes:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in CLAIMS.items() if key != name}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("a.b.c", id="no base64 JSON"),
        pytest.param("\xff\u2028", id="no ASCII"),
        pytest.param(sign(HEADER, CLAIMS)[:-4] + "AAAA", id="broken signature"),
        pytest.param(sign(HEADER, CLAIMS).rsplit(".", 1)[0] + ".", id="signature cut off"),
        pytest.param(sign(HEADER | {"alg": "none"}, CLAIMS).rsplit(".", 1)[0] + ".", id="none"),
        pytest.param(sign(HEADER | {"alg": "None"}, CLAIMS, b""), id="None with an empty key"),
        pytest.param(sign(HEADER | {"alg": "HS512"}, CLAIMS, digest=hashlib.sha512), id="another algorithm, right key"),
        pytest.param(sign(HEADER | {"alg": "RS256"}, CLAIMS), id="algorithm confusion"),
        pytest.param(sign(HEADER, CLAIMS, public_key_pem()), id="a public key as HMAC key"),
        pytest.param(sign(HEADER, CLAIMS, RootKey(bytes(32)).key(PURPOSE).secret), id="another gateway's key"),
        pytest.param(sign(HEADER, CLAIMS, ROOT.key("agent-token").secret), id="the key of another purpose"),
        pytest.param(sign(HEADER | {"typ": "JWT"}, CLAIMS), id="another token class"),
        pytest.param(sign(HEADER | {"typ": "OP+JWT"}, CLAIMS), id="type in capitals"),
        pytest.param(sign(HEADER | {"kid": "other"}, CLAIMS), id="another key id"),
        pytest.param(sign({"alg": "HS256", "typ": "op+jwt"}, CLAIMS), id="no key id"),
        pytest.param(sign(HEADER | {"crit": ["x"], "x": 1}, CLAIMS), id="unknown critical header"),
        pytest.param(sign(HEADER, CLAIMS | {"iss": "ferrule-0"}), id="another issuer"),
        pytest.param(sign(HEADER, CLAIMS | {"aud": ["/v2"]}), id="another audience"),
        pytest.param(sign(HEADER, CLAIMS | {"aud": "/api/v1/rpc"}), id="longer audience"),
        pytest.param(sign(HEADER, CLAIMS | {"scope": ["devices:read"]}), id="scope no text"),
        pytest.param(sign(HEADER, CLAIMS | {"sub": 1}), id="subject no text"),
        pytest.param(sign(HEADER, CLAIMS | {"exp": "1900000000"}), id="exp as text"),
        pytest.param(sign(HEADER, CLAIMS | {"exp": 1e99}), id="exp no whole number"),
        pytest.param(sign(HEADER, CLAIMS | {"exp": True}), id="exp a boolean"),
        pytest.param(sign(HEADER, [CLAIMS]), id="claims no object"),
        pytest.param(sign(HEADER, CLAIMS | {"pad": "x" * 5000}), id="too long"),
        *(pytest.param(sign(HEADER, without(name)), id=f"without {name}") for name in CLAIMS),
    ],
)
def test_what_is_no_good_token_is_refused(board: Board, token: str) -> None:
    refusal(board, token)


@pytest.mark.parametrize(
    ("now", "good"),
    [
        pytest.param(1_800_000_000, True, id="first second"),
        pytest.param(1_800_000_000 - 60, True, id="a caller whose clock is a minute ahead"),
        pytest.param(1_800_000_000 - 60.5, False, id="more than a minute ahead"),
        pytest.param(1_800_003_600 + 59.5, True, id="within the leeway"),
        pytest.param(1_800_003_600 + 60, False, id="expired"),
    ],
)
def test_the_time_window_has_a_minute_of_leeway(board: Board, now: float, *, good: bool) -> None:
    board.now = now
    if good:
        assert board.tokens.verify(sign(HEADER, CLAIMS), AGENT_API).subject == "operator"
    else:
        assert "serverTime" not in refusal(board, sign(HEADER, CLAIMS)).details


def test_a_gateway_without_a_good_clock_tells_its_time_when_it_refuses_by_time(board: Board) -> None:
    board.synchronised = False
    for now, text in ((0.0, "1970-01-01T00:00:00.000Z"), (2_000_000_000.0, "2033-05-18T03:33:20.000Z")):
        board.now = now
        assert refusal(board, sign(HEADER, CLAIMS)).details == {"serverTime": text}
    assert not refusal(board, sign(HEADER, CLAIMS, bytes(32))).details


def test_a_token_that_was_good_once_still_ends_with_its_time(board: Board) -> None:
    token = board.tokens.issue({"devices:read"}, ttl=60)
    assert board.tokens.verify(token, AGENT_API) == board.tokens.verify(token, AGENT_API)
    board.now += 121
    refusal(board, token)


def test_a_token_good_for_one_path_family_is_not_for_the_other(board: Board) -> None:
    token = sign(HEADER, CLAIMS | {"aud": PLUGIN_API})
    assert board.tokens.verify(token, PLUGIN_API).subject == "operator"
    refusal(board, token, AGENT_API)


def test_more_tokens_than_are_remembered_are_all_good(board: Board) -> None:
    tokens = [board.tokens.issue({"devices:read"}) for _ in range(300)]
    for token in tokens + tokens:
        assert board.tokens.verify(token, AGENT_API).may("devices:read")


@pytest.mark.parametrize("ttl", [0, -1, 86401])
def test_a_lifetime_out_of_bounds_is_refused(board: Board, ttl: int) -> None:
    with pytest.raises(GatewayError, match="1 to 86400 seconds"):
        board.tokens.issue({"devices:read"}, ttl)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True))
@example("eyJhbGciOiJIUzI1NiJ9.e30.AA")
def test_no_text_does_anything_but_being_refused(token: str) -> None:
    refusal(Board(), token)


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    token = sign(HEADER, CLAIMS)
    # The last character also carries bits that are no part of the signature (RFC 4648, 3.5).
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("ABCabc019-_.=").filter(lambda letter: letter != token[place]))
    refusal(Board(), token[:place] + other + token[place + 1 :])


def test_a_token_may_have_a_name(gateway: Any) -> None:
    named = gateway.bearer.verify(gateway.operators.issue(["*"], name="anna@night-shift"), AGENT_API)
    assert (named.subject, named.name, named.known_as) == ("operator", "anna@night-shift", "operator:anna@night-shift")
    nameless = gateway.bearer.verify(gateway.operators.issue(["*"]), AGENT_API)
    assert (nameless.name, nameless.known_as) == (None, "operator")


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "x" * 65, "a\n", "ä", "a:b"])
def test_a_name_that_would_mislead_is_refused(gateway: Any, name: str) -> None:
    with pytest.raises(GatewayError, match="a name is 1 to 64"):
        gateway.operators.issue(["*"], name=name)
