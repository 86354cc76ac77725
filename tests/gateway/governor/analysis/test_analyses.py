from __future__ import annotations

import pytest
import trio
import trio.testing

from gateway.core.alerts import Severity
from gateway.core.errors import Code, GatewayError
from gateway.governor.analysis.analyses import (
    HOUR_S,
    KEPT_S,
    MOST_IN_ALL,
    MOST_KEPT,
    MOST_WRITTEN,
    Analyses,
    Examination,
    Progress,
    Status,
)
from gateway.governor.analysis.finding import Finding, Report
from tests.gateway.governor.bench import Bench

SILENT = Finding("silent-device", Severity.WARNING, "device:bus/gone", "gone", "check it")
DOWN = Finding("line-down", Severity.CRITICAL, "line:far", "down", "plug it in")


class Scene:
    """Analyses that take ten seconds each and find two things."""

    found: tuple[Finding, ...] = (SILENT, DOWN, SILENT)

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.order: list[str] = []
        self.faulty = False
        self.analyses = self.started()

    def started(self) -> Analyses:
        return Analyses(
            examinations={
                scope: Examination(10.0, self._examine(scope)) for scope in ("network", "agents", "performance", "all")
            },
            anomalies=lambda: [{"series": "tag:bus/a/t"}],
            facts=self.bench.facts,
            wall=self.bench.wall,
            announce=lambda type_, data: self.bench.told.append((type_, data)),
        )

    def _examine(self, scope: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        async def examine(progress: Progress) -> Report:
            self.order.append(scope)
            await trio.sleep(5)
            progress(0.5)
            if self.faulty:
                raise ArithmeticError
            await trio.sleep(5)
            return Report(self.found, ("a pattern",), 0.75)

        return examine


async def test_an_analysis_runs_in_the_background_and_is_fetched_with_what_it_found(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene(bench)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.analyses.run)
        analysis = scene.analyses.start("network", "normal")
        assert analysis.analysis_id == "analysis-001"
        assert scene.analyses.seconds(analysis) == 10
        await trio.sleep(6)
        shown = scene.analyses.get("analysis-001").shown()
        assert (shown["status"], shown["progress"], shown["findings"]) == ("running", 0.5, [])
        await trio.sleep(6)
        nursery.cancel_scope.cancel()
    shown = scene.analyses.get("analysis-001").shown()
    assert (shown["status"], shown["progress"], shown["confidence"]) == ("completed", 1.0, 0.75)
    findings = shown["findings"]
    assert isinstance(findings, list)
    assert [finding["kind"] for finding in findings if isinstance(finding, dict)] == [
        "line-down",
        "silent-device",
        "silent-device",
    ]
    assert shown["recommendations"] == ["plug it in", "check it"]
    assert shown["anomalies"] == [{"series": "tag:bus/a/t"}]
    ((type_, data),) = bench.told
    assert (type_, data["analysisId"], data["findings"]) == ("governor:analysis_completed", "analysis-001", 3)


async def test_asking_again_while_it_runs_answers_the_same_one_and_afterwards_another(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene(bench)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.analyses.run)
        first = scene.analyses.start("network", "normal")
        await trio.sleep(1)
        assert scene.analyses.start("network", "high") is first
        await trio.sleep(20)
        assert scene.analyses.start("network", "normal").analysis_id == "analysis-002"
        nursery.cancel_scope.cancel()


async def test_the_urgent_go_first_and_the_estimate_counts_those_before(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene(bench)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.analyses.run)
        scene.analyses.start("network", "low")
        await trio.sleep(1)
        late = scene.analyses.start("agents", "low")
        bench.field.now += 1
        urgent = scene.analyses.start("performance", "high")
        assert (scene.analyses.seconds(urgent), scene.analyses.seconds(late)) == (20, 30)
        await trio.sleep(40)
        nursery.cancel_scope.cancel()
    assert scene.order == ["network", "performance", "agents"]


async def test_a_fault_of_ours_fails_that_analysis_only(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    scene = Scene(bench)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.analyses.run)
        scene.faulty = True
        scene.analyses.start("network", "normal")
        await trio.sleep(7)
        scene.faulty = False
        scene.analyses.start("agents", "normal")
        await trio.sleep(20)
        nursery.cancel_scope.cancel()
    assert [analysis.status for analysis in scene.analyses.all()] == [Status.COMPLETED, Status.FAILED]


async def test_what_was_found_is_there_after_a_restart_and_what_ran_is_told_to_be_cancelled(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene(bench)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.analyses.run)
        scene.analyses.start("network", "normal")
        await trio.sleep(12)
        before = scene.analyses.get("analysis-001").shown()
        scene.analyses.start("agents", "normal")
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    again = scene.started()
    assert again.get("analysis-001").shown() == before
    assert again.get("analysis-002").status is Status.CANCELLED
    assert again.start("network", "normal").analysis_id == "analysis-011"


async def test_a_hundred_are_kept_for_a_week(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    scene = Scene(bench)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.analyses.run)
        for _ in range(MOST_KEPT + 5):
            scene.analyses.start("network", "normal")
            await trio.sleep(11)
        assert len(scene.analyses.all()) == MOST_KEPT
        bench.field.now += KEPT_S + 1
        await trio.sleep(HOUR_S)
        scene.analyses.start("network", "normal")
        await trio.sleep(11)
        nursery.cancel_scope.cancel()
    assert len(scene.analyses.all()) == 1
    assert sum(value is not None for value in bench.facts.kept["analysis"].values()) == 1


@pytest.mark.parametrize(("scope", "priority", "field"), [("moon", "normal", "scope"), ("all", "regular", "priority")])
async def test_unknown_words_are_refused(bench: Bench, scope: str, priority: str, field: str) -> None:
    with pytest.raises(GatewayError) as caught:
        Scene(bench).analyses.start(scope, priority)
    assert (caught.value.code, caught.value.field) == (Code.INVALID, field)


async def test_an_unknown_id_says_where_to_look(bench: Bench) -> None:
    with pytest.raises(GatewayError, match=r"governor\.analyses lists them") as caught:
        Scene(bench).analyses.get("analysis-999")
    assert caught.value.code is Code.NOT_FOUND


async def test_whoever_asks_again_and_again_wears_out_neither_disk_nor_memory(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene(bench)
    scene.found = (SILENT,) * 1000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.analyses.run)
        for _ in range(60):
            scene.analyses.start("network", "normal")
            await trio.sleep(11)
        nursery.cancel_scope.cancel()
    assert sum(analysis.found for analysis in scene.analyses.all()) <= MOST_IN_ALL
    assert len(bench.facts.kept["analysis"]) <= MOST_WRITTEN
    assert scene.analyses.all()[0].analysis_id == "analysis-060"


async def test_what_cannot_be_read_does_not_keep_the_gateway_from_starting(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    scene = Scene(bench)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.analyses.run)
        scene.analyses.start("network", "normal")
        await trio.sleep(12)
        nursery.cancel_scope.cancel()
    whole = bench.facts.kept["analysis"]["analysis-001"]
    assert isinstance(whole, dict)
    bench.facts.kept["analysis"] |= {
        "analysis-002": {**whole, "status": "unheard-of"},
        "analysis-003": {**whole, "completedAt": "yesterday"},
        "analysis-004": "nothing",
    }
    assert [analysis.analysis_id for analysis in scene.started().all()] == ["analysis-001"]
