"""``/v1/auth/setup``: who has the code that lies on the board becomes the first administrator in a browser (D-058)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.access.login.sessions import Sessions, new_name
from gateway.access.users.user import User
from gateway.api.origin import peer_of
from gateway.api.pages.forms import browser_of, cookie, sent_form
from gateway.api.pages.genuine import FORM_TOKEN, check_genuine
from gateway.api.pages.markup import reply
from gateway.api.pages.notices import Notices, sentence
from gateway.api.pages.views import setup_page
from gateway.api.replies import Reply, ReplyHeaders
from gateway.api.request import Request
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import Code, GatewayError

# Of the form.
_CODE, _NAME, _PASSWORD, _AGAIN = "code", "name", "password", "password_again"
_STATUS = {Code.FORBIDDEN: 403, Code.CONFLICT: 409, Code.UNAVAILABLE: 503}


class AddsFirst(Protocol):
    """The service; see ``gateway.access.users.people``."""

    async def add_first(self, code: str, name: str, password: str) -> User:
        """Make the first administrator. Raises GatewayError FORBIDDEN, INVALID, CONFLICT, UNAVAILABLE."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupParts:
    """What the page is made of.

    Attributes:
        people: makes the administrator; wrong codes are counted there.
        administered: whether there is one already.
        sessions: knows the browsers that forms are made for.
        audit: is told who became it, and who did not.
        gateway: its name.
        enabled: whether people may sign in here at all.
    """

    people: AddsFirst
    administered: Callable[[], bool]
    sessions: Sessions
    audit: AuditLog
    gateway: str
    enabled: Callable[[], bool]


class SetupPages:
    """Answers what comes for this path.

    Args:
        parts: what it is made of.
    """

    def __init__(self, parts: SetupParts) -> None:
        self._parts = parts
        self._notices = Notices(parts.gateway, parts.enabled)
        self.refusal = self._notices.refusal

    async def ask(self, request: Request, _: Mapping[str, str]) -> Reply:
        """GET: the form."""

        async def work() -> Reply:
            return self._over(404) if self._parts.administered() else self._form(request)

        return await self._notices.guarded(work)

    async def answer(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST: the code, and a name and a password of one's own choice."""

        async def work() -> Reply:
            return await self._answered(request, dict(await sent_form(request.scope, request.receive)))

        return await self._notices.guarded(work)

    async def _answered(self, request: Request, form: Mapping[str, str]) -> Reply:
        check_genuine(request, form, self._parts.sessions, self._parts.audit)
        if self._parts.administered():
            return self._over(409)
        password, again = form.get(_PASSWORD, ""), form.get(_AGAIN, "")
        if not hmac.compare_digest(password.encode("utf-8", "replace"), again.encode("utf-8", "replace")):
            return self._form(request, form, status=400, wrong="The two passwords are not the same.")
        try:
            user = await self._made(request, form.get(_CODE, ""), form.get(_NAME, ""), password)
        except GatewayError as error:
            if error.code is Code.CONFLICT and self._parts.administered():
                return self._over(409)
            wait = error.details.get("retryAfter")
            headers = () if wait is None else ((b"retry-after", str(wait).encode()),)
            status = _STATUS.get(error.code, 400)
            of = f"{error.field}: " if error.code is Code.INVALID and error.field is not None else ""
            return self._form(request, form, status=status, wrong=sentence(f"{of}{error.reason}"), headers=headers)
        return self._notices.notice(
            200,
            "That is done",
            f"{user.name} administers this gateway. The code is good for nothing any more.",
            "Sign in with this name and password to make an API key, with which programs and commands read and change "
            "things here; or wherever a program asks to act for you. Others are added with ferrule user add on the "
            "board, or at /v1/users.",
            onward=True,
        )

    async def _made(self, request: Request, code: str, name: str, password: str) -> User:
        # A browser that leaves, or a deadline that passes, ends this without a word on what became of it.
        end, target, details = AuditOutcome.UNKNOWN, None, {"reason": "given up"}
        try:
            user = await self._parts.people.add_first(code, name, password)
            end, target, details = AuditOutcome.DONE, user.id, {"name": user.name}
        except GatewayError as error:
            # Not the name: people type their password there.
            end, details = AuditOutcome.FAILED, {"reason": error.reason}
            raise
        finally:
            peer = peer_of(request.scope)
            self._parts.audit.note("user.add_first", end, peer=peer, target=target, details=details)
        return user

    def _form(
        self,
        request: Request,
        typed: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        wrong: str | None = None,
        headers: ReplyHeaders = (),
    ) -> Reply:
        typed = typed or {}
        browser = browser_of(request.scope)
        if browser is None:
            browser = new_name()
            headers = (*headers, cookie(browser))
        body = setup_page(
            self._parts.gateway,
            {FORM_TOKEN: self._parts.sessions.form_token(browser)},
            wrong=wrong,
            code=typed.get(_CODE, "")[:100],
            name=typed.get(_NAME, "")[:100],
        )
        return reply(status, body, headers)

    def _over(self, status: int) -> Reply:
        return self._notices.notice(
            status,
            "There is an administrator already",
            "Have them add you, or see ferrule user add on the board.",
            onward=True,
        )
