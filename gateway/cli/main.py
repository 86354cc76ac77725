"""``ferrule``: the list of commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from gateway.cli.streams import give_up_output, settle, tells_of_output

DEFAULT_STATE = Path("/var/lib/ferrule")
DEFAULT_CONFIG = Path("/etc/ferrule/ferrule.toml")
STATE_VARIABLE = "FERRULE_STATE"

# Exit codes: 0 done, 1 it failed, 2 the input is wrong (argparse's own code as well). docs/cli.md says them all.
FAILED = 1
WRONG = 2
REFUSED = 3
NOT_SENT = 4
UNKNOWN = 5
UNREACHED = 6
DENIED = 7
BAD = 8
# As shells have it for a program that Ctrl-C ends.
INTERRUPTED = 130

AS_WHOM = "Run this as the user the gateway runs as, or as root"

# Where a command's options are, and what it is for. What carries it out is imported only when it is called: that takes
# up to a second on a slow board, and nobody who asks for help waits for it.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("gateway.cli.options.run", "run the gateway"),
    "check": ("gateway.cli.options.check", "check a configuration file and say what its lines can do"),
    "reload": ("gateway.cli.options.reload", "have the running gateway read its configuration anew"),
    "token": ("gateway.cli.options.token", "print a bearer token for an operator"),
    "agents": ("gateway.cli.options.agents", "enrol agents, list them, end what they have"),
    "user": ("gateway.cli.options.user", "who may sign in, and the code for the first of them"),
    "client": ("gateway.cli.options.clients", "register programs that get tokens by OAuth, and end them"),
    "key": ("gateway.cli.options.api_keys", "make API keys, list and revoke them"),
    "keys": ("gateway.cli.options.keys", "show and rotate the keys that sign tokens"),
    "plugin": ("gateway.cli.options.plugin", "plugins: write, check, try, sign, publish, install and watch them"),
    "status": ("gateway.cli.options.status", "lines, devices and what is wrong, at a glance"),
    "alarms": ("gateway.cli.options.alarms", "show the alarms that stand, and acknowledge them"),
    "events": ("gateway.cli.options.events", "what the gateway said, and what it says"),
    "webhooks": ("gateway.cli.options.webhooks", "where events are delivered to, and what became of them"),
    "read": ("gateway.cli.options.read", "show what tags or registers say"),
    "write": ("gateway.cli.options.write", "write a tag or registers"),
    "history": ("gateway.cli.options.history", "show what a tag said"),
    "audit": ("gateway.cli.options.audit", "who did what, and whether the log of it is as it was written"),
    "config": ("gateway.cli.config", "explain, show and change the configuration"),
    "backup": ("gateway.cli.options.backup", "save state, configuration and keys in one file"),
    "restore": ("gateway.cli.options.restore", "put a backup in the place of what is there"),
    "card": ("gateway.cli.options.card", "on a flashed board: take over what lies on the card, and tell what is what"),
    "update": ("gateway.cli.options.update", "on a flashed board: bring it to another version, and back if that fails"),
    "monitor": ("gateway.cli.options.monitor", "show what goes over a line, and save it for Wireshark"),
    "scan": ("gateway.cli.options.scan", "find devices on a line: unit, rate, parity, and how well they answer"),
    "decode": ("gateway.cli.options.decode", "find out what registers mean: type, word order, byte order"),
    "report": ("gateway.cli.options.report", "collect what somebody who helps needs to know, without secrets"),
    "completion": ("gateway.cli.completion", "print what makes a shell complete ferrule's words"),
    "man": ("gateway.cli.man", "print or write the manual pages"),
    "doctor": ("gateway.cli.options.doctor", "look over board, ports and state, and say what to do"),
    "simulate": ("gateway.cli.options.simulate", "serve simulated devices"),
    "import": ("gateway.cli.options.register_map", "turn a register map in CSV into a device profile"),
    "demo": ("gateway.cli.options.demo", "run the gateway with simulated devices"),
}
EXIT_CODES = "exit codes: 0 done, 1 it failed, 2 the command line or a file is wrong; docs/cli.md says them all"


class CommandError(Exception):
    """A command cannot do what it should; the text says why and what to do.

    Attributes:
        code: the exit code.
    """

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def add_state(parser: argparse.ArgumentParser | argparse._ArgumentGroup, about: str = "state directory") -> None:
    """The option that names the state directory; the environment may name another default."""
    parser.add_argument(
        "--state",
        type=Path,
        default=Path(os.environ.get(STATE_VARIABLE) or DEFAULT_STATE),
        metavar="DIR",
        help=f"{about} (default: {STATE_VARIABLE} of the environment, else {DEFAULT_STATE})",
    )


def fail(message: str, code: int = FAILED) -> int:
    """Say on standard error what is wrong, and give the exit code for it."""
    print(f"ferrule: {message}", file=sys.stderr)
    return code


class _Version(argparse.Action):
    """Says the version. To look it up takes longer than all the rest of a start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"ferrule {version('ferrule')}")
        parser.exit()


Work = Callable[[argparse.Namespace], int]


def parser_of(command: str, parser: argparse.ArgumentParser | None = None) -> tuple[argparse.ArgumentParser, Work]:
    """The parser of one command, and what carries it out.

    Args:
        command: one of ``COMMANDS``.
        parser: to be filled; a new one where none is given.
    """
    options, about = COMMANDS[command]
    filled = parser or argparse.ArgumentParser(prog=f"ferrule {command}")
    filled.description = about[0].upper() + about[1:] + "."
    filled.formatter_class = argparse.RawDescriptionHelpFormatter
    import_module(options).add_arguments(filled)

    def work(arguments: argparse.Namespace) -> int:
        code: int = import_module(options.replace(".options.", ".")).run(arguments)
        return code

    return filled, work


def main_parser() -> argparse.ArgumentParser:
    """The parser of the first word; it knows the commands by name only."""
    parser = argparse.ArgumentParser(
        prog="ferrule",
        description="Edge gateway: polls serial and Modbus devices and serves them on the LAN.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<10} {about}" for name, (_, about) in COMMANDS.items())
        + f"\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is, and end")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="see below; COMMAND --help says more")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        # On a slow board a second may pass before a command begins.
        return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    settle()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments:
        main_parser().print_help(sys.stderr)
        return WRONG
    if arguments[0] not in COMMANDS and not arguments[0].startswith("-"):
        from gateway.settings.suggest import did_you_mean

        hint = did_you_mean(arguments[0], COMMANDS) or "ferrule --help lists them"
        return fail(f'there is no command "{arguments[0]}". {hint}', WRONG)
    meant = next((word for word in arguments if word in COMMANDS), None)
    if arguments[0].startswith("--") and arguments[0] not in {"--help", "--version"} and meant is not None:
        return fail(f"options come behind the command: ferrule {meant} {arguments[0]} ...", WRONG)
    chosen = main_parser().parse_args(arguments[:1])
    own, command = parser_of(chosen.command)
    code = 0
    try:
        code = command(own.parse_args(arguments[1:]))
        sys.stdout.flush()
    except CommandError as error:
        return fail(str(error), error.code)
    except BrokenPipeError:
        # `ferrule check FILE | head` ends early; nothing is wrong.
        give_up_output()
    except OSError as error:
        if isinstance(error, PermissionError) and error.filename is not None:
            # Such as what pathlib asks for on the way.
            return fail(f"{error.filename}: {error.strerror}. Run this as a user who may", DENIED)
        if not tells_of_output(error):
            raise
        give_up_output()
        return fail(f"what this prints cannot be written: {error.strerror}", code or FAILED)
    return code
