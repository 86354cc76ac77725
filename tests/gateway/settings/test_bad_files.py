"""Each file under bad/ is wrong in one way or another; beside it stands every word that is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.load import load
from gateway.settings.problems import SettingsError
from gateway.settings.profiles import SHIPPED_PROFILES

BAD = Path(__file__).parent / "bad"
FILES = sorted(path.stem for path in BAD.glob("*.toml"))


def said_about(name: str) -> list[str]:
    with pytest.raises(SettingsError) as refusal:
        load(BAD / f"{name}.toml")
    problems = [*refusal.value.problems, *refusal.value.warnings]
    shown = (str(problem).replace(f"{BAD}/", "") for problem in problems)
    return [words.replace(str(SHIPPED_PROFILES), "SHIPPED") for words in shown]


@pytest.mark.parametrize("name", FILES)
def test_every_mistake_is_said_at_once_with_its_place_and_cure(name: str) -> None:
    expected = (BAD / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert said_about(name) == expected


@pytest.mark.parametrize("name", FILES)
def test_every_place_is_in_its_file_and_every_problem_has_a_cure(name: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(BAD / f"{name}.toml")
    for problem in refusal.value.problems:
        lines = Path(problem.path).read_text(encoding="utf-8").split("\n")
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.severity == "error"
        reason, _, cure = problem.message.partition(". ")
        assert reason
        assert cure or " must " in reason
