"""Archives made to do harm, each refused with the reason and nothing else."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from gateway.plugins.bounds import Bounds
from gateway.plugins.refusal import PackageError
from gateway.plugins.signature import sign
from tests.gateway.plugins.making import FILES, KEY, entry, head, manifest, package, read, tar, zipped

SOUND = package()


def changed(written: bytes, **header: bytes) -> bytes:
    """The first header of a tar with other bytes in some fields, and the right sum."""
    places = {"name": 0, "mode": 100, "size": 124, "kind": 156, "link": 157, "magic": 257, "prefix": 345}
    block = bytearray(written[:512])
    for field, value in header.items():
        block[places[field] : places[field] + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + written[512:]


def unfinished(content: bytes) -> bytes:
    """A tar without what ends it."""
    return content.rstrip(b"\0") + bytes(-len(content.rstrip(b"\0")) % 512)


def with_last(**header: bytes) -> bytes:
    """A package whose last entry has a header of this form."""
    return zipped(unfinished(gzip.decompress(SOUND)) + changed(tar([entry("x", b"y")]), **header))


LINKS = {
    "symbolic": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "hard": {"type": tarfile.LNKTYPE, "linkname": "main.py"},
    "character device": {"type": tarfile.CHRTYPE},
    "block device": {"type": tarfile.BLKTYPE},
    "fifo": {"type": tarfile.FIFOTYPE},
    "directory": {"type": tarfile.DIRTYPE},
    "contiguous": {"type": tarfile.CONTTYPE},
    "sparse": {"type": tarfile.GNUTYPE_SPARSE},
    "pax": {"type": tarfile.XHDTYPE},
    "global pax": {"type": tarfile.XGLTYPE},
    "long name": {"type": tarfile.GNUTYPE_LONGNAME},
    "long link": {"type": tarfile.GNUTYPE_LONGLINK},
}


@pytest.mark.parametrize("about", LINKS.values(), ids=LINKS)
def test_only_plain_files_are_packed(about: dict[str, Any]) -> None:
    kind = about["type"]
    with pytest.raises(PackageError) as refused:
        read(with_last(kind=kind, link=about.get("linkname", "").encode()))
    assert refused.value.word == "bad_entry"
    assert "--format=ustar" in str(refused.value)


HOSTILE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "no gzip": (lambda: b"hello" * 400, "damaged", "is no gzip file"),
    "empty": (lambda: b"", "damaged", "ends too early"),
    "cut off": (lambda: SOUND[:-9], "damaged", "ends too early"),
    "no tar": (lambda: zipped(b"hello" * 400), "bad_format", "no tar of POSIX"),
    "nothing in it": (lambda: zipped(bytes(1024)), "bad_format", "nothing where manifest.json must be"),
    "gnu": (lambda: package(form=tarfile.GNU_FORMAT), "bad_format", "GNU"),
    "pax header": (
        lambda: package(more=[entry("x", pax_headers={"path": "../x"})], form=tarfile.PAX_FORMAT),
        "bad_entry",
        "pax",
    ),
    "manifest not first": (
        lambda: zipped(tar([entry("main.py", FILES["main.py"]), *head()])),
        "bad_format",
        '"main.py" where manifest.json must be',
    ),
    "no signature": (
        lambda: zipped(tar([head()[0], entry("main.py", FILES["main.py"])])),
        "bad_format",
        "where manifest.sig must be",
    ),
    "two gzip members": (lambda: SOUND + zipped(b""), "trailing", "more than one gzip file"),
    "garbage behind": (lambda: SOUND + b"\0" * 7, "trailing", "behind the end"),
    "one byte behind": (lambda: SOUND + b"\x1f", "trailing", "behind the end"),
    "a tar behind the tar": (
        lambda: zipped(gzip.decompress(SOUND) + tar([entry("evil", b"x")])),
        "trailing",
        "behind the last file",
    ),
    "one empty block": (
        lambda: zipped(unfinished(gzip.decompress(SOUND)) + bytes(512) + tar([entry("x")])),
        "damaged",
        "one empty block",
    ),
    "parent": (lambda: package(more=[entry("../evil", b"x")]), "bad_name", "leads out"),
    "parent within": (lambda: package(more=[entry("a/../../evil", b"x")]), "bad_name", "leads out"),
    "absolute": (lambda: with_last(name=b"/etc/cron.d/x\0"), "bad_name", "absolute"),
    "dot": (lambda: package(more=[entry("./evil", b"x")]), "bad_name", "empty part"),
    "double slash": (lambda: package(more=[entry("a//b", b"x")]), "bad_name", "empty part"),
    "backslash": (lambda: package(more=[entry("..\\evil", b"x")]), "bad_name", "some systems"),
    "drive": (lambda: package(more=[entry("C:evil", b"x")]), "bad_name", "some systems"),
    "trailing dot": (lambda: package(more=[entry("evil.", b"x")]), "bad_name", "some systems"),
    "control": (lambda: package(more=[entry("a\x1b[2Jb", b"x")]), "bad_name", "cannot be printed"),
    "not NFC": (lambda: package({**FILES, "u\u0308.py": b"x"}), "bad_name", "NFC"),
    "not UTF-8": (lambda: with_last(name=b"\xff\xfe\0"), "bad_name", "UTF-8"),
    "hidden behind a zero": (lambda: with_last(name=b"ok\0evil"), "bad_name", "behind its end"),
    "long": (lambda: package(more=[entry("/".join(letter * 70 for letter in "abc"), b"x")]), "bad_name", "longer than"),
    "twice": (lambda: package(more=[entry("main.py", FILES["main.py"])]), "duplicate", "twice"),
    "manifest twice": (lambda: package(more=[entry("manifest.json", manifest())]), "duplicate", "twice"),
    "case": (lambda: package({**FILES, "MAIN.py": b"x"}), "collision", "large and small"),
    "case of a directory": (lambda: package({**FILES, "a/x": b"", "A/y": b""}), "collision", "large and small"),
    "case of letters beyond A to Z": (lambda: package({**FILES, "ﬁ": b"", "fi": b""}), "collision", "large and small"),
    "file and directory": (lambda: package({**FILES, "main.py/x": b""}), "collision", "a directory"),
    "not in the manifest": (lambda: package(more=[entry("evil.py", b"x")]), "unlisted", "evil.py"),
    "missing": (
        lambda: zipped(tar([*head(), entry("main.py", FILES["main.py"])])),
        "missing",
        '"README.md" is in manifest.json',
    ),
    "another content": (
        lambda: zipped(tar([*head(), entry("main.py", b"evil"), entry("README.md", FILES["README.md"])])),
        "bad_digest",
        "main.py",
    ),
    "size that lies": (lambda: with_last(size=b"77777777777\0"), "unlisted", ""),
    "size of the other kind": (lambda: with_last(size=b"\x80" + bytes(11)), "damaged", "no size"),
    "size below nothing": (lambda: with_last(size=b"-0000000001\0"), "damaged", "no size"),
    "target of a plain file": (lambda: with_last(link=b"/etc/passwd"), "bad_entry", "target"),
    "documentation that is no text": (
        lambda: package({**FILES, "README.md": b"\xff"}),
        "bad_docs",
        "UTF-8",
    ),
}


@pytest.mark.parametrize(("made", "word", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_hostile_is_refused_with_the_reason(made: Callable[[], bytes], word: str, words: str) -> None:
    with pytest.raises(PackageError) as refused:
        read(made())
    assert (refused.value.word, words in str(refused.value)) == (word, True), str(refused.value)
    assert str(refused.value).isprintable()


def test_a_header_with_a_wrong_sum_is_refused() -> None:
    content = bytearray(gzip.decompress(SOUND))
    content[0] ^= 1
    with pytest.raises(PackageError, match="header"):
        read(zipped(bytes(content)))


def zeros(size: int) -> bytes:
    """A gzip of many zeros."""
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as zip_:
        for _ in range(size // 2**20):
            zip_.write(bytes(2**20))
    return file.getvalue()


def test_a_bomb_is_noticed_while_it_swells() -> None:
    with pytest.raises(PackageError) as refused:
        read(package({**FILES, "big": bytes(3 * 2**20)}))
    assert refused.value.word == "bomb"
    content = os.urandom(2**20)
    with pytest.raises(PackageError) as refused:
        read(package({**FILES, "big": content}), bounds=Bounds(unpacked=2**19))
    assert (refused.value.word, "unpacks to more" in str(refused.value)) == ("too_large", True)
    with pytest.raises(PackageError) as refused:
        read(zipped(zeros(64 * 2**20)))
    assert refused.value.word in {"bomb", "bad_format"}


def test_a_header_of_many_gigabytes_takes_no_memory() -> None:
    """The size is that of a file in a header; what is there is counted instead."""
    written = manifest({**FILES, "x": b"y"})
    made = unfinished(tar([entry("manifest.json", written), entry("manifest.sig", sign(written, KEY))]))
    last = changed(tar([entry("x", b"y")]), size=b"77777777777\0")
    with pytest.raises(PackageError) as refused:
        read(zipped(made + last))
    assert refused.value.word == "damaged"


def test_files_are_counted_and_the_file_itself_is_measured() -> None:
    many = {**FILES, **{f"f{number}": b"" for number in range(20)}}
    with pytest.raises(PackageError) as refused:
        read(package(many), bounds=Bounds(files=10))
    assert refused.value.word == "too_many"
    with pytest.raises(PackageError) as refused:
        read(package({**FILES, "x": os.urandom(9000)}), bounds=Bounds(packed=5000))
    assert refused.value.word == "too_large"
    with pytest.raises(PackageError, match=r"manifest\.json is larger"):
        read(SOUND, bounds=Bounds(manifest=100))
    with pytest.raises(PackageError, match="documentation may have"):
        read(SOUND, bounds=Bounds(docs=5))
