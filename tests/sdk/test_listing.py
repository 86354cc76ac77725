"""The changelog of the API: what its calls say, from version to version."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from gateway.api.rest.versions import API_VERSION
from sdk.listing import changes, needs


def test_the_first_version_has_nothing_before_it() -> None:
    assert changes({}, "1.0.0", ["a", "b"]) == ["1.0.0: the first version, with 2 calls"]


def test_versions_are_told_newest_first_with_what_came_and_went() -> None:
    history = {"1.9.0": ["a", "b"], "1.10.0": ["a", "b"], "1.0.0": ["a"]}
    assert changes(history, "2.0.0", ["b", "c"]) == [
        "2.0.0: added c; removed a",
        "1.10.0: no call was added or removed",
        "1.9.0: added b",
        "1.0.0: the first version, with 1 call",
    ]


def test_what_is_kept_of_the_version_that_is_made_does_not_count() -> None:
    assert changes({"1.0.0": ["x"]}, "1.0.0", ["a"]) == ["1.0.0: the first version, with 1 call"]


def test_a_later_version_is_never_told_to_be_the_first() -> None:
    with pytest.raises(ValueError, match=r"history\.json lacks the calls of 1\.0\.0"):
        changes({}, "1.1.0", ["a"])


def test_the_history_that_is_kept_goes_with_the_version_there_is() -> None:
    history = json.loads((Path(__file__).parents[2] / "sdk" / "history.json").read_text())
    assert changes(history, API_VERSION.decode(), ["a"])[-1].startswith("1.0.0: the first version")


def test_what_is_said_to_be_needed_is_what_the_packages_demand() -> None:
    """The reference asks for Python 3.8: who installs the SDK there is told the same by pip as by the gateway."""
    place = Path(__file__).parents[2] / "sdk"
    python = tomllib.loads((place / "python" / "pyproject.toml").read_text())
    node = json.loads((place / "typescript" / "package.json").read_text())
    assert needs("python") == f"Python {python['project']['requires-python']}"
    assert needs("typescript") == f"Node.js {node['engines']['node']}"
