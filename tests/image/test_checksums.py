"""Who has the authority's certificate, openssl and sha256sum sees what is ours: by the commands of image/README.md."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from image.build import HERE
from image.checksums import SIGNATURE, SUMS, write_checksums
from image.signing import Signing, signing
from systemd.debian.stop import BuildError


@pytest.fixture
def ours(tmp_path: Path) -> Signing:
    return signing(tmp_path / "ours")[0]


@pytest.fixture
def given_out(tmp_path: Path, ours: Signing) -> Path:
    """A directory as a build leaves it."""
    place = tmp_path / "build"
    place.mkdir()
    files = [place / "ferrule.img", place / "ferrule.inputs.json"]
    for file in files:
        file.write_text(f"content of {file.name}")
    write_checksums(files, ours)
    return place


def as_the_readme_says(command: str, place: Path, authority: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command of a program as it stands there."""
    lines = (HERE / "README.md").read_text().replace("\\\n", " ").splitlines()
    [line] = (line for line in lines if re.match(rf"{command} .*{SUMS}", line))
    words = [str(authority) if word.endswith("authority.pem") else word for word in shlex.split(line)]
    return subprocess.run([*more, *words], cwd=place, capture_output=True, text=True, check=False)


def test_what_was_given_out_is_found_to_be_ours(given_out: Path, ours: Signing) -> None:
    said = as_the_readme_says("openssl", given_out, ours.authority)
    assert said.returncode == 0, said.stderr
    assert "successful" in said.stderr
    listed = as_the_readme_says("sha256sum", given_out, ours.authority)
    assert listed.stdout.splitlines() == ["ferrule.img: OK", "ferrule.inputs.json: OK"]
    assert listed.returncode == 0


def test_a_file_that_was_changed_is_told(given_out: Path, ours: Signing) -> None:
    (given_out / "ferrule.img").write_text("content of another")
    said = as_the_readme_says("sha256sum", given_out, ours.authority)
    assert said.returncode != 0
    assert "ferrule.img: FAILED" in said.stdout


def test_a_list_that_was_changed_is_refused(given_out: Path, ours: Signing) -> None:
    content = (given_out / SUMS).read_bytes()
    (given_out / SUMS).write_bytes(content.replace(b"a", b"b", 1))
    assert as_the_readme_says("openssl", given_out, ours.authority).returncode != 0


def test_what_somebody_else_signed_is_refused(given_out: Path, ours: Signing, tmp_path: Path) -> None:
    foreign = signing(tmp_path / "theirs")[0]
    write_checksums([given_out / "ferrule.img"], foreign)
    assert as_the_readme_says("openssl", given_out, foreign.authority).returncode == 0
    assert as_the_readme_says("openssl", given_out, ours.authority).returncode != 0


def test_authorities_that_the_machine_trusts_count_for_nothing(given_out: Path, ours: Signing, tmp_path: Path) -> None:
    """Whoever has a certificate for mail from a public authority could sign an image, else."""
    foreign = signing(tmp_path / "theirs")[0]
    write_checksums([given_out / "ferrule.img"], foreign)
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    named = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(foreign.authority)]
    said = subprocess.run(named, capture_output=True, text=True, check=True).stdout.strip()
    (trusted / f"{said}.0").write_bytes(foreign.authority.read_bytes())
    machine = ("env", f"SSL_CERT_DIR={trusted}", f"SSL_CERT_FILE={foreign.authority}")
    assert as_the_readme_says("openssl", given_out, ours.authority, *machine).returncode != 0


def test_a_list_names_the_files_beside_it_and_no_others(given_out: Path, ours: Signing, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.img").touch()
    with pytest.raises(BuildError, match="files in one directory"):
        write_checksums([given_out / "ferrule.img", tmp_path / "elsewhere.img"], ours)
    with pytest.raises(BuildError, match="not of none"):
        write_checksums([], ours)


def test_a_key_of_another_certificate_signs_nothing(given_out: Path, ours: Signing, tmp_path: Path) -> None:
    before = (given_out / SUMS).read_bytes(), (given_out / SIGNATURE).read_bytes()
    ours.key.write_bytes(signing(tmp_path / "theirs")[0].key.read_bytes())
    with pytest.raises(BuildError, match=r"signer\.key is not the key of signer\.pem"):
        write_checksums([given_out / "ferrule.img"], ours)
    assert ((given_out / SUMS).read_bytes(), (given_out / SIGNATURE).read_bytes()) == before
