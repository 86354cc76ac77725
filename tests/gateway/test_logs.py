"""The log: JSON for the journal, words for a terminal, a secret for nobody."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.logs import CONTROL, HIDDEN, Others, hide, without_controls, without_secrets
from gateway.outlet import Outlet

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


FORGED = "\x1b[2J\x9b31m\u202ex\r\n2026-01-01T00:00:00Z [info     ] forged"


@given(st.text())
def test_control_characters_are_written_out(text: str) -> None:
    tamed = without_controls(None, "", {"event": text, "path": text, "deep": [{text: (text,)}], "number": 5})
    assert not CONTROL.search(str(tamed["event"]) + str(tamed["path"]) + "".join(*tamed["deep"][0].values()))
    assert tamed["number"] == 5
    if not CONTROL.search(text):
        assert tamed["event"] == text


def test_a_stack_trace_stays_one_but_cannot_look_like_an_event() -> None:
    trace = without_controls(None, "", {"event": "fell", "exception": f"Traceback\n  in x\nValueError: {FORGED}"})[
        "exception"
    ]
    lines = trace.split("\n")
    assert [line.strip() for line in lines[:2]] == ["Traceback", "in x"]
    assert all(line.startswith("    ") for line in lines)
    assert "\x1b" not in trace


def test_a_library_that_repeats_itself_is_heard_once_a_minute() -> None:
    others = Others()
    heard = []
    with structlog.testing.capture_logs() as logs:
        for second in [*range(0, 121, 10), -500, -495]:
            record = logging.LogRecord("trio", logging.ERROR, "", 0, "accept: %s", ("EMFILE",), None)
            record.created = 1e9 + second
            others.emit(record)
            heard += [second] * len(logs)
            logs.clear()
    assert heard == [0, 60, 120, -500]
    with structlog.testing.capture_logs() as logs:
        others.emit(logging.LogRecord("trio", logging.ERROR, "", 0, "accept: %s", ("ENFILE",), None))
    assert [entry["event"] for entry in logs] == ["accept: ENFILE"]


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
logging.getLogger("library").warning("asked for %s", FORGED)
"""


def logged(journal: str | None) -> str:
    """What a process writes to its log.

    Args:
        journal: which stream systemd says is the journal's, with DEV and INO for those of its standard error.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="utf-8") as log:
        stream = os.fstat(writer)
        said = (journal or "").replace("DEV", str(stream.st_dev)).replace("INO", str(stream.st_ino))
        run = subprocess.run(
            [sys.executable, "-c", f"FORGED = {FORGED!r}\n{SCRIPT}"],
            env={} if journal is None else {"JOURNAL_STREAM": said},
            stdout=subprocess.PIPE,
            stderr=writer,
            timeout=30,
            check=True,
        )
        os.close(writer)
        assert run.stdout == b""
        return log.read()


def test_the_journal_gets_a_json_object_a_line_whoever_logs() -> None:
    text = logged("DEV:INO")
    entries = [json.loads(line) for line in text.splitlines()]
    assert [entry["level"] for entry in entries] == ["info", "error", "warning", "warning", "warning"]
    assert "ValueError" in entries[1]["exception"]
    assert entries[2]["logger"] == "library"
    assert "is deprecated" in entries[3]["event"]
    assert "canary" not in text


@pytest.mark.parametrize("journal", [None, "8:1", "DEV:1", "1:INO", "INO:DEV", ""])
def test_what_is_not_the_journal_gets_words(journal: str | None) -> None:
    text = logged(journal)
    assert "fell" in text
    assert "ValueError" in text
    assert "canary" not in text
    assert not [line for line in text.splitlines() if line.endswith("forged")]
    assert "\x1b" not in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text.splitlines()[0])


@pytest.mark.parametrize("full", [True, False])
def test_a_log_that_takes_nothing_ends_nothing(*, full: bool) -> None:
    """A disk that is full, or a reader that has left."""
    program = (
        "import structlog\nfrom gateway import logs\nlogs.set_up(as_json=False)\n"
        "for number in range(3):\n structlog.get_logger().warning('lost', number=number)\nprint('alive')"
    )
    read, write = os.pipe()
    os.close(read)
    with Path("/dev/full").open("wb") as no_room:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=no_room if full else write,
            text=True,
            check=False,
        )
    os.close(write)
    assert done.stdout == "alive\n"


def sockets() -> tuple[int, int]:
    """As the journal is one."""
    here, there = socket.socketpair()
    return here.detach(), there.detach()


# Each gives the end that is read, and the one that is written to.
PLACES = {"pipe": os.pipe, "terminal": os.openpty, "socket": sockets}


@pytest.mark.parametrize(("entries", "length"), [(3000, 200), (20, 100_000)])
@pytest.mark.parametrize("where", ["pipe", "terminal", "socket"])
def test_a_log_that_nobody_reads_holds_nothing_up(where: str, entries: int, length: int) -> None:
    """As ``ferrule run 2>&1 | less``, Ctrl-S on its terminal, a journal that hangs: who logs is who polls.

    An entry of more than a page blocks on a pipe that has less room than it needs, whatever poll(2) says.
    """
    program = (
        "import structlog, sys\nfrom gateway import logs\nlogs.set_up(as_json=False)\n"
        "say = structlog.get_logger().warning\n"
        f"for number in range({entries}):\n say('something happened', number=number, words='x' * {length})\n"
        "print('polling', flush=True)\nsys.stdin.readline()\nsay('after it')"
    )
    read, write = PLACES[where]()
    with (
        os.fdopen(read, "rb", buffering=0) as log,
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=write, text=True
        ) as running,
    ):
        os.close(write)
        assert running.stdout is not None
        assert running.stdin is not None
        assert running.stdout.readline() == "polling\n"
        taken = ""
        while not taken.count("\n") or select.select([log], [], [], 0.5)[0]:
            taken += log.read(65536).decode()
        running.stdin.write("\n")
        running.stdin.flush()
        # A terminal whose last program has left says EIO.
        with contextlib.suppress(OSError):
            while part := log.read(65536):
                taken += part.decode()
    *lines, last = re.sub(r"\x1b\[\d*m", "", taken).splitlines()
    number, lost = 0, 0
    for line in lines:
        if told := re.fullmatch(r"(\d+) lines of the log were lost: nobody took them", line):
            lost += int(told[1])
            number += int(told[1])
        else:
            assert f"number={number} " in line
            number += 1
    assert number == entries
    assert lost
    assert "after it" in last


def test_what_was_lost_is_counted_whoever_refused_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        outlet = Outlet(stream, lambda number, line: f"{number} before {line}")
        taking, refusing = os.dup(stream.fileno()), os.open("/dev/full", os.O_WRONLY)
        for line, target in (("one", taking), ("two", refusing), ("three", refusing), ("four", taking)):
            os.dup2(target, stream.fileno())
            outlet.put(line)
            assert outlet.drain(10)
        os.close(taking)
        os.close(refusing)
    assert (tmp_path / "log").read_text().splitlines() == ["one", "2 before four", "four"]


def test_signals_are_not_for_the_thread_of_the_log() -> None:
    """A gateway blocks them until it can end in order; one thread that lets them through would end it at once."""
    program = (
        "import os, signal, structlog\nfrom gateway import logs\nlogs.set_up()\nstructlog.get_logger().warning('up')\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\nos.kill(os.getpid(), signal.SIGTERM)\n"
        "print(signal.sigwait({signal.SIGTERM}) is signal.SIGTERM)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n")
