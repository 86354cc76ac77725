"""The options of ``ferrule user``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection

EXAMPLES = """\
examples:
  ferrule user code                                  the code that makes the first administrator, once
  ferrule user add anna --role operator              asks for a password
  ferrule user add ben --role viewer < password.txt  takes it from the first line of a file
  ferrule user password anna
  ferrule user roles anna operator plugin-developer
  ferrule user disable ben

A password is asked for, or read from standard input; it is no argument, for others on the board could see it there.
docs/access.md says what each role may do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule user``."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="act", metavar="ACTION", required=True)

    def action(name: str, about: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        if name not in {"list", "code"}:
            made.add_argument("user", metavar="NAME", help="the name to sign in with")
        return made

    listed = action("list", "who may sign in")
    added = action("add", "let somebody sign in")
    added.add_argument(
        "--role", action="append", required=True, metavar="ROLE", help="what the person is; may stand more than once"
    )
    password = action("password", "give somebody another password; all sign-ins and tokens of before end")
    roles = action("roles", "say what somebody is, in the place of what was said before")
    roles.add_argument("role", nargs="+", metavar="ROLE", help="the role, or several")
    disabled = action("disable", "let somebody do nothing for now; all sign-ins and tokens end")
    enabled = action("enable", "let somebody sign in again")
    removed = action("remove", "forget somebody; all sign-ins and tokens end")
    code = action("code", "show the code that makes the first administrator")
    code.add_argument("--renew", action="store_true", help="make another one; the one before is not good any more")
    for made in (listed, added, password, roles, disabled, enabled, removed, code):
        made.add_argument("--json", action="store_true", help="as JSON")
        add_connection(made)
