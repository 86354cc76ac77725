"""``ferrule check`` says where the gateway would have to wait for the place it listens at."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.field.check import report
from gateway.settings.load import load

HERE = {"lo": ["127.0.0.1"], "eth0": ["192.168.1.4"], "eth1": [], "wwan0": ["203.0.114.7"]}


def warnings(directory: Path, bind: str) -> list[str]:
    path = directory / "f.toml"
    path.write_text(f'[server]\nbind = "{bind}"\n')
    settings = load(path)
    problems = report(settings, blocks=False, interfaces=HERE).problems
    assert all(problem.severity == "warning" for problem in problems)
    return [str(problem).removeprefix(f"{path}:2:8: warning: bind: ") for problem in problems]


@pytest.mark.parametrize("bind", ["private", "localhost", "127.0.0.1", "127.8.8.8", "::1", "192.168.1.4", "eth0", "lo"])
def test_what_is_here_is_not_warned_of(tmp_path: Path, bind: str) -> None:
    assert warnings(tmp_path, bind) == []


@pytest.mark.parametrize(
    ("bind", "words"),
    [
        ("nosuch0", "there is no interface nosuch0 here now: eth0, eth1, lo, wwan0 are; it is waited for"),
        ("eth1", "interface eth1 has no address now; it is waited for"),
        ("wwan0", "interface wwan0 has only 203.0.114.7, which is not private (RFC 1918) now; it is waited for"),
        (
            "10.9.9.9",
            "10.9.9.9 is no address of this machine now: 192.168.1.4 (eth0), 127.0.0.1 (lo) are; it is waited for",
        ),
        ("eth0.100", "there is no interface eth0.100 here now: eth0, eth1, lo, wwan0 are; it is waited for"),
    ],
)
def test_what_is_not_here_is_warned_of_with_what_is(tmp_path: Path, bind: str, words: str) -> None:
    assert warnings(tmp_path, bind) == [words]
