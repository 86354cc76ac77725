"""The scanner sees exactly tomli's keys, where they stand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.positions import Path, scan

TRICKY = [
    "",
    "[fake]",
    "fake = 1",
    '"',
    "'",
    "''",
    "\\",
    "\\\\",
    '\\"',
    "#",
    "# x = 1",
    "}",
    "]",
    ",",
    "=",
    ".",
    "{a = 1}",
    "[[x]]",
    " ",
    "ü",
    "😀",
]
TRICKY_LINES = [*TRICKY, "\n", "\n[fake]\n", "\nfake = 1\n", '\n""\n', "\n''\n", "\\\n", "\r\n"]

names = st.one_of(
    st.sampled_from(["a", "b", "c", "line", "1", "-", "_"]),
    st.lists(st.sampled_from(TRICKY), min_size=1, max_size=3).map("".join),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=4),
)
plain_texts = st.sampled_from(
    ["0", "-1_000", "0x8000", "1e3", "-inf", "nan", "true", "1979-05-27 07:32:00Z", "07:32:00", "1979-05-27"]
)


def _basic(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _long_basic(text: str) -> str:
    return '"""\n' + text.replace("\\", "\\\\").replace('"""', '""\\"') + '"""'


def _fits_literal(text: str) -> bool:
    return "'" not in text and "\n" not in text


one_line = st.lists(st.sampled_from(TRICKY), max_size=4).map("".join)
many_lines = st.lists(st.sampled_from(TRICKY_LINES), max_size=4).map("".join)
string_texts = st.one_of(
    one_line.map(_basic),
    one_line.filter(_fits_literal).map(lambda text: f"'{text}'"),
    many_lines.filter(lambda text: not text.endswith('"""')).map(_long_basic),
    many_lines.filter(lambda text: "'''" not in text).map(lambda text: f"'''\n{text}'''"),
)
leaves = st.one_of(plain_texts, string_texts)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(names, inner, max_size=3),
        st.lists(st.dictionaries(names, inner, max_size=3), min_size=1, max_size=3),
    ),
    max_leaves=12,
)
documents = st.dictionaries(names, trees, max_size=4)
Tree = str | list["Tree"] | dict[str, "Tree"]


@dataclass
class Writer:
    """Writes a tree as TOML in one of the many ways there are, and remembers what stands where."""

    draw: st.DataObject
    written: dict[Path, str] = field(default_factory=dict)

    def choose(self, *choices: str) -> str:
        return self.draw.draw(st.sampled_from(choices))

    def space(self) -> str:
        return self.choose("", " ", "\t ")

    def blank(self) -> str:
        return self.choose("", " ", "\n", " # [no] = {\n", "\n\t# 'x\n")

    def end(self) -> str:
        return self.choose("\n", " \n", " # a = 1\n", "\t#]\n\n", "\r\n")

    def key(self, name: str) -> str:
        forms = [_basic(name)]
        if name and all(letter in "abcdefghijklmnopqrstuvwxyz0123456789_-" for letter in name):
            forms += [name] * 3
        if _fits_literal(name):
            forms.append(f"'{name}'")
        return self.choose(*forms)

    def dotted(self, path: Path) -> str:
        parts = [self.key(str(part)) for part in path if isinstance(part, str)]
        return f"{self.space()}.{self.space()}".join(parts)

    def inline(self, tree: Tree, path: Path) -> str:
        if isinstance(tree, str):
            text = tree
        elif isinstance(tree, list):
            parts = [
                f"{self.blank()}{self.inline(item, (*path, index))}{self.blank()}" for index, item in enumerate(tree)
            ]
            text = "[" + ",".join(parts) + self.choose("", "," if parts else "") + self.blank() + "]"
        else:
            parts = [
                f"{self.blank()}{self.key(name)}{self.space()}={self.space()}"
                f"{self.inline(item, (*path, name))}{self.blank()}"
                for name, item in tree.items()
            ]
            text = "{" + ",".join(parts) + self.choose("", "," if parts else "") + self.blank() + "}"
        self.written[path] = text
        return text

    def body(self, table: dict[str, Tree], path: Path, prefix: Path = ()) -> tuple[str, list[str]]:
        """Return the lines of one table, and the sections of those of its tables that get a header."""
        lines, sections = "", []
        for name, tree in table.items():
            here = (*path, name)
            is_tables = isinstance(tree, list) and tree and all(isinstance(item, dict) for item in tree)
            form = self.choose("inline", "header", "dotted")
            if isinstance(tree, dict) and tree and form == "dotted":
                more, below = self.body(tree, here, (*prefix, name))
                lines += more
                sections += below
            elif isinstance(tree, dict) and form == "header" and not prefix:
                sections.append(self.section(tree, here))
            elif is_tables and form != "inline" and not prefix:
                assert isinstance(tree, list)
                for index, item in enumerate(tree):
                    assert isinstance(item, dict)
                    sections.append(self.section(item, (*here, index)))
            else:
                lines += self.space() + self.dotted((*prefix, name)) + f"{self.space()}={self.space()}"
                lines += self.inline(tree, here) + self.end()
        return lines, sections

    def section(self, table: dict[str, Tree], path: Path) -> str:
        lines, below = self.body(table, path)
        opening, closing = ("[[", "]]") if isinstance(path[-1], int) else ("[", "]")
        header = f"{self.space()}{opening}{self.space()}{self.dotted(path)}{self.space()}{closing}{self.end()}"
        if opening == "[" and self.choose("first", "last") == "last":
            return "".join(below) + header + lines
        return header + lines + "".join(below)

    def document(self, table: dict[str, Tree]) -> str:
        lines, sections = self.body(table, ())
        return self.blank() + lines + "".join(sections)


def paths_of(value: object, path: Path = ()) -> set[Path]:
    found: set[Path] = {path} if path else set()
    if isinstance(value, dict):
        for name, item in value.items():
            found |= paths_of(item, (*path, name))
    if isinstance(value, list):
        for index, item in enumerate(value):
            found |= paths_of(item, (*path, index))
    return found


@settings(max_examples=250, deadline=None)
@given(documents, st.data())
def test_it_sees_exactly_the_keys_tomli_sees(table: dict[str, Tree], data: st.DataObject) -> None:
    writer = Writer(data)
    text = writer.document(table)
    positions = scan(text)
    assert positions.paths() == paths_of(tomli.loads(text))

    lines = text.replace("\r\n", "\n").split("\n")
    for path, written in writer.written.items():
        line, column = positions.value(path)
        rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
        assert rest.startswith(written.replace("\r\n", "\n"))
        if isinstance(path[-1], str):
            line, column = positions.key(path)
            rest = lines[line - 1][column - 1 :]
            assert tomli.loads(rest[: _key_length(rest)] + "=0") == {path[-1]: 0}


def _key_length(text: str) -> int:
    if text[0] in "\"'":
        end = 1
        while text[end] != text[0]:
            end += 2 if text[end] == "\\" and text[0] == '"' else 1
        return end + 1
    return next(index for index, letter in enumerate(text + "=") if not (letter.isalnum() or letter in "-_"))


def test_places_in_a_configuration() -> None:
    text = (
        "[gateway]\n"
        '  name = "a"\n'
        "[[line]]\n"
        'name = "one"\n'
        "[[line.device]]\n"
        "[[line.device.tag]]\n"
        "[[line.device.tag]]\n"
        'name = "x"  # the second\n'
        "sentinels = [1,\n"
        "  2]\n"
        "[[line]]\n"
        'name = "two"\n'
        "rs485 = { delay_before = 1 }\n"
    )
    positions = scan(text)
    assert positions.key(("gateway",)) == (1, 2)
    assert positions.key(("gateway", "name")) == (2, 3)
    assert positions.value(("gateway", "name")) == (2, 10)
    assert positions.key(("line", 0)) == (3, 3)
    assert positions.value(("line", 0, "device", 0, "tag", 1)) == (7, 15)
    assert positions.value(("line", 0, "device", 0, "tag", 1, "sentinels", 1)) == (10, 3)
    assert positions.value(("line", 1, "name")) == (12, 8)
    assert positions.value(("line", 1, "rs485", "delay_before")) == (13, 26)


def test_columns_count_characters_and_cr_lf_is_one_line_end() -> None:
    positions = scan('"ü😀" = 1\r\nb = 2\r\n')
    assert positions.value(("ü😀",)) == (1, 8)
    assert positions.key(("b",)) == (2, 1)


@pytest.mark.parametrize("text", ["a", "a =", "= 1", "[a", "a = [1", "a = {b = 1", 'a = "', "a = 'x\n'"])
def test_what_is_no_toml_is_refused_not_looped_over(text: str) -> None:
    with pytest.raises(ValueError, match="character"):
        scan(text)
