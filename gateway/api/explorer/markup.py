"""The few pieces of HTML that the page is made of. What comes from the description is escaped where it is put in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

_CODE = re.compile(r"`([^`]+)`")


def words(text: str) -> str:
    """A sentence of a description: what stands in backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))


def code(text: str) -> str:
    """What is typed or sent as it stands."""
    return f"<code>{escape(text, quote=False)}</code>"


def anchor(text: str) -> str:
    """A name that links can lead to."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are markup already; empty where it has no rows. It scrolls by itself on a phone."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(", ".join(heads))}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def page(title: str, *parts: str, style: str, script: str) -> str:
    """A whole page.

    Args:
        title: of the window.
        parts: markup of its body.
        style: path of the stylesheet.
        script: path of the script.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="robots" content="noindex">',
            f"<title>{escape(title)}</title>",
            f'<link rel="stylesheet" href="{style}">',
            f'<script src="{script}" defer></script>',
            "</head>",
            "<body>",
            *parts,
            "</body>",
            "</html>",
            "",
        ]
    )
