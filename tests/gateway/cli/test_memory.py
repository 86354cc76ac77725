"""What a running gateway does not load: each of these costs memory that a board has little of (docs/benchmarks.md)."""

from __future__ import annotations

import subprocess
import sys

# What loads each of them when it is needed stands beside it.
NOT_LOADED = {
    "cryptography": "certificates (a process of its own), webhooks' secrets, keys of agents that are no shared secrets",
    "jwt": "nothing but tests: gateway.access.compact",
    "email": "a receiver of webhooks that says when to ask again",
    "http.client": "nothing but commands",
    "urllib.request": "nothing",
    "quart": "the first request to /v1 with a token",
    "werkzeug": "the same",
    "jinja2": "the same",
    "pymodbus": "nothing but tests",
    "tomlkit": "commands that write the configuration",
    "shtab": "ferrule completion",
    "httpx": "the kits",
    "argon2": "the first password",
    "regex": "the first pattern of a raw serial line",
    "html": "the first page for people",
    "zipfile": "backups",
    "tarfile": "packages of plugins",
    "csv": "register maps",
    "gateway.field": "commands of the technician",
    "gateway.sdk": "agents",
    "gateway.api.test_profile": "the test profile",
    "gateway.api.server.certificates": "a process of its own",
}


def test_a_running_gateway_loads_only_what_it_needs() -> None:
    """In a process of its own: here it was loaded long ago."""
    program = "import sys; sys.modules['rich'] = None; import gateway.cli.run; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    # A new one of these belongs into the function that needs it, with a comment that says when that is.
    assert {name: when for name, when in NOT_LOADED.items() if name in loaded} == {}
    # And the look itself works.
    assert {"gateway.app", "trio"} <= loaded
