"""The gateway held against its own description: schemathesis makes requests of it and judges every answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.described_hooks import WITHOUT_TOKEN
from tests.e2e.programs import ROOT
from tests.e2e.site import Gateway, Site

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("described.toml")
PROFILE = {"FERRULE_TEST_PROFILE": "1"}
SHOWN = '[auth.openapi.bearer]\nbearer = "${TOKEN}"\n'
OPERATIONS = 117
# Strangers are asked about as many, and are told the same each time.
OF_STRANGERS = 4


@dataclass(frozen=True, slots=True)
class Held:
    """What came of it.

    Attributes:
        cases: requests that were made of the description.
        failed: schemathesis found something.
        words: all that it said.
    """

    cases: int
    failed: bool
    words: str


def open_to_many(site: Site) -> Gateway:
    """Start a gateway with the test profile that lets one caller ask thousands of times."""
    site.configure()
    more = "anonymous_requests_per_minute = 100000\nanonymous_burst = 10000\n\n[history]"
    site.config.write_text(site.config.read_text().replace("[history]", more))
    return site.start(PROFILE)


def hold(gateway: Gateway, phases: Sequence[str], *, each: int, seed: int, stranger: bool = False) -> Held:
    """Hold a running gateway against its description.

    Args:
        gateway: it runs with the test profile.
        phases: of schemathesis.
        each: requests of an operation that are made up, at most.
        seed: of what is made up.
        stranger: nobody shows a token.
    """
    token = "" if stranger else gateway.token(["*"])
    with tempfile.TemporaryDirectory() as here:
        config = Path(here) / "schemathesis.toml"
        config.write_text(CONFIG.read_text().replace(SHOWN if stranger else "", ""))
        ended = subprocess.run(
            [
                *(SCHEMATHESIS, "--config-file", config, "run", f"{gateway.url}/v1/openapi.json"),
                *("--url", gateway.url, "--tls-verify", gateway.state / "ca.pem", "--no-color"),
                *("--phases", ",".join(phases), "--max-examples", str(each), "--seed", str(seed)),
            ],
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TOKEN": token, WITHOUT_TOKEN: "1" if stranger else ""},
            capture_output=True,
            text=True,
            check=False,
        )
    made = re.search(r"Test cases:\s+([\d,]+) generated", ended.stdout)
    return Held(
        0 if made is None else int(made[1].replace(",", "")), ended.returncode != 0, ended.stdout + ended.stderr
    )


def drill(examples: int, seed: int) -> str:
    """At least so many requests with everything allowed, boundary values and chains of requests beside them."""
    with tempfile.TemporaryDirectory() as here:
        site = Site(Path(here))
        try:
            gateway = open_to_many(site)
            each = -(-examples // OPERATIONS)
            known = hold(gateway, ("fuzzing", "coverage", "stateful"), each=each, seed=seed)
            unknown = hold(gateway, ("fuzzing",), each=OF_STRANGERS, seed=seed, stranger=True)
            for held in (known, unknown):
                assert not held.failed, held.words
            assert known.cases >= examples, f"{known.cases} requests, and {examples} were wanted"
            site.close()
        finally:
            for one in site.gateways:
                one.hang_up()
                one.kill()
    return (
        f"{known.cases} requests made of the description with everything allowed, and {unknown.cases} without a token: "
        "every answer as described"
    )
