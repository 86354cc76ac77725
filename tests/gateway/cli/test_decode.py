"""``ferrule decode`` as it is typed."""

import json

import pytest

from gateway.cli.main import main


def test_a_wrong_word_order_is_found_from_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "199A", "4366", "/", "1A02", "4366"]) == 0

    said = capsys.readouterr().out
    assert 'clearly word_order = "little"' in said
    assert '{ name = "voltage_0", table = "holding", address = 0, type = "float32", word_order = "little"' in said
    assert "40001" in said


def test_all_and_json_show_every_type_and_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "199A", "4366", "--modicon", "30108", "--json"]) == 0
    ways = json.loads(capsys.readouterr().out)["ranked"]

    assert {(way["wordOrder"], way["byteOrder"]) for way in ways if way["type"] == "float32"} == {
        (word, byte) for word in ("big", "little") for byte in ("big", "little")
    }
    assert {way["address"] for way in ways} == {107, 108}
    assert main(["decode", "199A", "4366", "--all"]) == 0
    assert capsys.readouterr().out.count('type = "int32"') == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["xyz"], "four hexadecimal digits"),
        ([], "one of them"),
        (["1234", "--line", "a"], "one of them"),
        (["--line", "a"], "--unit and --modicon"),
        (["1234", "--type", "uint32"], "cannot be divided"),
        (["1234", "--modicon", "00001"], "is a bit"),
        (["--port", "/dev/none", "--unit", "1", "--address", "0", "--count", "200"], "1 to 125"),
        (["--port", "/dev/none", "--unit", "1", "--address", "0"], "is not there"),
    ],
)
def test_mistakes_are_told_with_their_cure(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["decode", *arguments]) in {1, 2}
    assert words in capsys.readouterr().err
