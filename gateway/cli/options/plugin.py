"""The options of ``ferrule plugin``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.options.clients import add_to_all
from gateway.cli.options.connection import add_connection

LANGUAGES = ("python", "javascript")

EXAMPLES = """\
examples:
  ferrule plugin new "Scale Reader"                        a plugin that works, in the directory scale-reader
  ferrule plugin check scale-reader
  ferrule plugin run scale-reader --config scale-reader/config.example.json --tag boiler/plc/temp=20
  ferrule plugin pack scale-reader
  ferrule plugin keygen publisher.key                      once; prints what goes into ferrule.toml
  ferrule plugin sign scale-reader-0.1.0.tar.gz --key publisher.key

  ferrule plugin publish scale-reader-0.1.0.tar.gz         from here on a gateway has to run
  ferrule plugin install scale-reader --config config.json --grant-all --activate
  ferrule plugin                                           what is installed, and how it does
  ferrule plugin log scale-reader --follow

exit codes: 0 done, of run: it ran as it should; 1 it failed, of run: it fell or said that it is unhealthy; 2 the
plugin, a file or the command line is wrong; 6 the gateway cannot be reached; 7 not allowed. docs/plugins.md goes all
the way, docs/plugin-kit.md has what a plugin can do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule plugin``."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_connection(parser)
    actions = parser.add_subparsers(dest="act", metavar="ACTION")
    made = [
        _add_new(actions.add_parser("new", help="begin one", description="Begin a plugin; it works as it is.")),
        _add_check(
            actions.add_parser(
                "check",
                help="would a gateway take it?",
                description="Say everything for which a gateway would refuse a plugin, and what could be better.",
            )
        ),
        _add_pack(
            actions.add_parser(
                "pack",
                help="make a package of it",
                description="Make a package of a plugin. The same files give the same bytes. Names with a dot in "
                "front, caches, node_modules and what .ferruleignore names are left out.",
            )
        ),
        _add_keygen(
            actions.add_parser(
                "keygen",
                help="a publisher's key",
                description="Make a publisher's key (Ed25519) that you alone can read, and print what gateways need.",
            )
        ),
        _add_sign(actions.add_parser("sign", help="sign a package", description="Sign a package, in its place.")),
    ]
    for action in made:
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
    trial = _add_run(
        actions.add_parser(
            "run",
            help="try it here, without a gateway",
            description="Run a plugin in the gateway's sandbox, beside a little gateway that is made of options and of "
            "lines that are typed, and show everything they say to each other. The lines: boiler/plc/temp=20.5, "
            "message TYPE JSON, serial LINE TEXT, config JSON, wait SECONDS, quit, or an event, "
            '{"type": ..., "data": ...}.',
        )
    )
    add_to_all([trial, *_operators(actions)])


def _operators(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """The actions that talk to a running gateway."""
    published = actions.add_parser("list", help="what is installed", description="What is installed, and how it does.")
    published.add_argument("--published", action="store_true", help="what can be installed, instead")
    return [
        _add_publish(
            actions.add_parser("publish", help="into a gateway's registry", description="Publish a signed package.")
        ),
        _add_install(
            actions.add_parser(
                "install",
                help="have an instance of one",
                description="Install a plugin; it is inactive until it is activated. What it may do is granted here, "
                "and never more than its package asks for.",
            )
        ),
        _add_update(
            _one(
                actions.add_parser(
                    "update",
                    help="another version of it",
                    description="Have an instance run another version of its plugin, or grant it something else. Its "
                    "configuration stays, and has to fit.",
                )
            )
        ),
        published,
        _one(actions.add_parser("show", help="one instance", description="Show an instance, and how it does.")),
        _add_log(_one(actions.add_parser("log", help="what it says", description="Show the log of an instance."))),
        _one(actions.add_parser("activate", help="have it run", description="Have an instance run, now and later.")),
        _one(actions.add_parser("deactivate", help="have it end", description="Have an instance end, and stay so.")),
        _add_config(
            _one(
                actions.add_parser(
                    "config",
                    help="show or change its configuration",
                    description="Show the configuration of an instance without its secrets, or give it another one.",
                )
            )
        ),
        _one(
            actions.add_parser(
                "uninstall", help="remove it", description="End an instance, and remove it with all it kept."
            )
        ),
    ]


def _one(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "instance",
        metavar="ID",
        help="its id, the last four characters of that, or its plugin where that has one instance",
    )
    return parser


def _add_publish(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("package", type=Path, metavar="FILE", help="as sign left it")
    parser.add_argument("--author", metavar="NAME", help="for people (default: who publishes it)")
    parser.add_argument("--homepage", metavar="URL", help="shown, and never fetched")
    parser.add_argument("--repository", metavar="URL", help="the same")
    return parser


def _add_install(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("plugin", metavar="PLUGIN", help="its id, as list --published shows it")
    parser.add_argument("--version", metavar="V", help="of it (default: the newest)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="its configuration, in JSON (default {})")
    _add_granting(parser)
    parser.add_argument("--region", metavar="WORD", help="where it is, for figures")
    parser.add_argument("--activate", action="store_true", help="and have it run")
    return parser


def _add_update(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--version", metavar="V", help="of its plugin (default: the newest)")
    _add_granting(parser)
    return parser


def _add_granting(parser: argparse.ArgumentParser) -> None:
    granting = parser.add_mutually_exclusive_group()
    granting.add_argument("--grant", action="append", metavar="PERMISSION", help="let it do this; again and again")
    granting.add_argument("--grant-all", action="store_true", help="let it do all it asks for")


def _add_log(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    return parser


def _add_config(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--set", dest="file", type=Path, metavar="FILE", help="another one, in JSON")
    parser.add_argument("--merge", action="store_true", help="of --set: what it does not say stays; null takes away")
    return parser


def _add_new(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("name", metavar="NAME", help="for people; the id is made of it")
    parser.add_argument("--language", choices=LANGUAGES, default="python", help="it is written in (default python)")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="to make (default: the id); nothing may be there")
    return parser


def _add_check(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("plugin", type=Path, metavar="FILE", help="the plugin's directory, or a package")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="whose signature a package must have: the key, or .pub"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="or who is trusted: a gateway's configuration")
    parser.add_argument("--strict", action="store_true", help="count a warning as an error")
    return parser


def _add_run(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("plugin", type=Path, metavar="DIR", help="the plugin's directory")
    parser.add_argument("--config", type=Path, metavar="FILE", help="its configuration, in JSON (default {})")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="TAG=VALUE", help="a tag there is; nothing behind = : it is bad"
    )
    parser.add_argument("--tags", type=Path, metavar="FILE", help='more of them, in JSON: {"boiler/plc/temp": 20.5}')
    parser.add_argument(
        "--connect", action="store_true", help="the tags of a running gateway, too: they are read, and never written"
    )
    parser.add_argument(
        "--serial", action="append", default=[], metavar="LINE=TEXT", help="what a raw serial line said last"
    )
    parser.add_argument(
        "--answer", action="append", default=[], metavar="PLUGIN=JSON", help="what another plugin answers"
    )
    parser.add_argument(
        "--grant", action="append", metavar="PERMISSION", help="only these permissions (default: all it asks for)"
    )
    parser.add_argument(
        "--subscribe", action="append", default=[], metavar="NAME=A,B", help="events an operator subscribed it to"
    )
    parser.add_argument("--events", type=Path, metavar="FILE", help="lines as they are typed, taken first")
    parser.add_argument(
        "--for", dest="seconds", type=float, metavar="S", help="so many seconds (default: to the end of the lines)"
    )
    parser.add_argument("--health", action="store_true", help="show questions for its health, too")
    return parser


def _add_pack(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("plugin", type=Path, metavar="DIR", help="the plugin's directory")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the package (default ID-VERSION.tar.gz)")
    return parser


def _add_keygen(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("file", type=Path, metavar="FILE", help="to make; nothing may be there")
    parser.add_argument(
        "--name", default="me", metavar="NAME", help="of the publisher in the configuration (default me)"
    )
    return parser


def _add_sign(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("package", type=Path, metavar="FILE", help="as pack made it")
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="the publisher's key")
    parser.add_argument("--output", type=Path, metavar="FILE", help="another file for it (default: the same)")
    return parser
