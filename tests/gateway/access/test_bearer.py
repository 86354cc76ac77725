"""No class of tokens stands in for another, and what is void is void at once."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import OctKey, OKPKey, RSAKey

from gateway.access.agent_tokens import PURPOSE as AGENT
from gateway.access.bearer import Bearer
from gateway.access.enrolment import PURPOSE as ENROLMENT
from gateway.access.generation import rotate
from gateway.access.jws import AGENT_API
from gateway.access.keys import RootKey
from gateway.access.proven import Proven
from gateway.access.tokens import PURPOSE as OPERATOR
from gateway.access.tokens import OperatorTokens
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import AgentKey, Kind

TYPES = {OPERATOR: "op+jwt", AGENT: "a2a+jwt", ENROLMENT: "enrol+jwt"}
KINDS = {OPERATOR: Kind.OPERATOR, AGENT: Kind.AGENT, ENROLMENT: Kind.ENROLMENT}
RSA = RSAKey.generate_key(2048)
PAIR = OKPKey.generate_key("Ed25519")


def refusal(gateway: Any, token: str, audience: str = AGENT_API) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        gateway.bearer.verify(token, audience)
    assert caught.value.code is Code.UNAUTHENTICATED
    return caught.value


def claims(gateway: Any, **changes: object) -> dict[str, Any]:
    now = int(gateway.now)
    return {
        "iss": gateway.root.gateway_id,
        "sub": "meter-1",
        "aud": AGENT_API,
        "scope": "devices:read",
        "cap": ["x"],
        "cnf": {"kid": "k"},
        "epoch": 0,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "jti": "j1",
        **changes,
    }


def made(gateway: Any, purpose: str, changed: dict[str, Any] | None = None, key: Any = None, **header: object) -> str:
    """A token by joserfc, right in every way but for what is asked to be different."""
    own = gateway.root.token_keys(purpose)[0]
    protected = {"alg": "HS256", "typ": TYPES[purpose], "kid": own.kid, **header}
    payload = json.dumps(claims(gateway) if changed is None else claims(gateway, **changed))
    registry = jws.JWSRegistry(algorithms=[str(protected["alg"])], strict_check_header=False)
    return jws.serialize_compact(protected, payload, key or OctKey.import_key(own.secret), registry=registry)


def all_three(gateway: Any) -> dict[str, str]:
    return {
        OPERATOR: gateway.operators.issue({"devices:read"}),
        AGENT: gateway.agents.issue("meter-1", ["x"], ["devices:read"], AgentKey("k")).token,
        ENROLMENT: gateway.enrolments.issue("meter-1").token,
    }


@pytest.mark.parametrize("purpose", TYPES)
def test_each_class_is_told_by_its_type(gateway: Any, purpose: str) -> None:
    assert gateway.bearer.verify(all_three(gateway)[purpose], AGENT_API).kind is KINDS[purpose]
    assert gateway.bearer.verify(made(gateway, purpose), AGENT_API).kind is KINDS[purpose]


@pytest.mark.parametrize("purpose", TYPES)
@pytest.mark.parametrize("other", TYPES)
def test_no_class_stands_in_for_another(gateway: Any, purpose: str, other: str) -> None:
    if purpose == other:
        return
    key = gateway.root.token_keys(other)[0]
    secret = OctKey.import_key(key.secret)
    refusal(gateway, made(gateway, purpose, typ=TYPES[other]))
    refusal(gateway, made(gateway, purpose, typ=TYPES[other], kid=key.kid))
    refusal(gateway, made(gateway, purpose, key=secret))
    refusal(gateway, made(gateway, purpose, key=secret, kid=key.kid))


@pytest.mark.parametrize("purpose", TYPES)
def test_a_class_proves_no_token_of_another_by_itself(gateway: Any, purpose: str) -> None:
    classes = {OPERATOR: gateway.operators, AGENT: gateway.agents, ENROLMENT: gateway.enrolments}
    for other, token in all_three(gateway).items():
        if other != purpose:
            with pytest.raises(GatewayError):
                classes[purpose].prove(token, AGENT_API)


def unsigned(token: str, **header: object) -> str:
    head, payload, _ = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(head + "==")) | header
    return f"{base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b'=').decode()}.{payload}."


@pytest.mark.parametrize("purpose", TYPES)
def test_only_hs256_with_our_own_key_counts(gateway: Any, purpose: str) -> None:
    own = OctKey.import_key(gateway.root.token_keys(purpose)[0].secret)
    good = made(gateway, purpose)
    signature = good.rpartition(".")[2]
    for name in ("none", "None", "NONE", ""):
        refusal(gateway, unsigned(good, alg=name))
        refusal(gateway, unsigned(good, alg=name) + signature)
    for name in ("HS384", "HS512"):
        refusal(gateway, made(gateway, purpose, alg=name, key=own))
    refusal(gateway, made(gateway, purpose, alg="RS256", key=RSA))
    refusal(gateway, made(gateway, purpose, alg="Ed25519", key=PAIR))
    for public in (RSA.as_pem(private=False), PAIR.as_pem(private=False), PAIR.public_key.public_bytes_raw()):
        # joserfc refuses to make this mistake.
        signed = good.rpartition(".")[0]
        proof = hmac.digest(public, signed.encode(), "sha256")
        refusal(gateway, f"{signed}.{base64.urlsafe_b64encode(proof).rstrip(b'=').decode()}")
    refusal(gateway, made(gateway, purpose, key=OctKey.import_key(bytes(32))))


@pytest.mark.parametrize("purpose", TYPES)
def test_a_header_cannot_bring_its_own_key(gateway: Any, purpose: str) -> None:
    forger = OctKey.import_key(b"forger" * 8)
    for header in ({"jwk": forger.as_dict()}, {"jku": "https://10.0.0.9/keys"}, {"x5u": "https://10.0.0.9/cert"}):
        refusal(gateway, made(gateway, purpose, key=forger, **header))
    refusal(gateway, unsigned(made(gateway, purpose), crit=["b64"], b64=False))


@pytest.mark.parametrize("purpose", TYPES)
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"aud": "/v1"}, id="another audience"),
        pytest.param({"aud": ["/api/v2", "/api"]}, id="audiences that are like it"),
        pytest.param({"iss": "ferrule-0123456789abcdef"}, id="another gateway"),
        pytest.param({"exp": 1_800_000_000 - 61}, id="expired"),
        pytest.param({"nbf": 1_800_000_000 + 62}, id="not yet"),
        pytest.param({"pad": "x" * 4000}, id="longer than any"),
    ],
)
def test_what_is_signed_well_but_not_meant_so_is_refused(gateway: Any, purpose: str, changed: dict[str, Any]) -> None:
    refusal(gateway, made(gateway, purpose, changed))


@pytest.mark.parametrize("purpose", TYPES)
def test_one_token_has_one_spelling(gateway: Any, purpose: str) -> None:
    token = made(gateway, purpose)
    gateway.bearer.verify(token, AGENT_API)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for twin in letters.replace(token[-1], ""):
        refusal(gateway, token[:-1] + twin)
    head, payload, signature = token.split(".")
    for other in (
        token + "=",
        token + "\n",
        " " + token,
        f"{head}=.{payload}.{signature}",
        f"{head}.{payload}.{signature[:5]}!{signature[5:]}",
        f"{head}..{payload}.{signature}",
        f"{token}.{signature}",
        token.replace(".", "\uff0e"),
    ):
        refusal(gateway, other)


@pytest.mark.parametrize("purpose", TYPES)
def test_a_token_ends_with_its_time_also_when_it_was_proven_before(gateway: Any, purpose: str) -> None:
    token = made(gateway, purpose)
    gateway.bearer.verify(token, AGENT_API)
    gateway.now += 3600 + 59
    gateway.bearer.verify(token, AGENT_API)
    gateway.now += 1
    assert "serverTime" not in refusal(gateway, token).details
    gateway.synchronised = False
    assert refusal(gateway, token).details == {"serverTime": "2027-01-15T09:01:00.250Z"}


def test_a_revoked_token_is_void_at_once_and_others_are_not(gateway: Any) -> None:
    first, second = (gateway.agents.issue("meter-1", [], [], AgentKey("k")) for _ in range(2))
    for one in (first, second):
        gateway.bearer.verify(one.token, AGENT_API)
    gateway.revocations.revoke_token(first.token_id, first.expires)
    assert "revoked" in refusal(gateway, first.token).reason
    gateway.bearer.verify(second.token, AGENT_API)
    gateway.restart()
    refusal(gateway, first.token)
    gateway.bearer.verify(second.token, AGENT_API)


def test_an_operators_token_can_be_revoked_too(gateway: Any) -> None:
    token = gateway.operators.issue({"devices:read"})
    principal = gateway.bearer.verify(token, AGENT_API)
    gateway.revocations.revoke_token(principal.token_id, principal.expires)
    refusal(gateway, token)


def test_a_rotation_is_felt_at_once(gateway: Any, tmp_path: Path) -> None:
    old = all_three(gateway)
    for token in old.values():
        gateway.bearer.verify(token, AGENT_API)
    rotate(tmp_path)
    assert gateway.root.follow(tmp_path)
    new = all_three(gateway)
    for token in (*old.values(), *new.values()):
        gateway.bearer.verify(token, AGENT_API)
    rotate(tmp_path)
    assert gateway.root.follow(tmp_path)
    for token in new.values():
        gateway.bearer.verify(token, AGENT_API)
    for token in old.values():
        assert "its key was replaced" in refusal(gateway, token).reason


class Counted(OperatorTokens):
    """Says how often a token had to be proven."""

    times = 0

    def prove(self, token: str, audience: str) -> Proven:
        self.times += 1
        return super().prove(token, audience)


def test_a_token_is_proven_once_until_something_is_void(gateway: Any) -> None:
    operators = Counted(gateway.root, gateway.wall, gateway.trusted)
    bearer = Bearer(
        gateway.root,
        operators=operators,
        agents=gateway.agents,
        enrolments=gateway.enrolments,
        revocations=gateway.revocations,
        wall=gateway.wall,
        synchronised=gateway.trusted,
    )
    token = operators.issue({"devices:read"})
    for _ in range(3):
        bearer.verify(token, AGENT_API)
    assert operators.times == 1
    gateway.revocations.revoke_agent("meter-1")
    for _ in range(3):
        bearer.verify(token, AGENT_API)
    assert operators.times == 2


def test_more_tokens_than_are_remembered_are_all_good(gateway: Any) -> None:
    tokens = [gateway.operators.issue({"devices:read"}) for _ in range(1100)]
    for token in (*tokens, tokens[0], tokens[-1]):
        assert gateway.bearer.verify(token, AGENT_API).may("devices:read")


def test_a_token_proven_for_one_audience_is_not_for_the_other(gateway: Any) -> None:
    token = made(gateway, OPERATOR)
    gateway.bearer.verify(token, AGENT_API)
    assert "not meant for /v1" in refusal(gateway, token, "/v1").reason


class TestRenewal:
    """Who registers again may come with an old token, and needs a signature beside it."""

    def test_an_agents_token_tells_who_it_was_given_to_for_a_month(self, gateway: Any) -> None:
        given = gateway.agents.issue("meter-1", ["x"], [], AgentKey("k"))
        gateway.now += 29 * 86400
        refusal(gateway, given.token)
        principal = gateway.bearer.verify_for_renewal(given.token, AGENT_API)
        assert (principal.subject, principal.key) == ("meter-1", AgentKey("k"))
        gateway.now += 2 * 86400
        with pytest.raises(GatewayError, match="expired"):
            gateway.bearer.verify_for_renewal(given.token, AGENT_API)
        refusal(gateway, given.token)

    def test_an_agent_that_missed_its_new_token_comes_back_with_the_old(self, gateway: Any) -> None:
        old = gateway.agents.issue("meter-1", [], [], AgentKey("k"))
        gateway.revocations.supersede("meter-1")
        new = gateway.agents.issue("meter-1", [], [], AgentKey("k"))
        assert "another token" in refusal(gateway, old.token).reason
        assert gateway.bearer.verify(new.token, AGENT_API).subject == "meter-1"
        assert gateway.bearer.verify_for_renewal(old.token, AGENT_API).subject == "meter-1"

    @pytest.mark.parametrize("purpose", [OPERATOR, ENROLMENT])
    def test_other_tokens_have_no_life_after_their_end(self, gateway: Any, purpose: str) -> None:
        token = made(gateway, purpose)
        assert gateway.bearer.verify_for_renewal(token, AGENT_API).kind is KINDS[purpose]
        gateway.now += 3660
        with pytest.raises(GatewayError, match="expired"):
            gateway.bearer.verify_for_renewal(token, AGENT_API)

    def test_a_revoked_agent_does_not_come_back(self, gateway: Any) -> None:
        given = gateway.agents.issue("meter-1", [], [], AgentKey("k"))
        gateway.revocations.revoke_agent("meter-1")
        with pytest.raises(GatewayError, match="enrol it anew"):
            gateway.bearer.verify_for_renewal(given.token, AGENT_API)


@settings(max_examples=60)
@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    tokens = OperatorTokens(RootKey(bytes(32)), lambda: 1.8e9, lambda: True)
    token = tokens.issue({"*"})
    place = data.draw(st.integers(0, len(token) - 1))
    # The token is another each time, which what is drawn must not depend on.
    letters = "ABCabc019-_.="
    other = letters[(letters.find(token[place]) + data.draw(st.integers(1, len(letters) - 1))) % len(letters)]
    with pytest.raises(GatewayError):
        tokens.verify(token[:place] + other + token[place + 1 :], AGENT_API)


def test_joserfc_reads_what_an_operator_gets(gateway: Any) -> None:
    key = OctKey.import_key(gateway.root.token_keys(OPERATOR)[0].secret)
    opened = jwt.decode(gateway.operators.issue({"devices:read"}), key, algorithms=["HS256"])
    assert opened.header["typ"] == "op+jwt"
    assert opened.claims["scope"] == "devices:read"


TEXTS = st.text() | st.from_regex(r"[A-Za-z0-9_-]{1,60}\.[A-Za-z0-9_-]{1,60}\.[A-Za-z0-9_-]{42}A", fullmatch=True)
JSONS = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit"]), st.text(max_size=9) | st.none() | st.integers())


@settings(max_examples=150)
@given(text=TEXTS | JSONS.map(lambda header: unsigned("e30.e30.", **header) + "A" * 43))
def test_no_text_does_anything_but_being_refused(new_gateway: Any, text: str) -> None:
    refusal(new_gateway(), text)
