"""What each page says."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gateway.access.authorization.redirects import Destination
from gateway.access.scopes import SCOPES
from gateway.access.users.user import SHORTEST_PASSWORD, User
from gateway.api.pages.markup import alert, button, field, form, link, listed, page, paragraph

AUTHORIZE = "/v1/auth/authorize"
LOGIN = "/v1/auth/login"
LOGOUT = "/v1/auth/logout"
SETUP = "/v1/auth/setup"
KEYS = "/v1/auth/keys"

_NAME = 'type="text" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="100"'
_HIDDEN = 'type="password" autocomplete="current-password" maxlength="300"'
_CHOSEN = f'type="password" autocomplete="new-password" minlength="{SHORTEST_PASSWORD}" maxlength="300"'
_CODE = 'type="text" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" maxlength="100"'


def login_page(
    gateway: str, program: str | None, hidden: Mapping[str, str], *, wrong: str | None = None, name: str = ""
) -> bytes:
    """Where somebody signs in.

    Args:
        gateway: its name.
        program: that asks for it; None: somebody signs in for API keys.
        hidden: what the form brings along.
        wrong: with the last try.
        name: that was typed then.
    """
    asks = f"{program} asks to act for you at this gateway. Sign in to see what it asks for."
    return page(
        "Sign in",
        alert(wrong),
        paragraph("Sign in to see your API keys, and to make one." if program is None else asks),
        form(
            LOGIN,
            hidden,
            field("Name", "name", _NAME, name),
            field("Password", "password", _HIDDEN),
            button("Sign in"),
        ),
        gateway=gateway,
    )


def consent_page(
    gateway: str, program: str, *, user: User, scopes: Collection[str], leads: Destination, hidden: Mapping[str, str]
) -> bytes:
    """Where somebody says yes or no.

    Args:
        gateway: its name.
        program: that asks.
        user: who is signed in.
        scopes: it would get.
        leads: where the answer goes.
        hidden: what the forms bring along.
    """
    items = [(scope, SCOPES.get(scope, "").capitalize()) for scope in sorted(scopes)]
    return page(
        f"Allow {program}?",
        paragraph(f"{program} asks to act for you, {user.name}. It would be allowed:"),
        listed(items),
        paragraph(f"Your answer goes to {leads.shown}. If you did not just ask {program} for this, refuse."),
        form(
            AUTHORIZE,
            hidden,
            button("Allow", name="decision", value="allow"),
            button("Refuse", name="decision", value="deny", plain=True),
        ),
        form(LOGOUT, hidden, button(f"I am not {user.name}: sign in as somebody else", plain=True)),
        gateway=gateway,
    )


def setup_page(
    gateway: str, hidden: Mapping[str, str], *, wrong: str | None = None, code: str = "", name: str = ""
) -> bytes:
    """Where somebody becomes the first administrator.

    Args:
        gateway: its name.
        hidden: what the form brings along.
        wrong: with the last try.
        code: that was typed then.
        name: likewise.
    """
    return page(
        "The first administrator",
        alert(wrong),
        paragraph(
            "The code lies on the board: sudo ferrule user code shows it there, and where the gateway came on a card, "
            "ferrule-info.txt has it too. Name and password are yours to choose."
        ),
        form(
            SETUP,
            hidden,
            field("Code", "code", _CODE, code),
            field("Name", "name", _NAME, name),
            field(f"Password, {SHORTEST_PASSWORD} characters or more", "password", _CHOSEN),
            field("The password again", "password_again", _CHOSEN),
            button("Become the administrator"),
        ),
        gateway=gateway,
    )


def notice_page(gateway: str, title: str, *words: str, onward: bool = False) -> bytes:
    """A page with nothing to do on it but, where that leads on, to sign in."""
    return page(
        title, *(paragraph(text) for text in words), *([link(KEYS, "Sign in")] if onward else []), gateway=gateway
    )
