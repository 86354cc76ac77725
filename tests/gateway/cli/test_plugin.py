"""``ferrule plugin`` for authors: what it makes, what it says, and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.cli.plugin_lines import Lines
from gateway.plugins.author.steps import SetTag

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "plugins"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Where an author works, with a new plugin."""
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", "Scale Reader"]) == 0
    told = capsys.readouterr().out
    assert "ferrule plugin run scale-reader --config scale-reader/config.example.json" in told
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> str:
    shown = capsys.readouterr()
    return shown.out + shown.err


def test_new_never_writes_over_anything(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "scale-reader" / "main.py").write_text("mine")
    assert main(["plugin", "new", "Scale Reader"]) == 2
    assert "nothing is written over" in said(capsys)
    assert (place / "scale-reader" / "main.py").read_text() == "mine"
    assert main(["plugin", "new", "Scale Reader", "--directory", "other", "--language", "javascript", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["id"], made["directory"]) == ("scale-reader", "other")
    assert sorted(path.name for path in (place / "other").iterdir()) == sorted(made["files"])
    assert main(["plugin", "new", "..."]) == 2
    assert "is no name for a plugin" in said(capsys)


def test_from_new_to_a_signed_package(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "scale-reader"]) == 0
    assert "a gateway takes it once it is signed" in said(capsys)
    assert main(["plugin", "pack", "scale-reader"]) == 0
    assert "left out: .ferruleignore, test_main.py" in said(capsys)
    unsigned = (place / "scale-reader-0.1.0.tar.gz").read_bytes()
    assert main(["plugin", "pack", "scale-reader", "--output", "again.tar.gz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == len(unsigned)
    assert (place / "again.tar.gz").read_bytes() == unsigned

    assert main(["plugin", "keygen", "publisher.key", "--name", "workshop"]) == 0
    block = said(capsys)
    assert main(["plugin", "keygen", "publisher.key"]) == 2
    assert "is there already" in said(capsys)
    assert main(["plugin", "sign", "scale-reader-0.1.0.tar.gz", "--key", "publisher.key"]) == 0
    said(capsys)
    (place / "ferrule.toml").write_text(f'[gateway]\nname = "x"\n\n{block}')
    words = ["plugin", "check", "scale-reader-0.1.0.tar.gz"]
    assert main([*words, "--config", "ferrule.toml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["signer"], found["taken"], found["findings"]) == ("workshop", True, [])
    assert main([*words, "--key", "publisher.key"]) == 0
    assert "signed by publisher.key; a gateway takes it\n" in said(capsys)
    assert main([*words, "--strict"]) == 2


def test_what_is_wrong_is_told_as_editors_read_it_and_nothing_is_packed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = place / "scale-reader" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"0.1.0"', '"one"').replace('"python"', '"pyton"'))
    assert main(["plugin", "check", "scale-reader"]) == 2
    told = said(capsys)
    assert 'scale-reader/manifest.json:4:3: error: version: "one" is no version' in told
    assert "error: entry.runtime: invalid enum value 'pyton'" in told
    assert "errors: 2, warnings: 0" in told
    for words in (["pack", "scale-reader"], ["run", "scale-reader"]):
        assert main(["plugin", *words]) == 2
        assert 'manifest.json:4:3: error: version: "one"' in said(capsys)
    assert not list(place.glob("*.tar.gz"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["check", "absent"], "absent: No such file"),
        (["check", "scale-reader/main.py"], "error"),
        (["pack", "scale-reader/main.py"], "is no directory"),
        (["run", "absent"], "absent is no directory"),
        (["run", "scale-reader"], "it takes no empty configuration"),
        (["run", "scale-reader", "--config", "absent.json"], "absent.json: No such file"),
        (["run", "scale-reader", "--config", "scale-reader/README.md"], "README.md:1:1: error: is no JSON"),
        (["run", "scale-reader", "--config", "list.json"], "a configuration is an object"),
        (["run", "scale-reader", "--config", "odd.json"], "odd.json:2:2: error: tag: must be of type string"),
        (["run", "scale-reader", "--config", "good.json", "--tag", "x"], "write it as boiler/plc/temp=20.5"),
        (["run", "scale-reader", "--config", "good.json", "--tags", "list.json"], '{"boiler/plc/temp": 20.5}'),
        (["run", "scale-reader", "--config", "good.json", "--grant", "write-tags"], "does not ask for it"),
        (["run", "scale-reader", "--config", "good.json", "--grant", "fly"], "does not ask for it"),
        (["run", "scale-reader", "--config", "good.json", "--grant", "Fly!"], "this is no permission"),
        (["run", "scale-reader", "--config", "good.json", "--serial", "x"], "write it as scale="),
        (["run", "scale-reader", "--config", "good.json", "--answer", "x={"], "--answer x: no JSON"),
        (["run", "scale-reader", "--config", "good.json", "--subscribe", "x=!"], "a pattern is words with colons"),
        (["run", "scale-reader", "--config", "good.json", "--events", "list.json"], "list.json:1:1: error: "),
        (["run", "scale-reader", "--config", "good.json", "--for", "-1"], "--for: a number of seconds"),
        (["sign", "absent.tar.gz", "--key", "absent"], "ferrule plugin keygen absent makes a key"),
        (["keygen", "k", "--name", "a b"], "letters, digits, dots"),
        (["keygen", "no/such/place"], "No such file"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_the_cure(
    words: list[str], told: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "list.json").write_text("[]")
    (place / "odd.json").write_text('{"result": "x",\n "tag": 3}')
    (place / "good.json").write_text('{"result": "derived/x", "tag": "boiler/plc/temp"}')
    assert main(["plugin", *words]) == 2
    assert told in said(capsys)


def test_only_a_package_that_is_one_is_signed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plugin", "keygen", "k"])
    main(["plugin", "pack", "scale-reader"])
    path = place / "scale-reader-0.1.0.tar.gz"
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    said(capsys)
    assert main(["plugin", "sign", str(path), "--key", "k"]) == 2
    assert "nothing was signed" in said(capsys)
    assert path.read_bytes() == content[:-20]
    assert main(["plugin", "sign", "scale-reader", "--key", "k"]) == 2
    assert "is no package" in said(capsys)


@pytest.mark.parametrize("example", ["derived-tag", "raw-scale"])
def test_the_examples_pass_and_are_packed(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(EXAMPLES / example, tmp_path / example)
    assert main(["plugin", "check", example, "--strict"]) == 0
    assert main(["plugin", "pack", example]) == 0
    assert ("with the plugin kit" in said(capsys)) == (example == "derived-tag")


async def test_lines_come_from_files_and_from_pipes(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"\n# a comment\na=1\nnonsense\nb=2")
    wrong: list[str] = []
    with path.open("rb") as file:
        lines = Lines(file.fileno(), wrong.append, [b"first=0"])
        found = [await lines.next() for _ in range(4)]
    assert found == [SetTag("first", 0), SetTag("a", 1), SetTag("b", 2), None]
    assert len(wrong) == 1
