"""``ferrule plugin``: write plugins, publish them, and have them run."""

from __future__ import annotations

import argparse
from importlib import import_module

# What carries each action out; each loads what the others need not.
_ACTS = {
    "new": "gateway.cli.plugin_new",
    "check": "gateway.cli.plugin_check",
    "pack": "gateway.cli.plugin_pack",
    "keygen": "gateway.cli.plugin_keys",
    "sign": "gateway.cli.plugin_keys",
    "run": "gateway.cli.plugin_run",
    "publish": "gateway.cli.plugin_publish",
    "install": "gateway.cli.plugin_install",
    "update": "gateway.cli.plugin_update",
    "list": "gateway.cli.plugin_list",
}


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    act: str = arguments.act or "list"
    code: int = import_module(_ACTS.get(act, "gateway.cli.plugin_instance")).run(arguments)
    return code
