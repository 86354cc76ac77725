"""Who is signed in in which browser. In memory alone: who restarts the gateway has people sign in again."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.access.users.user import User
from gateway.access.users.users import Users

# Seconds. A session gets people from the login to the consent or to their API keys, and lets them do it once more soon
# after.
IDLE = 900.0
LONGEST = 8 * 3600.0
# Letters of a name of a session that may be ours: 256 bits in base64url.
_LENGTH = 43
# Forms of a session that do something once; where more are open, the oldest does nothing.
_MOST_TICKETS = 16


@dataclass(slots=True)
class _Session:
    key: bytes
    epoch: int
    began: float
    seen: float
    tickets: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_TICKETS))


class Sessions:
    """Sessions of people, one a person: to sign in ends the one before.

    Args:
        users: who they are of.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, users: Users, monotonic: Callable[[], float]) -> None:
        self._users = users
        self._monotonic = monotonic
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[str, _Session] = {}
        self._owners: dict[bytes, str] = {}
        users.ended.append(lambda user: self._end(user.id))

    def begin(self, user: User) -> str:
        """Sign a user in. Returns the name of the session, which only the browser keeps: 256 random bits."""
        self._end(user.id)
        name, now = new_name(), self._monotonic()
        key = _key(name)
        self._sessions[user.id] = _Session(key, user.epoch, now, now)
        self._owners[key] = user.id
        return name

    def find(self, name: str | None) -> User | None:
        """Who is signed in by a session; None: nobody, or not any more."""
        owner = None if name is None else self._owners.get(_key(name))
        if owner is None:
            return None
        session, now = self._sessions[owner], self._monotonic()
        user = self._users.active(owner, session.epoch)
        if user is None or now - session.seen >= IDLE or now - session.began >= LONGEST:
            self._end(owner)
            return None
        session.seen = now
        return user

    def end(self, name: str | None) -> None:
        """End a session."""
        owner = None if name is None else self._owners.get(_key(name))
        if owner is not None:
            self._end(owner)

    def form_token(self, name: str) -> str:
        """What a form must bring along from a page that was made for this browser.

        Args:
            name: of the session, or of a browser nobody has signed in with yet (``new_name``).
        """
        return urlsafe_b64encode(hmac.digest(self._secret, name.encode(), "sha256")).rstrip(b"=").decode()

    def fits(self, name: str | None, token: str) -> bool:
        """Whether a form comes from a page that was made for this browser."""
        if name is None:
            return False
        return hmac.compare_digest(self.form_token(name).encode(), token.encode("utf-8", "replace"))

    def ticket(self, name: str) -> str:
        """What a form must bring along that is carried out once, however often it is sent.

        Args:
            name: of a session; where it is over, the ticket is good for nothing.
        """
        ticket, session = new_name(), self._session(name)
        if session is not None:
            session.tickets.append(ticket)
        return ticket

    def take_ticket(self, name: str, ticket: str) -> bool:
        """Whether a form is to be carried out: it is not from now on."""
        session = self._session(name)
        if session is None or ticket not in session.tickets:
            return False
        session.tickets.remove(ticket)
        return True

    def _session(self, name: str) -> _Session | None:
        owner = self._owners.get(_key(name))
        return None if owner is None else self._sessions[owner]

    def _end(self, owner: str) -> None:
        session = self._sessions.pop(owner, None)
        if session is not None:
            del self._owners[session.key]


def new_name() -> str:
    """A name for a browser or a session."""
    return secrets.token_urlsafe(32)


def plausible(name: str) -> bool:
    """Whether a name may be one that ``new_name`` made."""
    return len(name) == _LENGTH and name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()
