"""Whether a form comes from a page of ours that was made for the browser it is sent by."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.access.login.sessions import Sessions
from gateway.api.origin import peer_of
from gateway.api.pages.forms import FormError, browser_of, from_here
from gateway.api.request import Request
from gateway.core.audit import AuditLog, AuditOutcome

# Field of every form.
FORM_TOKEN = "form_token"  # noqa: S105 - a name, no secret
STALE = "This page was open for too long, or was not made for this browser. Open it again, and begin anew."


def check_genuine(
    request: Request, form: Mapping[str, str], sessions: Sessions, audit: AuditLog, *, words: str = STALE
) -> None:
    """See that it does.

    Args:
        request: that brings it.
        form: its fields.
        sessions: know the browsers that forms are made for.
        audit: is told of one that does not.
        words: told then.

    Raises:
        FormError: it does not.
    """
    if not from_here(request.scope) or not sessions.fits(browser_of(request.scope), form.get(FORM_TOKEN, "")):
        reason = "not from a page made for this browser"
        audit.note("auth.form", AuditOutcome.DENIED, peer=peer_of(request.scope), details={"reason": reason})
        raise FormError(403, words)
