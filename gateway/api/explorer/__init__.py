"""``/v1/tools/docs``: the description as a page for people, readable without script, with calls that can be sent.

No library is behind it: those there are need inline styles, inline scripts or ``eval`` (docs/decisions).
"""
