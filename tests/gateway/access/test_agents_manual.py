"""The example in docs/agents.md is right, by joserfc and by the gateway."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from gateway.access.signature import signed_form
from gateway.core.principal import AgentKey

MANUAL = (Path(__file__).parents[3] / "docs" / "agents.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)\n```$", MANUAL.partition("## Signing the card")[2], re.MULTILINE | re.DOTALL)
SECRET, CARD, FORM, HEADER, SIGNATURE, PROGRAM, SHELL = (text for _, text in BLOCKS[:7])
KEY = OctKey.import_key({"kty": "oct", "k": SECRET})


def test_joserfc_takes_the_signature_of_the_example() -> None:
    card = json.loads(CARD)
    assert signed_form(card).decode() == FORM
    registry = jws.JWSRegistry(algorithms=["HS256"], strict_check_header=False)
    seen = jws.deserialize_compact(SIGNATURE, KEY, registry=registry, payload=FORM.encode())
    assert seen.headers() == json.loads(HEADER)
    again = jws.serialize_compact(json.loads(HEADER), FORM.encode(), KEY, registry=registry)
    assert jws.detach_content(again) == SIGNATURE


def test_the_gateway_takes_what_the_program_signs(gateway: Any) -> None:
    gateway.now = time.time()
    enrolment = gateway.enrolments.issue("temp-sensor-001")
    scope: dict[str, Any] = {}
    exec(compile(PROGRAM, "docs/agents.md", "exec"), scope)  # noqa: S102 - the program of our own manual
    card = json.loads(CARD) | {"lastSeen": "2026-11-22T08:13:46Z"}
    signature = scope["sign"](card, enrolment.kid, enrolment.secret)
    gateway.signatures.check(signature, card, "temp-sensor-001", AgentKey(enrolment.kid))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_the_gateway_takes_what_the_shell_signs(gateway: Any, tmp_path: Path) -> None:
    gateway.now = time.time()
    given = gateway.enrolments.issue("temp-sensor-001")
    enrolment = {"agentId": given.agent_id, "kid": given.kid, "secret": given.secret, "token": given.token}
    (tmp_path / "enrol.json").write_text(json.dumps(enrolment) + "\n", encoding="ascii")
    spoken = "curl() { printf '%s\\n' \"$@\"; }\n" + SHELL
    done = subprocess.run(["/bin/sh", "-c", spoken], cwd=tmp_path, capture_output=True, text=True, check=True)
    headers = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert headers["Authorization"] == f"Bearer {given.token}"
    card = json.loads(done.stdout.splitlines()[-1])["params"]["agentCard"]
    gateway.signatures.check(headers["X-Agent-Signature"], card, "temp-sensor-001", AgentKey(given.kid))
