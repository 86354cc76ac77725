"""The frame of every page. What comes from outside is escaped where it is put in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.api.replies import Reply, ReplyHeaders

STYLE_PATH = "/v1/auth/style.css"
HTML = b"text/html; charset=utf-8"


def escape(text: str) -> str:
    """Text that stands for itself in markup, in an attribute as well."""
    from html import escape as escaped  # noqa: PLC0415 - half a megabyte, and many a gateway never shows a page

    return escaped(text)


def page(title: str, *parts: str, gateway: str) -> bytes:
    """A whole page.

    Args:
        title: its heading.
        parts: markup of its content.
        gateway: name of the gateway, so that people see whom they give their password to.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="robots" content="noindex">',
            f"<title>{escape(title)} - {escape(gateway)}</title>",
            f'<link rel="stylesheet" href="{STYLE_PATH}">',
            "</head>",
            "<body>",
            "<main>",
            f'<p class="gateway">Gateway <strong>{escape(gateway)}</strong></p>',
            f"<h1>{escape(title)}</h1>",
            *parts,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    ).encode("utf-8", "replace")


def reply(status: int, body: bytes, headers: ReplyHeaders = (), *, form_action: str = "") -> Reply:
    """A page as it is sent.

    Args:
        status: of HTTP.
        body: the page.
        headers: more of them.
        form_action: where else than here a form of it may lead: browsers hold the redirect after it against this.
    """
    leads = f"'self' {form_action}".strip()
    policy = f"default-src 'none'; style-src 'self'; form-action {leads}; frame-ancestors 'none'; base-uri 'none'"
    return Reply(status, body, (*PROTECTED, (b"content-security-policy", policy.encode()), *headers), HTML)


# Of a page, and of the redirect that follows one. Within this site a form says where it comes from, to others nothing.
PROTECTED: ReplyHeaders = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def link(path: str, text: str) -> str:
    """A paragraph that leads to another page of ours."""
    return f'<p><a href="{escape(path)}">{escape(text)}</a></p>'


def literal(text: str) -> str:
    """Something to be copied as it is."""
    return f"<pre><code>{escape(text)}</code></pre>"


def alert(text: str | None) -> str:
    """What went wrong, read out at once by a screen reader; nothing where nothing did."""
    return "" if text is None else f'<p class="alert" role="alert">{escape(text)}</p>'


def form(action: str, hidden: Mapping[str, str], *parts: str) -> str:
    """A form that is sent by POST.

    Args:
        action: the path it goes to.
        hidden: what it brings along.
        parts: markup of its content.
    """
    carried = (f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in hidden.items())
    return "\n".join([f'<form method="post" action="{escape(action)}">', *carried, *parts, "</form>"])


def field(label: str, name: str, attributes: str, value: str = "") -> str:
    """A line to be filled in.

    Args:
        label: what belongs there.
        name: of the field.
        attributes: more of them, as markup of our own.
        value: that stands there already.
    """
    given = f' value="{escape(value)}"' if value else ""
    return (
        f'<label for="{name}">{escape(label)}</label>\n<input id="{name}" name="{name}" {attributes}{given} required>'
    )


def button(text: str, *, name: str = "", value: str = "", plain: bool = False) -> str:
    """A button that sends its form."""
    named = f' name="{escape(name)}" value="{escape(value)}"' if name else ""
    style = ' class="plain"' if plain else ""
    return f'<button type="submit"{named}{style}>{escape(text)}</button>'


def box(label: str, name: str, value: str, *, checked: bool) -> str:
    """A box to be ticked.

    Args:
        label: what is said yes to by it.
        name: of the field; several may have the same.
        value: that is sent then, and shown.
        checked: it is ticked already.
    """
    place, given = escape(f"{name}-{value}"), " checked" if checked else ""
    return (
        f'<div class="box"><input type="checkbox" id="{place}" name="{name}" value="{escape(value)}"{given}>'
        f'<label for="{place}">{escape(label)} <code>{escape(value)}</code></label></div>'
    )


def choice(label: str, name: str, options: Iterable[tuple[str, str]], chosen: str) -> str:
    """One of several.

    Args:
        label: what is chosen.
        name: of the field.
        options: what is sent, and what it is called.
        chosen: the one that is chosen already.
    """
    rows = (
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in options
    )
    return "\n".join(
        [f'<label for="{name}">{escape(label)}</label>', f'<select id="{name}" name="{name}">', *rows, "</select>"]
    )


def listed(items: Iterable[tuple[str, str]]) -> str:
    """A list of things with their names."""
    rows = (f"<li>{escape(text)} <code>{escape(name)}</code></li>" for name, text in items)
    return "\n".join(["<ul>", *rows, "</ul>"])
