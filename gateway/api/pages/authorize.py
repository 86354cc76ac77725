"""``/v1/auth/authorize``, ``login`` and ``logout``: a person signs in and says yes or no (RFC 6749, 4.1; D-049).

Between two pages nothing is kept here but who is signed in: what a program asked for travels in the form, and is read
and held against the rules anew each time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.access.authorization.codes import Codes
from gateway.access.authorization.consent import offered
from gateway.access.authorization.redirects import destination, with_parameters
from gateway.access.authorization.request import AuthorizationRequest, Declined, FindClient, Unproven, read
from gateway.access.login.sessions import Sessions, new_name
from gateway.access.login.sign_in import SignIn
from gateway.access.users.user import User
from gateway.api.origin import peer_of
from gateway.api.own_url import audience_of, own_url
from gateway.api.pages.forms import Fields, browser_of, cookie, fields_of, no_cookie, sent_form
from gateway.api.pages.forms import written as query_of
from gateway.api.pages.genuine import FORM_TOKEN, check_genuine
from gateway.api.pages.markup import PROTECTED, reply
from gateway.api.pages.notices import Notices
from gateway.api.pages.stylesheet import STYLESHEET
from gateway.api.pages.views import AUTHORIZE, KEYS, consent_page, login_page
from gateway.api.replies import Reply, ReplyHeaders
from gateway.api.request import Request
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal

# Of the forms; none of them is a parameter of OAuth.
_REQUEST, _DECISION, _NAME, _PASSWORD = "request_query", "decision", "name", "password"

_STALE = (
    "This page was open for too long, or was not made for this browser. Go back to where you came from, "
    "and begin again."
)
_AGAIN = "You were signed out, because nothing was done for a while. Sign in again."
_STATUS = {Code.UNAUTHENTICATED: 403, Code.TOO_MANY: 429, Code.UNAVAILABLE: 503}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginParts:
    """What the pages are made of.

    Attributes:
        client: the client of an id; None where there is none.
        sign_in: proves names and passwords.
        sessions: who is signed in.
        codes: gives them out.
        audit: is told of consents and sign-ins.
        gateway: its name.
        enabled: whether people may sign in here at all.
    """

    client: FindClient
    sign_in: SignIn
    sessions: Sessions
    codes: Codes
    audit: AuditLog
    gateway: str
    enabled: Callable[[], bool]


class LoginPages:
    """Answers what comes for these paths.

    Args:
        parts: what they are made of.
    """

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts
        self._notices = Notices(parts.gateway, parts.enabled)
        self.refusal = self._notices.refusal

    async def ask(self, request: Request, _: Mapping[str, str]) -> Reply:
        """GET authorize: a program's request, put to a person."""
        return await self._guarded(request, self._asked_by_get)

    async def answer(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST authorize: the person's yes or no; or the same as GET, with the request in the body (RFC 6749, 3.1)."""
        return await self._guarded(request, self._asked_or_answered)

    async def welcome(self, request: Request, _: Mapping[str, str]) -> Reply:
        """GET login: no program waits, so it leads to the person's own keys."""

        async def work(request: Request) -> Reply:
            if self._parts.sessions.find(browser_of(request.scope)) is None:
                return self.sign_in_form(request)
            return self._see(KEYS)

        return await self._guarded(request, work)

    def sign_in_form(self, request: Request, wrong: str | None = None) -> Reply:
        """Where somebody signs in who has come without a program.

        Args:
            request: that cannot be answered otherwise.
            wrong: why that is so.
        """
        return self._login_form(request, None, (), wrong=wrong)

    async def login(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST login: name and password."""
        return await self._guarded(request, self._login)

    async def logout(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST logout: end the session, and let somebody else sign in."""
        return await self._guarded(request, self._logout)

    async def style(self, *_: object) -> Reply:
        """GET the stylesheet."""
        return Reply(200, STYLESHEET, ((b"x-content-type-options", b"nosniff"),), b"text/css; charset=utf-8")

    async def _guarded(self, request: Request, work: Callable[[Request], Awaitable[Reply]]) -> Reply:
        """Work whose errors are pages, or sent back to the program."""

        async def told() -> Reply:
            try:
                return await work(request)
            except Unproven as unproven:
                self._note("auth.authorize", AuditOutcome.DENIED, request, reason=str(unproven))
                words = "Nothing was granted. Tell whoever gave you the link, or whoever runs this gateway."
                return self._notices.notice(400, "You cannot sign in by this link", str(unproven), words)
            except Declined as declined:
                told = [("error", declined.error), ("error_description", declined.description)]
                return self._back(request, declined.uri, declined.state, told)

        return await self._notices.guarded(told)

    async def _asked_by_get(self, request: Request) -> Reply:
        return self._put(request, fields_of(request.scope.get("query_string", b"")))

    async def _asked_or_answered(self, request: Request) -> Reply:
        sent = await sent_form(request.scope, request.receive)
        form = dict(sent)
        if _DECISION not in form:
            return self._put(request, sent)
        return self._decide(request, form[_DECISION], self._proven(request, form))

    async def _logout(self, request: Request) -> Reply:
        asked = self._proven(request, dict(await sent_form(request.scope, request.receive)))
        browser = browser_of(request.scope)
        user = self._parts.sessions.find(browser)
        if user is not None:
            self._parts.sessions.end(browser)
            self._note("auth.logout", AuditOutcome.DONE, request, user=user)
        return self._see(_onward(asked), (no_cookie(),))

    def _proven(self, request: Request, form: Mapping[str, str]) -> Fields:
        """What the program asked for, out of a form that was made for this browser; empty where none waits.

        Raises:
            FormError: it was not.
        """
        check_genuine(request, form, self._parts.sessions, self._parts.audit, words=_STALE)
        return fields_of(form.get(_REQUEST, ""))

    def _read(self, request: Request, asked: Fields) -> AuthorizationRequest:
        own = own_url(request.scope)
        return read(asked, self._parts.client, lambda resources: audience_of(resources, own))

    def _put(self, request: Request, asked: Fields, wrong: str | None = None) -> Reply:
        """Put a program's request to a person, once it is known who that is."""
        found = self._read(request, asked)
        browser = browser_of(request.scope)
        user = self._parts.sessions.find(browser)
        if user is None or browser is None:
            return self._login_form(request, found, asked, wrong=wrong)
        scopes = offered(found, user)
        leads = destination(found.redirect_uri)
        body = consent_page(
            self._parts.gateway,
            found.client.name,
            user=user,
            scopes=scopes,
            leads=leads,
            hidden=self._carried(browser, asked),
        )
        return reply(200, body, form_action=leads.source)

    async def _login(self, request: Request) -> Reply:
        form = dict(await sent_form(request.scope, request.receive))
        asked = self._proven(request, form)
        found = self._read(request, asked) if asked else None
        name = form.get(_NAME, "")
        try:
            user = await self._parts.sign_in.prove(name, form.get(_PASSWORD, ""), peer_of(request.scope))
        except GatewayError as error:
            wait = error.details.get("retryAfter")
            headers = () if wait is None else ((b"retry-after", str(wait).encode()),)
            return self._login_form(
                request, found, asked, status=_STATUS[error.code], wrong=error.reason, name=name[:100], headers=headers
            )
        self._parts.sessions.end(browser_of(request.scope))
        by_way_of = {} if found is None else {"client": found.client.id}
        self._note("auth.login", AuditOutcome.DONE, request, user=user, **by_way_of)
        return self._see(_onward(asked), (cookie(self._parts.sessions.begin(user)),))

    def _decide(self, request: Request, decision: str, asked: Fields) -> Reply:
        """Take a yes or a no."""
        user = self._parts.sessions.find(browser_of(request.scope))
        if user is None:
            return self._put(request, asked, _AGAIN)
        found = self._read(request, asked)
        scopes = offered(found, user)
        if decision != "allow":
            self._note("auth.consent", AuditOutcome.DENIED, request, user=user, client=found.client.id)
            raise Declined(found.redirect_uri, found.state, "access_denied", "the person refused")
        code = self._parts.codes.give(found, scopes, user)
        granted = " ".join(sorted(scopes))
        self._note("auth.consent", AuditOutcome.DONE, request, user=user, client=found.client.id, scope=granted)
        return self._back(request, found.redirect_uri, found.state, [("code", code)])

    def _login_form(
        self,
        request: Request,
        found: AuthorizationRequest | None,
        asked: Fields,
        *,
        status: int = 200,
        wrong: str | None = None,
        name: str = "",
        headers: ReplyHeaders = (),
    ) -> Reply:
        browser = browser_of(request.scope)
        if browser is None:
            browser = new_name()
            headers = (*headers, cookie(browser))
        hidden = self._carried(browser, asked)
        program = None if found is None else found.client.name
        body = login_page(self._parts.gateway, program, hidden, wrong=wrong, name=name)
        # Who may grant nothing of it is sent back at once: browsers hold that against the policy of this page.
        leads = "" if found is None else destination(found.redirect_uri).source
        return reply(status, body, headers, form_action=leads)

    def _carried(self, browser: str, asked: Fields) -> dict[str, str]:
        return {FORM_TOKEN: self._parts.sessions.form_token(browser), _REQUEST: query_of(asked)}

    def _back(self, request: Request, uri: str, state: str | None, answer: list[tuple[str, str]]) -> Reply:
        """Send the browser back to the program, with who answers: the issuer of the metadata (RFC 9207)."""
        told = [*answer, *([] if state is None else [("state", state)]), ("iss", own_url(request.scope) or "")]
        return self._see(with_parameters(uri, told))

    def _see(self, place: str, headers: ReplyHeaders = ()) -> Reply:
        # 303: the form, with a password in it, is not sent on (RFC 9700, 4.12).
        return Reply(303, b"", (*PROTECTED, (b"location", place.encode("ascii")), *headers), b"text/plain")

    def _note(
        self, action: str, outcome: AuditOutcome, request: Request, user: User | None = None, **details: str
    ) -> None:
        # What a session says of somebody was proven when that person signed in.
        by = None if user is None else Principal(f"user:{user.id}", frozenset(), Kind.USER, "session")
        self._parts.audit.note(action, outcome, by=by, peer=peer_of(request.scope), details=details)


def _onward(asked: Fields) -> str:
    """Where somebody goes on who has signed in or out: to what the program asked for, or to the own keys."""
    return f"{AUTHORIZE}?{query_of(asked)}" if asked else KEYS
