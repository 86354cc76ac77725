"""The options of ``ferrule alarms``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection

EXAMPLES = """\
examples:
  ferrule alarms                                           what stands, the worst first
  ferrule alarms --all                                     what is watched as well
  ferrule alarms ack 7c1f4a2b11                            the end of its id, as the list shows it
  ferrule alarms ack boiler-hot --comment "on my way"      its name, where one of that name stands
  ferrule alarms --json | jq '.alarms[] | select(.frozen)'

exit codes: 0 done; 2 there is no such alarm, or several that could be meant; 6 the gateway cannot be reached"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule alarms``."""
    parser.epilog = EXAMPLES
    parser.add_argument("--all", action="store_true", help="also alarms that are normal")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_connection(parser)
    actions = parser.add_subparsers(dest="act", metavar="ACTION")
    seen = actions.add_parser(
        "ack",
        help="acknowledge one",
        description="Acknowledge an alarm. One that is over is normal then.",
    )
    seen.add_argument("alarm", metavar="ALARM", help="its id, the end of that, or its name")
    seen.add_argument("--comment", metavar="TEXT", help="what you say to it; it is told with the alarm")
    seen.add_argument("--json", action="store_true", help="as JSON")
    add_connection(seen)
    for option in seen._actions:  # noqa: SLF001 - argparse has no other way to its options
        # What is not said here is what was said in front of the action.
        if option.option_strings and option.dest not in {"help", "comment"}:
            option.default = argparse.SUPPRESS
