"""The bill of materials says what packages say of themselves, in a form other tools take, and the same each time."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from image.bom import Part, bill, of_base, of_debs, of_wheels, versions
from image.debs import Deb
from systemd.debian.cache import digest
from systemd.debian.stop import BuildError
from systemd.debian.suite import SUITES

SUITE = SUITES["trixie"]
EPOCH = 1_790_000_000
STATUS = """\
Package: mount
Status: install ok installed
Architecture: arm64
Source: util-linux (2.41-5)
Version: 1:2.41-5+b1
Description: tools
 Version: of what is below
 .
 Package: none

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2026c-0+deb13u1

Package: gone
Status: deinstall ok config-files
Architecture: arm64
Version: 1.0
"""


def base(directory: Path, name: str = "./var/lib/dpkg/status") -> Path:
    path = directory / "base.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(STATUS.encode())
        tar.addfile(member, io.BytesIO(STATUS.encode()))
    return path


def wheel(directory: Path, name: str, metadata: str, sboms: dict[str, object] | None = None) -> Path:
    path = directory / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
        archive.writestr(f"{name}/_vendor/other-2.dist-info/METADATA", "Name: other\nVersion: 2\n")
        for file, content in (sboms or {}).items():
            archive.writestr(f"{name}-1.0.dist-info/sboms/{file}", json.dumps(content))
    return path


def test_packages_of_the_base_are_those_that_are_installed(tmp_path: Path) -> None:
    mount, zone = of_base(base(tmp_path), SUITE)
    assert (mount.name, mount.version, mount.sha256) == ("mount", "1:2.41-5+b1", None)
    # Debian's lists of faults go by the source.
    assert mount.properties == {"debian:source": "util-linux", "debian:source-version": "2.41-5"}
    assert mount.purl == "pkg:deb/debian/mount@1:2.41-5%2Bb1?arch=arm64&distro=debian-13&upstream=util-linux%402.41-5"
    assert zone.purl == (
        "pkg:deb/debian/tzdata@2026c-0%2Bdeb13u1?arch=all&distro=debian-13&upstream=tzdata%402026c-0%2Bdeb13u1"
    )


def test_a_base_that_does_not_tell_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"base\.tar has no \./var/lib/dpkg/status"):
        list(of_base(base(tmp_path, "./etc/motd"), SUITE))


def test_what_was_unpacked_has_the_digest_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "root/DEBIAN").mkdir(parents=True)
    (tmp_path / "root/DEBIAN/control").write_text(
        "Package: raspi-firmware\nVersion: 1:1.2024-1\nArchitecture: all\nSource: raspi\n"
        "Maintainer: nobody <nobody@example.invalid>\nDescription: firmware\n"
    )
    path = tmp_path / "raspi-firmware.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tmp_path / "root", path], check=True)
    [part] = of_debs([Deb("raspi-firmware", "1:1.2024-1", digest(path), path)], SUITE)
    assert part.sha256 == digest(path)
    assert part.purl == (
        "pkg:deb/debian/raspi-firmware@1:1.2024-1?arch=all&distro=debian-13&upstream=raspi%401:1.2024-1"
    )


def test_a_wheel_tells_its_licence_and_what_was_built_into_it(tmp_path: Path) -> None:
    built_in = {
        "components": [
            {"name": "openssl", "version": "4.0.3", "purl": "pkg:generic/openssl@4.0.3"},
            {"name": "itself", "version": "1.0", "purl": "pkg:cargo/itself@1.0?download_url=file:///home/them"},
            {"name": "nameless", "version": "1"},
        ]
    }
    files = [
        wheel(
            tmp_path, "Crypto_Lib", "Name: Crypto_Lib\nVersion: 1.0\nLicense-Expression: MIT\n", {"a.json": built_in}
        ),
        wheel(tmp_path, "old", "Name: old\nVersion: 1.0\nLicense: BSD\n"),
        wheel(tmp_path, "long", "Name: long\nVersion: 1.0\nLicense: A text\n        of many lines\n"),
        wheel(tmp_path, "mute", "Name: mute\nVersion: 1.0\n"),
    ]
    crypto, old, long, mute = of_wheels(files)
    assert (crypto.purl, crypto.sha256) == ("pkg:pypi/crypto-lib@1.0", digest(files[0]))
    assert crypto.licence == {"expression": "MIT"}
    assert [part.purl for part in crypto.within] == ["pkg:generic/openssl@4.0.3"]
    assert old.licence == {"license": {"name": "BSD"}}
    # Nothing is made up where a package says nothing, or too much for a name.
    assert long.licence is None
    assert mute.licence is None


def test_a_bill_is_what_cyclonedx_says_and_the_same_each_time(tmp_path: Path) -> None:
    inner = (Part("openssl", "4.0.3", "pkg:generic/openssl@4.0.3"),)
    parts = [
        *of_base(base(tmp_path), SUITE),
        Part("first", "1", "pkg:pypi/first@1", "ab" * 32, {"expression": "MIT"}, inner),
        Part("second", "2", "pkg:pypi/second@2", None, None, inner),
    ]
    told = {"ferrule:build-id": "0123456789abcdef"}
    made = bill("0.1.0", parts, told, EPOCH)
    assert made == bill("0.1.0", list(reversed(parts)), told, EPOCH)

    said = json.loads(made)
    assert (said["bomFormat"], said["specVersion"], said["version"]) == ("CycloneDX", "1.6", 1)
    assert said["metadata"]["timestamp"] == "2026-09-21T14:13:20Z"
    assert said["metadata"]["component"]["properties"] == [{"name": "ferrule:build-id", "value": "0123456789abcdef"}]
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said["serialNumber"])
    other = json.loads(bill("0.1.0", parts[1:], told, EPOCH))
    assert other["serialNumber"] != said["serialNumber"]

    names = [part["name"] for part in said["components"]]
    assert names == ["mount", "tzdata", "ferrule", "first", "second"]
    known = {"type", "bom-ref", "name", "version", "hashes", "licenses", "purl", "components", "properties"}
    everything = [one for part in said["components"] for one in (part, *part.get("components", []))]
    assert len(everything) == 7
    for part in everything:
        assert part.keys() <= known
        assert part["type"] in {"application", "library"}
        assert part["purl"].startswith("pkg:")
        assert part["version"]
    # A name that stands for two parts would be refused by who reads it; one that is nowhere, too.
    references = [part["bom-ref"] for part in everything]
    assert len(set(references)) == len(references)
    [edges] = said["dependencies"]
    assert edges["ref"] == said["metadata"]["component"]["bom-ref"] == "image"
    assert set(edges["dependsOn"]) == {part["bom-ref"] for part in said["components"]}
    [first] = (part for part in said["components"] if part["name"] == "first")
    assert first["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert first["licenses"] == [{"expression": "MIT"}]


def test_versions_of_the_tools_are_told(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    assert versions(tmp_path) == {"mount": "1:2.41-5+b1", "tzdata": "2026c-0+deb13u1"}
