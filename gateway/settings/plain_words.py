"""Words of any language in the letters A to Z, so that they stay readable where only those are allowed."""

from __future__ import annotations

import re
import unicodedata

# What Unicode does not take apart, or takes apart into what nobody would write.
_SPELT = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
        "ø": "oe",
        "Ø": "Oe",
        "å": "aa",
        "Å": "Aa",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "þ": "th",
        "\N{MICRO SIGN}": "u",
        "\N{GREEK SMALL LETTER MU}": "u",
        "φ": "phi",
        "Δ": "Delta",
        "\N{GREEK CAPITAL LETTER OMEGA}": "Ohm",
    }
)


def in_ascii(text: str) -> str:
    """Return the text with its letters spelt in A to Z where they can be: "Überstrom" is "Ueberstrom"."""
    # Composed first: some programs write an Ü as a U and two dots.
    spelt = unicodedata.normalize("NFC", text).translate(_SPELT)
    return "".join(sign for sign in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(sign))


def plain(text: str) -> str:
    """Return its small letters and digits alone, by which words are compared: "Reg. Adresse" is "regadresse"."""
    return re.sub(r"[^a-z0-9]", "", in_ascii(text).lower())
