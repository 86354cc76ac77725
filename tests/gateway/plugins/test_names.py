"""Names in packages: whatever is taken stays where it is unpacked, and is the only one of its kind there."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.plugins.names import Tree, check_name
from gateway.plugins.refusal import PackageError

pieces = st.one_of(
    st.sampled_from(
        ["..", ".", "", "a", "A", "/", "\\", "C:", "é", "e\u0301", "ß", "SS", "ﬁ", "fi", "con", "a.", " a"]
    ),
    st.text(max_size=4),
)
names = st.lists(pieces, max_size=5).map("/".join)

sound = st.lists(
    st.sampled_from(["a", "A", "é", "É", "ß", "ss", "SS", "ﬁ", "fi", "\u017f", "s"]), min_size=1, max_size=3
).map("/".join)


def taken(name: str) -> bool:
    try:
        check_name(name)
    except PackageError:
        return False
    return True


@given(names)
@example("../x")
@example("a/../../x")
@example("/etc/passwd")
@example("C:/x")
@settings(max_examples=500, deadline=None)
def test_a_name_that_is_taken_leads_nowhere_else(name: str) -> None:
    if not taken(name):
        return
    root = Path("/srv/plugin")
    place = Path(os.path.normpath(root / name))
    assert place.is_relative_to(root)
    assert place != root
    assert "/".join(PurePosixPath(name).parts) == name
    assert not PureWindowsPath(name).is_absolute()
    assert ".." not in PureWindowsPath(name).parts
    assert unicodedata.is_normalized("NFC", name)
    assert name.isprintable()


@given(st.lists(sound, max_size=8))
@settings(max_examples=200, deadline=None)
def test_names_that_are_taken_together_are_different_everywhere(several: list[str]) -> None:
    tree, kept = Tree(), []
    for name in several:
        try:
            tree.add(name)
        except PackageError:
            continue
        kept.append(name)
    folded = [unicodedata.normalize("NFC", name.casefold()) for name in kept]
    assert len(set(folded)) == len(folded)
    assert not any(one.startswith(f"{other}/") for one in folded for other in folded)
