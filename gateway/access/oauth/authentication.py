"""Which client asks (RFC 6749, 2.3): by its secret, or by its id alone where it cannot keep one."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.access.attempts import Attempts
from gateway.access.oauth.clients import Clients
from gateway.access.oauth.grant import Client, ClientKind, OAuthError
from gateway.core.audit import AuditLog, AuditOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request shows of the client that makes it.

    Attributes:
        client_id: None: nothing at all.
        secret: None: none was sent.
        peer: the address it comes from.
    """

    client_id: str | None
    secret: str | None = field(default=None, repr=False)
    peer: str = ""


class Authentication:
    """Tells which client asks.

    Args:
        clients: all of them.
        attempts: counts those that failed.
        audit: is told of them.
    """

    def __init__(self, clients: Clients, attempts: Attempts, audit: AuditLog) -> None:
        self._clients = clients
        self._attempts = attempts
        self._audit = audit

    def client(self, shown: Shown) -> Client:
        """The client that asks.

        An address that failed too often waits, whatever it shows. A client does not wait because others failed at its
        name: nobody could find its secret by trying, and anybody could lock it out.

        Raises:
            OAuthError: invalid_client; temporarily_unavailable, after too many that failed.
        """
        if shown.client_id is None:
            raise _unknown("say which client asks: HTTP Basic, or client_id and client_secret")
        if (wait := self._attempts.wait(shown.peer)) > 0:
            self._deny(shown, "too many failed attempts")
            raise _later(wait)
        found = self._authentic(shown.client_id, shown.secret)
        if found is not None:
            return found
        wait = self._attempts.wait(shown.peer, shown.client_id)
        self._attempts.failed(shown.peer, shown.client_id)
        self._deny(shown, "wrong id or secret, or disabled")
        if wait > 0:
            raise _later(wait)
        raise _unknown("there is no such client, its secret is another, or it is disabled")

    def _authentic(self, client_id: str, secret: str | None) -> Client | None:
        if secret is not None:
            return self._clients.authentic(client_id, secret)
        found = self._clients.find(client_id)
        public = found is not None and found.kind is ClientKind.PUBLIC and not found.disabled
        return found if public else None

    def _deny(self, shown: Shown, reason: str) -> None:
        self._audit.note(
            "auth.client", AuditOutcome.DENIED, claimed=shown.client_id, peer=shown.peer, details={"reason": reason}
        )


def _unknown(description: str) -> OAuthError:
    return OAuthError("invalid_client", description, 401)


def _later(wait: int) -> OAuthError:
    return OAuthError("temporarily_unavailable", f"too many failed attempts: wait {wait} s", 429, wait)
