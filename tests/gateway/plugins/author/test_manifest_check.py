"""All mistakes of a manifest are told at once, each with its place; and the gateway agrees with the verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugins.author.manifest_check import ManifestCheck
from gateway.plugins.manifest import read_manifest
from gateway.plugins.refusal import PackageError

FILES = frozenset({"main.py", "README.md"})
SOUND: dict[str, Any] = {
    "id": "scale-reader",
    "name": "Scale Reader",
    "version": "1.0.0",
    "description": "Reads a scale",
    "category": "integration",
    "license": "MIT",
    "permissions": ["read-tags:boiler/*"],
    "entry": {"runtime": "python", "command": ["main.py"]},
}
WRONG = """\
{
  "id": "Scale_Reader",
  "name": "Scale Reader",
  "version": "1.0",
  "categry": "integration",
  "tags": ["ok", "Not OK", 3],
  "permissions": ["use-storage:x", "use-network:x"],
  "config_schema": {
    "type": "object",
    "properties": {"unit": {"type": "strin"}}
  },
  "entry": {"runtime": "pyton", "command": ["man.py"], "x": 1},
  "docs": 3
}
"""


def said(text: str | dict[str, Any], files: frozenset[str] | None = FILES) -> list[str]:
    content = text if isinstance(text, str) else json.dumps(text)
    return [str(one) for one in ManifestCheck(content.encode(), "m", files).findings]


def test_everything_is_told_at_once_with_place_reason_and_cure() -> None:
    found = said(WRONG)
    wanted = (
        ("1:1", "category is missing"),
        ("2:3", "id: must be small letters, digits and hyphens"),
        ("4:3", 'version: "1.0" is no version: write it as 1.2.3'),
        ("5:3", 'categry: there is no such member. Did you mean "category"?'),
        ("6:18", "tags[1]: must be words of small letters"),
        ("6:28", "tags[2]: expected str, got int"),
        ("7:19", "permissions[0]: use-storage:x: write it as use-storage"),
        ("7:36", "permissions[1]: use-network:x: write it as use-network"),
        ("10:29", "config_schema.properties.unit.type: is no JSON Schema 2020-12"),
        ("12:13", "entry.runtime: invalid enum value 'pyton': use python, node or executable"),
        ("12:45", 'entry.command[0]: there is no file "man.py" in the package. Did you mean "main.py"?'),
        ("12:56", "entry.x: there is no such member"),
        ("13:3", "docs: expected str | null, got int"),
    )
    for place, words in wanted:
        assert any(line.startswith(f"m:{place}: error: {words}") for line in found), (place, words, found)
    assert len([line for line in found if ": error: " in line]) == len(wanted)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1,}', "m:1:"),
        ("[]", "m:1:1: error: must be an object"),
        ('{"id": NaN}', "NaN is no JSON"),
        ("[" * 100_000, "nested too deep"),
        ('{"id": 1, "id": 2}', "m:1:11: error: id: stands twice"),
        (" " * 300_000, "is larger than 262144 bytes"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, told: str) -> None:
    assert any(told in line for line in said(text))


def test_text_that_is_no_utf_8_is_told() -> None:
    assert [str(one) for one in ManifestCheck(b'{"id": "\xff"}', "m", FILES).findings] == [
        "m:1:1: error: is not in UTF-8"
    ]


def test_a_sound_one_has_nothing_against_it() -> None:
    assert said(SOUND) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"description": " "}, "description: nothing says what this plugin is for"),
        ({"license": None}, "license: nobody knows whether they may use it"),
        ({"permissions": ["write-tags"]}, "every writable tag of the plant can be written: narrow it"),
        ({"permissions": ["use-network"]}, "the whole network can be reached"),
        ({"permissions": ["reed-tags:x"]}, 'so it is the plugin\'s own and opens nothing. Did you mean "read-tags"?'),
        ({"permissions": [f"read-tags:a{number}/*" for number in range(9)]}, "9 permissions: ask for what is needed"),
        ({"entry": {"runtime": "node", "command": ["main.py"]}}, "is node what runs main.py?"),
        ({"name": "Weighing"}, 'it gets the id "weighing"'),
        ({"config_schema": {"type": "object"}}, '"additionalProperties": false'),
        (
            {"config_schema": {"properties": {"api_key": {"type": "string"}}, "type": "object"}},
            "config_schema.properties.api_key: looks like a secret",
        ),
    ],
)
def test_what_operators_will_ask_about_is_a_warning(changes: dict[str, Any], told: str) -> None:
    found = said({**SOUND, **changes})
    assert any(": warning: " in line and told in line for line in found)
    assert not any(": error: " in line for line in found)


def test_a_plugin_without_documentation_is_told_so() -> None:
    assert any("there is no documentation" in line for line in said(SOUND, frozenset({"main.py"})))


MEMBERS = st.sampled_from(sorted({*SOUND, "tags", "docs", "capabilities", "format", "config_schema", "x"}))
JUNK: st.SearchStrategy[Any] = (
    st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=4) | st.integers(), max_size=2)
) | st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2)


@given(st.dictionaries(MEMBERS, JUNK, max_size=3), st.sets(st.sampled_from(sorted(SOUND)), max_size=2))
@settings(max_examples=200)
def test_the_gateway_refuses_what_has_errors_and_only_that(changes: dict[str, Any], left_out: set[str]) -> None:
    document = {name: value for name, value in {**SOUND, **changes}.items() if name not in left_out}
    digests = dict.fromkeys(FILES, "0" * 64)
    check = ManifestCheck(json.dumps(document).encode(), "m", FILES)
    errors = [str(one) for one in check.findings if one.severity == "error"]
    refused = _refused(json.dumps({**document, "files": digests}).encode())
    if refused is not None:
        assert errors, refused
        return
    # Names, permissions and schemas are judged elsewhere in the gateway.
    assert all(("name: " in one) or ("permissions" in one) or ("config_schema" in one) for one in errors), errors
    assert check.manifest is not None


def _refused(content: bytes) -> str | None:
    try:
        read_manifest(content)
    except PackageError as error:
        return str(error)
    return None
