"""A sound package gives back what went into it, and any other byte is noticed."""

from __future__ import annotations

import gzip
import json
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugins.refusal import PackageError
from gateway.plugins.signature import sign
from tests.gateway.plugins.making import FILES, KEY, entry, manifest, package, read, tar, zipped


def test_a_sound_package_gives_back_what_it_was_made_of() -> None:
    taken: dict[str, bytearray] = {}

    def take(name: str) -> Callable[[bytes], object]:
        return taken.setdefault(name, bytearray()).extend

    found = read(package(), take=take)
    assert taken == FILES
    assert found.signer.name == "workshop"
    assert found.docs == "# Rechner für Tags\n"
    assert json.loads(found.written) == json.loads(manifest())
    assert found.manifest.entry.command == ["main.py"]


def test_what_gnu_tar_makes_in_the_form_of_posix_is_taken(tmp_path: Path) -> None:
    """The way that docs/plugins.md shows."""
    written = manifest()
    for name, content in {"manifest.json": written, "manifest.sig": sign(written, KEY), **FILES}.items():
        (tmp_path / name).write_bytes(content)
    names = ["manifest.json", "manifest.sig", *FILES]
    made = tmp_path / "made.tar.gz"
    subprocess.run(["tar", "--format=ustar", "-czf", made, "-C", tmp_path, *names], check=True)
    assert read(made.read_bytes()).manifest.version == "1.0.0"


def test_a_file_in_a_deep_place_is_found_by_its_whole_name() -> None:
    name = "lib/" + "d" * 80 + "/" + "e" * 80 + "/scale.py"
    files = {**FILES, name: b"x"}
    assert name in read(package(files)).manifest.files


contents = st.dictionaries(
    st.from_regex(r"[a-z]{1,6}(/[a-z]{1,6}){0,3}\.[a-z]{1,3}", fullmatch=True), st.binary(max_size=3000), max_size=6
)


@given(contents)
@settings(max_examples=60, deadline=None)
def test_every_file_comes_out_as_it_went_in(files: dict[str, bytes]) -> None:
    files = {**files, "main.py": b""}
    taken: dict[str, bytearray] = {}
    read(package(files), take=lambda name: taken.setdefault(name, bytearray()).extend)
    assert taken == files


SOUND = package()


@given(st.integers(0, len(SOUND) - 1), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_with_any_other_byte_it_is_nothing_or_the_same(place: int, flip: int) -> None:
    """Some bits say nothing of the content: the date in the header of gzip, and what fills up its last byte."""
    damaged = bytearray(SOUND)
    damaged[place] ^= flip
    taken: dict[str, bytearray] = {}
    refused = None
    try:
        read(bytes(damaged), take=lambda name: taken.setdefault(name, bytearray()).extend)
    except PackageError as error:
        refused = error
    assert refused is not None or taken == FILES


@given(st.integers(0, len(SOUND) - 1))
@settings(max_examples=100, deadline=None)
def test_a_part_of_it_is_nothing(end: int) -> None:
    with pytest.raises(PackageError):
        read(SOUND[:end])


@given(st.binary(max_size=2000))
@settings(max_examples=200, deadline=None)
def test_anything_is_refused_in_words(content: bytes) -> None:
    for whole in (content, zipped(content)):
        with pytest.raises(PackageError):
            read(whole)


MANIFESTS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": None}, "name"),
    "unknown member": ({"surprise": 1}, "surprise"),
    "another format": ({"format": 2}, "format"),
    "id": ({"id": "../x"}, "id: "),
    "id with a line behind it": ({"id": "abc\n"}, "id: "),
    "version": ({"version": "1.0"}, "is no version"),
    "category": ({"category": "Big Things"}, "category: "),
    "permission": ({"permissions": ["read tags"]}, "permissions[0]: "),
    "capability": ({"capabilities": ["Analytics"]}, "capabilities[0]: "),
    "runtime": ({"entry": {"runtime": "bash", "command": ["main.py"]}}, "entry.runtime: "),
    "no command": ({"entry": {"runtime": "node", "command": []}}, "entry.command: "),
    "command that is not there": ({"entry": {"runtime": "executable", "command": ["/bin/sh"]}}, "one of the files"),
    "zero in an argument": ({"entry": {"runtime": "python", "command": ["main.py", "a\0b"]}}, "entry.command[1]: "),
    "digest": ({"listed": {"main.py": "AB"}}, "files"),
    "itself": ({"listed": {"main.py": "0" * 64, "manifest.sig": "0" * 64}}, "manifest.sig must not"),
    "docs": ({"docs": "other.md"}, "docs: "),
}


@pytest.mark.parametrize(("members", "words"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_is_wrong_is_told_by_its_place(members: dict[str, Any], words: str) -> None:
    with pytest.raises(PackageError) as refused:
        read(package(**members))
    assert (refused.value.word, words in str(refused.value)) == ("bad_manifest", True), str(refused.value)


@pytest.mark.parametrize("written", [b"\xff", b"{", b"[]", b'{"id": "a", "id": "b"}', b'{"id": NaN}', b"[" * 100_000])
def test_a_manifest_is_strict_json(written: bytes) -> None:
    made = zipped(tar([entry("manifest.json", written), entry("manifest.sig", sign(written, KEY))]))
    with pytest.raises(PackageError) as refused:
        read(made)
    assert refused.value.word == "bad_manifest"


def test_gzip_made_by_others_is_taken() -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    content = gzip.decompress(SOUND)
    assert read(deflate.compress(content) + deflate.flush()).manifest.id == "custom-integration-plugin"
