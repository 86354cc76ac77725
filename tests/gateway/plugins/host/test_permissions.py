"""Permissions: what is granted is allowed, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import GatewayError
from gateway.plugins.host.permissions import NotPermittedError, Word, covered, fits, parse_permissions

PARTS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("pattern", "subject", "meant"),
    [
        ("boiler/*", "boiler/plc/temp", True),
        ("boiler/*", "boiler2/plc/temp", False),
        ("boiler/*", "boiler", True),
        ("*/plc/temp", "boiler/plc/temp", True),
        ("*/temp", "boiler/plc/temp", False),
        ("boiler/plc/temp", "boiler/plc/temp", True),
        ("boiler/plc/temp", "boiler/plc/temp2", False),
        ("boi*", "boiler", False),
        ("*", "x/y/z", True),
    ],
)
def test_patterns(pattern: str, subject: str, *, meant: bool) -> None:
    assert fits(pattern, subject, "/") is meant


def test_nothing_is_granted_that_was_not() -> None:
    granted = parse_permissions(["read-tags:boiler/*", "read-events:alarm:*", "use-storage"])
    assert granted.allow(Word.READ_TAGS, "boiler/plc/temp")
    assert not granted.allow(Word.WRITE_TAGS, "boiler/plc/temp")
    assert granted.allow(Word.READ_EVENTS, "alarm:raised")
    assert not granted.allow(Word.READ_EVENTS, "tag:changed")
    assert granted.has(Word.USE_STORAGE)
    assert not granted.has(Word.USE_NETWORK)
    with pytest.raises(NotPermittedError, match="write-tags:boiler/plc/temp is not granted"):
        granted.require(Word.WRITE_TAGS, "boiler/plc/temp")


@pytest.mark.parametrize(
    "wrong", ["Read-everything", "use-network:8.8.8.8", "read-tags:", "", ":x", "a_b", "read-x:", "a b"]
)
def test_what_there_is_none_of_is_refused(wrong: str) -> None:
    with pytest.raises(GatewayError):
        parse_permissions([wrong])


def test_words_of_the_plugins_own_are_granted_as_they_stand_and_open_nothing() -> None:
    """As those of the reference: read-analytics, write-reports (SE-27)."""
    asked = ["read-analytics", "write-reports:daily", "read-tags:boiler/*"]
    granted = parse_permissions(asked)
    assert granted.words == tuple(sorted(asked))
    assert [word for word in Word if granted.has(word)] == [Word.READ_TAGS]
    assert covered(asked, asked) == ()
    # What stands behind the colon is the plugin's own, too.
    assert covered(asked, ["write-reports", "read-analytics:x"]) == ("write-reports", "read-analytics:x")


def test_what_a_manifest_did_not_ask_for_is_found() -> None:
    asked = ["read-tags:boiler/*", "use-storage"]
    assert covered(asked, ["read-tags:boiler/plc/temp", "use-storage"]) == ()
    assert covered(asked, ["read-tags", "write-tags:boiler/x", "read-tags:*", "rm"]) == (
        "read-tags",
        "write-tags:boiler/x",
        "read-tags:*",
        "rm",
    )
    assert covered(["read-tags"], ["read-tags", "read-tags:a/b"]) == ()


@settings(max_examples=100)
@given(asked=PARTS, cut=st.integers(0, 4), subject=PARTS)
def test_narrower_never_allows_more(asked: list[str], cut: int, subject: list[str]) -> None:
    wide = "/".join([*asked[:cut], "*"])
    narrow = "/".join(asked)
    if cut <= len(asked) and covered([f"read-tags:{wide}"], [f"read-tags:{narrow}"]) == ():
        name = "/".join(subject)
        allowed = parse_permissions([f"read-tags:{narrow}"]).allow(Word.READ_TAGS, name)
        assert not allowed or parse_permissions([f"read-tags:{wide}"]).allow(Word.READ_TAGS, name)
