"""Manual pages made of the parsers, so that they never say anything else than ``--help``."""

from __future__ import annotations

import argparse
import re

from gateway.cli.main import COMMANDS, main_parser, parser_of

EXIT_STATUS = """\
.TP
0
done; of a write: confirmed
.TP
1
it failed
.TP
2
the command line, a name or a file is wrong
.TP
3, 4, 5
a write was refused, was not sent, or was sent and nobody knows
.TP
6
the gateway cannot be reached
.TP
7
the gateway or the system does not allow it
.TP
8
a value that was read is bad
"""
# A word in front of a block of a help's end that is a chapter of the page.
_CHAPTERS = {"examples": "EXAMPLES", "exit codes": "EXIT STATUS"}


def main_page() -> str:
    """The page of ``ferrule`` itself."""
    rows = "".join(f".TP\n.BR ferrule\\-{_text(name)} (1)\n{_text(about)}\n" for name, (_, about) in COMMANDS.items())
    return (
        _head("ferrule", "edge gateway for serial and Modbus devices")
        + _synopsis(main_parser())
        + f".SH DESCRIPTION\n{_text(main_parser().description or '')}\n.SH COMMANDS\n{rows}"
        + f".SH EXIT STATUS\n{EXIT_STATUS}"
    )


def command_page(command: str) -> str:
    """The page of one command."""
    parser, _ = parser_of(command)
    name = f"ferrule-{command}"
    return (
        _head(name, COMMANDS[command][1])
        + _synopsis(parser)
        + f".SH DESCRIPTION\n{_text(parser.description or '')}\n"
        + _options(parser, "OPTIONS")
        + "".join(_options(inner, f"{command} {action}".upper()) for action, inner in _actions_of(parser).items())
        + _end(parser.epilog or "")
        + ".SH SEE ALSO\n.BR ferrule (1)\n"
    )


def _head(name: str, about: str) -> str:
    from importlib.metadata import version

    title = f'.TH {_text(name).upper()} 1 "" "ferrule {version("ferrule")}" "Ferrule"\n'
    return f"{title}.SH NAME\n{_text(name)} \\- {_text(about)}\n"


def _synopsis(parser: argparse.ArgumentParser) -> str:
    usage = re.sub(r"\s+", " ", parser.format_usage()).removeprefix("usage: ").strip()
    return f".SH SYNOPSIS\n{_text(usage)}\n"


def _options(parser: argparse.ArgumentParser, title: str) -> str:
    rows = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to its options
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            continue
        value = "" if action.nargs == 0 or not action.option_strings else f" {_value(action)}"
        names = ", ".join(action.option_strings)
        rows.append(f".TP\n.B {_text((names + value) or _value(action))}\n{_text(action.help or '')}\n")
    about = f"{_text(parser.description or '')}\n" if title != "OPTIONS" else ""
    return f".SH {_text(title)}\n{about}{''.join(rows)}"


def _value(action: argparse.Action) -> str:
    if action.choices is not None and action.metavar is None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return str(action.metavar or action.dest.upper())


def _actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - as above
    return {name: inner for group in groups for name, inner in group.choices.items()}


def _end(epilog: str) -> str:
    """The end of a help: chapters by their first word, the rest as notes."""
    parts = []
    for block in epilog.strip().split("\n\n"):
        word, _, rest = block.partition(":")
        chapter = _CHAPTERS.get(word)
        body = (rest if chapter else block).strip("\n").strip()
        shown = f".nf\n{_text(_unindented(rest))}\n.fi" if chapter == "EXAMPLES" else _text(body)
        if block.strip():
            parts.append(f".SH {chapter or 'NOTES'}\n{shown}\n")
    return "".join(parts)


def _unindented(text: str) -> str:
    return "\n".join(line.removeprefix("  ") for line in text.strip("\n").splitlines())


def _text(text: str) -> str:
    """Text as roff takes it (groff_man(7)): nothing in it is a request or an escape."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())
