"""The endpoints of OAuth as programs meet them: RFC 6749, 7009, 7662, and the reference's own example."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from gateway.access.admin import AdminClient
from gateway.access.keys import hkdf
from gateway.core.audit import AuditOutcome
from gateway.core.principal import Kind, Principal
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig

ADMIN = AdminClient("admin-1", "s3cret-of-the-first-administrator")
BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t")
FORM = {"grant_type": "client_credentials", "client_id": ADMIN.client_id, "client_secret": ADMIN.client_secret}


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path, LimitSettings(anonymous_requests_per_minute=100_000, anonymous_burst=10_000))
    await made.access.load(ADMIN)
    return made


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig:3500") as client:
        yield client


async def token(client: httpx.AsyncClient, **more: str) -> dict[str, Any]:
    response = await client.post("/v1/auth/token", data={**FORM, **more})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


async def test_the_example_of_the_reference(client: httpx.AsyncClient) -> None:
    """A JSON body, and exactly its members (D-046)."""
    response = await client.post("/v1/auth/token", json={**FORM, "scope": "plugins:read plugins:write"})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert {**answer, "access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "plugins:read plugins:write",
    }
    header = jwt.get_unverified_header(answer["access_token"])
    assert (header["alg"], header["typ"]) == ("HS256", "JWT")
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["sub"] == "client:admin-1"
    assert (claims["aud"], claims["scope"]) == ("/v1", "plugins:read plugins:write")
    assert (claims["exp"] - claims["iat"], claims["nbf"]) == (3600, claims["iat"])
    assert (claims["permissions"], claims["rate_limit"], claims["client_id"]) == ([], 1000, "admin-1")
    assert claims["iss"]
    assert claims["jti"]


async def test_a_token_opens_what_its_scope_says_and_nothing_else(client: httpx.AsyncClient) -> None:
    made = await token(client, scope="system:read")
    assert (await client.get("/v1/clients", headers=bearer(made["access_token"]))).status_code == 200
    refused = await client.post("/v1/clients", json={"data": {"name": "x"}}, headers=bearer(made["access_token"]))
    assert refused.status_code == 403
    everything = await token(client)
    assert everything["scope"] == "*"
    me = (await client.get("/v1/auth/me", headers=bearer(everything["access_token"]))).json()["data"]
    assert (me["type"], me["id"], me["roles"], me["scope"]) == ("client", "client:admin-1", ["admin"], "*")
    assert (me["rate_limit"], me["client_id"]) == (1000, "admin-1")


async def test_http_basic_and_one_method_only(client: httpx.AsyncClient) -> None:
    grant = {"grant_type": "client_credentials"}
    good = basic(ADMIN.client_id, ADMIN.client_secret)
    assert (await client.post("/v1/auth/token", data=grant, headers=good)).status_code == 200
    both = await client.post("/v1/auth/token", data=FORM, headers=good)
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    wrong = await client.post("/v1/auth/token", data=grant, headers=basic(ADMIN.client_id, "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic")
    for nonsense in ("Basic", "Basic !!!", "Basic " + base64.b64encode(b"no colon").decode(), "Bearer x"):
        answer = await client.post("/v1/auth/token", data=grant, headers={"Authorization": nonsense})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": ""}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_secret": ""}, "invalid_client"),
        ({"scope": "made:up"}, "invalid_scope"),
        ({"scope": "two  blanks"}, "invalid_scope"),
        ({"resource": "https://elsewhere/v1"}, "invalid_target"),
        ({"resource": "https://rig:3500/v2"}, "invalid_target"),
    ],
)
async def test_what_is_refused_is_refused_in_the_words_of_the_standard(
    client: httpx.AsyncClient, change: dict[str, str], error: str
) -> None:
    for body in ({"data": {**FORM, **change}}, {"json": {**FORM, **change}}):
        response = await client.post("/v1/auth/token", **body)  # type: ignore[arg-type]  # either
        assert response.json()["error"] == error
        assert response.status_code == (401 if error == "invalid_client" else 400)
        assert response.headers["content-type"] == "application/json"
        assert ADMIN.client_secret not in response.text


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        (b"grant_type=%FF", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(60)), "application/x-www-form-urlencoded"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"grant_type": 7}', "application/json"),
        (b"a=b", "text/plain"),
        (b"a" * 20_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_that_is_none(client: httpx.AsyncClient, content: bytes, media_type: str) -> None:
    response = await client.post("/v1/auth/token", content=content, headers={"Content-Type": media_type})
    assert response.json()["error"] == "invalid_request"
    assert response.status_code in {400, 413}


async def test_other_parameters_mean_nothing(client: httpx.AsyncClient) -> None:
    assert (await token(client, scope="system:read openid", display="popup"))["scope"] == "system:read"
    odd = {"display": {"popup": True}, "prompt": [1, None], "grant": 7}
    assert (await client.post("/v1/auth/token", json={**FORM, **odd})).status_code == 200
    twice = await client.post("/v1/auth/token", data={**FORM, "display": ["page", "popup"]})
    assert twice.status_code == 200


async def test_it_is_no_place_to_get_something_from(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/auth/token")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["error"] == "invalid_request"


async def test_a_resource_names_the_audience(client: httpx.AsyncClient) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "server.info"}
    plain = await token(client)
    assert (await client.post("/api/v1/rpc", json=call, headers=bearer(plain["access_token"]))).status_code == 401
    for resource in ("https://rig:3500/api/v1", "/api/v1", "https://RIG:3500/api/v1/"):
        for_agents = await token(client, resource=resource)
        answer = await client.post("/api/v1/rpc", json=call, headers=bearer(for_agents["access_token"]))
        assert "result" in answer.json()
        refused = await client.get("/v1/auth/me", headers=bearer(for_agents["access_token"]))
        assert refused.status_code == 401
    both = await client.post("/v1/auth/token", json={**FORM, "resource": ["/v1", "/api/v1"]})
    text = both.json()["access_token"]
    assert (await client.post("/api/v1/rpc", json=call, headers=bearer(text))).json()["result"]
    assert (await client.get("/v1/auth/me", headers=bearer(text))).status_code == 200


async def test_a_token_is_no_agent(client: httpx.AsyncClient) -> None:
    text = (await token(client, resource="/api/v1"))["access_token"]
    call = {"jsonrpc": "2.0", "id": 1, "method": "server.info"}
    headers = {**bearer(text), "X-Agent-ID": "client:admin-1"}
    assert (await client.post("/api/v1/rpc", json=call, headers=headers)).json()["error"]["code"] == -32002


async def test_a_token_ends_with_its_time(rig: Rig, client: httpx.AsyncClient) -> None:
    text = (await token(client))["access_token"]
    rig.board.set(rig.board.wall + 3658)
    assert (await client.get("/v1/auth/me", headers=bearer(text))).status_code == 200
    rig.board.set(rig.board.wall + 2)
    gone = await client.get("/v1/auth/me", headers=bearer(text))
    assert gone.status_code == 401
    assert "expired" in gone.json()["detail"]


async def test_nobody_else_can_make_one(rig: Rig, client: httpx.AsyncClient) -> None:
    """Another algorithm, another key, another class: none stands in for it (RFC 8725, 3)."""
    text = (await token(client))["access_token"]
    claims = jwt.decode(text, options={"verify_signature": False})
    header = {k: v for k, v in jwt.get_unverified_header(text).items() if k != "alg"}
    key = rig.root.token_keys("access-token")[0].secret
    operator = rig.root.token_keys("operator-token")[0]
    unsigned = base64.urlsafe_b64encode(json.dumps({**header, "alg": "none"}).encode()).decode().rstrip("=")
    for made in (
        text.replace(text.partition(".")[0], unsigned),
        text.replace(text.partition(".")[0], unsigned).rpartition(".")[0] + ".",
        jwt.encode(claims, key * 2, algorithm="HS512", headers=header),
        jwt.encode(claims, hkdf(b"another", info=b"x"), algorithm="HS256", headers=header),
        jwt.encode(claims, operator.secret, algorithm="HS256", headers={**header, "kid": operator.kid}),
        jwt.encode(claims, key, algorithm="HS256", headers={**header, "typ": "op+jwt"}),
        jwt.encode(claims, key, algorithm="HS256", headers={**header, "typ": "at+jwt"}),
        jwt.encode({**claims, "aud": "/v2"}, key, algorithm="HS256", headers=header),
        jwt.encode({**claims, "iss": "another"}, key, algorithm="HS256", headers=header),
        jwt.encode({**claims, "sub": "nobody"}, key, algorithm="HS256", headers=header),
        jwt.encode({**claims, "sub": "user:nobody"}, key, algorithm="HS256", headers=header),
        jwt.encode({**claims, "client_id": "nobody"}, key, algorithm="HS256", headers=header),
        jwt.encode({k: v for k, v in claims.items() if k != "jti"}, key, algorithm="HS256", headers=header),
    ):
        assert (await client.get("/v1/auth/me", headers=bearer(made))).status_code == 401
    agreed = jwt.encode(claims, key, algorithm="HS256", headers=header)
    assert (await client.get("/v1/auth/me", headers=bearer(agreed))).status_code == 200


async def test_a_revoked_token_ends_at_once_and_stays_so(rig: Rig, client: httpx.AsyncClient) -> None:
    text = (await token(client))["access_token"]
    credentials = {name: FORM[name] for name in ("client_id", "client_secret")}
    assert (await client.get("/v1/auth/me", headers=bearer(text))).status_code == 200
    response = await client.post("/v1/auth/revoke", data={"token": text, **credentials})
    assert (response.status_code, response.json()) == (200, {})
    assert (await client.get("/v1/auth/me", headers=bearer(text))).status_code == 401
    # What is none, or has ended, is nothing to be told of (RFC 7009, 2.2).
    for other in (text, "nonsense", text[:-4]):
        assert (await client.post("/v1/auth/revoke", data={"token": other, **credentials})).status_code == 200
    again = rig.restarted()
    await again.access.load(ADMIN)
    transport = httpx.ASGITransport(again.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://rig:3500") as anew:
        assert (await anew.get("/v1/auth/me", headers=bearer(text))).status_code == 401


async def test_a_client_cannot_end_or_see_the_tokens_of_another(rig: Rig, client: httpx.AsyncClient) -> None:
    other, secret = await rig.access.clients.add(BOSS, name="other", roles={"viewer"})
    assert secret is not None
    text = (await token(client))["access_token"]
    credentials = {"client_id": other.id, "client_secret": secret}
    refused = await client.post("/v1/auth/revoke", data={"token": text, **credentials})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    # viewer holds system:read, so it may look; without it nothing is told.
    seen = await client.post("/v1/auth/introspect", data={"token": text, **credentials})
    assert seen.json()["active"] is True
    small, secret = await rig.access.clients.add(BOSS, name="small", roles={"plugin-user"})
    hidden = await client.post(
        "/v1/auth/introspect", data={"token": text, "client_id": small.id, "client_secret": str(secret)}
    )
    assert (hidden.status_code, hidden.json()) == (200, {"active": False})


async def test_introspection_tells_what_a_token_is_now(rig: Rig, client: httpx.AsyncClient) -> None:
    text = (await token(client, scope="system:read"))["access_token"]
    ask = {"token": text, **{name: FORM[name] for name in ("client_id", "client_secret")}}
    told = (await client.post("/v1/auth/introspect", data=ask)).json()
    claims = jwt.decode(text, options={"verify_signature": False})
    assert told == {
        "active": True,
        "scope": "system:read",
        "token_type": "Bearer",
        **{name: claims[name] for name in ("iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id")},
    }
    rig.board.set(rig.board.wall + 4000)
    assert (await client.post("/v1/auth/introspect", data=ask)).json() == {"active": False}
    operator = rig.tokens.issue({"*"})
    assert (await client.post("/v1/auth/introspect", data={**ask, "token": operator})).json() == {"active": False}
    assert (await client.post("/v1/auth/introspect", data={"token": text})).status_code == 401


async def test_a_disabled_client_has_nothing_any_more(rig: Rig, client: httpx.AsyncClient) -> None:
    made, secret = await rig.access.clients.add(BOSS, name="pump", roles={"viewer"})
    form = {"client_id": made.id, "client_secret": str(secret)}
    text = (await token(client, **form))["access_token"]
    boss = rig.bearer("*")
    assert (await client.get("/v1/auth/me", headers=bearer(text))).status_code == 200
    off = await client.patch(f"/v1/clients/{made.id}", json={"data": {"disabled": True}}, headers=boss)
    assert off.json()["data"]["disabled"] is True
    assert (await client.get("/v1/auth/me", headers=bearer(text))).status_code == 401
    refused = await client.post("/v1/auth/token", data={**FORM, **form})
    assert refused.json()["error"] == "invalid_client"
    # Allowed again, it needs another token: the old one stays void.
    await client.patch(f"/v1/clients/{made.id}", json={"data": {"disabled": False}}, headers=boss)
    assert (await client.get("/v1/auth/me", headers=bearer(text))).status_code == 401
    fresh = (await token(client, **form))["access_token"]
    assert (await client.get("/v1/auth/me", headers=bearer(fresh))).status_code == 200


async def test_a_token_allows_what_its_client_may_have_today(rig: Rig, client: httpx.AsyncClient) -> None:
    made, secret = await rig.access.clients.add(BOSS, name="pump", roles={"operator"})
    text = (await token(client, client_id=made.id, client_secret=str(secret)))["access_token"]
    hook = {"data": {"roles": ["viewer"]}}
    assert (await client.get("/v1/auth/me", headers=bearer(text))).json()["data"]["roles"] == ["operator"]
    await client.patch(f"/v1/clients/{made.id}", json=hook, headers=rig.bearer("*"))
    me = (await client.get("/v1/auth/me", headers=bearer(text))).json()["data"]
    assert me["roles"] == ["viewer"]
    assert "devices:write" not in me["scope"]


async def test_refreshing_needs_a_refresh_token(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/auth/refresh", data={**FORM, "grant_type": ""})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert "refresh_token" in response.json()["error_description"]
    other = await client.post("/v1/auth/refresh", data=FORM)
    assert other.json()["error"] == "invalid_request"


async def test_who_guesses_waits_and_nobody_else_does(rig: Rig, client: httpx.AsyncClient) -> None:
    for _ in range(10):
        wrong = await client.post("/v1/auth/token", data={**FORM, "client_secret": "guess"})
        assert wrong.status_code == 401
    waiting = await client.post("/v1/auth/token", data=FORM)
    assert (waiting.status_code, waiting.json()["error"]) == (429, "temporarily_unavailable")
    assert int(waiting.headers["retry-after"]) >= 1
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.8", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig:3500") as elsewhere:
        assert (await elsewhere.post("/v1/auth/token", data=FORM)).status_code == 200


async def test_too_many_requests_are_refused_in_the_form_of_oauth(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LimitSettings(anonymous_burst=1))
    await rig.access.load(ADMIN)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://rig:3500") as client:
        assert (await client.post("/v1/auth/token", data=FORM)).status_code == 200
        refused = await client.post("/v1/auth/token", data=FORM)
        assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
        assert refused.headers["retry-after"] == refused.headers["x-ratelimit-retry-after"]


async def test_every_token_and_refusal_is_noted_and_no_secret_is(rig: Rig, client: httpx.AsyncClient) -> None:
    made = await token(client, scope="system:read")
    await client.post("/v1/auth/token", data={**FORM, "scope": "made:up"})
    await client.post("/v1/auth/token", data={**FORM, "client_secret": "guess"})
    await client.post("/v1/auth/revoke", data={**FORM, "token": made["access_token"]})
    given, refused = rig.audit.of("auth.issue")
    assert (given.outcome, given.subject, given.peer) == (AuditOutcome.DONE, "client:admin-1", "10.0.0.7")
    assert given.details["scope"] == "system:read"
    assert (refused.outcome, refused.details["error"]) == (AuditOutcome.DENIED, "invalid_scope")
    [guessed] = rig.audit.of("auth.client")
    assert (guessed.outcome, guessed.subject) == (AuditOutcome.DENIED, "admin-1")
    [ended] = rig.audit.of("auth.revoke")
    assert ended.details["jti"] == given.token_id
    everything = json.dumps([repr(entry) for entry in rig.audit.entries])
    assert made["access_token"] not in everything
    assert ADMIN.client_secret not in everything


async def test_metadata_lead_to_the_endpoints(rig: Rig, client: httpx.AsyncClient) -> None:
    server = (await client.get("/.well-known/oauth-authorization-server")).json()
    assert server["issuer"] == "https://rig:3500"
    assert server["token_endpoint"] == "https://rig:3500/v1/auth/token"
    assert "client_credentials" in server["grant_types_supported"]
    assert "client_secret_basic" in server["token_endpoint_auth_methods_supported"]
    for path in ("", "/v1", "/api/v1"):
        resource = (await client.get(f"/.well-known/oauth-protected-resource{path}")).json()
        assert resource["resource"] == f"https://rig:3500{path}"
        assert resource["authorization_servers"] == [server["issuer"]]
        made = await token(client, resource=resource["resource"])
        assert made["access_token"]


async def test_who_has_no_token_is_told_where_to_get_one(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/auth/me")
    first, second = response.headers.get_list("www-authenticate")
    where = "https://rig:3500/.well-known/oauth-protected-resource/v1"
    assert first == f'Bearer realm="ferrule", resource_metadata="{where}"'
    assert second == 'ApiKey realm="ferrule"'
    assert (await client.get(where)).status_code == 200
    rpc = await client.post("/api/v1/rpc", json={"jsonrpc": "2.0", "id": 1, "method": "server.info"})
    assert rpc.headers.get_list("www-authenticate") == [
        'Bearer realm="ferrule", resource_metadata="https://rig:3500/.well-known/oauth-protected-resource/api/v1"',
        'ApiKey realm="ferrule"',
    ]
