"""A new plugin works as it is: its own tests pass, and check has nothing against it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pytest

from gateway.cli.whole import new_directory
from gateway.plugins.author.checking import check_directory
from gateway.plugins.author.seed import LANGUAGES, seed

TESTS = {"python": [sys.executable, "-m", "unittest"], "javascript": ["node", "--test"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_own_tests_pass_and_nothing_is_wrong_with_it(language: str, tmp_path: Path) -> None:
    directory = tmp_path / "new"
    new_directory(directory, seed("Tür-Zähler 3", language))
    found = check_directory(directory)
    assert found.findings == []
    assert found.manifest is not None
    assert found.manifest.id == "tuer-zaehler-3"
    if shutil.which(TESTS[language][0]) is None:
        pytest.skip(f"{language} is not installed, so the tests of a new plugin were not run")
    done = subprocess.run(TESTS[language], cwd=directory, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test" in (directory / "README.md").read_text()


# What makes its pauses so short that a test can wait for them.
HASTE = {
    "python": (
        "import runpy, sys\n"
        "sys.path.insert(0, '.')\n"
        "from ferrule_plugin import Plugin\n"
        "every = Plugin.every\n"
        "Plugin.every = lambda plugin, seconds: every(plugin, seconds / 600)\n"
        "runpy.run_path('main.py', run_name='__main__')\n"
    ),
    "javascript": (
        "const inTime = setInterval;\n"
        "global.setInterval = (task, pause, ...more) => inTime(task, pause / 600, ...more);\n"
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_tag_that_stays_as_it_is_is_said_again_so_that_the_result_does_not_grow_stale(
    language: str, tmp_path: Path
) -> None:
    directory, haste = tmp_path / "new", tmp_path / "haste.js"
    new_directory(directory, seed("Scale", language))
    haste.write_text(HASTE[language])
    words = [sys.executable, str(haste)] if language == "python" else ["node", "--require", str(haste), "main.js"]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{language} is not installed, so a new plugin was not run")
    config = json.loads((directory / "config.example.json").read_text())
    begun = {"config": config, "instance": "test", "permissions": []}
    said: list[object] = []
    with subprocess.Popen(words, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as plugin:
        assert plugin.stdin is not None
        assert plugin.stdout is not None
        guard = threading.Timer(60, plugin.kill)
        guard.daemon = True
        guard.start()
        try:
            _say(plugin.stdin, {"id": "first", "method": "initialize", "params": begun})
            for line in plugin.stdout:
                heard = json.loads(line)
                if heard.get("method") == "reading.publish":
                    said.append(heard["params"]["value"])
                if len(said) == 3:
                    break
                if "method" in heard and "id" in heard:
                    reading = {"tag": config["tag"], "value": 20.0, "quality": "good", "message": None}
                    _say(plugin.stdin, {"id": heard["id"], "result": {"readings": [reading]}})
        finally:
            guard.cancel()
            plugin.kill()
    assert said == [68.0, 68.0, 68.0]


def _say(to: IO[str], message: Mapping[str, object]) -> None:
    to.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    to.flush()
