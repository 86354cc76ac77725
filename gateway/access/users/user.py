"""What is kept of one person, and what a name and a password must be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.core.errors import invalid
from gateway.core.ports import Json

ADMIN = "admin"

# What may be typed as a name; upper and lower case are the same.
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}", re.ASCII)
_ID = re.compile(r"user-[0-9a-f]{16}", re.ASCII)
# Length is what makes a password good (NIST SP 800-63B, 3.1.1.2); rules on its letters only make it hard to keep.
SHORTEST_PASSWORD = 12
# Far more than anybody types, so that nobody has us hash a book.
LONGEST_PASSWORD = 256
# A password that has so few different characters is a pattern.
_FEWEST_CHARACTERS = 5
# Control characters, and halves of characters (Unicode, general categories).
_NO_LETTERS = frozenset({"Cc", "Cs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person.

    Attributes:
        id: names the person for good; it is never given out again.
        name: what is typed to sign in.
        roles: what the person is; each stands for scopes.
        password: as argon2id wrote it; None: there is none yet, so nobody signs in by this name.
        created: Unix seconds.
        disabled: may not do anything for now.
        epoch: how often what the person had been given was voided: only what was given in this one still counts.
    """

    id: str
    name: str
    roles: frozenset[str]
    password: str | None
    created: float
    disabled: bool = False
    epoch: int = 0

    def __repr__(self) -> str:
        return f"User(id={self.id!r}, name={self.name!r}, roles={sorted(self.roles)!r}, disabled={self.disabled!r})"

    @property
    def administers(self) -> bool:
        """Whether this is an administrator who may act."""
        return ADMIN in self.roles and not self.disabled


def plain_name(name: str) -> str:
    """A name as it is kept and looked for."""
    return name.strip().lower()


def checked_name(name: str) -> str:
    """A name for a new user.

    Raises:
        GatewayError: INVALID.
    """
    plain = plain_name(name)
    if _NAME.fullmatch(plain) is None:
        raise invalid("name", "must be 1 to 64 letters a to z, digits, and . _ @ - after the first one", name[:64])
    return plain


def checked_roles(roles: Collection[str], known: Collection[str]) -> frozenset[str]:
    """Roles for a user.

    Args:
        roles: those asked for.
        known: those there are.

    Raises:
        GatewayError: INVALID.
    """
    for role in roles:
        if role not in known:
            raise invalid("roles", f'there is no role "{role[:64]}"; there are: {", ".join(sorted(known))}', role[:64])
    if not roles:
        raise invalid("roles", f"name at least one; there are: {', '.join(sorted(known))}")
    return frozenset(roles)


def normal_password(password: str) -> str:
    """A password as it is hashed: however a keyboard composes a letter, it is the same one (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def checked_password(password: str, name: str) -> str:
    """A new password, in its normal form.

    Args:
        password: as it was typed.
        name: of its owner; it must not be made of that.

    Raises:
        GatewayError: INVALID; the error never shows any of it.
    """
    plain = normal_password(password)
    if len(plain) < SHORTEST_PASSWORD:
        raise invalid("password", f"must have at least {SHORTEST_PASSWORD} characters; a few words make a good one")
    if len(plain) > LONGEST_PASSWORD:
        raise invalid("password", f"must have at most {LONGEST_PASSWORD} characters")
    if any(unicodedata.category(letter) in _NO_LETTERS for letter in plain):
        raise invalid("password", "must not have control characters such as line ends")
    if len(set(plain)) < _FEWEST_CHARACTERS:
        raise invalid("password", f"must have at least {_FEWEST_CHARACTERS} different characters")
    rest = plain.lower()
    for word in (plain_name(name), "password", "ferrule"):
        rest = rest.replace(word, "")
    if len(rest) < SHORTEST_PASSWORD // 2:
        raise invalid("password", 'must not be made of the name of its owner, "ferrule" or "password"')
    return plain


def written(user: User) -> dict[str, Json]:
    """A user as it is kept on the disk, without its id."""
    return {
        "name": user.name,
        "roles": sorted(user.roles),
        "password": user.password,
        "created": user.created,
        "disabled": user.disabled,
        "epoch": user.epoch,
    }


def restored(id_: str, value: Json) -> User | None:
    """A user as it was kept; None where that is none of ours."""
    if not isinstance(value, Mapping) or _ID.fullmatch(id_) is None:
        return None
    match dict(value):
        case {
            "name": str(name),
            "roles": list(roles),
            "password": str() | None as password,
            "created": int() | float() as created,
            "disabled": bool(disabled),
            "epoch": int(epoch),
        } if all(isinstance(role, str) for role in roles):
            return User(
                id=id_,
                name=name,
                roles=frozenset(str(role) for role in roles),
                password=password,
                created=created,
                disabled=disabled,
                epoch=epoch,
            )
    return None
