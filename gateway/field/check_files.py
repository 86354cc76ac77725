"""What ``ferrule check`` says of the files with certificates that a configuration names, where it is asked."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from gateway.settings.document import Node, read_document
from gateway.settings.problems import Problem, Severity

_NO_START = "the gateway does not start without it"
_PEM = "Name a file with certificates in PEM (-----BEGIN CERTIFICATE-----)"


def file_problems(path: Path) -> list[Problem]:
    """What is wrong with the files that a configuration names; they are read, and nothing else is done with them.

    Args:
        path: of the configuration, which has been accepted.
    """
    root = Node.root(read_document(path))
    found: list[Problem] = []
    if "server" in root:
        found += _of_server(root.table("server"))
    if "agents" in root:
        found += _authority(root.table("agents"), "ca", "no capability of an agent is invoked until then")
    if "webhook" in root and "allow" in (webhook := root.table("webhook")):
        for entry in webhook.tables("allow"):
            found += _authority(entry, "ca", "nothing is delivered there until then")
    return sorted(found, key=lambda problem: (problem.line, problem.column))


def _of_server(server: Node) -> Iterator[Problem]:
    yield from _authority(server, "client_ca", _NO_START, "error")
    named = {key: file for key in ("certificate", "key") if (file := _file(server, key)) is not None}
    problems = [
        _problem(
            server, key, f"{file}: {why}. Name a file that is there and that the gateway's user can read", _NO_START
        )
        for key, file in named.items()
        if (why := _unreadable(file)) is not None
    ]
    yield from problems
    if problems or len(named) < 2:
        return
    try:
        # One with a password would be asked for on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(named["certificate"], named["key"], password="")
    except ssl.SSLError as error:
        words = f"{named['certificate']} and {named['key']} do not fit: {_why(error, named['key'])}"
        yield _problem(server, "certificate", words, _NO_START, "error")


def _why(error: ssl.SSLError, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate. Name the two that belong together"
    if b"ENCRYPTED" in key.read_bytes():
        return "the key has a password. Remove it: openssl pkey -in KEY -out NEW_KEY"
    return (
        "one of them is no PEM, or damaged. Name the certificate first, then what stands above it, and its key in PEM"
    )


def _authority(table: Node, key: str, otherwise: str, severity: Severity = "warning") -> Iterator[Problem]:
    file = _file(table, key)
    if file is None:
        return
    why = _unreadable(file)
    if why is not None:
        yield _problem(table, key, f"{file}: {why}. Put the authority's certificate there, or name its file", otherwise)
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        yield _problem(table, key, f"{file} holds no certificate. {_PEM}", otherwise, severity)


def _file(table: Node, key: str) -> Path | None:
    """The file a key names, counted from the directory of the configuration; None where it names none."""
    value = table.value(key) if key in table else None
    return Path(table.place_of_key(key).path).parent / value if isinstance(value, str) and value else None


def _unreadable(file: Path) -> str | None:
    """Why a file cannot be read; None where it can."""
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None


def _problem(table: Node, key: str, words: str, otherwise: str, severity: Severity = "warning") -> Problem:
    """One that may be otherwise on the board is a warning: a configuration is often checked elsewhere."""
    return Problem.at(table.place_of_value(key), f"{key}: {words}; {otherwise}", severity)
