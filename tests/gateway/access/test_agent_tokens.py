"""Agent tokens and enrolments as joserfc, another JOSE library, sees them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey, OKPKey

from gateway.access.agent_tokens import PURPOSE as AGENT_PURPOSE
from gateway.access.agent_tokens import AgentTokens
from gateway.access.enrolment import DEFAULT_SCOPES
from gateway.access.enrolment import PURPOSE as ENROLMENT_PURPOSE
from gateway.access.jws import AGENT_API, PLUGIN_API
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import AgentKey, Kind

PINNED = bytes(OKPKey.generate_key("Ed25519").public_key.public_bytes_raw())


def judged(gateway: Any, token: str, purpose: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, where joserfc finds signature and times right."""
    opened = jwt.decode(token, OctKey.import_key(gateway.root.token_keys(purpose)[0].secret), algorithms=["HS256"])
    jwt.JWTClaimsRegistry(
        now=int(gateway.now) + 1,
        iss={"essential": True, "value": gateway.root.gateway_id},
        aud={"essential": True, "value": AGENT_API},
        exp={"essential": True},
        nbf={"essential": True},
        iat={"essential": True},
    ).validate(opened.claims)
    return opened.header, opened.claims


def test_an_agents_token_says_who_it_is_for_and_what_it_allows(gateway: Any) -> None:
    given = gateway.agents.issue("meter-1", ["modbus-read"], ["devices:read"], AgentKey("k1"))
    header, claims = judged(gateway, given.token, AGENT_PURPOSE)
    assert header == {"alg": "HS256", "typ": "a2a+jwt", "kid": gateway.root.token_keys(AGENT_PURPOSE)[0].kid}
    assert claims == {
        "iss": gateway.root.gateway_id,
        "sub": "meter-1",
        "aud": AGENT_API,
        "scope": "devices:read",
        "cap": ["modbus-read"],
        "cnf": {"kid": "k1"},
        "epoch": 0,
        "auth_time": int(gateway.now),
        "iat": int(gateway.now),
        "nbf": int(gateway.now),
        "exp": int(gateway.now) + 3600,
        "jti": given.token_id,
    }
    assert given.expires == claims["exp"]
    assert given.token not in repr(given)


def test_an_agent_is_known_by_its_token(gateway: Any) -> None:
    key = AgentKey("k2", PINNED)
    given = gateway.agents.issue("meter-1", ["modbus-read"], ["devices:read", "governor:*"], key)
    principal = gateway.bearer.verify(given.token, AGENT_API)
    assert (principal.kind, principal.subject, principal.token_id) == (Kind.AGENT, "meter-1", given.token_id)
    assert principal.key == key
    assert principal.expires == given.expires
    assert principal.may("devices:read")
    assert principal.may("governor:analyze")
    assert not principal.may("devices:write")
    assert principal.covers("modbus-read")
    assert not principal.covers("modbus-write")


def test_the_life_of_a_token_is_a_setting(gateway: Any) -> None:
    agents = AgentTokens(gateway.root, gateway.wall, gateway.revocations.epoch, ttl=60)
    assert agents.ttl == 60
    assert agents.issue("a", [], [], AgentKey("k")).expires == int(gateway.now) + 60
    for ttl in (0, 86401):
        with pytest.raises(ValueError, match="1 to 86400 seconds"):
            AgentTokens(gateway.root, gateway.wall, gateway.revocations.epoch, ttl=ttl)


def test_an_enrolment_says_what_it_grants(gateway: Any) -> None:
    given = gateway.enrolments.issue("meter-1", ["modbus-read", "b"], ["devices:read"], ttl=60)
    header, claims = judged(gateway, given.token, ENROLMENT_PURPOSE)
    assert header["typ"] == "enrol+jwt"
    assert claims["sub"] == "meter-1"
    assert claims["cap"] == ["b", "modbus-read"]
    assert claims["scope"] == "devices:read"
    assert claims["cnf"] == {"kid": given.kid}
    assert claims["exp"] == given.expires == int(gateway.now) + 60
    assert len(base64.urlsafe_b64decode(given.kid + "==")) == 16
    assert given.secret not in repr(given)
    assert given.token not in repr(given)


def test_an_enrolment_with_a_pinned_key_has_no_secret(gateway: Any) -> None:
    given = gateway.enrolments.issue("meter-1", public_key=PINNED)
    _, claims = judged(gateway, given.token, ENROLMENT_PURPOSE)
    assert given.secret is None
    assert OKPKey.import_key(claims["cnf"]["jwk"]).public_key.public_bytes_raw() == PINNED
    assert gateway.bearer.verify(given.token, AGENT_API).key == AgentKey(given.kid, PINNED)


def test_who_enrols_may_register_and_nothing_else(gateway: Any) -> None:
    principal = gateway.bearer.verify(gateway.enrolments.issue("meter-1").token, AGENT_API)
    assert principal.kind is Kind.ENROLMENT
    assert principal.subject == "meter-1"
    assert principal.scopes == frozenset()
    assert not principal.may("agents:read")
    assert principal.granted == DEFAULT_SCOPES
    assert principal.covers("whatever")


def test_every_enrolment_has_a_secret_of_its_own_that_only_this_gateway_knows(gateway: Any) -> None:
    one, other = gateway.enrolments.issue("meter-1"), gateway.enrolments.issue("meter-1")
    assert one.secret != other.secret
    assert one.kid != other.kid
    secret = base64.urlsafe_b64decode(one.secret + "=")
    assert secret == gateway.root.agent_secret("meter-1", one.kid)
    assert secret != gateway.root.agent_secret("meter-2", one.kid)
    assert len(secret) == 32
    assert one.secret not in one.token


@pytest.mark.parametrize("agent_id", ["operator", "Operator"])
def test_no_agent_is_called_as_operators_are(gateway: Any, agent_id: str) -> None:
    with pytest.raises(GatewayError, match="operators go by this name") as caught:
        gateway.enrolments.issue(agent_id)
    assert (caught.value.code, caught.value.field) == (Code.INVALID, "agentId")


@pytest.mark.parametrize("agent_id", ["", "-a", "a b", "ä", "a" * 129, "a\n", "a/b"])
def test_an_id_that_no_agent_may_have_is_refused(gateway: Any, agent_id: str) -> None:
    with pytest.raises(GatewayError, match="1 to 128 letters") as caught:
        gateway.enrolments.issue(agent_id)
    assert (caught.value.code, caught.value.field) == (Code.INVALID, "agentId")


@pytest.mark.parametrize(
    "agent_id", ["a", "temp-sensor-001", "0c6e3d36-0ed4-4b6b-8f5c-1d2e3f405162", "A.b:c_d", "9" * 128]
)
def test_ids_of_the_interface_description_are_taken(gateway: Any, agent_id: str) -> None:
    assert gateway.bearer.verify(gateway.enrolments.issue(agent_id).token, AGENT_API).subject == agent_id


@pytest.mark.parametrize("ttl", [0, -1, 30 * 86400 + 1])
def test_an_enrolment_waits_a_month_at_most(gateway: Any, ttl: int) -> None:
    with pytest.raises(GatewayError, match="1 to 2592000 seconds"):
        gateway.enrolments.issue("a", ttl=ttl)


def test_what_does_not_fit_into_a_token_is_refused_before_it_is_given_out(gateway: Any) -> None:
    many = [f"capability-with-a-long-name-{number:04}" for number in range(200)]
    with pytest.raises(GatewayError, match="leave them out to allow any"):
        gateway.enrolments.issue("a", many)
    with pytest.raises(GatewayError, match="register fewer"):
        gateway.agents.issue("a", many, [], AgentKey("k"))
    few = many[:64]
    assert gateway.bearer.verify(gateway.enrolments.issue("a", few).token, AGENT_API).capabilities == set(few)


def test_a_public_key_of_another_length_is_refused(gateway: Any) -> None:
    with pytest.raises(GatewayError, match="32 bytes"):
        gateway.enrolments.issue("a", public_key=PINNED[1:])


def test_agents_have_no_business_with_the_plugin_api(gateway: Any) -> None:
    for token in (gateway.agents.issue("a", [], ["*"], AgentKey("k")).token, gateway.enrolments.issue("a").token):
        with pytest.raises(GatewayError, match="not meant for /v1"):
            gateway.bearer.verify(token, PLUGIN_API)


CLAIMS = {
    "sub": "a",
    "aud": "/api/v1",
    "scope": "",
    "cap": [],
    "cnf": {"kid": "k"},
    "epoch": 0,
    "iat": 1,
    "nbf": 1,
    "exp": 4e9,
    "jti": "j",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"cap": "all"},
        {"cap": [1]},
        {"cap": None},
        {"cnf": {}},
        {"cnf": "k"},
        {"cnf": {"kid": 1}},
        {"cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "k"}}},
        {"cnf": {"jwk": {"kty": "oct", "k": "AAAA", "kid": "k"}}},
        {"cnf": {"jku": "https://192.168.1.1/keys"}},
        {"scope": ["*"]},
        {"iat": "1"},
        {"exp": True},
        {"exp": 4e9},
        {"nbf": 1.5},
    ],
)
def test_claims_that_this_version_does_not_understand_are_refused(gateway: Any, wrong: dict[str, Any]) -> None:
    for purpose, kind in ((AGENT_PURPOSE, "a2a+jwt"), (ENROLMENT_PURPOSE, "enrol+jwt")):
        key = gateway.root.token_keys(purpose)[0]
        claims = {"iss": gateway.root.gateway_id, **CLAIMS, "exp": 4_000_000_000}
        header = {"alg": "HS256", "typ": kind, "kid": key.kid}

        def made(claims: dict[str, Any], header: dict[str, Any] = header, secret: bytes = key.secret) -> str:
            return jwt.encode(header, claims, OctKey.import_key(secret))

        assert gateway.bearer.verify(made(claims), AGENT_API).subject == "a"
        with pytest.raises(GatewayError) as caught:
            gateway.bearer.verify(made(claims | wrong), AGENT_API)
        assert caught.value.code is Code.UNAUTHENTICATED


def test_joserfc_and_we_agree_on_the_form() -> None:
    # What the other library makes of a detached signature is what our check of it is tested with.
    key = OctKey.import_key(bytes(32))
    assert jws.detach_content(jws.serialize_compact({"alg": "HS256"}, b"x", key)).count("..") == 1


def test_a_token_tells_when_its_agent_last_signed_and_an_earlier_versions_when_it_was_issued(gateway: Any) -> None:
    signed = int(gateway.now) - 86400
    given = gateway.agents.issue("meter-1", [], [], AgentKey("k1"), signed)
    assert gateway.bearer.verify(given.token, AGENT_API).signed == signed
    header, claims = judged(gateway, given.token, AGENT_PURPOSE)
    del claims["auth_time"]
    key = OctKey.import_key(gateway.root.token_keys(AGENT_PURPOSE)[0].secret)
    earlier = jwt.encode(header, claims, key, algorithms=["HS256"])
    assert gateway.bearer.verify(earlier, AGENT_API).signed == claims["iat"]
    forged = jwt.encode(header, {**claims, "auth_time": "soon"}, key, algorithms=["HS256"])
    with pytest.raises(GatewayError, match="auth_time is no whole number"):
        gateway.bearer.verify(forged, AGENT_API)
