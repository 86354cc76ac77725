"""The options that say which gateway is meant."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from gateway.cli.main import add_state

TOKEN_VARIABLE = "FERRULE_TOKEN"  # noqa: S105 - the name of a variable
CERTIFICATE_VARIABLE = "FERRULE_CLIENT_CERT"
LONGEST_TIMEOUT_S = 3600.0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_TIMEOUT_S:
        raise argparse.ArgumentTypeError(f'"{text}" is no number of seconds up to {LONGEST_TIMEOUT_S:g}')
    return seconds


def add_connection(parser: argparse.ArgumentParser) -> None:
    """The options that say which gateway is meant."""
    group = parser.add_argument_group("which gateway")
    add_state(group, "state directory of the gateway of this board")
    group.add_argument("--url", metavar="URL", help="another gateway: https://HOST:3500; needs --ca and a token")
    group.add_argument("--ca", type=Path, metavar="FILE", help="its ca.pem (default: that of the state directory)")
    shown = os.environ.get(CERTIFICATE_VARIABLE)
    group.add_argument(
        "--client-cert",
        type=Path,
        default=Path(shown) if shown else None,
        metavar="FILE",
        help="certificate and key to show, where the gateway has [server] client_ca "
        f"(default: {CERTIFICATE_VARIABLE} of the environment)",
    )
    group.add_argument(
        "--token", help=f"bearer token, as ferrule token prints it; better in the environment as {TOKEN_VARIABLE}"
    )
    group.add_argument(
        "--timeout", type=_seconds, default=35.0, metavar="S", help="for an answer, in seconds (default 35)"
    )
