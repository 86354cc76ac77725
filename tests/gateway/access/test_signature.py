"""Signatures of agent cards, made by joserfc."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey, RSAKey

from gateway.access.nonces import CAPACITY, MOST_SHOWN, QUOTA, Nonces
from gateway.access.signature import WINDOW, Use, signed_form
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import AgentKey

# Agents use the old name, and will for long; that its successor is taken as well is tested below.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")

ID = "temp-sensor-001"
CARD: dict[str, Any] = {
    "agentId": ID,
    "name": "Temperature Sensor Agent",
    "description": "Misst Wärme, 20 °C",
    "version": "1.0.0",
    "capabilities": [{"id": "temperature-read", "version": "1.0.0", "parameters": [{"name": "a", "minimum": 0.5}]}],
    "endpoints": [{"protocol": "https", "host": "192.168.1.100", "port": 8443, "path": "/api/v1"}],
    "metadata": {"location": "hall 3"},
}
PAIR = OKPKey.generate_key("Ed25519")
PINNED = AgentKey("pinned", bytes(PAIR.public_key.public_bytes_raw()))
SHARED = AgentKey("kid-1")


class Agent:
    """An agent that signs with joserfc and rfc8785, as one written by somebody else would."""

    def __init__(self, gateway: Any, key: AgentKey = SHARED, agent_id: str = ID) -> None:
        self.gateway = gateway
        self.key = key
        self.signs: Any = PAIR if key.public else OctKey.import_key(gateway.root.agent_secret(agent_id, key.kid))
        self.number = 0

    def sign(self, card: dict[str, Any] = CARD, signs: Any = None, **header: Any) -> str:
        self.number += 1
        protected = {
            "alg": "EdDSA" if self.key.public else "HS256",
            "kid": self.key.kid,
            "iat": int(self.gateway.now),
            "nonce": f"nonce-{self.number:04}",
            **header,
        }
        protected = {name: value for name, value in protected.items() if value is not None}
        algorithm = str(protected.get("alg"))
        registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        whole = jws.serialize_compact(protected, rfc8785.dumps(card), signs or self.signs, registry=registry)
        return str(jws.detach_content(whole))


@pytest.fixture(params=[SHARED, PINNED], ids=["HS256", "EdDSA"])
def agent(request: pytest.FixtureRequest, gateway: Any) -> Agent:
    return Agent(gateway, request.param)


def refusal(agent: Agent, signature: str, card: dict[str, Any] = CARD, agent_id: str = ID) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        agent.gateway.signatures.check(signature, card, agent_id, agent.key)
    return caught.value


def check(agent: Agent, signature: str, card: dict[str, Any] = CARD) -> None:
    agent.gateway.signatures.check(signature, card, ID, agent.key)


def raw(header: object, proof: bytes | str = bytes(32)) -> str:
    """A detached JWS with any header, which no library would make."""
    text = header if isinstance(header, str) else json.dumps(header)
    encoded = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    return f"{encoded}..{proof if isinstance(proof, str) else base64.urlsafe_b64encode(proof).rstrip(b'=').decode()}"


def test_a_card_signed_with_another_library_is_accepted(agent: Agent) -> None:
    check(agent, agent.sign())
    check(agent, agent.sign(typ="JOSE"))


def test_a_pinned_key_has_two_names_for_its_algorithm(gateway: Any) -> None:
    agent = Agent(gateway, PINNED)
    check(agent, agent.sign(alg="EdDSA"))
    check(agent, agent.sign(alg="Ed25519"))


def test_the_order_of_members_and_the_spelling_of_numbers_do_not_matter(agent: Agent) -> None:
    turned = json.loads(json.dumps(dict(reversed(CARD.items()))).replace("8443", "8443.0").replace("0.5", "5E-1"))
    check(agent, agent.sign(), turned)


def test_last_seen_and_signatures_are_no_part_of_what_is_signed(agent: Agent) -> None:
    sent = CARD | {"lastSeen": "2026-11-22T08:13:46Z", "metadata": {"location": "hall 3", "signatures": [{"x": 1}]}}
    check(agent, agent.sign(), sent)
    assert signed_form(sent) == rfc8785.dumps(CARD)
    assert sent["metadata"]["signatures"]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Temperature sensor agent"},
        {"metadata": {}},
        {"capabilities": []},
        {"extra": None},
        {"metadata": {"location": "hall 3", "lastSeen": 1}},
    ],
)
def test_any_change_to_the_card_is_seen(agent: Agent, changed: dict[str, Any]) -> None:
    error = refusal(agent, agent.sign(), CARD | changed)
    assert error.code is Code.UNAUTHENTICATED
    assert "RFC 8785 form of exactly the card" in error.reason


def test_nobody_signs_the_card_of_another(agent: Agent) -> None:
    error = refusal(agent, agent.sign(), CARD, "meter-2")
    assert (error.code, error.field) == (Code.FORBIDDEN, "agentCard.agentId")
    other = CARD | {"agentId": "meter-2"}
    assert refusal(agent, agent.sign(other), other).code is Code.FORBIDDEN


def test_the_secret_of_one_agent_is_not_that_of_another_with_the_same_key_name(gateway: Any) -> None:
    mine, theirs = Agent(gateway), Agent(gateway, agent_id="meter-2")
    assert refusal(mine, mine.sign(signs=theirs.signs)).code is Code.UNAUTHENTICATED


def test_a_nonce_counts_once(agent: Agent) -> None:
    signature = agent.sign()
    check(agent, signature)
    assert "used before" in refusal(agent, signature).reason
    assert "used before" in refusal(agent, agent.sign(nonce="nonce-0001")).reason
    agent.gateway.wait(WINDOW - 1)
    assert "used before" in refusal(agent, signature).reason
    check(agent, agent.sign())


def test_the_nonce_of_another_agent_is_free(gateway: Any) -> None:
    first, second = Agent(gateway), Agent(gateway, agent_id="meter-2")
    card = CARD | {"agentId": "meter-2"}
    check(first, first.sign(nonce="same-nonce"))
    gateway.signatures.check(second.sign(card, nonce="same-nonce"), card, "meter-2", SHARED)


def test_a_forged_signature_uses_no_nonce_up(agent: Agent) -> None:
    forged = agent.sign(CARD | {"name": "x"}, nonce="my-own-nonce")
    refusal(agent, forged)
    check(agent, agent.sign(nonce="my-own-nonce"))


def test_a_card_that_is_only_looked_at_leaves_the_nonce(agent: Agent) -> None:
    signature = agent.sign()
    for _ in range(2):
        agent.gateway.signatures.check(signature, CARD, ID, agent.key, use=Use.LOOK)
    check(agent, signature)
    with pytest.raises(GatewayError, match="used before"):
        agent.gateway.signatures.check(signature, CARD, ID, agent.key, use=Use.LOOK)


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (-299, True), (299, True), (-302, False), (302, False)])
def test_a_signature_counts_for_five_minutes(agent: Agent, seconds: int, *, good: bool) -> None:
    signature = agent.sign(iat=int(agent.gateway.now) + seconds)
    if good:
        check(agent, signature)
    else:
        error = refusal(agent, signature)
        assert error.code is Code.UNAUTHENTICATED
        assert ("ahead" if seconds > 0 else "old") in error.reason
        assert "serverTime" not in error.details


def test_a_gateway_without_a_good_clock_tells_its_time(agent: Agent) -> None:
    agent.gateway.synchronised = False
    agent.gateway.now = 0.0
    assert refusal(agent, agent.sign(iat=1_800_000_000)).details == {"serverTime": "1970-01-01T00:00:00.000Z"}
    check(agent, agent.sign(iat=0))


def test_a_clock_that_is_set_back_brings_no_nonce_back(agent: Agent) -> None:
    signature = agent.sign()
    check(agent, signature)
    agent.gateway.wait(WINDOW - 10)
    agent.gateway.now -= 2 * WINDOW - 20
    assert "used before" in refusal(agent, signature).reason


class TestConfusion:
    """Algorithm and key follow from the enrolment, not from what the caller says."""

    @pytest.mark.parametrize("name", ["none", "None", "", "HS384", "HS512", "RS256", "ES256", "Ed448", "hs256"])
    def test_another_algorithm_is_refused(self, agent: Agent, name: str) -> None:
        header = {"alg": name, "kid": agent.key.kid, "iat": int(agent.gateway.now), "nonce": "12345678"}
        for proof in (b"", bytes(32), bytes(64)):
            assert refusal(agent, raw(header, proof)).code is Code.UNAUTHENTICATED

    def test_longer_hashes_and_other_kinds_of_keys_are_refused(self, gateway: Any) -> None:
        agent = Agent(gateway)
        for name, key in (("HS384", None), ("HS512", None), ("RS256", RSAKey.generate_key(2048)), ("EdDSA", PAIR)):
            assert "must be made with HS256" in refusal(agent, agent.sign(alg=name, signs=key)).reason

    def test_a_public_key_is_no_shared_secret(self, gateway: Any) -> None:
        agent = Agent(gateway, PINNED)
        public = base64.urlsafe_b64encode(PINNED.public or b"").rstrip(b"=").decode()
        for secret in (
            OctKey.import_key({"kty": "oct", "k": public}),
            OctKey.import_key(gateway.root.agent_secret(ID, PINNED.kid)),
        ):
            assert "must be made with EdDSA" in refusal(agent, agent.sign(alg="HS256", signs=secret)).reason

    def test_another_pair_of_keys_is_refused(self, gateway: Any) -> None:
        agent = Agent(gateway, PINNED)
        assert refusal(agent, agent.sign(signs=OKPKey.generate_key("Ed25519"))).code is Code.UNAUTHENTICATED

    def test_a_key_of_another_name_is_refused(self, agent: Agent) -> None:
        assert "another key" in refusal(agent, agent.sign(kid="kid-2")).reason

    @pytest.mark.parametrize(
        "header",
        [
            {"jku": "https://192.168.1.9/keys"},
            {"x5u": "https://192.168.1.9/cert"},
            {"jwk": PAIR.as_dict(private=False)},
            {"x5c": ["AAAA"]},
            {"x": 1},
            {"typ": "JWT"},
            {"typ": None, "cty": "json"},
        ],
    )
    def test_a_header_says_what_it_has_to_and_nothing_else(self, agent: Agent, header: dict[str, Any]) -> None:
        assert "nothing else" in refusal(agent, agent.sign(**header)).reason

    def test_nothing_is_critical(self, agent: Agent) -> None:
        header = {"alg": "HS256", "kid": "kid-1", "iat": int(agent.gateway.now), "nonce": "12345678", "crit": ["iat"]}
        assert "nothing else" in refusal(agent, raw(header)).reason


@pytest.mark.parametrize("missing", ["kid", "iat", "nonce"])
def test_every_member_of_the_header_is_needed(agent: Agent, missing: str) -> None:
    without: dict[str, Any] = {missing: None}
    assert missing in refusal(agent, agent.sign(**without)).reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"kid": 1},
        {"iat": "1800000000"},
        {"iat": 1_800_000_000.0},
        {"iat": True},
        {"nonce": "short"},
        {"nonce": "n" * 129},
        {"nonce": "with a space"},
        {"nonce": "ümlaut-nonce"},
        {"nonce": 12345678},
    ],
)
def test_a_header_with_other_types_is_refused(agent: Agent, wrong: dict[str, Any]) -> None:
    header = {"alg": "HS256", "kid": agent.key.kid, "iat": 1_800_000_000, "nonce": "12345678"} | wrong
    assert "needs" in refusal(agent, raw(header)).reason


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "..",
        "a..",
        "..a",
        "a.b.c",
        "a..b..c",
        "AAAA..AAAA",
        "A..AAAA",
        raw("[]"),
        raw("{"),
        raw('{"alg":"HS256","alg":"HS256","kid":"kid-1","iat":1800000000,"nonce":"12345678"}'),
        raw("[" * 1400),
        raw("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")),
        raw({"alg": "HS256"}) + "=",
        raw({"alg": "HS256"}) + "\n",
        "x" * 5000 + "..x",
    ],
)
def test_what_is_no_signature_is_refused(agent: Agent, signature: str) -> None:
    assert refusal(agent, signature).code is Code.UNAUTHENTICATED


def test_a_header_with_a_member_twice_is_refused(gateway: Any) -> None:
    agent = Agent(gateway)
    text = '{"alg":"HS256","kid":"kid-1","iat":1,"iat":1800000000,"nonce":"12345678"}'
    header = raw(text).partition(".")[0]
    message = f"{header}.{base64.urlsafe_b64encode(rfc8785.dumps(CARD)).rstrip(b'=').decode()}"
    proof = hmac.digest(gateway.root.agent_secret(ID, "kid-1"), message.encode(), "sha256")
    assert "has a member twice" in refusal(agent, raw(text, proof)).reason


def test_a_whole_jws_is_refused_with_the_cure(agent: Agent) -> None:
    header, _, proof = agent.sign().split(".")
    payload = base64.urlsafe_b64encode(rfc8785.dumps(CARD)).rstrip(b"=").decode()
    assert "nothing between the dots" in refusal(agent, f"{header}.{payload}.{proof}").reason


def test_a_signature_has_one_spelling(agent: Agent) -> None:
    signature = agent.sign()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for twin in letters.replace(signature[-1], ""):
        assert refusal(agent, signature[:-1] + twin).code is Code.UNAUTHENTICATED
    for place in range(0, len(signature), 7):
        changed = signature[:place] + ("A" if signature[place] != "A" else "B") + signature[place + 1 :]
        assert refusal(agent, changed).code is Code.UNAUTHENTICATED
    check(agent, signature)


def test_a_card_without_a_form_is_refused_by_its_field(agent: Agent) -> None:
    error = refusal(agent, agent.sign(), CARD | {"metadata": {"serial": 2**60}})
    assert (error.code, error.field) == (Code.INVALID, "agentCard.metadata.serial")


def test_a_card_signature_outlives_rotation_and_restart(gateway: Any) -> None:
    enrolled = gateway.enrolments.issue(ID)
    agent = Agent(gateway, AgentKey(enrolled.kid))
    agent.signs = OctKey.import_key(base64.urlsafe_b64decode(enrolled.secret + "="))
    gateway.root._generation = 7
    gateway.restart()
    check(agent, agent.sign())


HEADERS: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from(["alg", "kid", "iat", "nonce", "typ"]), st.sampled_from(["HS256", "kid-1", 1_800_000_000, None, []])
)


@settings(max_examples=150)
@given(signature=st.text() | st.builds(raw, HEADERS | st.text() | st.integers(), st.binary(max_size=70)))
def test_no_text_does_anything_but_being_refused(new_gateway: Any, signature: str) -> None:
    with pytest.raises(GatewayError) as caught:
        new_gateway().signatures.check(signature, CARD, ID, SHARED)
    assert caught.value.code is Code.UNAUTHENTICATED


class TestNonces:
    def test_an_agent_that_signs_without_end_waits_and_takes_no_room_of_others(self) -> None:
        now = 100.0
        nonces = Nonces(lambda: now, 600.0)
        for number in range(QUOTA):
            assert nonces.use("greedy", f"{number}")
            now += 1
        with pytest.raises(GatewayError, match="greedy has made 128 signatures lately: wait 473 s") as caught:
            nonces.use("greedy", "one more")
        assert caught.value.code is Code.TOO_MANY
        assert caught.value.details == {"retryAfter": 473}
        assert not nonces.use("greedy", "0")
        assert nonces.use("modest", "0")
        now += 473
        assert nonces.use("greedy", "one more")

    def test_there_is_an_end_to_what_all_agents_can_take(self) -> None:
        nonces = Nonces(lambda: 0.0, 600.0, capacity=3)
        assert all(nonces.use(agent, "n") for agent in "abc")
        with pytest.raises(GatewayError, match="agents have made too many"):
            nonces.use("d", "n")
        assert CAPACITY >= 100 * QUOTA

    def test_what_is_over_is_forgotten(self) -> None:
        now = 0.0
        nonces = Nonces(lambda: now, 600.0)
        nonces.use("a", "n")
        now = 599.9
        assert not nonces.is_new("a", "n")
        now = 600.1
        assert nonces.is_new("a", "n")
        assert not nonces._seen
        assert not nonces._times


def test_shown_signatures_take_a_bounded_room_and_a_bounded_time() -> None:
    now = [1000.0]
    nonces = Nonces(lambda: now[0], 2 * WINDOW)
    for number in range(MOST_SHOWN + 1):
        assert nonces.show(ID, f"nonce-{number}")
    assert nonces.use(ID, "nonce-0")
    assert not nonces.use(ID, f"nonce-{MOST_SHOWN}")
    assert nonces.show(ID, f"nonce-{MOST_SHOWN}")
    now[0] += 2 * WINDOW
    assert nonces.show(ID, "another")
    assert nonces.use(ID, f"nonce-{MOST_SHOWN}")
