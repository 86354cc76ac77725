"""The log: JSON for the journal, words for a terminal, a secret for nobody."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.logs import HIDDEN, hide, without_secrets

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcGVyYXRvciJ9.c2lnbmF0dXJlLWNhbmFyeQ"


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "client_secret",
        "clientSecret",
        "Authorization",
        "X-API-Key",
        "api_key",
        "password",
        "Set-Cookie",
        "key",
    ],
)
def test_a_secret_is_known_by_its_name(key: str) -> None:
    event = without_secrets(None, "", {"event": "x", key: "canary", "deep": [{key: "canary"}]})
    assert "canary" not in json.dumps(event)
    assert HIDDEN in json.dumps(event)


@pytest.mark.parametrize(
    "text",
    [
        f"refused {TOKEN} from 10.0.0.1",
        f"Authorization: Bearer {TOKEN}",
        "bearer c2lnbmF0dXJlLWNhbmFyeQ",
        "secret whsec_c2lnbmF0dXJlLWNhbmFyeQ== of a webhook",
    ],
)
def test_a_secret_is_known_by_its_look(text: str) -> None:
    event = without_secrets(None, "", {"event": text, "words": [text], "deep": {"a": (text,)}})
    assert "c2lnbmF0dXJlLWNhbmFyeQ" not in json.dumps(event)


def test_what_is_no_secret_stays() -> None:
    event = {"event": "line down", "line": "bus", "port": "/dev/ttyUSB0", "at": [1, 2.5, None], "keys": 3}
    assert without_secrets(None, "", dict(event)) == event


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_hiding_twice_hides_no_more(value: object) -> None:
    assert hide(hide(value)) == hide(value)


SCRIPT = """
import logging, warnings
import structlog
from gateway import logs

logs.set_up()
log = structlog.stdlib.get_logger("gateway.test")
log.info("quiet", token="canary")
try:
    raise ValueError("it said Bearer canary")
except ValueError:
    log.exception("fell")
logging.getLogger("library").warning("it got %s", "Bearer canary")
logging.getLogger("library").info("too quiet to be heard")
warnings.warn("Bearer canary is deprecated", stacklevel=1)
"""


def logged(journal: dict[str, str]) -> str:
    """What a process writes to its log."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=journal, capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout == ""
    return run.stderr


def test_the_journal_gets_a_json_object_a_line_whoever_logs() -> None:
    text = logged({"JOURNAL_STREAM": "8:1"})
    entries = [json.loads(line) for line in text.splitlines()]
    assert [entry["level"] for entry in entries] == ["info", "error", "warning", "warning"]
    assert "ValueError" in entries[1]["exception"]
    assert entries[2]["logger"] == "library"
    assert "is deprecated" in entries[3]["event"]
    assert "canary" not in text


def test_a_terminal_gets_words() -> None:
    text = logged({})
    assert "fell" in text
    assert "ValueError" in text
    assert "canary" not in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text.splitlines()[0])
