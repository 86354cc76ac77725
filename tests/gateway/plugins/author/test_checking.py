"""What check lets pass, a gateway takes; what is packed twice has the same bytes."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.plugins.author.checking import Checked, check_archive, check_directory
from gateway.plugins.author.packing import pack
from gateway.plugins.package import read_package
from gateway.plugins.signature import Signer, sign, signers_by_id
from tests.gateway.plugins.making import KEY, OTHER_KEY, SIGNERS, entry, package, tar, zipped

ROOT = Path(__file__).parents[4]
EXAMPLES = ROOT / "docs" / "examples" / "plugins"


def told(found: Checked) -> list[str]:
    return [str(one) for one in found.findings]


def change(plugin: Path, **members: Any) -> None:
    path = plugin / "manifest.json"
    document = {**json.loads(path.read_text()), **members}
    path.write_text(json.dumps({name: value for name, value in document.items() if value is not None}, indent=2))


def test_what_passes_is_taken_by_a_gateway_once_it_is_signed(plugin: Path) -> None:
    found = check_directory(plugin)
    assert told(found) == []
    content = pack(found.written, found.files, signature=sign(found.written, KEY))
    taken = read_package([content], SIGNERS)
    assert taken.manifest == found.manifest
    assert taken.docs is not None
    assert taken.docs.startswith("# Scale Reader")


def test_the_same_files_give_the_same_bytes(plugin: Path) -> None:
    first = check_directory(plugin)
    for path in plugin.rglob("*"):
        os.utime(path, (1, 1))
    second = check_directory(plugin)
    assert pack(first.written, first.files) == pack(second.written, dict(reversed(second.files.items())))


@pytest.mark.parametrize("example", ["derived-tag", "raw-scale"])
def test_the_examples_pass(example: str) -> None:
    found = check_directory(EXAMPLES / example)
    assert told(found) == []
    # The one in Python gets the kit from here, the one in JavaScript needs none.
    assert found.kit_added == ("ferrule_plugin/plugin.py" in found.files) == (example == "derived-tag")


def test_the_kit_a_plugin_brings_is_left_as_it_is(plugin: Path) -> None:
    (plugin / "ferrule_plugin" / "errors.py").write_text("# of ours\n")
    found = check_directory(plugin)
    assert (found.kit_added, found.files["ferrule_plugin/errors.py"]) == (False, b"# of ours\n")


def test_what_a_gateway_would_not_look_at_is_a_warning(plugin: Path) -> None:
    (plugin / "main.py").write_text("a = 1\ndef broken(:\n")
    change(plugin, files={"main.py": "0" * 64})
    found = check_directory(plugin)
    assert any(line.startswith(f"{plugin}/main.py:2:12: warning: Python does not compile it") for line in told(found))
    assert any("files: is made when the plugin is packed" in line for line in told(found))
    assert found.errors == []


def test_documentation_that_is_no_text_is_told_with_its_line(plugin: Path) -> None:
    (plugin / "README.md").write_bytes(b"# Scale\n\xff\n")
    assert f"{plugin}/README.md:2:1: error: documentation must be UTF-8: save it as that" in told(
        check_directory(plugin)
    )
    (plugin / "README.md").write_bytes(b"x" * 200_000)
    assert any("documentation may have 131072 bytes" in line for line in told(check_directory(plugin)))


def test_a_directory_without_a_manifest_is_no_plugin(tmp_path: Path) -> None:
    assert told(check_directory(tmp_path)) == [
        f"{tmp_path}: error: there is no manifest.json: ferrule plugin new makes a plugin with one"
    ]


def test_the_gateways_own_reader_has_the_last_word(plugin: Path) -> None:
    """Of a bomb nothing is wrong but that it is one."""
    (plugin / "zeros.bin").write_bytes(bytes(20 * 2**20))
    assert any("error" in line and "times" in line for line in told(check_directory(plugin)))


# Packages


def archive(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "p.tar.gz"
    path.write_bytes(content)
    return path


def test_a_signed_package_passes_and_says_by_whom(tmp_path: Path) -> None:
    found = check_archive(archive(tmp_path, package(permissions=[])), SIGNERS)
    assert (found.errors, found.signed, found.signer) == ([], True, "workshop")
    found = check_archive(archive(tmp_path, package(permissions=[])), None)
    assert [one.severity for one in found.findings] == ["warning"]
    assert "whose signature it has was not looked at" in told(found)[0]


def test_everything_that_is_wrong_with_a_package_is_told_at_once(tmp_path: Path) -> None:
    listed = {"main.py": "0" * 64, "gone.py": "1" * 64}
    content = package({"main.py": b"1", "extra.py": b"2"}, listed=listed, version="1", more=[entry("main.py", b"3")])
    found = " ".join(told(check_archive(archive(tmp_path, content), SIGNERS)))
    assert '"main.py" is there twice' in found
    assert "manifest.json:1:" in found
    assert 'version: "1" is no version' in found
    content = package({"main.py": b"1", "extra.py": b"2"}, listed=listed)
    found = " ".join(told(check_archive(archive(tmp_path, content), SIGNERS)))
    for words in (
        '"extra.py": is not in manifest.json',
        '"gone.py" is in manifest.json, and not in the package',
        '"main.py" is not the file that manifest.json lists',
    ):
        assert words in found


def test_who_signed_it_is_told_apart_from_who_is_trusted(tmp_path: Path) -> None:
    others = signers_by_id([Signer("other", OTHER_KEY.public_key().public_bytes_raw())])
    found = check_archive(archive(tmp_path, package(permissions=[])), others)
    assert [one.severity for one in found.findings] == ["error"]
    assert "which no [[plugin.publisher]] names" in told(found)[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no archive", "is no gzip"),
        (zipped(b"x" * 600), "holds no tar"),
        (zipped(tar([entry("main.py", b"1")])), "manifest.json must be"),
        (gzip.compress(b"")[:-4], ""),
        (package()[:-30], ""),
    ],
)
def test_what_is_no_package_is_an_error_and_no_fault(content: bytes, words: str, tmp_path: Path) -> None:
    found = check_archive(archive(tmp_path, content), SIGNERS)
    assert found.errors
    assert words in " ".join(told(found))


def test_an_unsigned_package_is_looked_at_like_a_signed_one(plugin: Path, tmp_path: Path) -> None:
    made = check_directory(plugin)
    found = check_archive(archive(tmp_path, pack(made.written, made.files)), None)
    assert (found.errors, found.signed) == ([], False)
    assert "is not signed, and no gateway takes it so" in told(found)[0]
    assert found.files == made.files
