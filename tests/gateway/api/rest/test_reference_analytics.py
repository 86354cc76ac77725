"""The reference's answers of analytics, held against ours member by member; what differs is in tables (ruling 25)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
from trio.testing import MockClock

from gateway.core import rfc3339
from tests.gateway.api.accounts import Accounts
from tests.gateway.api.rest.test_analytics import PLUGIN, installed, publish

# S1, "GET /analytics/ecosystem": the answer as it stands there.
ECOSYSTEM = """
{
  "data": {
    "total_plugins": 47,
    "active_instances": 1250,
    "total_downloads": 45000,
    "active_users": 3200,
    "message_volume": {
      "daily": 15000,
      "weekly": 105000,
      "monthly": 450000
    },
    "performance_metrics": {
      "avg_response_time": 45,
      "uptime_percentage": 99.9,
      "error_rate": 0.01
    },
    "geographic_distribution": {
      "North America": 45,
      "Europe": 30,
      "Asia": 20,
      "Other": 5
    }
  },
  "meta": {
    "period": "30d",
    "generated_at": "2026-01-13T12:00:00Z"
  }
}
"""
# S1, "GET /plugins/{id}/metrics".
METRICS = """
{
  "data": {
    "instance_count": 45,
    "total_invocations": 125000,
    "avg_response_time": 120,
    "error_rate": 0.005,
    "resource_usage": {
      "avg_memory_mb": 25,
      "avg_cpu_percent": 2.1,
      "peak_memory_mb": 50
    },
    "uptime_percentage": 99.7,
    "version_distribution": {
      "2.1.0": 30,
      "2.0.5": 12,
      "1.9.3": 3
    }
  }
}
"""
# What differs from the reference, or goes beyond it: "+" a member more, "?" no number, because nothing was measured.
DEVIATIONS = {
    "+data.total_instances": "D-170: beside those that run",
    "+data.active_instances": "D-170: of all instances, those that run",
    "?data.performance_metrics.uptime_percentage": "D-168: null before the first sample",
    "?data.avg_response_time": "D-168",
    "?data.error_rate": "D-168",
    "?data.resource_usage.avg_memory_mb": "D-168",
    "?data.resource_usage.avg_cpu_percent": "D-168",
    "?data.resource_usage.peak_memory_mb": "D-168",
    "?data.uptime_percentage": "D-168",
}
# Their members are names that the operator and the authors give (D-167, D-170); the values sum up.
NAMED = {"data.geographic_distribution": 100, "data.version_distribution": None}


def differing(wanted: object, found: object, place: str = "") -> Iterator[str]:
    """Where two documents differ in their members, or in what a member is."""
    if isinstance(wanted, dict) and place not in NAMED:
        assert isinstance(found, dict), place
        for name in wanted.keys() | found.keys():
            below = f"{place}.{name}".lstrip(".")
            if name not in wanted:
                yield f"+{below}"
            elif name not in found:
                yield f"-{below}"
            else:
                yield from differing(wanted[name], found[name], below)
    elif isinstance(wanted, dict):
        assert isinstance(found, dict), place
        assert all(isinstance(name, str) and isinstance(value, int) for name, value in found.items()), place
        assert NAMED[place] in {None, sum(found.values())}, place
    elif isinstance(wanted, int | float):
        if found is None:
            yield f"?{place}"
        else:
            assert isinstance(found, int | float), place
            # What is counted is a whole number there, too.
            assert isinstance(found, int) or not isinstance(wanted, int) or "time" in place or "avg" in place, place
    else:
        assert isinstance(found, type(wanted)), place


async def test_an_01_to_14_and_17_to_26_the_answers_are_those_of_the_reference(
    mock_clock: MockClock, api: httpx.AsyncClient, accounts: Accounts
) -> None:
    """No time passes, so that it is the same each time what was not measured."""
    await publish(api)
    accounts.instances = [installed(1), installed(2), installed(3, "2.0.0")]
    told: set[str] = set()
    for path, text in (("/v1/analytics/ecosystem", ECOSYSTEM), (f"/v1/plugins/{PLUGIN}/metrics", METRICS)):
        answer = await api.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        wanted, found = json.loads(text), answer.json()
        told |= set(differing(wanted, found))
        if "meta" in wanted:
            assert found["meta"]["period"] == wanted["meta"]["period"]
            assert rfc3339.seconds(rfc3339.parse(found["meta"]["generated_at"])) == found["meta"]["generated_at"]
        else:
            assert sum(found["data"]["version_distribution"].values()) == found["data"]["instance_count"]
    assert told == DEVIATIONS.keys()


def test_the_figures_of_the_reference_keep_to_our_invariants() -> None:
    """D-170: with them it is told what its members mean."""
    ecosystem, metrics = json.loads(ECOSYSTEM)["data"], json.loads(METRICS)["data"]
    assert sum(ecosystem["geographic_distribution"].values()) == 100
    assert sum(metrics["version_distribution"].values()) == metrics["instance_count"]
    volume = ecosystem["message_volume"]
    assert volume["daily"] <= volume["weekly"] <= volume["monthly"]
