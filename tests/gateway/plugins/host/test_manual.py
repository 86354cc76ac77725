"""docs/plugin-kit.md says all there is, and what it says holds."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.plugins.host import messages
from gateway.plugins.host.cupboard import LARGEST, MOST_KEYS
from gateway.plugins.host.desk import EVENTS_A_MINUTE, PUTS_A_MINUTE
from gateway.plugins.host.frames import LONGEST_FRAME
from gateway.plugins.host.notes import A_MINUTE
from gateway.plugins.host.pace import Rate
from gateway.plugins.host.permissions import Word
from gateway.plugins.host.requests import METHODS
from gateway.plugins.host.sandbox import MEBI, Bounds
from gateway.plugins.host.states import Timing
from gateway.settings.plugin_model import PluginSettings

ROOT = Path(__file__).parents[4]
MANUAL = (ROOT / "docs" / "plugin-kit.md").read_text()


def test_every_method_and_permission_is_there() -> None:
    for method in METHODS:
        assert f"`{method}`" in MANUAL, method
    for word in Word:
        assert f"`{word}`" in MANUAL, word
    for code in ("NOT_PERMITTED", "BUSY", "UNAVAILABLE", "QUOTA_EXCEEDED", "INVALID_PARAMS"):
        assert f"| {getattr(messages, code)} |" in MANUAL, code


def test_every_parameter_is_there() -> None:
    for method, model in METHODS.items():
        row = next(line for line in MANUAL.splitlines() if re.match(rf"\| .*`{re.escape(method)}`", line))
        for name in model.__struct_encode_fields__:
            assert f"`{name}`" in row, (method, name)


def test_its_numbers_hold() -> None:
    bounds, timing, rate = Bounds(), Timing(), Rate()
    for words in (
        f"at most {LONGEST_FRAME // 1024} KiB",
        f"nested at most {messages.DEEPEST} deep",
        f"| memory | {PluginSettings().memory / 1e6:g} MB",
        f"| processes and threads | {bounds.tasks} |",
        f"{PluginSettings().data / 1e6:g} MB (`[plugin] data`) in {bounds.data_files} files",
        f"{bounds.scratch // MEBI} MiB each",
        f"| open files | {bounds.files} |",
        f"{rate.lines:g} and 1 MiB a second",
        f"{A_MINUTE} a minute",
        f"{PUTS_A_MINUTE} changes of the storage and {EVENTS_A_MINUTE} events a minute",
        f"{LARGEST // 1024} KiB a value, {MOST_KEYS} values",
        f"within {timing.initialize:g} s",
        f"within {timing.health_within:g} s",
    ):
        assert words in MANUAL, words
    assert (bounds.cpu, timing.cpu_window, timing.measure_every, timing.shutdown, timing.terminate) == (
        0.5,
        60,
        5,
        5,
        2,
    )
