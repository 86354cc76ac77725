"""Where the page and what belongs to it are."""

from __future__ import annotations

DOCS = "/v1/tools/docs"
STYLE = f"{DOCS}/style.css"
SCRIPT = f"{DOCS}/script.js"
