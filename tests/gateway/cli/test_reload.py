"""What a user is told who may not tell the gateway, or whom no gateway hears."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import gateway.cli.reload  # noqa: F401 - who has no rights may not be able to read it
from gateway.cli.main import main

NOBODY = 65534


@contextmanager
def no_rights() -> Iterator[None]:
    """As an ordinary user, whoever runs the tests."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(own)


def test_who_may_not_look_is_not_told_that_no_gateway_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "lock").touch(mode=0)
    try:
        with no_rights():
            assert main(["reload", "--state", str(state)]) == 7
    finally:
        (state / "lock").chmod(0o600)

    told = capsys.readouterr().err
    assert "Run this as the user the gateway runs as, or as root" in told
    assert "no gateway runs" not in told


def test_where_none_runs_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reload", "--state", str(tmp_path)]) == 1
    assert "no gateway runs on" in capsys.readouterr().err
