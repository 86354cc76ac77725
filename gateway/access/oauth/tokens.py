"""The token endpoint without HTTP: tokens for grants, their revocation, and what is told of them (D-046 to D-050)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.access.jws import AGENT_API, PLUGIN_API
from gateway.access.oauth.access_tokens import AccessTokens
from gateway.access.oauth.authentication import Authentication, Shown
from gateway.access.oauth.clients import Clients, allowance_of
from gateway.access.oauth.grant import Client, ClientKind, Form, Grant, Issued, OAuthError, OtherTokens
from gateway.access.oauth.subjects import KINDS
from gateway.access.revocations import Revocations
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import GatewayError
from gateway.core.principal import Kind, Principal, allows

REFRESH = "refresh_token"
# Who may do this looks at tokens that were given to others, too.
LOOK = "system:read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A token as the endpoint answers with it (RFC 6749, 5.1; the reference's own members).

    Attributes:
        access_token: never logged.
        expires_in: seconds.
        scope: what was granted, words with spaces between.
        refresh_token: never logged; None: there is none.
    """

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    refresh_token: str | None = field(default=None, repr=False)


class TokenService:
    """Gives tokens to clients.

    Args:
        authentication: tells which client asks.
        clients: told of use.
        tokens: makes and proves access tokens.
        grants: by ``grant_type``.
        others: tokens that are no access tokens.
        verify: tells who shows an access token now, for an audience (``Bearer.verify``).
        revocations: of single access tokens.
        settle: waits until what was revoked is on the disk, as far as it takes it.
        audit: is told of every token that is given, refused or revoked.
    """

    def __init__(
        self,
        *,
        authentication: Authentication,
        clients: Clients,
        tokens: AccessTokens,
        grants: Mapping[str, Grant],
        others: Sequence[OtherTokens],
        verify: Callable[[str, str], Principal],
        revocations: Revocations,
        settle: Callable[[], Awaitable[None]],
        audit: AuditLog,
    ) -> None:
        self._authentication = authentication
        self._clients = clients
        self._tokens = tokens
        self._grants = grants
        self._others = others
        self._verify = verify
        self._revocations = revocations
        self._settle = settle
        self._audit = audit

    @property
    def grant_types(self) -> Sequence[str]:
        """Those there are, for the metadata (RFC 8414)."""
        return sorted(self._grants)

    async def token(self, shown: Shown, form: Form) -> Answer:
        """Give a token.

        Raises:
            OAuthError: as RFC 6749, 5.2 and RFC 8707, 2 have it.
        """
        name = form.need("grant_type")
        grant = self._grants.get(name)
        if grant is None:
            raise OAuthError("unsupported_grant_type", f"there are: {', '.join(self.grant_types)}")
        client = self._authentication.client(shown)
        try:
            issued = await grant.exchange(client, form)
            made = self._tokens.issue(client.id, issued)
        except OAuthError as error:
            details = {"grant_type": name, "error": error.error, "reason": error.description}
            self._note(AuditOutcome.DENIED, _as_itself(client), shown, client, details)
            raise
        self._clients.note_use(client.id)
        self._note(
            AuditOutcome.DONE,
            _as_subject(client, issued, made.token_id),
            shown,
            client,
            {
                "grant_type": name,
                "scope": " ".join(sorted(issued.scopes)),
                "audience": sorted(issued.resource),
                "seconds": made.lifetime,
            },
        )
        return Answer(
            access_token=made.token,
            expires_in=made.lifetime,
            scope=" ".join(sorted(issued.scopes)),
            refresh_token=issued.refresh_token,
        )

    async def revoke(self, shown: Shown, form: Form) -> None:
        """End a token that was given to the client that asks (RFC 7009); one that is none has ended already.

        Raises:
            OAuthError: invalid_client; invalid_request; invalid_grant, it was given to another client.
        """
        client = self._authentication.client(shown)
        token = form.need("token")
        for other in self._others:
            if await other.revoke(client, token):
                self._note(AuditOutcome.DONE, _as_itself(client), shown, client, {}, action="auth.revoke")
                return
        for audience in (PLUGIN_API, AGENT_API):
            try:
                found = self._tokens.prove(token, audience).principal
            except GatewayError:
                continue
            if found.client_id != client.id:
                raise OAuthError("invalid_grant", "this token was given to another client")
            self._revocations.revoke_token(found.token_id, found.expires)
            await self._settle()
            self._note(
                AuditOutcome.DONE,
                _as_itself(client),
                shown,
                client,
                {"jti": found.token_id, "subject": found.subject},
                action="auth.revoke",
            )
            return

    def introspect(self, shown: Shown, form: Form) -> Mapping[str, object]:
        """What RFC 7662, 2.2 tells of a token; of those of others only to who may look at the gateway itself.

        Raises:
            OAuthError: invalid_client; invalid_request; unauthorized_client, without a secret nobody is told anything.
        """
        client = self._authentication.client(shown)
        if client.kind is ClientKind.PUBLIC:
            raise OAuthError("unauthorized_client", "this takes a client with a secret")
        token = form.need("token")
        told = self._look(token)
        if told is None:
            return {"active": False}
        if told.get("client_id") != client.id and not allows(allowance_of(client), LOOK):
            return {"active": False}
        return {"active": True, **told}

    def _look(self, token: str) -> Mapping[str, object] | None:
        for other in self._others:
            if (told := other.look(token)) is not None:
                return told
        for audience in (PLUGIN_API, AGENT_API):
            try:
                found = self._verify(token, audience)
                if found.kind not in KINDS.values():
                    return None
                claims = self._tokens.claims(token, audience)
            except GatewayError:
                continue
            told = {name: claims[name] for name in ("iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id")}
            return {**told, "scope": " ".join(sorted(found.scopes)), "token_type": "Bearer"}
        return None

    def _note(
        self,
        outcome: AuditOutcome,
        by: Principal,
        shown: Shown,
        client: Client,
        details: Mapping[str, str | int | list[str]],
        *,
        action: str = "auth.issue",
    ) -> None:
        self._audit.note(action, outcome, by=by, peer=shown.peer, target=client.id, details=dict(details))


def _as_itself(client: Client) -> Principal:
    return Principal(client.subject, frozenset(), Kind.CLIENT, "", client_id=client.id)


def _as_subject(client: Client, issued: Issued, token_id: str) -> Principal:
    kind = KINDS[issued.subject.partition(":")[0]]
    return Principal(issued.subject, issued.scopes, kind, token_id, client_id=client.id)
