"""``ferrule plugin pack``: a package of a plugin."""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import tempfile
from contextlib import suppress
from pathlib import Path

from gateway.cli.cures import unusable
from gateway.cli.main import WRONG, CommandError
from gateway.cli.plugin_check import checked, tell
from gateway.cli.screen import Screen
from gateway.plugins.author.packing import pack


def run(arguments: argparse.Namespace) -> int:
    """Check it, and make the package."""
    screen, place = Screen(), arguments.plugin
    if not place.is_dir():
        raise CommandError(f"{place} is no directory: name that of the plugin", WRONG)
    found = checked(place)
    tell(found.findings)
    if found.errors or found.manifest is None:
        raise CommandError("nothing was packed: ferrule plugin check says the same", WRONG)
    manifest = found.manifest
    package = pack(found.written, found.files, executable=found.executable)
    output: Path = arguments.output or Path(f"{manifest.id}-{manifest.version}.tar.gz")
    write_whole(output, package)
    digest = hashlib.sha256(package).hexdigest()
    if arguments.json:
        about = {"file": str(output), "id": manifest.id, "version": manifest.version, "bytes": len(package)}
        screen.json({**about, "sha256": digest, "files": sorted(found.files), "leftOut": found.left_out})
        return 0
    kit = ", with the plugin kit" if found.kit_added else ""
    screen.line(f"{output}: {manifest.id} {manifest.version}, {len(found.files)} files{kit}, {len(package)} bytes")
    screen.line(f"sha256 {digest}")
    if found.left_out:
        screen.line(f"left out: {', '.join(found.left_out)}", "dim")
    screen.line(f"No gateway takes it unsigned: ferrule plugin sign {shlex.quote(str(output))} --key FILE")
    return 0


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole, or not at all.

    Raises:
        CommandError: it cannot be written.
    """
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o666 & ~_umask())
            file.write(content)
        Path(temporary).replace(path)
    except OSError as error:
        with suppress(OSError):
            Path(temporary).unlink()
        raise CommandError(unusable(path, error)) from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
