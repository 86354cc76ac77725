"""The description, as the gateway of this tree gives it: one is started for it on this machine, for a moment."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# No lines, a free port, and a state directory that goes with it.
_CONFIGURATION = '[gateway]\nname = "sdk"\n\n[server]\nbind = "127.0.0.1"\nport = 0\n'
_READY = "ready "
# Seconds. A busy board takes some for its keys and its certificates.
_PATIENCE = 120.0


def description() -> Mapping[str, Any]:
    """What ``GET /v1/openapi.json`` says.

    Raises:
        RuntimeError: the gateway of this tree does not start.
    """
    with tempfile.TemporaryDirectory(prefix="ferrule-sdk-") as place:
        config, state = Path(place, "ferrule.toml"), Path(place, "state")
        config.write_text(_CONFIGURATION, "utf-8")
        command: list[str | Path] = [
            Path(sys.executable).with_name("ferrule"),
            "run",
            "--config",
            config,
            "--state",
            state,
        ]
        with (
            Path(place, "log").open("w+", encoding="utf-8") as told,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True) as gateway,  # noqa: S603 - our own
        ):
            try:
                url = _url(gateway)
                if url is None:
                    told.seek(0)
                    raise RuntimeError(f"the gateway of this tree does not start:\n{told.read()}")
                trust = ssl.create_default_context(cafile=state / "ca.pem")
                asked = urllib.request.Request(f"{url}/v1/openapi.json")  # noqa: S310 - the URL is our gateway's
                own = urllib.request.build_opener(
                    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
                )
                with own.open(asked, timeout=_PATIENCE) as answer:
                    found: Mapping[str, Any] = json.load(answer)
                    return found
            finally:
                gateway.terminate()


def _url(gateway: subprocess.Popen[str]) -> str | None:
    assert gateway.stdout is not None  # noqa: S101 - it was asked for a pipe
    for line in gateway.stdout:
        if line.startswith(_READY):
            return line.removeprefix(_READY).strip()
    return None
