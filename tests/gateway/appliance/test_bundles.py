"""Which bundles a board takes."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.appliance.bundles import UpdateError, describe, read_manifest, refuse_older
from gateway.appliance.update_state import System


def manifest(**changes: object) -> dict[str, Any]:
    """As RAUC 1.13 says it."""
    images = [
        {"root": {"filename": "root.squashfs", "checksum": "aa" * 32, "size": 2_000_000}},
        {"boot": {"filename": "boot.vfat", "checksum": "bb" * 32, "size": 1_000_000}},
    ]
    said = {"compatible": "ferrule-rpi-arm64", "version": "0.1.0+1790000000", "build": "0123456789abcdef"}
    return {**said, "images": images, **changes}


def system(version: str, built: int = 1_790_000_000) -> System:
    return System(version=version, built=built, build="0123456789abcdef")


def test_what_is_in_it_is_read() -> None:
    found = read_manifest(manifest())
    assert found.system == system("0.1.0")
    assert found.parts["root"].size == 2_000_000
    assert found.parts["boot"].sha256 == "bb" * 32
    assert describe(found.system) == "0.1.0 (build 01234567)"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compatible": "toaster"}, 'for "toaster"'),
        ({"version": "0.1.0"}, "not made by make image"),
        ({"version": None}, "not made by make image"),
        ({"build": "../../etc"}, "not made by make image"),
        ({"images": []}, "has nothing in it"),
        ({"images": [{"root": {"checksum": "aa", "size": 1}}]}, "has root in it, and not a whole system"),
    ],
)
def test_one_for_something_else_is_refused_in_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UpdateError, match=words):
        read_manifest(manifest(**changes))


@pytest.mark.parametrize(("running", "target"), [("0.10.0", "0.9.0"), ("1.0", "0.99.9"), ("1.0.1", "1.0")])
def test_an_older_one_is_refused_with_its_cure(running: str, target: str) -> None:
    with pytest.raises(UpdateError, match="--allow-older"):
        refuse_older(system(running), system(target))


def test_of_one_version_the_sources_decide() -> None:
    refuse_older(system("0.1.0", 5), system("0.1.0", 5))
    refuse_older(system("0.1.0", 5), system("0.1.0", 6))
    with pytest.raises(UpdateError):
        refuse_older(system("0.1.0", 6), system("0.1.0", 5))
    refuse_older(system("0.1.0", 6), system("0.2.0", 5))
