"""Role AND token: what both sides allow, and nothing else (D-053 to D-055)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.roles import ROLES, effective, parse_roles, scopes_of
from gateway.access.scopes import SCOPES
from gateway.core.errors import GatewayError
from gateway.core.principal import allows

SETS = st.frozensets(st.sampled_from(sorted(SCOPES)), max_size=6)


def test_roles_have_what_the_reference_gives_them() -> None:
    assert ROLES["plugin-developer"] >= {"plugins:read", "plugins:write", "instances:create"}
    assert ROLES["plugin-user"] == {"instances:read", "instances:write"}
    for scope in ("plugins:write", "instances:create", "system:write", "messaging:read", "analytics:read"):
        assert allows(ROLES["admin"], scope)
    assert all(scope in SCOPES for scopes in ROLES.values() for scope in scopes)


def test_a_viewer_changes_nothing() -> None:
    assert all(scope.endswith((":read", ":subscribe")) for scope in ROLES["viewer"])
    assert ROLES["viewer"] <= ROLES["operator"]


@pytest.mark.parametrize(
    ("held", "asked", "both"),
    [
        ({"*"}, {"plugins:read"}, {"plugins:read"}),
        ({"plugins:*"}, {"*"}, {"plugins:*"}),
        ({"plugins:*"}, {"plugins:write", "instances:read"}, {"plugins:write"}),
        ({"plugins:read"}, {"plugins:*"}, {"plugins:read"}),
        ({"instances:write"}, {"instances:create"}, {"instances:create"}),
        ({"instances:create"}, {"instances:write"}, {"instances:create"}),
        ({"devices:read"}, {"devices:write"}, set()),
    ],
)
def test_what_both_sides_allow(held: set[str], asked: set[str], both: set[str]) -> None:
    assert effective(held, asked) == both


@given(SETS, SETS, st.sampled_from(sorted(SCOPES)))
def test_nothing_is_allowed_that_one_side_forbids_and_everything_that_both_allow(
    held: frozenset[str], asked: frozenset[str], scope: str
) -> None:
    both = effective(held, asked)
    assert effective(asked, held) == both
    assert allows(both, scope) <= (allows(held, scope) and allows(asked, scope))
    if "*" not in scope:
        assert allows(both, scope) == (allows(held, scope) and allows(asked, scope))


def test_a_role_that_is_not_there_stands_for_nothing_and_cannot_be_given() -> None:
    assert scopes_of({"chief"}) == frozenset()
    with pytest.raises(GatewayError, match='there is no role "admn"; did you mean "admin"'):
        parse_roles(["admn"])
