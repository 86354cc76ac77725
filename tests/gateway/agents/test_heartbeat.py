"""What a heartbeat may say (D-080, D-082)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents.heartbeat import read_metrics, read_status
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json
from gateway.core.roster import AgentStatus


@pytest.mark.parametrize("word", ["active", "idle", "busy", "degraded", "maintenance", "offline"])
def test_an_agent_says_how_it_is(word: str) -> None:
    assert read_status(word) == word


@pytest.mark.parametrize("word", ["", "Active", "dead", "inactive"])
def test_other_words_are_refused_with_those_there_are(word: str) -> None:
    with pytest.raises(GatewayError) as refused:
        read_status(word)
    assert (refused.value.code, refused.value.field, refused.value.provided) == (Code.INVALID, "status", word)
    assert all(status in refused.value.reason for status in AgentStatus)


def test_metrics_are_an_open_map_of_numbers() -> None:
    given = {"cpu": 45.2, "memory": 67.8, "connections": 3, "temperature": -40, "any name": 1e300}
    assert read_metrics(given) == given
    assert read_metrics({"cpu": 0, "memory": 100}) == {"cpu": 0.0, "memory": 100.0}


@pytest.mark.parametrize(
    ("metrics", "field"),
    [
        ({"cpu": 100.5}, "metrics.cpu"),
        ({"memory": -0.1}, "metrics.memory"),
        ({"x": "1"}, "metrics.x"),
        ({"x": True}, "metrics.x"),
        ({"x": None}, "metrics.x"),
        ({"x": {"y": 1}}, "metrics.x"),
        ({"x": float("nan")}, "metrics.x"),
        ({"x": float("inf")}, "metrics.x"),
        ({"x": 10**400}, "metrics.x"),
        ({"a b": "1"}, 'metrics["a b"]'),
        ({"": 1}, "metrics"),
        ({"x" * 65: 1}, "metrics"),
        ({f"m{number}": 1 for number in range(65)}, "metrics"),
    ],
)
def test_a_metric_that_is_none_is_refused_with_its_name(metrics: dict[str, Json], field: str) -> None:
    with pytest.raises(GatewayError) as refused:
        read_metrics(metrics)
    assert (refused.value.code, refused.value.field) == (Code.INVALID, field)


@given(st.dictionaries(st.text(min_size=1, max_size=64), st.integers() | st.floats(), max_size=8))
def test_what_is_taken_is_finite_and_as_it_was_given(metrics: dict[str, Json]) -> None:
    try:
        read = read_metrics(metrics)
    except GatewayError:
        return
    assert set(read) == set(metrics)
    assert all(abs(value) < float("inf") for value in read.values())
