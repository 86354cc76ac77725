"""What is measured is what the kernel says, and what was not measured is not invented."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugins.host.measured import Measured, crowded
from gateway.plugins.host.notes import A_MINUTE, HOST, LINES, LONGEST, Note, Notes
from gateway.plugins.host.sandbox import MEBI, Bounds
from gateway.plugins.host.tally import Tally, Uptime
from gateway.plugins.host.usage import Usage, descendants, size_of, usage_of


def fake_proc(root: Path, processes: dict[int, tuple[int, int, int, int]], children: dict[int, list[int]]) -> None:
    for pid, (ticks, resident, files, threads) in processes.items():
        task = root / str(pid) / "task" / str(pid)
        task.mkdir(parents=True)
        (task / "children").write_text(" ".join(map(str, children.get(pid, []))))
        head = "S 1 1 1 0 -1 0 0 0 0 0"
        (root / str(pid) / "stat").write_text(f"{pid} (a (b) c) {head} {ticks} 0 0 0 20 0 {threads} 0 0\n")
        kinds = {"VmPTE": 8, "RssAnon": resident - files - 40, "RssFile": files, "RssShmem": 32}
        lines = [f"{kind}:\t{size:>8} kB\n" for kind, size in kinds.items()]
        (root / str(pid) / "status").write_text("Name:\t(a (b) c)\nState:\tS (sleeping)\n" + "".join(lines))


def test_a_tree_is_summed_and_files_it_shares_count_once(tmp_path: Path) -> None:
    processes = {10: (100, 500, 300, 1), 11: (50, 400, 300, 2), 12: (50, 400, 200, 1), 20: (999, 999, 0, 9)}
    fake_proc(tmp_path, processes, {10: [11], 11: [12], 12: [13]})
    assert descendants(10, tmp_path) == [(10, 0), (11, 1), (12, 2), (13, 3)]
    ticks = os.sysconf("SC_CLK_TCK")
    assert usage_of(10, tmp_path) == Usage(200 / ticks, (200 + 100 + 200 + 300) * 1024, 4)
    assert usage_of(77, tmp_path) is None


def test_a_real_process_is_measured() -> None:
    code = "import sys; x = b'x' * (40 * 2**20); sum(range(10**6)); print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        usage = usage_of(process.pid)
        process.communicate()
    assert usage is not None
    assert usage.memory > 40 * MEBI
    assert usage.cpu > 0
    assert usage.tasks == 1


def test_files_are_counted_as_far_as_they_may_be(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for number in range(5):
        (tmp_path / "deep" / "er" / str(number)).write_bytes(b"x" * 10_000)
    (tmp_path / "away").symlink_to("/")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(10**9)
    size, files = size_of(tmp_path, 100)
    assert files == 9
    assert 50_000 <= size < 200_000
    assert size_of(tmp_path, 3)[1] == 4
    assert crowded(size, files, Bounds()) is None
    assert crowded(0, 501, Bounds()) is not None


def test_nothing_measured_is_none() -> None:
    measured, tally, uptime = Measured(), Tally(), Uptime()
    assert (measured.last, measured.peak, measured.average_memory, measured.average_cpu) == (None,) * 4
    assert (tally.average, tally.error_rate, tally.smoothed, tally.percentile(0.5)) == (None,) * 4
    assert (uptime.percentage(5), uptime.running(5)) == (None, None)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), min_size=1, max_size=50))
def test_a_tally_adds_up(calls: list[tuple[float, bool]]) -> None:
    tally = Tally()
    for seconds, failed in calls:
        tally.note(seconds, failed=failed)
    each = sorted(seconds for seconds, _ in calls)
    assert tally.calls == len(calls)
    assert tally.average == pytest.approx(sum(each) / len(each))
    assert tally.percentile(0.0) == each[0]
    assert tally.percentile(1.0) == each[-1]
    assert each[0] - 1e-9 <= (tally.smoothed or 0.0) <= each[-1] + 1e-9
    assert 0 <= (tally.error_rate or 0.0) <= 1


def test_uptime_is_of_the_time_it_should_have_run() -> None:
    uptime = Uptime()
    uptime.want(0, wanted=True)
    uptime.set(10, up=True)
    assert uptime.percentage(20) == pytest.approx(50)
    uptime.set(20, up=False)
    uptime.want(20, wanted=False)
    assert uptime.percentage(1000) == pytest.approx(50)
    uptime.want(1000, wanted=True)
    uptime.set(1000, up=True)
    assert uptime.percentage(1020) == pytest.approx(75)
    assert uptime.running(1020) == 20


def test_a_share_of_the_processor_is_judged_over_a_window() -> None:
    measured, bounds = Measured(), Bounds(cpu=0.5)
    measured.begin(0)
    for second in range(1, 60):
        measured.look(second, Usage(float(second), MEBI, 1))
        assert measured.excess(bounds, 60) is None
    measured.look(60, Usage(60.0, MEBI, 1))
    fall = measured.excess(bounds, 60)
    assert fall is not None
    assert (fall.reason, "100%" in fall.message) == ("cpu", True)


def test_notes_are_few_clean_and_say_what_is_missing() -> None:
    now = [0.0]
    written: list[Note] = []
    notes = Notes(lambda: 1.0, lambda: now[0], written.append)
    for _ in range(A_MINUTE + 50):
        notes.add("stderr", "x\x1b[2J\n" + "y" * 2 * LONGEST)
    assert notes.suppressed == 50
    assert len(written) == A_MINUTE
    assert "\x1b" not in written[0].text
    assert "\\x1b" in written[0].text
    assert len(written[0].text) < 2 * LONGEST
    notes.add(HOST, "always kept")
    assert [note.text for note in notes.last(2)] == ["50 lines were not kept: more than 120 a minute", "always kept"]
    now[0] = 10_000.0
    for _ in range(3 * A_MINUTE):
        notes.add("log", "again")
        now[0] += 60.0
    assert len(notes.last(10_000)) == LINES
    last = notes.last()[-1].number
    notes.add("log", "new")
    assert [note.text for note in notes.last(after=last)] == ["new"]
