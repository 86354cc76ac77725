"""The /metrics page, read by the parser of the Prometheus client library."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from gateway.api.metrics.exposition import Family, label_text, render
from gateway.api.metrics.instruments import LoopLag
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json
from gateway.settings.model import LimitSettings, MetricsSettings
from tests.gateway.api.fakes import NOON
from tests.gateway.api.rig import Rig, read_response, rpc_body

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]

LINE: dict[str, Json] = {
    "line": "bus",
    "state": "up",
    "opened": 2,
    "utilisation": 0.4321,
    "requests": 1234,
    "secondsLost": 1.5,
    "hardwareErrors": {"parity": 1, "framing": 0, "overrun": 0, "breaks": 3},
}
RAW_LINE: dict[str, Json] = {
    "line": "scale",
    "state": "down",
    "opened": 1,
    "hardwareErrors": None,
    "messages": 7,
    "errors": {"too_long": 2},
}
DEVICE: dict[str, Json] = {
    "device": "bus/meter",
    "line": "bus",
    "state": "online",
    "latencyMs": 12.5,
    "timeoutMs": 80.0,
    "requests": 100,
    "answers": 97,
    "errors": {"crc": 1, "timeout": 2},
    "refusals": {"illegal_address": 4},
    "missedDeadlines": 5,
    "tags": 2,
    "tagsGood": 1,
}
DEAD: dict[str, Json] = {"device": "bus/dead", "line": "bus", "state": "silent", "latencyMs": None, "errors": {}}


@pytest.fixture
def told(rig: Rig) -> Rig:
    """A rig whose field reports what real lines do."""
    rig.field.line_reports = [LINE, RAW_LINE]
    rig.field.device_reports = [DEVICE, DEAD]
    return rig


@pytest.fixture
async def peer(told: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """A caller elsewhere on the LAN, without a token."""
    transport = httpx.ASGITransport(told.app, client=("192.168.7.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig") as client:
        yield client


@pytest.fixture
async def here(told: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """A program on the board, without a token."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(told.app), base_url="https://rig") as client:
        yield client


def parsed(text: str) -> list[Metric]:
    """All families, after checks that the parser leaves out."""
    families = list(text_string_to_metric_families(text))
    assert text.endswith("\n")
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) == len(families)
    assert names == [line.split()[2] for line in text.splitlines() if line.startswith("# HELP")]
    for family in families:
        assert family.documentation
        assert family.type != "unknown"
        keys = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(keys) == len(set(keys)), f"a series stands twice: {family.name}"
        if family.type == "counter":
            assert all(sample.name.endswith("_total") and sample.value >= 0 for sample in family.samples)
        if family.type == "histogram":
            assert_histogram(family)
    return families


def assert_histogram(family: Metric) -> None:
    buckets: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            labels = frozenset(item for item in sample.labels.items() if item[0] != "le")
            buckets.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
    counts = {
        frozenset(sample.labels.items()): sample.value for sample in family.samples if sample.name.endswith("_count")
    }
    assert buckets.keys() == counts.keys()
    for labels, bounds in buckets.items():
        assert bounds == sorted(bounds)
        assert [number for _, number in bounds] == sorted(number for _, number in bounds)
        assert bounds[-1] == (math.inf, counts[labels])


async def scrape(client: httpx.AsyncClient) -> Series:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parsed(response.text)
        for sample in family.samples
    }


def value(series: Series, name: str, /, **labels: str) -> float:
    return series[name, frozenset(labels.items())]


def named(series: Series, name: str) -> list[dict[str, str]]:
    return [dict(labels) for found, labels in series if found == name]


# --- who may read it -------------------------------------------------------------------------------------------


async def test_programs_on_the_board_need_no_token(here: httpx.AsyncClient) -> None:
    await scrape(here)


async def test_others_need_one_with_the_scope(told: Rig, peer: httpx.AsyncClient) -> None:
    response = await peer.get("/metrics")
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers.get_list("www-authenticate") == ['Bearer realm="ferrule"', 'ApiKey realm="ferrule"']
    response = await peer.get("/metrics", headers=told.bearer("devices:read"))
    assert response.status_code == 403
    assert 'scope="metrics:read"' in response.headers["www-authenticate"]
    assert (await peer.get("/metrics", headers=told.bearer("metrics:read"))).status_code == 200


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
async def test_it_is_only_read(here: httpx.AsyncClient, verb: str) -> None:
    response = await here.request(verb, "/metrics")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


# --- what it says ----------------------------------------------------------------------------------------------


async def test_lines(here: httpx.AsyncClient) -> None:
    series = await scrape(here)
    assert value(series, "ferrule_line_state", line="bus", state="up") == 1
    assert value(series, "ferrule_line_state", line="bus", state="down") == 0
    assert value(series, "ferrule_line_state", line="scale", state="down") == 1
    assert value(series, "ferrule_line_utilisation_ratio", line="bus") == 0.4321
    assert value(series, "ferrule_line_requests_total", line="bus") == 1234
    assert value(series, "ferrule_line_opened_total", line="bus") == 2
    assert value(series, "ferrule_line_lost_seconds_total", line="bus") == 1.5
    assert value(series, "ferrule_line_hardware_errors_total", line="bus", kind="breaks") == 3
    assert value(series, "ferrule_line_messages_total", line="scale") == 7
    assert value(series, "ferrule_line_errors_total", line="scale", cause="too_long") == 2
    # What is not known has no series.
    assert named(series, "ferrule_line_utilisation_ratio") == [{"line": "bus"}]


async def test_a_line_has_sent_what_its_devices_were_sent(told: Rig, here: httpx.AsyncClient) -> None:
    """Whoever takes sums of a page that was made while the lines went on polling."""
    line, device = {**LINE, "requests": 0}, {**DEVICE, "requests": 0}
    told.field.line_reports, told.field.device_reports = [line], [device]

    async def poll() -> None:
        for number in range(1, 1_000_000):
            line["requests"] = device["requests"] = number
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        series = await scrape(here)
        nursery.cancel_scope.cancel()
    of_device = value(series, "ferrule_device_requests_total", line="bus", device="meter")
    assert value(series, "ferrule_line_requests_total", line="bus") >= of_device > 0


async def test_devices(here: httpx.AsyncClient) -> None:
    series = await scrape(here)
    meter = {"line": "bus", "device": "meter"}
    assert value(series, "ferrule_device_state", **meter, state="online") == 1
    assert value(series, "ferrule_device_state", line="bus", device="dead", state="silent") == 1
    assert value(series, "ferrule_device_requests_total", **meter) == 100
    assert value(series, "ferrule_device_answers_total", **meter) == 97
    assert value(series, "ferrule_device_errors_total", **meter, cause="crc") == 1
    assert value(series, "ferrule_device_refusals_total", **meter, exception="illegal_address") == 4
    assert value(series, "ferrule_device_latency_seconds", **meter) == 0.0125
    assert value(series, "ferrule_device_timeout_seconds", **meter) == 0.08
    assert value(series, "ferrule_device_missed_deadlines_total", **meter) == 5
    assert value(series, "ferrule_device_tags_good", **meter) == 1
    assert named(series, "ferrule_device_latency_seconds") == [meter]


async def test_tags(here: httpx.AsyncClient) -> None:
    series = await scrape(here)
    power = {"line": "bus", "device": "meter", "tag": "power"}
    assert value(series, "ferrule_tag_good", **power) == 1
    assert value(series, "ferrule_tag_good", **power | {"tag": "run"}) == 0
    assert value(series, "ferrule_tag_missed_deadlines_total", **power) == 3
    assert value(series, "ferrule_tag_age_seconds", **power) == pytest.approx(trio.current_time() - 100.0, abs=5)
    # Never read: no age.
    assert len(named(series, "ferrule_tag_age_seconds")) == 3
    assert len(named(series, "ferrule_tag_good")) == 4
    assert value(series, "ferrule_tags_omitted") == 0


@pytest.mark.parametrize("most", [0, 3])
async def test_series_of_tags_are_bounded(told: Rig, here: httpx.AsyncClient, most: int) -> None:
    told.instruments.settings = MetricsSettings(tag_series=most)
    series = await scrape(here)
    assert len(named(series, "ferrule_tag_good")) == most
    assert value(series, "ferrule_tags_omitted") == 4 - most


async def test_a_tag_that_a_reload_takes_away_meanwhile_does_no_harm(told: Rig, here: httpx.AsyncClient) -> None:
    told.field.fault = GatewayError(Code.INVALID, "no such tag")
    assert value(await scrape(here), "ferrule_line_requests_total", line="bus") == 1234


async def test_the_store(told: Rig, here: httpx.AsyncClient) -> None:
    told.store.durable = False
    series = await scrape(here)
    assert value(series, "ferrule_storage_durable") == 0
    assert value(series, "ferrule_storage_written_today_bytes") == 1234
    assert value(series, "ferrule_storage_write_budget_bytes") == 200_000_000
    assert value(series, "ferrule_storage_history_state", state="everything") == 1
    assert value(series, "ferrule_storage_history_state", state="memory") == 0


async def test_requests_are_counted_by_family_and_status(told: Rig, here: httpx.AsyncClient) -> None:
    for _ in range(3):
        await here.post("/api/v1/rpc", json=rpc_body("tag.list"), headers=told.bearer())
    await here.post("/api/v1/rpc", json=rpc_body("tag.list"))
    await here.get("/api/v1/health")
    # Whatever callers make up, there are no new series for it.
    for number in range(5):
        await here.get(f"/nothing/{number}")
    series = await scrape(here)
    total = "ferrule_http_requests_total"
    assert value(series, total, family="rpc", status="200") == 3
    assert value(series, total, family="rpc", status="401") == 1
    assert value(series, total, family="api", status="200") == 1
    assert value(series, total, family="other", status="404") == 5
    assert value(series, "ferrule_http_request_duration_seconds_count", family="rpc") == 4
    assert value(series, "ferrule_http_requests_in_progress") == 1


async def test_durations_fall_into_their_buckets(told: Rig, here: httpx.AsyncClient, autojump_clock: MockClock) -> None:
    told.field.read_takes = 0.2
    await here.post("/api/v1/rpc", json=rpc_body("tag.read", {"tags": ["bus/meter/power"]}), headers=told.bearer())
    series = await scrape(here)
    bucket = "ferrule_http_request_duration_seconds_bucket"
    assert value(series, bucket, family="rpc", le="0.1") == 0
    assert value(series, bucket, family="rpc", le="0.25") == 1
    assert value(series, "ferrule_http_request_duration_seconds_sum", family="rpc") == pytest.approx(0.2)


async def test_calls_are_counted_by_method_and_outcome(told: Rig, here: httpx.AsyncClient) -> None:
    batch = [rpc_body("tag.list"), rpc_body("tag.read", {"tags": []}), rpc_body("made.up"), rpc_body("tag.list")]
    await here.post("/api/v1/rpc", json=batch, headers=told.bearer())
    await here.post("/api/v1/rpc", json=rpc_body("tag.list"))
    series = await scrape(here)
    total = "ferrule_rpc_calls_total"
    assert value(series, total, method="tag.list", outcome="result") == 2
    assert value(series, total, method="tag.list", outcome="-32001") == 1
    assert value(series, total, method="tag.read", outcome="-32602") == 1
    # Names that callers make up make no series.
    assert len(named(series, total)) == 3


async def test_refused_calls_are_counted(told: Rig, here: httpx.AsyncClient) -> None:
    told.rates.follow(LimitSettings(requests_per_minute=1, burst=1, total_burst=50))
    for _ in range(3):
        await here.post("/api/v1/rpc", json=rpc_body("tag.list"), headers=told.bearer())
    series = await scrape(here)
    assert value(series, "ferrule_http_requests_total", family="rpc", status="429") == 2
    assert value(series, "ferrule_rate_limited_total", limit="address") == 2


async def test_open_connections(told: Rig) -> None:
    async with told.served(), await told.connect(), await told.connect(), told.client() as client:
        assert value(await scrape(client), "ferrule_http_connections_open") == 3


async def test_answers_without_the_application_are_counted(told: Rig) -> None:
    async with told.served(), await told.connect() as stream, told.client() as client:
        await stream.send_all(b"nonsense\r\n\r\n")
        await read_response(stream)
        assert value(await scrape(client), "ferrule_http_requests_total", family="front", status="400") == 1


async def test_the_process(told: Rig, here: httpx.AsyncClient) -> None:
    told.board.set(NOON)
    # What other tests left open is closed now, and not in between.
    gc.collect()
    series = await scrape(here)
    assert value(series, "ferrule_info", name="rig", location="boiler room", version="1.2.3") == 1
    assert 1e7 < value(series, "process_resident_memory_bytes") < value(series, "process_virtual_memory_bytes")
    assert value(series, "process_cpu_seconds_total") == pytest.approx(sum(os.times()[:2]), abs=1)
    assert value(series, "process_open_fds") == pytest.approx(len(os.listdir("/proc/self/fd")), abs=3)  # noqa: PTH208 - as the kernel lists them
    assert value(series, "process_threads") >= 1
    assert NOON - 3600 < value(series, "process_start_time_seconds") < NOON


async def test_the_lag_of_the_event_loop_is_measured(told: Rig, here: httpx.AsyncClient, mock_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(told.instruments.lag.run)
        await trio.testing.wait_all_tasks_blocked()
        # The loop was held up: what was due after 0.5 s is woken 0.03 s late.
        mock_clock.jump(0.53)
        await trio.testing.wait_all_tasks_blocked()
        series = await scrape(here)
        nursery.cancel_scope.cancel()
    bucket = "ferrule_event_loop_lag_seconds_bucket"
    assert value(series, bucket, le="0.02") == 0
    assert value(series, bucket, le="0.05") == value(series, "ferrule_event_loop_lag_seconds_count") == 1


async def test_many_scrapers_cost_one_page_a_second(told: Rig, here: httpx.AsyncClient, mock_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(here.get, "/metrics")
    assert len(told.field.asked) == 1
    mock_clock.jump(1.1)
    await here.get("/metrics")
    assert len(told.field.asked) == 2


# --- the text form ---------------------------------------------------------------------------------------------


# The parser splits lines as Python does, at more than the format's one end of a line, and strips what surrounds a help.
SPLITTING = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
TEXTS = st.text(st.characters(exclude_characters=SPLITTING, exclude_categories=["Cs"]))


@settings(max_examples=300)
@given(TEXTS, st.floats(), TEXTS.map(lambda words: f"a{words}z"))
def test_any_label_value_number_and_help_comes_through(label: str, number: float, words: str) -> None:
    family = Family("name", "gauge", words)
    family.add(number, label_text(label=label, other="x"))
    [metric] = text_string_to_metric_families("".join(render(family)))
    assert metric.documentation == words
    [sample] = metric.samples
    assert sample.labels == {"label": label, "other": "x"}
    assert sample.value == number or (math.isnan(sample.value) and math.isnan(number))


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (17, "17"), (1.0, "1.0"), (0.1, "0.1"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (1e300, "1e+300")],
)
def test_numbers(number: float, text: str) -> None:
    family = Family("name", "gauge", "help")
    family.add(number)
    assert "".join(render(family)) == f"# HELP name help\n# TYPE name gauge\nname {text}\n"


def test_quotes_backslashes_and_line_breaks_are_escaped() -> None:
    family = Family("name", "gauge", 'a "b"\\\nc')
    family.add(1, label_text(label='a "b"\\\nc'))
    assert "".join(render(family)).splitlines() == [
        r'# HELP name a "b"\\\nc',
        "# TYPE name gauge",
        r'name{label="a \"b\"\\\nc"} 1',
    ]


def test_a_family_without_series_is_left_out() -> None:
    assert not list(render(Family("name", "gauge", "help")))


def test_nothing_measured_yet_is_a_histogram_of_nothing() -> None:
    [family] = LoopLag().families()
    assert_histogram(next(iter(text_string_to_metric_families("".join(render(family))))))
