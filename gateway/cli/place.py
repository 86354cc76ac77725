"""Which gateway a command talks to, and by what it is known to be that one."""

from __future__ import annotations

import argparse
import ssl
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway.cli.endpoint import listening
from gateway.cli.main import AS_WHOM, DENIED, UNREACHED, WRONG, CommandError
from gateway.cli.trust import show_certificate, trust_in, trust_only

DEFAULT_PORT = 3500


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway.

    Attributes:
        host: name or address.
        port: where it listens.
        vouching: the files that vouch for it.
        trusts: what they stand for; one of them will do.
    """

    host: str
    port: int
    vouching: Sequence[Path]
    trusts: Sequence[ssl.SSLContext]

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://{self.host}:{self.port}"


def place_of(arguments: argparse.Namespace) -> Place:
    """The gateway that ``add_connection``'s options mean.

    Raises:
        CommandError: it cannot be told which, or how to trust it.
    """
    own = arguments.state / "ca.pem"
    vouching, trusts = [], []
    if arguments.url is not None:
        host, port = _named(arguments.url)
    else:
        host, port, config = _local(arguments.state)
        supplied = _supplied(config) if arguments.ca is None else None
        # A key that was changed counts at the next start, so that it may show either.
        if supplied is not None and (only := trust_only(supplied)) is not None:
            vouching.append(supplied)
            trusts.append(only)
    if not trusts or own.exists():
        vouching.append(arguments.ca or own)
        trusts.append(trust_in(vouching[-1]))
    for trust in trusts:
        if arguments.client_cert is not None:
            show_certificate(trust, arguments.client_cert)
    return Place(host, port, vouching, trusts)


def _local(state: Path) -> tuple[str, int, Path]:
    """Where the gateway on our state directory listens, and the configuration it was started with."""
    from gateway.state_lock import owner_of

    try:
        owner = owner_of(state)
    except PermissionError as error:
        raise CommandError(f"{error.filename}: {error.strerror}. {AS_WHOM}", DENIED) from None
    except (OSError, ValueError):
        raise CommandError(
            f"no gateway runs on {state}: start it (systemctl start ferrule), name its state directory "
            "(--state DIR), or another gateway (--url URL)",
            UNREACHED,
        ) from None
    try:
        places = listening(Path("/proc") / str(owner.pid))
    except OSError:
        raise CommandError(
            f"where the gateway (process {owner.pid}) listens cannot be seen. Run this as the user it runs as, or "
            "as root, or say it: --url URL",
            DENIED,
        ) from None
    if not places:
        raise CommandError(
            f"the gateway (process {owner.pid}) runs, but does not listen yet: try again, and see its log",
            UNREACHED,
        )
    return *places[0], owner.config


def _supplied(config: Path) -> Path | None:
    """The operator's certificate that a configuration names; None where it names none, or cannot be read."""
    try:
        server = tomllib.loads(config.read_text(encoding="utf-8")).get("server")
    except (OSError, ValueError):
        return None
    named = server.get("certificate") if isinstance(server, dict) else None
    return config.parent / named if isinstance(named, str) and named else None


def _named(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
        if any(letter.isspace() for letter in parts.netloc):
            raise ValueError(url)
        # What no name can be, no address is found for.
        (parts.hostname or "").encode("idna")
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "https" or not parts.hostname or parts.path not in {"", "/"}:
        raise CommandError(f'--url "{url}" is no address of a gateway: write it as https://192.168.1.10:3500', WRONG)
    return parts.hostname, port or DEFAULT_PORT
