"""``ferrule plugin check``: would a gateway take it?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from gateway.cli.cures import unusable
from gateway.cli.main import WRONG, CommandError
from gateway.cli.screen import Screen, clean
from gateway.core.publisher_keys import read_public_key
from gateway.plugins.author.checking import Checked, check_archive, check_directory
from gateway.plugins.author.findings import Finding
from gateway.plugins.author.signing import KeyFileError, signers_of
from gateway.plugins.signature import Signer, signers_by_id


def run(arguments: argparse.Namespace) -> int:
    """Say what is wrong; exit 0 where a gateway would take it, 2 where not."""
    found = checked(arguments.plugin, _signers(arguments))
    refused = bool(found.errors) or (arguments.strict and bool(found.findings))
    if arguments.json:
        Screen().json(report(found, refused=refused))
        return WRONG if refused else 0
    tell(found.findings, sys.stdout)
    if refused:
        print(f"errors: {len(found.errors)}, warnings: {len(found.findings) - len(found.errors)}")
        return WRONG
    manifest = found.manifest
    if manifest is not None:
        signed = "" if found.signed else " once it is signed"
        by = "" if found.signer is None else f", signed by {found.signer}"
        print(f"{manifest.id} {manifest.version}: {len(found.files)} files{by}; a gateway takes it{signed}")
    return 0


def checked(place: Path, signers: Mapping[str, Signer] | None = None) -> Checked:
    """Check a directory or a package.

    Raises:
        CommandError: it cannot be read.
    """
    try:
        return check_directory(place) if place.is_dir() else check_archive(place, signers)
    except OSError as error:
        raise CommandError(unusable(place, error), WRONG) from None
    except UnicodeDecodeError:
        raise CommandError(f"{place / '.ferruleignore'} is not in UTF-8", WRONG) from None


def tell(findings: list[Finding], stream: TextIO | None = None) -> None:
    """Print findings; on standard error where no stream is named."""
    for finding in findings:
        print(clean(str(finding)), file=stream or sys.stderr)


def report(found: Checked, *, refused: bool) -> dict[str, object]:
    """The same as JSON."""
    manifest = found.manifest
    return {
        "taken": not refused,
        "id": None if manifest is None else manifest.id,
        "version": None if manifest is None else manifest.version,
        "findings": [
            {
                "path": one.path,
                "line": None if one.spot is None else one.spot.line,
                "column": None if one.spot is None else one.spot.column,
                "severity": one.severity,
                "message": one.message,
            }
            for one in found.findings
        ],
        "files": sorted(found.files),
        "leftOut": found.left_out,
        "kitAdded": found.kit_added,
        "signed": found.signed,
        "signer": found.signer,
    }


def _signers(arguments: argparse.Namespace) -> Mapping[str, Signer] | None:
    if arguments.config is not None:
        from gateway.settings.load import load
        from gateway.settings.problems import SettingsError

        try:
            publishers = load(arguments.config).plugin.publishers
        except SettingsError as error:
            print(error, file=sys.stderr)
            raise CommandError(f"{arguments.config} cannot be used: ferrule check {arguments.config}", WRONG) from None
        return signers_by_id([Signer(one.name, read_public_key(one.key)) for one in publishers])
    if arguments.key is None:
        return None
    try:
        return signers_of(arguments.key)
    except KeyFileError as error:
        raise CommandError(str(error), WRONG) from None
