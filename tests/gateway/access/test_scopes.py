"""Scopes are words of one list, and mean exactly what they say."""

from __future__ import annotations

import pytest

from gateway.access.scopes import parse_scopes
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal


def test_words_are_read() -> None:
    assert parse_scopes(" devices:read  devices:write ") == {"devices:read", "devices:write"}


def test_a_typing_mistake_gets_the_nearest_word() -> None:
    with pytest.raises(GatewayError, match='there is no scope "device:read"; did you mean "devices:read"') as caught:
        parse_scopes("device:read")
    assert caught.value.code is Code.INVALID
    assert caught.value.field == "scope"


def test_nonsense_and_nothing_get_the_whole_list() -> None:
    for text in ("", "  ", "qqqqqqqq"):
        with pytest.raises(GatewayError, match=r"devices:write.*metrics:read"):
            parse_scopes(text)


@pytest.mark.parametrize(
    ("held", "scope", "allowed"),
    [
        ("devices:read", "devices:read", True),
        ("devices:read", "devices:write", False),
        ("devices:write", "devices:read", False),
        ("plugins:*", "plugins:write", True),
        ("plugins:*", "instances:write", False),
        ("*", "system:write", True),
    ],
)
def test_a_scope_opens_what_it_names(held: str, scope: str, *, allowed: bool) -> None:
    assert Principal("operator", frozenset({held}), Kind.OPERATOR, "id").may(scope) is allowed
