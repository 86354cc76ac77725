"""``ferrule plugin``: write plugins, and try, check, pack and sign them."""

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
}


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    code: int = import_module(_ACTS[arguments.act]).run(arguments)
    return code
