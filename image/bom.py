"""The bill of materials: what is in an image, in CycloneDX, for who watches over faults that become known.

It tells what was read from the packages themselves, and leaves out what they do not say. The same parts give the same
bytes: its time is that of the commit, its serial number that of its content.
"""

from __future__ import annotations

import io
import json
import tarfile
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from urllib.parse import quote

from packaging.utils import canonicalize_name

from image.debs import Deb
from systemd.debian.cache import digest
from systemd.debian.run import run
from systemd.debian.stop import BuildError
from systemd.debian.suite import Suite

_STATUS = "./var/lib/dpkg/status"
_INSTALLED = "install ok installed"


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is in an image.

    Attributes:
        name: as its makers call it.
        version: of it, as they write it.
        purl: its name for every tool: a package URL; no two parts have the same.
        sha256: of the file it came in; None: it came in no file that was seen.
        licence: in CycloneDX's form; None where the part does not say it.
        within: parts that were built into it, which have no file of their own.
        properties: what else is known of it.
    """

    name: str
    version: str
    purl: str
    sha256: str | None = None
    licence: Mapping[str, object] | None = None
    within: tuple[Part, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


def of_base(base: Path, suite: Suite) -> Iterator[Part]:
    """Debian's packages in a base.

    Args:
        base: tar of the Debian system.
        suite: the release.

    Raises:
        BuildError: the tar does not tell what is in it.
    """
    with tarfile.open(base) as tar:
        try:
            status = tar.extractfile(_STATUS)
        except KeyError:
            status = None
        if status is None:
            raise BuildError(f"{base} has no {_STATUS}: it is no Debian system; remove it, and build again")
        text = status.read().decode()
    for fields in _installed(text):
        yield _deb(fields, suite)


def versions(root: Path) -> dict[str, str]:
    """Debian's packages in a directory, and their versions."""
    text = (root / _STATUS).read_text()
    return {fields["Package"]: fields["Version"] for fields in _installed(text)}


def _installed(text: str) -> Iterator[Message]:
    for paragraph in text.strip().split("\n\n"):
        fields = HeaderParser().parsestr(paragraph)
        if fields["Status"] == _INSTALLED:
            yield fields


def of_debs(debs: Iterable[Deb], suite: Suite) -> Iterator[Part]:
    """Debian's packages that were unpacked, and not installed.

    Args:
        debs: their files.
        suite: the release.
    """
    for deb in debs:
        yield _deb(HeaderParser().parsestr(run(["dpkg-deb", "--field", deb.path])), suite, deb.sha256)


def of_wheels(wheels: Iterable[Path]) -> Iterator[Part]:
    """Python's packages, with what they themselves say was built into them (PEP 770).

    Args:
        wheels: their files.
    """
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            [metadata] = (name for name in names if name.endswith(".dist-info/METADATA") and name.count("/") == 1)
            about = HeaderParser().parsestr(archive.read(metadata).decode())
            bills = sorted(name for name in names if ".dist-info/sboms/" in name and name.endswith(".json"))
            within = {part.purl: part for name in bills for part in _within(archive.read(name))}
        name, version = canonicalize_name(about["Name"]), about["Version"]
        yield Part(
            name,
            version,
            f"pkg:pypi/{name}@{_escaped(version)}",
            digest(wheel),
            _licence(about["License-Expression"], about["License"]),
            tuple(within[purl] for purl in sorted(within)),
        )


def bill(version: str, parts: Iterable[Part], told: Mapping[str, str], epoch: int) -> bytes:
    """The bill of an image, CycloneDX 1.6 in JSON.

    Args:
        version: of Ferrule, and so of the image.
        parts: all that is in it beside Ferrule.
        told: what else is known of the image.
        epoch: Unix seconds, of the commit.
    """
    ours = Part("ferrule", version, f"pkg:generic/ferrule@{_escaped(version)}")
    # What was unpacked comes last, and has a digest.
    found = {part.purl: part for part in (ours, *parts)}
    image = {
        "type": "firmware",
        "bom-ref": "image",
        "name": "ferrule-image",
        "version": version,
        "properties": _properties(told),
    }
    content = {
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "authors": [{"name": "Ferrule maintainers"}],
            "component": image,
        },
        "components": [_component(found[purl]) for purl in sorted(found)],
        "dependencies": [{"ref": "image", "dependsOn": sorted(found)}],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **content,
    }
    out = io.StringIO()
    json.dump(document, out, indent=1, ensure_ascii=False)
    return f"{out.getvalue()}\n".encode()


def _deb(fields: Message, suite: Suite, sha256: str | None = None) -> Part:
    name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
    # Debian tells of faults by the name of the source: "glibc", or "util-linux (2.41-5)" where its version differs.
    source, _, other = (fields.get("Source") or name).partition(" ")
    their = other.strip("()") or version
    purl = (
        f"pkg:deb/debian/{_escaped(name)}@{_escaped(version)}"
        f"?arch={architecture}&distro=debian-{suite.number}&upstream={_escaped(f'{source}@{their}')}"
    )
    return Part(name, version, purl, sha256, properties={"debian:source": source, "debian:source-version": their})


def _within(bill_of_wheel: bytes) -> Iterator[Part]:
    """Parts of a wheel by its own bill; those it names by a path of whoever built it are the wheel itself."""
    for part in json.loads(bill_of_wheel).get("components", []):
        purl = part.get("purl", "")
        if purl and "file:" not in purl:
            yield Part(part["name"], part["version"], purl)


def _licence(expression: str | None, text: str | None) -> Mapping[str, object] | None:
    if expression:
        return {"expression": expression}
    # What was written before there were expressions is a name at best; whole texts stand beside the library.
    if text and "\n" not in text.strip():
        return {"license": {"name": text.strip()}}
    return None


def _component(part: Part, within: str = "") -> dict[str, object]:
    kind = "application" if part.name == "ferrule" else "library"
    made: dict[str, object] = {
        "type": kind,
        "bom-ref": within + part.purl,
        "name": part.name,
        "version": part.version,
    }
    if part.sha256 is not None:
        made["hashes"] = [{"alg": "SHA-256", "content": part.sha256}]
    if part.licence is not None:
        made["licenses"] = [part.licence]
    made["purl"] = part.purl
    if part.within:
        made["components"] = [_component(inner, f"{part.purl} ") for inner in part.within]
    if part.properties:
        made["properties"] = _properties(part.properties)
    return made


def _properties(told: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in sorted(told.items())]


def _escaped(text: str) -> str:
    """As a package URL has it: a colon stays."""
    return quote(text, safe=":")
