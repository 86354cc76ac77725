"""``ferrule plugin keygen`` and ``sign``: the publisher's key, and what it is for."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path

from gateway.cli.cures import unusable
from gateway.cli.main import WRONG, CommandError
from gateway.cli.plugin_check import checked, tell
from gateway.cli.plugin_pack import write_whole
from gateway.cli.screen import Screen
from gateway.core.publisher_keys import key_id
from gateway.plugins.author.signing import (
    KeyFileError,
    UnsoundPackageError,
    make_key,
    public_text,
    read_key,
    sign_archive,
)

_NAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


def run(arguments: argparse.Namespace) -> int:
    """Make a key, or sign."""
    try:
        return _keygen(arguments) if arguments.act == "keygen" else _sign(arguments)
    except KeyFileError as error:
        raise CommandError(str(error), WRONG) from None
    except OSError as error:
        raise CommandError(
            unusable(arguments.file if arguments.act == "keygen" else arguments.package, error), WRONG
        ) from None


def _keygen(arguments: argparse.Namespace) -> int:
    screen, path = Screen(), arguments.file
    if _NAME.fullmatch(arguments.name) is None:
        raise CommandError(f'--name "{arguments.name}": letters, digits, dots, hyphens and underscores', WRONG)
    public = make_key(path)
    if arguments.json:
        about = {"file": str(path), "name": arguments.name, "key": public_text(public), "keyId": key_id(public)}
        screen.json(about)
        return 0
    screen.line(f"# {path} is the private key: keep it, give it to nobody, and have a copy of it somewhere safe.")
    screen.line("# Gateways take what it signs with these lines in their ferrule.toml, and ferrule reload:")
    print(publisher(arguments.name, public), end="")
    return 0


def publisher(name: str, public: bytes) -> str:
    """A publisher as the configuration has it."""
    return f"[[plugin.publisher]]\nname = {json.dumps(name)}\nkey = {json.dumps(public_text(public))}\n"


def _sign(arguments: argparse.Namespace) -> int:
    screen, path = Screen(), arguments.package
    key = read_key(arguments.key)
    found = checked(path) if path.is_file() else None
    if found is None:
        raise CommandError(f"{path} is no package: ferrule plugin pack makes one", WRONG)
    if found.errors or found.manifest is None:
        tell(found.errors)
        raise CommandError("nothing was signed", WRONG)
    try:
        content = sign_archive(path, key)
    except UnsoundPackageError as error:
        raise CommandError(f"{path}: {error}", WRONG) from None
    output: Path = arguments.output or path
    write_whole(output, content)
    public, digest = key.public_key().public_bytes_raw(), hashlib.sha256(content).hexdigest()
    if arguments.json:
        screen.json({"file": str(output), "bytes": len(content), "sha256": digest, "keyId": key_id(public)})
        return 0
    screen.line(f"{output}: {found.manifest.id} {found.manifest.version} is signed with the key {key_id(public)}")
    screen.line(f"sha256 {digest}")
    return 0
