"""The files of systemd/ as systemd's own programs read them; nothing is started, and no root is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
UNITS = sorted(file.name for file in SYSTEMD.iterdir() if file.suffix in {".service", ".socket", ".timer"})
# Of `systemd-analyze security`, in tenths: what the issue asks for, and what each has reached.
EXPOSURE = {"ferrule.service": 16, "ferrule-backup.service": 6, "ferrule-plugin@.service": 33}
PYTHON = "/usr/lib/ferrule/bin/python3"


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed, and CI must have it")
        pytest.skip(f"{name} is not installed")
    return found


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with what the units name, and nothing else."""
    units = tmp_path / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for name in UNITS:
        shutil.copy(SYSTEMD / name, units)
    for name in ("usr/bin/ferrule", PYTHON[1:], "usr/lib/ferrule/libexec/backup"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_every_line(name: str, root: Path) -> None:
    analyze = program("systemd-analyze")
    # An instance, of what is a template.
    said = run(analyze, "verify", "--man=no", f"--root={root}", name.replace("@.", "@1."))
    # Units of the system that are not in this root are no concern of ours.
    assert not [line for line in said.stderr.splitlines() if "ferrule" in line and " not found" not in line], (
        said.stderr
    )


@pytest.mark.parametrize("name", EXPOSURE)
def test_what_a_unit_exposes_stays_below_what_was_reached(name: str) -> None:
    rated = run(
        program("systemd-analyze"), "security", "--offline=yes", f"--threshold={EXPOSURE[name]}", SYSTEMD / name
    )
    assert rated.returncode == 0, rated.stdout


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_every_setting_is_explained(name: str) -> None:
    """Each block of settings stands under a comment that says why."""
    explained = False
    for line in (SYSTEMD / name).read_text().splitlines():
        if line.startswith("#"):
            explained = True
        elif not line or line.startswith("["):
            # Type=oneshot and the like say it themselves, next to the head of their section.
            explained = line.startswith("[")
        else:
            assert explained, f"{name}: {line}"


def test_the_gateway_is_never_given_up() -> None:
    text = (SYSTEMD / "ferrule.service").read_text()
    assert "\nRestart=always\n" in text
    assert "\nStartLimitIntervalSec=0\n" in text
    assert "RestartPreventExitStatus" not in text
    steps = (SYSTEMD / "ferrule-restart-steps.conf").read_text()
    assert re.search(r"^RestartMaxDelaySec=60$", steps, re.MULTILINE)


def test_its_user_is_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = run(program("systemd-sysusers"), f"--root={tmp_path}", SYSTEMD / "ferrule.sysusers")
    assert made.returncode == 0, made.stderr
    user = (tmp_path / "etc/passwd").read_text()
    assert re.fullmatch(r"ferrule:[x!*]+:\d+:\d+:[^:]*:/var/lib/ferrule:/usr/sbin/nologin\n", user)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives directories to another user")
def test_its_directories_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    run(program("systemd-sysusers"), f"--root={tmp_path}", SYSTEMD / "ferrule.sysusers")
    place = tmp_path / "usr/lib/tmpfiles.d"
    place.mkdir(parents=True)
    shutil.copy(SYSTEMD / "ferrule.tmpfiles", place / "ferrule.conf")
    made = run(program("systemd-tmpfiles"), "--create", f"--root={tmp_path}", "ferrule.conf")
    assert made.returncode == 0, made.stderr
    modes = {
        name: f"{(tmp_path / name).stat().st_mode & 0o7777:o}"
        for name in ("etc/ferrule", "etc/ferrule/profiles", "var/lib/ferrule", "var/lib/ferrule-backups")
    }
    assert list(modes.values()) == ["755", "755", "750", "700"]


def test_udev_understands_the_rules() -> None:
    udevadm = program("udevadm")
    said = run(udevadm, "verify", "--help")
    if said.returncode != 0 or "Verify" not in said.stdout:
        pytest.skip("this udevadm has no verify (systemd 254); the whole test has")
    checked = run(udevadm, "verify", SYSTEMD / "70-ferrule.rules")
    assert checked.returncode == 0, checked.stdout + checked.stderr


class TestBackups:
    """The script of ferrule-backup.service, with a `ferrule` that writes a word."""

    @pytest.fixture
    def kept(self, tmp_path: Path) -> Path:
        tool = tmp_path / "bin/ferrule"
        tool.parent.mkdir()
        tool.write_text('#!/bin/sh\n[ ! -e "$FAILS" ] || exit 1\n[ "$1" = backup ] && echo whole >"$2"\n')
        tool.chmod(0o755)
        (tmp_path / "kept").mkdir()
        return tmp_path / "kept"

    def back_up(self, kept: Path, keep: str = "3") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{kept.parent}/bin:/usr/bin:/bin",
            "FERRULE_BACKUPS": str(kept),
            "FERRULE_BACKUPS_KEPT": keep,
            "FAILS": str(kept.parent / "fails"),
        }
        return subprocess.run(
            ["/bin/sh", SYSTEMD / "ferrule-backup"], env=environment, capture_output=True, text=True, check=False
        )

    def numbers(self, kept: Path) -> list[int]:
        return [int(file.name.split("-")[1]) for file in sorted(kept.glob("ferrule-*.backup"))]

    def test_the_newest_are_kept(self, kept: Path) -> None:
        for _ in range(5):
            assert self.back_up(kept).returncode == 0
        assert self.numbers(kept) == [3, 4, 5]

    def test_they_are_numbered_whatever_the_clock_says(self, kept: Path) -> None:
        (kept / "ferrule-000008-20991231.backup").touch()
        (kept / "ferrule-000009-19700101.backup").touch()
        self.back_up(kept)
        self.back_up(kept)
        assert self.numbers(kept) == [9, 10, 11]

    def test_one_that_fails_costs_none(self, kept: Path) -> None:
        for _ in range(3):
            self.back_up(kept)
        (kept.parent / "fails").touch()
        assert self.back_up(kept).returncode != 0
        assert self.numbers(kept) == [1, 2, 3]

    def test_what_else_lies_there_is_left_alone(self, kept: Path) -> None:
        (kept / "ferrule-before-update.backup").touch()
        (kept / "holiday.jpg").touch()
        for _ in range(4):
            self.back_up(kept, keep="1")
        assert sorted(file.name for file in kept.iterdir() if "-00000" not in file.name) == [
            "ferrule-before-update.backup",
            "holiday.jpg",
        ]

    @pytest.mark.parametrize("keep", ["0", "many", "-1"])
    def test_a_number_that_is_none(self, kept: Path, keep: str) -> None:
        (kept / "ferrule-000001-20260101.backup").touch()
        assert self.back_up(kept, keep).returncode == 2
        assert self.numbers(kept) == [1]
