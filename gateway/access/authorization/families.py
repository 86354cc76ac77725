"""Refresh tokens: each is good once and gives the next; together they are a family (RFC 9700, 4.14; D-048)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from gateway.access.users.user import User
from gateway.access.users.users import Users
from gateway.core.ports import FactStore, Json

log = structlog.stdlib.get_logger(__name__)

FAMILY = "refresh_family"
# Families of one person and program: that many devices, or sign-ins that were not ended.
MOST_OF_ONE = 20
MOST = 2000
# The name of the family, and 256 random bits.
_FORM = re.compile(r"fr-([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long refresh tokens live.

    Attributes:
        idle: seconds one that is not used is good for.
        longest: seconds after which the person has to sign in again, whatever was refreshed.
    """

    idle: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What one consent gave, as long as it is refreshed.

    Attributes:
        id: names it; no secret by itself.
        client: who it was given to.
        user: who gave it.
        epoch: of user and client, then: how often all they had was voided.
        scopes: granted; no refresh gives more.
        audience: path families, likewise.
        digest: SHA-256 of the one refresh token that is good now, in hexadecimal.
        began: Unix seconds of the consent.
        used: Unix seconds of the last refresh.
    """

    id: str
    client: str
    user: str
    epoch: int
    scopes: frozenset[str]
    audience: frozenset[str]
    digest: str
    began: float
    used: float

    def __repr__(self) -> str:
        return f"Family(id={self.id!r}, client={self.client!r}, user={self.user!r})"


class Families:
    """All families, in memory; each change is on the disk before it is answered.

    Args:
        facts: keeps them over restarts.
        users: who they are of.
        epoch: how often all was voided that a subject has by way of a client (``Voids.epoch``).
        wall: Unix seconds.
        synchronised: whether that clock can be trusted; while not, no family is forgotten for its age.
        lifetimes: those in force.

    Attributes:
        ended: called with each family that was ended before its time.
    """

    def __init__(
        self,
        facts: FactStore,
        users: Users,
        *,
        epoch: Callable[[str, str], int],
        wall: Callable[[], float],
        synchronised: Callable[[], bool],
        lifetimes: Callable[[], Lifetimes],
    ) -> None:
        self._facts = facts
        self._users = users
        self._epoch = epoch
        self._wall = wall
        self._synchronised = synchronised
        self._lifetimes = lifetimes
        self.ended: list[Callable[[Family], None]] = []
        self._families: dict[str, Family] = {}
        for id_, value in facts.recall(FAMILY).items():
            family = _restored(id_, value)
            if family is None:
                log.warning("refresh token not understood, left out; another version of the gateway wrote it")
            else:
                self._families[id_] = family
        users.ended.append(self.end_user)

    def __len__(self) -> int:
        return len(self._families)

    def begin(self, client: str, user: User, scopes: frozenset[str], audience: frozenset[str]) -> tuple[Family, str]:
        """Begin a family. Returns it, and its first refresh token."""
        self._make_room(client, user.id)
        now = self._wall()
        id_ = secrets.token_urlsafe(12)
        token = _new_token(id_)
        family = Family(
            id=id_,
            client=client,
            user=user.id,
            epoch=self._epoch(subject_of(user.id), client),
            scopes=scopes,
            audience=audience,
            digest=_digest(token),
            began=now,
            used=now,
        )
        self._keep(family)
        return family, token

    def find(self, token: str) -> Family | None:
        """The family a token is or was of; None: there is none, or it is over."""
        found = _FORM.fullmatch(token)
        family = None if found is None else self._families.get(found[1])
        if family is None:
            return None
        if self.user_of(family) is None:
            self._drop(family)
            return None
        return None if self._over(family) else family

    def user_of(self, family: Family) -> User | None:
        """Who gave a family, while that still counts."""
        user = self._users.known(family.user)
        same = family.epoch == self._epoch(subject_of(family.user), family.client)
        return user if user is not None and not user.disabled and same else None

    def is_good(self, family: Family, token: str) -> bool:
        """Whether a token is the newest of its family. An earlier one tells of a thief: of which side, nobody knows."""
        return hmac.compare_digest(family.digest, _digest(token))

    def rotate(self, family: Family) -> str:
        """The next refresh token of a family; the one before is good for nothing from now on."""
        token = _new_token(family.id)
        self._keep(replace(family, digest=_digest(token), used=self._wall()))
        return token

    def end(self, id_: str) -> None:
        """End a family with all that came of it; nothing where there is none."""
        family = self._families.get(id_)
        if family is not None:
            self._drop(family)
            for tell in self.ended:
                tell(family)

    def end_user(self, user: User) -> None:
        """End all families of a user."""
        for family in [family for family in self._families.values() if family.user == user.id]:
            self.end(family.id)

    def ends_at(self, family: Family) -> float:
        """Unix seconds until which the newest token of a family is good."""
        lifetimes = self._lifetimes()
        return min(family.began + lifetimes.longest, family.used + lifetimes.idle)

    def _over(self, family: Family) -> bool:
        return self._wall() >= self.ends_at(family)

    def _make_room(self, client: str, user: str) -> None:
        # A clock that may be wrong is no reason to forget anything.
        aged = self._synchronised()
        for family in list(self._families.values()):
            if self.user_of(family) is None or (aged and self._over(family)):
                self._drop(family)
        own = [family for family in self._families.values() if (family.client, family.user) == (client, user)]
        crowd = sorted(self._families.values(), key=_last_used) if len(self._families) >= MOST else []
        for family in [*sorted(own, key=_last_used)[: max(0, len(own) - MOST_OF_ONE + 1)], *crowd[:1]]:
            self.end(family.id)

    def _keep(self, family: Family) -> None:
        self._families[family.id] = family
        self._facts.remember(FAMILY, family.id, _written(family), urgent=True)

    def _drop(self, family: Family) -> None:
        del self._families[family.id]
        self._facts.remember(FAMILY, family.id, None, urgent=True)


def subject_of(user: str) -> str:
    """A user as tokens name it."""
    return f"user:{user}"


def is_refresh_token(token: str) -> bool:
    """Whether a token has the form of one of these."""
    return _FORM.fullmatch(token) is not None


def _last_used(family: Family) -> float:
    return family.used


def _new_token(id_: str) -> str:
    return f"fr-{id_}.{secrets.token_urlsafe(32)}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _written(family: Family) -> dict[str, Json]:
    return {
        "client": family.client,
        "user": family.user,
        "epoch": family.epoch,
        "scopes": sorted(family.scopes),
        "audience": sorted(family.audience),
        "digest": family.digest,
        "began": family.began,
        "used": family.used,
    }


def _restored(id_: str, value: Json) -> Family | None:
    if not isinstance(value, Mapping):
        return None
    match dict(value):
        case {
            "client": str(client),
            "user": str(user),
            "epoch": int(epoch),
            "scopes": list(scopes),
            "audience": list(audience),
            "digest": str(digest),
            "began": int() | float() as began,
            "used": int() | float() as used,
        } if all(isinstance(word, str) for word in (*scopes, *audience)):
            return Family(
                id=id_,
                client=client,
                user=user,
                epoch=epoch,
                scopes=frozenset(map(str, scopes)),
                audience=frozenset(map(str, audience)),
                digest=digest,
                began=began,
                used=used,
            )
    return None
