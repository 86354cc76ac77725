"""Whether a gateway would take a plugin: its author's directory, or a package."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.plugins.author.archive import Parts, chunks_of, read_parts
from gateway.plugins.author.findings import Finding, errors_in
from gateway.plugins.author.json_places import Spot
from gateway.plugins.author.kit import NoKitError, kit_for
from gateway.plugins.author.manifest_check import ManifestCheck
from gateway.plugins.author.packing import pack, written_manifest
from gateway.plugins.author.source import Source, read_source
from gateway.plugins.bounds import BOUNDS
from gateway.plugins.manifest import MANIFEST, SIGNATURE, Manifest, docs_of, read_manifest
from gateway.plugins.names import shown
from gateway.plugins.package import read_package
from gateway.plugins.refusal import PackageError
from gateway.plugins.signature import Signer, sign, signers_by_id


@dataclass(slots=True)
class Checked:
    """What came of it.

    Attributes:
        findings: everything there is to say.
        manifest: None: it could not be read.
        written: the manifest as it is in the package.
        files: all others of the package, by name; with the kit, where that is added.
        executable: those of them that may be run.
        left_out: what of a directory does not go into the package.
        kit_added: the plugin kit comes from this installation, not from the directory.
        signed: a package has a signature.
        signer: whose it is; None: that is not known.
    """

    findings: list[Finding] = field(default_factory=list)
    manifest: Manifest | None = None
    written: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()
    left_out: list[str] = field(default_factory=list)
    kit_added: bool = False
    signed: bool = False
    signer: str | None = None

    @property
    def errors(self) -> list[Finding]:
        """What stands in the way."""
        return errors_in(self.findings)


def check_directory(directory: Path) -> Checked:
    """Check a plugin as its author has it: everything a gateway would refuse once it is packed.

    Raises:
        OSError: something cannot be read.
    """
    source = read_source(directory)
    found = Checked(list(source.findings), files=source.files, executable=source.executable, left_out=source.left_out)
    if source.manifest is None:
        words = f"there is no {MANIFEST}: ferrule plugin new makes a plugin with one"
        found.findings.insert(0, Finding(str(directory), "error", words))
        return found
    _add_kit(found, directory)
    judged = ManifestCheck(source.manifest, source.path(MANIFEST), frozenset(found.files))
    found.findings = [*judged.findings, *found.findings]
    found.manifest = judged.manifest
    if "files" in judged.document:
        judged.say(("files",), "is made when the plugin is packed: leave it out here", "warning")
        found.findings.append(judged.findings[-1])
    if judged.manifest is None:
        return found
    found.findings += [*_docs(judged.manifest, found.files, source), *_syntax(judged.manifest, found.files, source)]
    found.written = written_manifest(judged.document, found.files)
    if not found.errors:
        found.manifest = read_manifest(found.written)
        found.findings += _judged_by_gateway(found, str(directory))
    return found


def check_archive(path: Path, signers: Mapping[str, Signer] | None) -> Checked:
    """Check a package.

    Args:
        path: of the file.
        signers: whose signatures count; None: nobody said.

    Raises:
        OSError: it cannot be read.
    """
    parts = read_parts(chunks_of(path))
    found = Checked(files=parts.files, signed=parts.signature is not None, written=parts.manifest or b"")
    found.findings = [Finding(str(path), "error", str(fault)) for fault in parts.faults]
    inside = f"{path}:{MANIFEST}"
    if parts.manifest is not None:
        judged = ManifestCheck(parts.manifest, inside, None)
        found.findings += judged.findings
        found.manifest = judged.manifest
        if judged.manifest is not None and parts.whole:
            found.findings += _digests(judged.manifest, parts, path)
    if not parts.whole:
        return found
    if parts.signature is None:
        words = "is not signed, and no gateway takes it so: ferrule plugin sign"
        found.findings.append(Finding(str(path), "warning", words))
    elif signers is None:
        words = "whose signature it has was not looked at: name who counts, --key FILE or --config ferrule.toml"
        found.findings.append(Finding(str(path), "warning", words))
    else:
        try:
            found.signer = read_package(chunks_of(path), signers).signer.name
        except PackageError as error:
            if error.word in {"unknown_signer", "bad_signature"} or not found.errors:
                found.findings.append(Finding(str(path), "error", str(error)))
        return found
    if not found.errors:
        found.findings += _judged_by_gateway(found, str(path))
    return found


def _add_kit(found: Checked, directory: Path) -> None:
    try:
        kit = kit_for(found.files)
    except NoKitError as error:
        found.findings.append(Finding(str(directory), "error", str(error)))
        return
    found.kit_added = bool(kit)
    found.files = dict(sorted({**found.files, **kit}.items()))


def _docs(manifest: Manifest, files: Mapping[str, bytes], source: Source) -> Iterable[Finding]:
    name = manifest.docs or ("README.md" if "README.md" in files else None)
    content = files.get(name or "", b"")
    if len(content) > BOUNDS.docs:
        yield Finding(source.path(str(name)), "error", f"documentation may have {BOUNDS.docs} bytes: shorten it")
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        words = "documentation must be UTF-8: save it as that"
        yield Finding(source.path(str(name)), "error", words, Spot(line, 1))


def _syntax(manifest: Manifest, files: Mapping[str, bytes], source: Source) -> Iterable[Finding]:
    """A gateway would take a program that cannot be compiled, and it would fall at its start."""
    if manifest.entry.runtime != "python":
        return
    for name, content in files.items():
        if name.endswith(".py"):
            try:
                with warnings.catch_warnings(action="ignore"):
                    ast.parse(content, name)
            except SyntaxError as error:
                spot = Spot(max(1, error.lineno or 1), max(1, error.offset or 1))
                yield Finding(source.path(name), "warning", f"Python does not compile it: {error.msg}", spot)
            except ValueError as error:
                yield Finding(source.path(name), "warning", f"Python does not compile it: {error}")


def _digests(manifest: Manifest, parts: Parts, path: Path) -> Iterable[Finding]:
    for name in sorted(parts.files.keys() - manifest.files.keys()):
        words = f"{SIGNATURE} must be the second file" if name == SIGNATURE else f"is not in {MANIFEST}: pack it anew"
        yield Finding(str(path), "error", f'"{shown(name)}": {words}')
    for name, digest in manifest.files.items():
        if name not in parts.files:
            words = f"is in {MANIFEST}, and not in the package: pack it anew"
            yield Finding(str(path), "error", f'"{shown(name)}" {words}')
        elif hashlib.sha256(parts.files[name]).hexdigest() != digest:
            words = f"is not the file that {MANIFEST} lists: pack it anew"
            yield Finding(str(path), "error", f'"{shown(name)}" {words}')
    docs = docs_of(manifest)
    if docs is not None and len(parts.files.get(docs, b"")) > BOUNDS.docs:
        yield Finding(str(path), "error", f"{shown(docs)}: documentation may have {BOUNDS.docs} bytes: shorten it")


def _judged_by_gateway(found: Checked, path: str) -> Iterable[Finding]:
    """What the gateway's own reader says of it, signed with a key that is forgotten at once."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - 7 MB

    key = Ed25519PrivateKey.generate()
    signers = signers_by_id([Signer("nobody", key.public_key().public_bytes_raw())])
    package = pack(found.written, found.files, signature=sign(found.written, key), executable=found.executable)
    try:
        read_package([package], signers)
    except PackageError as error:
        yield Finding(path, "error", str(error))
