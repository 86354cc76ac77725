"""The gateway held against its own description: schemathesis makes requests of it and judges every answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.described_hooks import AUTHORITY, WITHOUT_TOKEN
from tests.e2e.programs import ROOT, free_port
from tests.e2e.site import Gateway, Site, device, tcp_line
from tests.gateway.plugins.making import PUBLIC_TEXT

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("described.toml")
PROFILE = {"FERRULE_TEST_PROFILE": "1"}
SHOWN = '[auth.openapi.bearer]\nbearer = "${TOKEN}"\n'
# So that there are alarms, plugins and deliveries to be asked for.
ALLOWED = (
    '[[alarm]]\nname = "gone"\ndevice_down = "plant/drive"\nseverity = "critical"\n\n'
    "[plugin]\nmax_plugins = 2000\nmax_instances = 1000\n\n"
    f'[[plugin.publisher]]\nname = "workshop"\nkey = "{PUBLIC_TEXT}"\n\n'
    '[[webhook.allow]]\nnetwork = "127.0.0.1/32"\ninsecure = true\n'
)
# What the description has examples of comes first.
MADE_UP = ("examples", "fuzzing")
# Chains of requests, each of which uses what the ones before it made.
CHAINS = 200


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
    tag = 'name = "speed", table = "holding", address = 1, type = "uint16", writable = true'
    site.configure(tcp_line("plant", free_port(), device("drive", 1, [tag])) + ALLOWED)
    more = "anonymous_requests_per_minute = 100000\nanonymous_burst = 10000\n\n[history]"
    site.config.write_text(site.config.read_text().replace("[history]", more))
    return site.start(PROFILE)


def operations(gateway: Gateway) -> int:
    """How many the description has."""
    paths = gateway.client.get("/v1/openapi.json").json()["paths"]
    return sum(len(verbs) for verbs in paths.values())


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
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TOKEN": token,
                AUTHORITY: str(gateway.state / "ca.pem"),
                WITHOUT_TOKEN: "1" if stranger else "",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    made = re.search(r"Test cases:\s+([\d,]+) generated", ended.stdout)
    return Held(
        0 if made is None else int(made[1].replace(",", "")), ended.returncode != 0, ended.stdout + ended.stderr
    )


def drill(examples: int, seed: int) -> str:
    """So many requests that are made up, with everything allowed and without a token; boundary values and chains too.

    Each phase says what came of it as it ends: the whole takes some minutes.
    """
    with tempfile.TemporaryDirectory() as here:
        site = Site(Path(here))
        try:
            gateway = open_to_many(site)
            # Of some operations there are few requests that differ.
            each = -(-examples * 3 // (2 * operations(gateway)))
            found = [
                _told(gateway, phases, many, seed, stranger=stranger)
                for phases, many, stranger in (
                    (MADE_UP, each, False),
                    (("coverage",), each, False),
                    (("stateful",), CHAINS, False),
                    (MADE_UP, each, True),
                    (("coverage",), each, True),
                )
            ]
            site.close()
        finally:
            for one in site.gateways:
                one.hang_up()
                one.kill()
    failures = [held.words for held in found if held.failed]
    assert not failures, "\n".join(failures)
    known, values, chains, unknown, values_of_unknown = [held.cases for held in found]
    for cases in (known, unknown):
        assert cases >= examples, f"{cases} requests were made up, and {examples} were wanted"
    return (
        f"{known} requests made up of the description, {values} of boundary values and {chains} in chains with "
        f"everything allowed, {unknown} and {values_of_unknown} without a token: every answer as described"
    )


def _told(gateway: Gateway, phases: Sequence[str], each: int, seed: int, *, stranger: bool) -> Held:
    """Hold a gateway against some phases, and say what came of it."""
    began = time.perf_counter()
    held = hold(gateway, phases, each=each, seed=seed, stranger=stranger)
    who = "a stranger" if stranger else "who may do everything"
    seconds = time.perf_counter() - began
    ended = f"something is not as described\n{held.words}" if held.failed else "all as described"
    print(f"api: {phases[-1]} of {who}: {held.cases} requests in {seconds:.0f} s, {ended}", flush=True)  # noqa: T201 - a drill reports
    return held
