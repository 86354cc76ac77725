"""What programs find out by themselves: who gives tokens here, and for what (RFC 8414, RFC 9728; D-050)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from gateway.access.jws import AGENT_API, PLUGIN_API
from gateway.access.scopes import SCOPES
from gateway.api.own_url import own_url
from gateway.api.replies import Reply
from gateway.api.request import Request
from gateway.api.rest.oauth import INTROSPECT, REVOKE, TOKEN
from gateway.api.rest.problems import Problem
from gateway.api.rest.route import Route

SERVER = "/.well-known/oauth-authorization-server"
RESOURCE = "/.well-known/oauth-protected-resource"
AUTHORIZE = "/v1/auth/authorize"
AUTHORIZATION_CODE = "authorization_code"
_METHODS = ("client_secret_basic", "client_secret_post")
_ENCODER = msgspec.json.Encoder()


class ServerMetadata(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The authorization server (RFC 8414, 2)."""

    issuer: str
    token_endpoint: str
    response_types_supported: Sequence[str]
    grant_types_supported: Sequence[str]
    scopes_supported: Sequence[str]
    token_endpoint_auth_methods_supported: Sequence[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: Sequence[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: Sequence[str]
    authorization_endpoint: str | None = None
    response_modes_supported: Sequence[str] | None = None
    code_challenge_methods_supported: Sequence[str] | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    protected_resources: Sequence[str]


class ResourceMetadata(msgspec.Struct, kw_only=True):
    """One of the path families (RFC 9728, 2)."""

    resource: str
    authorization_servers: Sequence[str]
    scopes_supported: Sequence[str]
    bearer_methods_supported: Sequence[str]
    resource_name: str


class MetadataRoutes:
    """Documents for whoever asks.

    Args:
        grant_types: that the token endpoint takes, in force.
    """

    def __init__(self, grant_types: Callable[[], Sequence[str]]) -> None:
        self._grant_types = grant_types

    async def server(self, request: Request, _: Mapping[str, str]) -> Reply:
        """GET: the authorization server."""
        own = _own(request)
        grant_types = self._grant_types()
        browser = AUTHORIZATION_CODE in grant_types
        with_secret = list(_METHODS)
        document = ServerMetadata(
            issuer=own,
            token_endpoint=own + TOKEN,
            response_types_supported=["code"] if browser else [],
            grant_types_supported=grant_types,
            scopes_supported=list(SCOPES),
            token_endpoint_auth_methods_supported=[*with_secret, "none"],
            revocation_endpoint=own + REVOKE,
            revocation_endpoint_auth_methods_supported=[*with_secret, "none"],
            introspection_endpoint=own + INTROSPECT,
            introspection_endpoint_auth_methods_supported=with_secret,
            protected_resources=[own + PLUGIN_API, own + AGENT_API],
        )
        if browser:
            document.authorization_endpoint = own + AUTHORIZE
            document.response_modes_supported = ["query"]
            document.code_challenge_methods_supported = ["S256"]
            document.authorization_response_iss_parameter_supported = True
        return Reply(200, _ENCODER.encode(document))

    @staticmethod
    async def resource(request: Request, _: Mapping[str, str]) -> Reply:
        """GET: what tokens are good for; the path that is named comes after the well-known one."""
        own = _own(request)
        path = request.path.removeprefix(RESOURCE)
        document = ResourceMetadata(
            resource=own + path,
            authorization_servers=[own],
            scopes_supported=list(SCOPES),
            bearer_methods_supported=["header"],
            resource_name=f"Ferrule {path or 'gateway'}",
        )
        return Reply(200, _ENCODER.encode(document))


def _own(request: Request) -> str:
    own = own_url(request.scope)
    if own is None:
        raise Problem(400, "malformed", "the request says in no Host header what it calls the gateway.")
    return own


def metadata_routes(grant_types: Callable[[], Sequence[str]]) -> tuple[Route, ...]:
    """The documents under ``/.well-known``."""
    work = MetadataRoutes(grant_types)
    document = partial(
        Route, method="GET", open=True, scope=None, resource="metadata", audited=False, origin="addition"
    )
    return (
        document(
            name="auth.server",
            path=SERVER,
            raw=work.server,
            summary="Tell how to get tokens (RFC 8414)",
            result=ServerMetadata,
        ),
        *(
            document(
                name=f"auth.resource{number or ''}",
                path=RESOURCE + path,
                raw=work.resource,
                summary=f"Tell whose tokens {path or 'the gateway'} takes (RFC 9728)",
                result=ResourceMetadata,
            )
            for number, path in enumerate(("", PLUGIN_API, AGENT_API))
        ),
    )
