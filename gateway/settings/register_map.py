"""Turns a register map in CSV, as vendors and spreadsheets make it, into a device profile.

Every row goes through the same checks as a tag of the configuration; every bad row gets one error with its line.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.settings.document import Layer, Node
from gateway.settings.fields import Distinct, Findings
from gateway.settings.kinds import Name, shown
from gateway.settings.map_words import COLUMNS, FALSE_WORDS, READ_ONLY, READ_WRITE, TABLES, TRUE_WORDS, TYPES
from gateway.settings.plain_words import in_ascii, plain
from gateway.settings.problems import Place, Problem, SettingsError
from gateway.settings.tag_checks import read_tag

if TYPE_CHECKING:
    from gateway.settings.positions import Path

_BITS = re.compile(r"(?<=[0-9])[ _-]?bits?\b")
_NUMBER_FIRST = re.compile(r"^([0-9]+)([a-z]+)$")
# IEC 61131-3 counts characters: STRING(8) takes four registers.
_SIZED_STRING = re.compile(r"([a-z]+?)([1-9][0-9]{0,2})")
_ADDRESS = re.compile(r"(?P<decimal>[0-9]+)|0x(?P<hex>[0-9a-f]+)|(?P<hex_h>[0-9][0-9a-f]*)h", re.IGNORECASE)
_MODICON = re.compile(r"([0134])([0-9]{4,5})")
_MODICON_TABLES = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
_DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma"}
# Stands on a line of its own behind the last row.
_END = "\x03"
_NUMBERS = ("scale", "offset", "minimum", "maximum", "deadband")
_WHOLES = ("length", "bit", "width")
_HABITS = {"word_order": "big", "byte_order": "big", "poll": 1.0, "max_registers": 125}


@dataclass(frozen=True, slots=True)
class MapNotation:
    """How addresses of the map are to be understood; a guess here would read the wrong register.

    Attributes:
        modicon: they are Modicon numbers: 40108 is holding register 107. A column called "modicon" says the same.
        one_based: they count from one, as many manuals do; one is taken off.
        table: of rows that do not say.
    """

    modicon: bool = False
    one_based: bool = False
    table: str | None = None


def import_register_map(
    text: str,
    path: str,
    profile: str,
    title: str,
    notation: MapNotation = MapNotation(),
) -> str:
    """Return the TOML text of a profile made of a register map.

    Args:
        text: of the CSV file: separated by comma, semicolon or tab, with a header line.
        path: of that file, for problems.
        profile: name of the profile.
        title: of the device, for people.
        notation: how addresses are written.

    Raises:
        SettingsError: with one problem for every bad row.
    """
    if not text.strip():
        message = "the file is empty. Export the map with a header and one row a register"
        raise SettingsError((Problem(path, 1, 1, "error", message),))
    findings = Findings()
    tags, unused = _read_rows(text, path, notation, findings)
    if problems := findings.errors(path):
        # A title that is not known is the likeliest reason why something is missing in every row.
        words = f"columns that are not known here: {', '.join(shown(title) for title in unused)}. Rename what you need"
        warnings = (Problem.at(Place(path, 1, 1), words, "warning"),) if unused else ()
        raise SettingsError(problems, warnings)
    return _render(profile, title, tags, unused)


def _split(text: str, delimiter: str, path: str) -> list[tuple[int, list[str]]]:
    """Return the cells of each row, with the line it begins on.

    Raises:
        SettingsError: a quote is never closed, or a cell has no end.
    """
    # A cell whose quote is left open has all lines after it, and this one too.
    rows = csv.reader(io.StringIO(f"{text}\n{_END}", newline=""), delimiter=delimiter, skipinitialspace=True)
    found = []
    line = 1
    reason = "a quote of this row is never closed"
    try:
        for row in rows:
            found.append((line, row))
            line = rows.line_num + 1
        line, last = found.pop()
    except csv.Error as error:
        reason, last = f"the row is no CSV: {error}", []
    if last != [_END]:
        raise SettingsError((Problem(path, line, 1, "error", f"{reason}. Check its quotes"),))
    return found


def _read_rows(
    text: str, path: str, notation: MapNotation, findings: Findings
) -> tuple[list[dict[str, object]], list[str]]:
    """Return the tags of all good rows and the titles of columns that are not used."""
    delimiter = _delimiter(text)
    (_, titles), *rows = _split(text, delimiter, path)
    header, unused = _header(titles, path)
    names = Distinct('there is a tag "{}" already')
    tags = []
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        source = _Row(path, line)
        # A quote that is missing or one too many makes one row of several.
        quotes = ". The row goes on over line ends: are its quotes right?" if "\n" in "".join(row) else ""
        if any(cell.strip() for cell in row[len(header) :]):
            # Most often a decimal comma where commas separate: what follows it would go one column on.
            cure = f"Put texts and numbers with a {_DELIMITERS[delimiter]} in quotes, or give every column a title"
            findings.error(source.place, f"the row has {len(row)} cells, the header {len(header)}. {cure}{quotes}")
            continue
        cells = {key: cell.strip() for key, cell in zip(header, row, strict=False) if key and cell.strip()}
        bad = Findings()
        try:
            tag = _tag(cells, notation)
        except ValueError as refusal:
            bad.error(source.place, f"{refusal}{quotes}")
        else:
            read_tag(Node((Layer(source, (), tag),)), bad, _HABITS, names)
            tags.append(tag)
        findings.add(bad.errors(path)[:1])
    if not tags and not findings.errors(path):
        findings.error(Place(path, 1, 1), "the file has no rows. Export the map with a header and one row a register")
    return tags, unused


class _Row:
    """A row as the place of everything in it."""

    def __init__(self, path: str, line: int) -> None:
        self.place = Place(path, line, 1)

    def place_of_key(self, path: Path) -> Place:  # noqa: ARG002 - a row is one place, whatever is asked for
        return self.place

    def place_of_value(self, path: Path) -> Place:  # noqa: ARG002 - as above
        return self.place


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(_DELIMITERS, key=first.count)


def _header(cells: list[str], path: str) -> tuple[list[str | None], list[str]]:
    """Return the key of each column (None: not used) and the titles of those that are not used."""
    place = Place(path, 1, 1)
    if not any(cell.strip() for cell in cells):
        message = "the first line is empty. Put the column titles into it"
        raise SettingsError((Problem.at(place, message),))
    keys = [COLUMNS.get(plain(cell)) for cell in cells]
    # Many maps have remarks beside a description; the first one says what the register is.
    first = keys.index("description") if "description" in keys else 0
    keys = [None if key == "description" and index > first else key for index, key in enumerate(keys)]
    doubled = next((key for key in keys if key and keys.count(key) > 1), None)
    if doubled:
        titles = " and ".join(shown(cell) for cell, key in zip(cells, keys, strict=True) if key == doubled)
        raise SettingsError((Problem.at(place, f"columns {titles} both mean {doubled}. Rename one"),))
    missing = [needed for needed in (("name", "description"), ("address", "modicon")) if not {*needed} & {*keys}]
    if missing:
        wanted = " and none for ".join(f"{needed[0]} (such as {_titles(*needed)})" for needed in missing)
        message = f"the header has no column for {wanted}, only {', '.join(shown(cell) for cell in cells)}"
        raise SettingsError((Problem.at(place, f"{message}. Put the column titles into the first line"),))
    return keys, [cell for cell, key in zip(cells, keys, strict=True) if key is None and cell.strip()]


def _titles(*keys: str) -> str:
    """The titles by which columns are known; capitals, blanks and signs make no difference."""
    return ", ".join(title for title, key in COLUMNS.items() if key in keys)


def _tag(cells: dict[str, str], notation: MapNotation) -> dict[str, object]:
    """Return the keys of one tag.

    Raises:
        ValueError: with reason and cure.
    """
    tag: dict[str, object] = {}
    written = cells.get("name") or cells.get("description")
    if not written:
        raise ValueError("the row has no name. Give every register one")
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", in_ascii(written)).strip("_.")
    if not name:
        raise ValueError(f"name: {shown(written)} has no letter from A to Z. Give it a name with some")
    tag["name"] = name = _shortened(name)
    tag.update(_location(cells, notation))
    if "type" in cells:
        tag |= _type(cells["type"])
    for key in _WHOLES:
        if key in cells:
            tag[key] = _whole(key, cells[key])
    for key in _NUMBERS:
        if key in cells:
            tag[key] = _number(key, cells[key])
    for key in ("units", "poll", "word_order", "byte_order", "source"):
        if key in cells:
            tag[key] = cells[key]
    if "access" in cells and _word("access", cells["access"], _access_words()) == "true":
        tag["writable"] = True
    words = cells.get("description", written)
    if words != name:
        tag["description"] = " ".join(words.split())
    return tag


def _shortened(name: str) -> str:
    """Return a name of a length that will do; one that is cut ends in a few characters that tell it from its like."""
    if len(name) <= Name().longest:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: Name().longest - len(mark) - 1]}-{mark}"


def _type(written: str) -> dict[str, object]:
    """Return the type, and the length in registers where the type says one in characters."""
    word = plain(written)
    sized = _SIZED_STRING.fullmatch(word)
    if sized and TYPES.get(sized[1]) == "string":
        return {"type": "string", "length": (int(sized[2]) + 1) // 2}
    # Some say "Unsigned 16-bit" or "16 bit unsigned" for what others call "unsigned16".
    bare = _NUMBER_FIRST.sub(r"\2\1", plain(_BITS.sub("", written.lower())))
    return {"type": TYPES.get(bare) or _word("type", written, TYPES)}


def _location(cells: dict[str, str], notation: MapNotation) -> dict[str, object]:
    table = _word("table", cells["table"], TABLES) if "table" in cells else None
    if "modicon" in cells or (notation.modicon and "address" in cells):
        written = cells.get("modicon") or cells["address"]
        match = _MODICON.fullmatch(written)
        if not match or int(match[2]) == 0:
            raise ValueError(f"address: {shown(written)} is no Modicon number. Write five or six digits, such as 40108")
        found = _MODICON_TABLES[match[1]]
        if table not in (None, found):
            raise ValueError(f"address: {written} is a {found} number, but the table is {shown(table)}. Correct one")
        return {"table": found, "address": int(match[2]) - 1}
    table = table or notation.table
    if table is None:
        modicon = _MODICON.fullmatch(cells.get("address", ""))
        option = ", or say --modicon if these are numbers such as 40108" if modicon else ", or say --table"
        raise ValueError(
            f'the row has no table. Write "coil", "discrete", "input" or "holding" into a column "table"{option}'
        )
    if "address" not in cells:
        raise ValueError("the row has no address. Write it, or remove the row")
    address = _whole("address", cells["address"]) - (1 if notation.one_based else 0)
    if address < 0:
        raise ValueError("address: 0 where addresses count from one. Check how this map counts")
    return {"table": table, "address": address}


def _access_words() -> dict[str, str]:
    yes = dict.fromkeys((*READ_WRITE, *TRUE_WORDS), "true")
    return yes | dict.fromkeys((*READ_ONLY, *FALSE_WORDS), "false")


def _word(key: str, written: str, words: dict[str, str]) -> str:
    found = words.get(plain(written))
    if found is None:
        known = ", ".join(shown(word) for word in dict.fromkeys(words.values()))
        if key == "access":
            known = '"R", "RW"'
        raise ValueError(f"{key}: {shown(written)} is not known here. Write one of {known}")
    return found


def _whole(key: str, written: str) -> int:
    match = _ADDRESS.fullmatch(written)
    if not match:
        raise ValueError(f"{key}: {shown(written)} is no whole number. Write it like 107, 0x6B or 6Bh")
    if match["decimal"]:
        return int(match["decimal"])
    return int(match["hex"] or match["hex_h"], 16)


def _number(key: str, written: str) -> float:
    # A comma is a decimal point in half of Europe; with both in one number nobody can tell.
    text = written.replace(",", ".") if written.count(",") == 1 and "." not in written else written
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{key}: {shown(written)} is no number. Write it like 0.1 or 0,1") from None


def _render(profile: str, title: str, tags: list[dict[str, object]], unused: list[str]) -> str:
    lines = ["[profile]", f"name = {_toml(profile)}", f"title = {_toml(title)}"]
    if unused:
        lines.append(
            f"# Columns of the map that are not used here: {', '.join(' '.join(cell.split()) for cell in unused)}"
        )
    for tag in tags:
        lines += ["", "[[tag]]", *(f"{key} = {_toml(value)}" for key, value in tag.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
    # A JSON string of printable characters is a TOML basic string too.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
