"""Files with certificates that a configuration names and that are not there, or hold none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from gateway.cli.main import main
from gateway.field.check_files import file_problems
from tests.gateway.sdk.server import certificate

BEGIN = '[gateway]\nname = "g"\n\n'


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key behind it."""
    return certificate(tmp_path_factory.mktemp("pem"))


@pytest.fixture
def here(tmp_path: Path, pem: Path) -> Path:
    """A directory with a configuration and files beside it."""
    (tmp_path / "good.pem").write_bytes(pem.read_bytes())
    (tmp_path / "empty.pem").write_text("nothing\n")
    (tmp_path / "other.pem").write_bytes(certificate(tmp_path).read_bytes())
    locked = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    return tmp_path


def said(here: Path, text: str) -> list[str]:
    """What is wrong, with the place in the file."""
    (here / "ferrule.toml").write_text(BEGIN + text)
    return [str(problem).removeprefix(f"{here}/") for problem in file_problems(here / "ferrule.toml")]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('[[webhook.allow]]\nhost = "x"\nca = "absent.pem"', "6:6: warning", "absent.pem: no such file"),
        ('[[webhook.allow]]\nhost = "x"\nca = "empty.pem"', "6:6: warning", "empty.pem holds no certificate"),
        ('[[webhook.allow]]\nhost = "x"\nca = "."', "6:6: warning", "is a directory"),
        (
            '[webhook]\nallow = [{ host = "y" }, { host = "x", ca = "absent.pem" }]',
            "5:45: warning",
            "nothing is delivered",
        ),
        ('[agents]\nca = "absent.pem"', "5:6: warning", "no capability of an agent is invoked"),
        ('[server]\nclient_ca = "absent.pem"', "5:13: warning", "does not start"),
        ('[server]\nclient_ca = "empty.pem"', "5:13: error", "holds no certificate"),
        ('[server]\ncertificate = "good.pem"\nkey = "absent.pem"', "6:7: warning", "no such file"),
        ('[server]\ncertificate = "empty.pem"\nkey = "good.pem"', "5:15: error", "no PEM"),
        ('[server]\ncertificate = "good.pem"\nkey = "other.pem"', "5:15: error", "belongs to another certificate"),
        ('[server]\ncertificate = "good.pem"\nkey = "locked.pem"', "5:15: error", "has a password"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_place_and_the_cure(
    here: Path, text: str, place: str, words: str
) -> None:
    [problem] = said(here, text)
    assert problem.startswith(f"ferrule.toml:{place}: "), problem
    assert words in problem
    assert ". " in problem, "what to do about it"


def test_files_that_can_be_used_are_nothing_to_tell(here: Path) -> None:
    text = '[server]\ncertificate = "good.pem"\nkey = "good.pem"\nclient_ca = "good.pem"\n[agents]\nca = "good.pem"\n'
    assert said(here, text + '[[webhook.allow]]\nhost = "x"\nca = "good.pem"\n[[webhook.allow]]\nhost = "y"\n') == []
    assert said(here, "") == []


def test_check_tells_of_them_and_ends_as_they_deserve(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = here / "ferrule.toml"
    file.write_text(f'{BEGIN}[[webhook.allow]]\nhost = "x"\nca = "absent.pem"\n')
    assert main(["check", str(file)]) == 0
    assert f"{file}:6:6: warning: ca: {here}/absent.pem" in capsys.readouterr().out
    file.write_text(f'{BEGIN}[server]\nclient_ca = "empty.pem"\n')
    assert main(["check", str(file), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert [(one["line"], one["severity"]) for one in told["problems"] if "client_ca" in one["message"]] == [
        (5, "error")
    ]
