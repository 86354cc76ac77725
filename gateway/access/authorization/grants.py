"""The two grants of people: a code for tokens, and a refresh token for the next ones (RFC 6749, 4.1.3 and 6)."""

from __future__ import annotations

from gateway.access.authorization.codes import Codes, Grantee
from gateway.access.authorization.families import Families, Family, is_refresh_token, subject_of
from gateway.access.authorization.pkce import answers
from gateway.access.oauth.grant import Client, Form, Issued, OAuthError
from gateway.access.oauth.narrowing import narrow
from gateway.access.roles import effective, scopes_of
from gateway.access.users.user import User
from gateway.access.users.users import Users
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.ports import FactStore


class CodeGrant:
    """``authorization_code``.

    Args:
        codes: given out.
        families: of refresh tokens.
        users: who granted.
        facts: settled before an answer promises something.
        audit: is told of codes that are shown twice.
    """

    def __init__(self, codes: Codes, families: Families, users: Users, facts: FactStore, audit: AuditLog) -> None:
        self._codes = codes
        self._families = families
        self._users = users
        self._facts = facts
        self._audit = audit

    async def exchange(self, client: Client, form: Form) -> Issued:
        """Give tokens for a code; a code that is shown again ends what the first one gave (RFC 9700, 2.1.1).

        Raises:
            OAuthError: invalid_request, invalid_grant, invalid_scope, invalid_target.
        """
        code, verifier = form.need("code"), form.need("code_verifier")
        found = self._codes.find(code)
        if found is None or found.request.client.id != client.id:
            raise _refused("the code is not known, was given to another client, or the gateway was started anew since")
        if found.used:
            await self._reused(client, found)
            raise _refused("the code was used before: what it gave is void now. Have the person sign in again")
        # Whatever comes of it, there is no second try.
        found.used = True
        user = self._checked(found, form, verifier)
        scopes = narrow(effective(scopes_of(user.roles), found.scopes), None)
        audience = _narrowed(found.request.audience, form.audience)
        family, token = self._families.begin(client.id, user, found.scopes, found.request.audience)
        found.family = family.id
        await self._facts.settle()
        return Issued(
            subject=subject_of(user.id), scopes=scopes, resource=audience, refresh_token=token, grant=family.id
        )

    def _checked(self, found: Grantee, form: Form, verifier: str) -> User:
        if self._codes.over(found):
            raise _refused("the code is over: it is good for a minute. Have the person sign in again")
        uri = form.get("redirect_uri")
        if found.request.redirect_given and uri is None:
            raise OAuthError("invalid_request", "redirect_uri is missing: it stood in the request for the code")
        if uri is not None and uri != found.request.redirect_uri:
            raise _refused("redirect_uri is not the one of the request for the code")
        if not answers(verifier, found.request.challenge):
            raise _refused("code_verifier is not what code_challenge was made of")
        user = self._users.active(found.user, found.epoch)
        if user is None:
            raise _refused("who granted it may not sign in any more, or has another password since")
        return user

    async def _reused(self, client: Client, found: Grantee) -> None:
        self._audit.note(
            "auth.code_reuse", AuditOutcome.DENIED, target=f"user:{found.user}", details={"client": client.id}
        )
        if found.family is not None:
            self._families.end(found.family)
            await self._facts.settle()


class RefreshGrant:
    """``refresh_token``, and what revocation and introspection ask of such tokens (``OtherTokens``).

    Args:
        families: of refresh tokens.
        facts: settled before an answer promises something.
        audit: is told of tokens that are shown twice.
    """

    def __init__(self, families: Families, facts: FactStore, audit: AuditLog) -> None:
        self._families = families
        self._facts = facts
        self._audit = audit

    async def exchange(self, client: Client, form: Form) -> Issued:
        """Give the next tokens; one that was used before ends the family, whoever shows it.

        Raises:
            OAuthError: invalid_request, invalid_grant, invalid_scope, invalid_target.
        """
        token = form.need("refresh_token")
        family = self._families.find(token)
        user = None if family is None else self._families.user_of(family)
        if family is None or user is None or family.client != client.id:
            raise _refused("the refresh token is not good, or not any more. Have the person sign in again")
        if not self._families.is_good(family, token):
            await self._reused(family)
            raise _refused(
                "the refresh token was used before: all that came of it is void. Have the person sign in again"
            )
        scopes = narrow(effective(scopes_of(user.roles), family.scopes), form.get("scope"))
        audience = _narrowed(family.audience, form.audience)
        token = self._families.rotate(family)
        await self._facts.settle()
        return Issued(
            subject=subject_of(user.id), scopes=scopes, resource=audience, refresh_token=token, grant=family.id
        )

    async def revoke(self, client: Client, token: str) -> bool:
        """End a refresh token and what came of it; True where it is one (RFC 7009).

        Raises:
            OAuthError: invalid_grant, it was given to another client.
        """
        if not is_refresh_token(token):
            return False
        family = self._families.find(token)
        if family is None:
            return True
        if family.client != client.id:
            raise OAuthError("invalid_grant", "the token was given to another client")
        self._families.end(family.id)
        await self._facts.settle()
        return True

    def look(self, token: str) -> dict[str, object] | None:
        """What RFC 7662, 2.2 tells of a refresh token; None where it is none, or not good any more."""
        family = self._families.find(token)
        user = None if family is None else self._families.user_of(family)
        if family is None or user is None or not self._families.is_good(family, token):
            return None
        return {
            "token_type": "refresh_token",
            "client_id": family.client,
            "username": user.name,
            "sub": subject_of(user.id),
            "scope": " ".join(sorted(family.scopes)),
            "iat": int(family.used),
            "exp": int(self._families.ends_at(family)),
        }

    async def _reused(self, family: Family) -> None:
        self._audit.note(
            "auth.refresh_reuse", AuditOutcome.DENIED, target=f"user:{family.user}", details={"client": family.client}
        )
        self._families.end(family.id)
        await self._facts.settle()


def _narrowed(granted: frozenset[str], asked: frozenset[str] | None) -> frozenset[str]:
    """The audience of a token: less than what was granted may be asked for (RFC 8707, 2.2)."""
    if asked is None:
        return granted
    if not asked <= granted:
        raise OAuthError("invalid_target", "resource names what was not asked for when the person signed in")
    return asked


def _refused(description: str) -> OAuthError:
    return OAuthError("invalid_grant", description)
