"""``/v1/auth/keys``: who is signed in makes API keys of its own, sees them and revokes them (D-052, D-053).

Nothing here gives more than the person has: a key gets scopes of the person's roles, and loses them with the role.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.access.jws import AGENT_API, PLUGIN_API
from gateway.access.login.sessions import Sessions
from gateway.access.oauth.api_keys import ApiKeys
from gateway.access.roles import scopes_of
from gateway.access.scopes import SCOPES
from gateway.access.users.user import User
from gateway.api.origin import peer_of
from gateway.api.own_url import own_url
from gateway.api.pages.forms import Fields, browser_of, sent_form
from gateway.api.pages.genuine import FORM_TOKEN, check_genuine
from gateway.api.pages.key_views import LIFETIMES, USUAL, Shown, Typed, keys_page, made_page, revoke_page
from gateway.api.pages.markup import PROTECTED, reply
from gateway.api.pages.notices import Notices, sentence
from gateway.api.pages.views import KEYS
from gateway.api.replies import Reply, ReplyHeaders
from gateway.api.request import Request
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.clients import ApiKey
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal, allows
from gateway.core.timeline import Timeline

# So that one person does not use up what there may be of all (``[access] max_keys``).
MOST_OF_ONE = 20
# Of the forms.
ONCE = "form_once"
_NAME, _SCOPE, _LIFETIME, _KEY, _DECISION, _REQUEST = "name", "scope", "lifetime", "key_id", "decision", "request_query"
_AGAIN = "You were signed out, because nothing was done for a while. Sign in again."
_SENT = (
    "This form was sent before, or is an old one: nothing was made by it now. A key that you have made and not seen "
    "can be revoked here."
)
_STATUS = {Code.FORBIDDEN: 403, Code.NOT_FOUND: 404, Code.CONFLICT: 409, Code.UNAVAILABLE: 503}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyParts:
    """What the pages are made of.

    Attributes:
        keys: all API keys.
        sessions: who is signed in.
        sign_in: the page where somebody signs in, and why again.
        timeline: the time of keys.
        audit: is told what was made and revoked.
        gateway: its name.
        enabled: whether people may sign in here at all.
    """

    keys: ApiKeys
    sessions: Sessions
    sign_in: Callable[[Request, str | None], Reply]
    timeline: Timeline
    audit: AuditLog
    gateway: str
    enabled: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Who is signed in, in which browser."""

    user: User
    browser: str

    @property
    def subject(self) -> str:
        return f"user:{self.user.id}"

    @property
    def principal(self) -> Principal:
        return Principal(self.subject, scopes_of(self.user.roles), Kind.USER, "session")

    @property
    def allowed(self) -> list[str]:
        held = scopes_of(self.user.roles)
        return [scope for scope in SCOPES if allows(held, scope)]


class KeyPages:
    """Answers what comes for these paths.

    Args:
        parts: what they are made of.
    """

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts
        self._notices = Notices(parts.gateway, parts.enabled)
        self.refusal = self._notices.refusal

    async def ask(self, request: Request, _: Mapping[str, str]) -> Reply:
        """GET: the person's keys."""

        async def work() -> Reply:
            visitor = self._visitor(request)
            return self._parts.sign_in(request, None) if visitor is None else self._list(visitor)

        return await self._notices.guarded(work)

    async def make(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST: another key, which is shown in the answer and never again."""
        return await self._sent(request, self._asked_for)

    async def revoke(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST revoke: ask whether a key is to end; or the answer to that."""
        return await self._sent(request, self._to_end)

    def _visitor(self, request: Request) -> _Visitor | None:
        browser = browser_of(request.scope)
        user = self._parts.sessions.find(browser)
        return None if user is None or browser is None else _Visitor(user, browser)

    async def _sent(self, request: Request, work: Callable[[Request, _Visitor, Fields], Awaitable[Reply]]) -> Reply:
        """What a form of somebody who is signed in gives."""

        async def told() -> Reply:
            form = await sent_form(request.scope, request.receive)
            check_genuine(request, dict(form), self._parts.sessions, self._parts.audit)
            visitor = self._visitor(request)
            return self._parts.sign_in(request, _AGAIN) if visitor is None else await work(request, visitor, form)

        return await self._notices.guarded(told)

    async def _asked_for(self, request: Request, visitor: _Visitor, fields: Fields) -> Reply:
        form = dict(fields)
        typed = Typed(
            name=form.get(_NAME, "")[:100],
            scopes=frozenset(value for name, value in fields if name == _SCOPE),
            lifetime=form.get(_LIFETIME, USUAL),
        )
        if not self._parts.sessions.take_ticket(visitor.browser, form.get(ONCE, "")):
            return self._list(visitor, status=409, wrong=_SENT)
        if not typed.scopes:
            return self._list(visitor, typed, status=400, wrong="Tick at least one thing that the key may do.")
        if typed.lifetime not in LIFETIMES:
            return self._list(visitor, typed, status=400, wrong="Choose how long the key is good.")
        try:
            key, credential = await self._made(request, visitor, form.get(_NAME, ""), typed)
        except GatewayError as error:
            return self._failed(visitor, error, typed)
        command = _command(own_url(request.scope), key, credential)
        return reply(200, made_page(self._parts.gateway, key, credential, command))

    async def _made(self, request: Request, visitor: _Visitor, name: str, typed: Typed) -> tuple[ApiKey, str]:
        ttl = LIFETIMES[typed.lifetime][1]
        # A browser that leaves, or a deadline that passes, ends this without a word on what became of it.
        end, target = AuditOutcome.UNKNOWN, None
        details: dict[str, Json] = {"reason": "given up"}
        try:
            more = sorted(typed.scopes.difference(visitor.allowed))
            if more:
                raise GatewayError(Code.FORBIDDEN, f"your roles do not allow {more[0][:64]}")
            key, credential = await self._parts.keys.add(
                visitor.principal,
                owner=visitor.subject,
                name=name,
                scopes=typed.scopes,
                ttl=ttl,
                audience=(PLUGIN_API, AGENT_API),
                most=MOST_OF_ONE,
            )
            end, target = AuditOutcome.DONE, key.id
            details = {"name": key.name, "scopes": sorted(key.scopes), "ttl": ttl, "audience": sorted(key.audience)}
        except GatewayError as error:
            end, details = _ended(error), {"reason": error.reason}
            raise
        finally:
            self._note("api_key.create", end, request, visitor, target=target, details=details)
        return key, credential

    async def _to_end(self, request: Request, visitor: _Visitor, fields: Fields) -> Reply:
        form = dict(fields)
        key_id = form.get(_KEY, "")
        try:
            match form.get(_DECISION):
                case None:
                    key = self._parts.keys.own(visitor.subject, key_id)
                    return reply(200, revoke_page(self._parts.gateway, key, self._hidden(visitor)))
                case "revoke":
                    await self._ended_key(request, visitor, key_id)
        except GatewayError as error:
            return self._failed(visitor, error)
        # 303: who looks again does not send the form again.
        return Reply(303, b"", (*PROTECTED, (b"location", KEYS.encode())), b"text/plain")

    async def _ended_key(self, request: Request, visitor: _Visitor, key_id: str) -> None:
        end = AuditOutcome.UNKNOWN
        details: dict[str, Json] = {"reason": "given up"}
        try:
            key = await self._parts.keys.revoke_own(visitor.subject, key_id)
            end, details = AuditOutcome.DONE, {"name": key.name}
        except GatewayError as error:
            end, details = _ended(error), {"reason": error.reason}
            raise
        finally:
            self._note("api_key.revoke", end, request, visitor, target=key_id, details=details)

    def _failed(self, visitor: _Visitor, error: GatewayError, typed: Typed | None = None) -> Reply:
        wait = error.details.get("retryAfter")
        headers = () if wait is None else ((b"retry-after", str(wait).encode()),)
        status = _STATUS.get(error.code, 400)
        return self._list(visitor, typed, status=status, wrong=sentence(error.reason), headers=headers)

    def _list(
        self,
        visitor: _Visitor,
        typed: Typed | None = None,
        *,
        status: int = 200,
        wrong: str | None = None,
        headers: ReplyHeaders = (),
    ) -> Reply:
        hidden = self._hidden(visitor)
        shown = Shown(
            gateway=self._parts.gateway,
            person=visitor.user.name,
            keys=self._parts.keys.of(visitor.subject),
            allowed=visitor.allowed,
            now=self._parts.timeline.now(),
            clock_set=self._parts.timeline.era.synchronised,
            hidden=hidden,
            once={ONCE: self._parts.sessions.ticket(visitor.browser)},
            # No program waits for who signs in next.
            session={**hidden, _REQUEST: ""},
        )
        return reply(status, keys_page(shown, typed or Typed(), wrong=wrong), headers)

    def _hidden(self, visitor: _Visitor) -> dict[str, str]:
        return {FORM_TOKEN: self._parts.sessions.form_token(visitor.browser)}

    def _note(
        self,
        action: str,
        end: AuditOutcome,
        request: Request,
        visitor: _Visitor,
        *,
        target: str | None,
        details: Mapping[str, Json],
    ) -> None:
        peer = peer_of(request.scope)
        self._parts.audit.note(action, end, by=visitor.principal, peer=peer, target=target, details=details)


def _ended(error: GatewayError) -> AuditOutcome:
    return AuditOutcome.DENIED if error.code in {Code.FORBIDDEN, Code.NOT_FOUND} else AuditOutcome.FAILED


def _command(url: str | None, key: ApiKey, credential: str) -> str:
    """A line for a shell, of Windows too, that reads something the key allows."""
    start = f'curl --cacert ca.pem -H "X-API-Key: {credential}" "{url or "https://BOARD:3500"}'
    if allows(key.scopes, "devices:read"):
        return start + r'/api/v1/rpc" --json "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tag.list\"}"'
    return f'{start}/v1/auth/me"'
