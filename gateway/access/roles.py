"""What roles allow: each stands for scopes; a caller may what its role AND its token allow (D-053 to D-055)."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from gateway.core.errors import invalid
from gateway.core.principal import allows

ADMIN = "admin"

_READING = frozenset(
    {
        "devices:read",
        "agents:read",
        "governor:read",
        "events:subscribe",
        "plugins:read",
        "instances:read",
        "analytics:read",
        "metrics:read",
        "system:read",
    }
)

ROLES: dict[str, frozenset[str]] = {
    # The three of the reference, with what nobody would hold else (D-055).
    "plugin-developer": frozenset({"plugins:read", "plugins:write", "instances:create", "analytics:read"}),
    "plugin-user": frozenset({"instances:read", "instances:write"}),
    ADMIN: frozenset({"*"}),
    "operator": _READING
    | {
        "devices:write",
        "agents:write",
        "governor:analyze",
        "webhooks:read",
        "webhooks:write",
        "events:publish",
        "messaging:read",
        "messaging:write",
        "instances:write",
        "tools:use",
    },
    "viewer": _READING,
}


def scopes_of(roles: Iterable[str]) -> frozenset[str]:
    """The scopes that roles stand for; one that is not in the table, as after a downgrade, stands for none."""
    return frozenset(scope for role in roles for scope in ROLES.get(role, ()))


def effective(held: Collection[str], asked: Collection[str]) -> frozenset[str]:
    """The scopes that both sides allow: role AND token, wildcards as far as the other side goes.

    Args:
        held: of a role, a client or an owner.
        asked: of a token or a request.
    """
    return frozenset(scope for scope in asked if allows(held, scope)) | frozenset(
        scope for scope in held if allows(asked, scope)
    )


def parse_roles(names: Iterable[str]) -> frozenset[str]:
    """Roles by their names.

    Raises:
        GatewayError: INVALID for one that does not exist, with the nearest that does.
    """
    found = frozenset(names)
    for name in sorted(found):
        if name not in ROLES:
            near = difflib.get_close_matches(name, ROLES, n=1)
            cure = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(ROLES)}"
            raise invalid("roles", f'there is no role "{name}"; {cure}', name)
    return found
