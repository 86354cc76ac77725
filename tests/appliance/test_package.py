"""What the Debian package is made of; its life in a real Debian is in full_package.py (`make image-test`)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from systemd.debian.locked import Target, read_lock, runtime_pins
from systemd.debian.suite import SUITES

from .making import DEBIAN, PROJECT

TARGETS = [Target(machine, suite.python) for machine in ("amd64", "arm64") for suite in SUITES.values()]


def test_every_package_of_the_lock_is_read() -> None:
    text = (PROJECT / "requirements.lock").read_text()
    pins = list(read_lock(text))
    assert len(pins) == len(re.findall(r"^[a-z0-9.-]+==", text, re.MULTILINE))
    assert sum(len(pin.hashes) for pin in pins) == text.count("--hash=")
    assert all(pin.via and pin.hashes for pin in pins)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_what_runs_is_taken_and_what_only_tests_is_not(target: Target) -> None:
    names = {pin.name for pin in runtime_pins(PROJECT, target)}
    # Named by the project, needed by what it names, and needed by that.
    assert {"trio", "outcome", "hypercorn", "h11", "quart", "flask", "markupsafe", "cffi", "pycparser"} <= names
    assert not names & {"pytest", "mypy", "ruff", "hypothesis", "umodbus", "httpx", "setuptools", "pydantic"}


def test_what_it_imports_is_all_there() -> None:
    """The packages that are taken are those that this very environment needs to import the gateway."""
    pins = runtime_pins(PROJECT, TARGETS[0])
    script = (
        "import importlib.metadata, re, sys; "
        "needs = {re.split('[^A-Za-z0-9._-]', one)[0].lower().replace('_', '-') for name in sys.argv[1:] "
        "for one in importlib.metadata.requires(name) or [] if 'extra ==' not in one and 'python_version' not in one "
        "and 'sys_platform' not in one and 'os_name' not in one and 'implementation_name' not in one "
        "and 'platform_python_implementation' not in one and 'python_full_version' not in one}; "
        "print(*sorted(needs))"
    )
    words = [sys.executable, "-c", script, *(pin.name for pin in pins)]
    needed = set(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split())
    assert needed <= {pin.name.lower().replace("_", "-") for pin in pins}


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm", "../ferrule-backup"])
def test_scripts_are_plain_shell(script: str) -> None:
    file = (DEBIAN / script).resolve()
    assert file.read_text().startswith("#!/bin/sh\n")
    assert file.stat().st_mode & 0o100
    checked = subprocess.run(["dash", "-n", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_configuration_it_comes_with_is_right() -> None:
    ferrule = Path(sys.executable).with_name("ferrule")
    checked = subprocess.run(
        [ferrule, "check", DEBIAN / "ferrule.toml"], capture_output=True, text=True, check=False, timeout=120
    )
    assert checked.returncode == 0, checked.stdout
    # The example line in it is right too, once its comment signs are gone.
    text = (DEBIAN / "ferrule.toml").read_text()
    example = re.sub(r"^# (?=\[\[|[a-z]+ = )", "", text, flags=re.MULTILINE)
    assert "\n[[line.device.tag]]\n" in example


def test_no_address_of_a_mirror_stands_in_the_sources() -> None:
    for file in [*(PROJECT / "systemd").rglob("*"), *(PROJECT / "image").rglob("*")]:
        if file.is_file() and not file.is_symlink() and "__pycache__" not in file.parts:
            assert not re.search(r"https?://[a-z0-9]", file.read_text()), file
