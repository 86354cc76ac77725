"""``ferrule``: the list of commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

DEFAULT_STATE = Path("/var/lib/ferrule")
DEFAULT_CONFIG = Path("/etc/ferrule/ferrule.toml")

# Exit codes: 0 done, 1 it failed, 2 the input is wrong (argparse's own code as well).
FAILED = 1
WRONG = 2

# Each module adds its arguments and runs; it is imported only when its command is called, so that a command that
# needs little starts quickly on a slow board.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("gateway.cli.run", "run the gateway"),
    "check": ("gateway.cli.check", "check a configuration file and say what its lines can do"),
    "reload": ("gateway.cli.reload", "have the running gateway read its configuration anew"),
    "token": ("gateway.cli.token", "print a bearer token for an operator"),
    "simulate": ("gateway.cli.simulate", "serve simulated devices"),
    "import": ("gateway.cli.register_map", "turn a register map in CSV into a device profile"),
    "demo": ("gateway.cli.demo", "run the gateway with simulated devices"),
}
EXIT_CODES = "exit codes: 0 done, 1 it failed, 2 the command line or a file is wrong"


def add_state(parser: argparse.ArgumentParser) -> None:
    """The option that names the state directory."""
    parser.add_argument(
        "--state", type=Path, default=DEFAULT_STATE, metavar="DIR", help=f"state directory (default {DEFAULT_STATE})"
    )


def fail(message: str, code: int = FAILED) -> int:
    """Say on standard error what is wrong, and give the exit code for it."""
    print(f"ferrule: {message}", file=sys.stderr)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="ferrule",
        description="Edge gateway: polls serial and Modbus devices and serves them on the LAN.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<10} {about}" for name, (_, about) in COMMANDS.items())
        + f"\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ferrule {version('ferrule')}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="see below; COMMAND --help says more")
    chosen = parser.parse_args(arguments[:1])
    module_name, about = COMMANDS[chosen.command]
    module = import_module(module_name)
    own = argparse.ArgumentParser(prog=f"ferrule {chosen.command}", description=about[0].upper() + about[1:] + ".")
    module.add_arguments(own)
    command: Callable[[argparse.Namespace], int] = module.run
    try:
        return command(own.parse_args(arguments[1:]))
    except BrokenPipeError:
        # `ferrule check FILE | head` ends early; nothing is wrong.
        return 0
