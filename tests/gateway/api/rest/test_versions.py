"""Versions are named both ways, and nothing ends without its notice and its grace (VR-01 to VR-09, D-174, D-175)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.api.rest.versions import RETIREMENTS, Change, Lifecycle, Retirement, http_date, later
from tests.gateway.api.rest.wells import TABLE
from tests.gateway.api.rig import Rig

TODAY = date(2026, 11, 22)
WELLS = Retirement(
    path="/v1/wells",
    method="GET",
    change=Change.MINOR,
    announced=TODAY,
    sunset=date(2027, 2, 22),
    successor="/v1/springs",
)
ONE_WELL = Retirement(
    path="/v1/wells/{well_id}", change=Change.MAJOR, announced=date(2027, 8, 31), sunset=date(2028, 2, 29)
)
REMOVED = Retirement(
    path="/v1/fountains/*", change=Change.MAJOR, announced=date(2020, 1, 1), sunset=date(2020, 7, 1), guide="/v1/why"
)


def moment(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path, routes=TABLE, retirements=(WELLS, ONE_WELL, REMOVED))
    rig.board.set(moment(TODAY))
    return rig


def set_clock(rig: Rig, seconds: float) -> dict[str, str]:
    """Put the clock there; the headers of a caller whose token is of that time."""
    rig.board.set(seconds)
    return rig.bearer()


@pytest.mark.parametrize("change", Change)
@given(announced=st.dates(date(2000, 1, 1), date(2100, 1, 1)), days=st.integers(1, 400))
def test_no_table_can_be_written_that_leaves_less_time_than_was_promised(
    change: Change, announced: date, days: int
) -> None:
    earliest = later(announced, {"MAJOR": 6, "MINOR": 3}[change.name])
    assert Retirement(path="/v1/x", change=change, announced=announced, sunset=earliest).sunset == earliest
    with pytest.raises(ValueError, match="may not end before"):
        Retirement(path="/v1/x", change=change, announced=announced, sunset=earliest - timedelta(days=days))


def test_the_table_of_the_gateway_names_paths_of_this_api_and_each_once() -> None:
    assert all(one.path.startswith("/v1/") for one in RETIREMENTS)
    assert len({(one.method, one.path) for one in RETIREMENTS}) == len(RETIREMENTS)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 10, 1), 3, date(2027, 1, 1)),
        (date(2026, 9, 30), 3, date(2026, 12, 30)),
    ],
)
def test_months_are_those_of_the_calendar(day: date, months: int, expected: date) -> None:
    assert later(day, months) == expected


@given(st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1)))  # noqa: DTZ001 - hypothesis wants them so
def test_dates_are_as_http_has_them(naive: datetime) -> None:
    whole = naive.replace(microsecond=0, tzinfo=UTC)
    assert datetime.strptime(http_date(whole), "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=UTC) == whole


async def test_what_stays_says_nothing_of_an_end(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/wells", json={"data": {"name": "n"}})
    assert reply.status_code == 201
    assert not {"deprecation", "sunset"} & set(reply.headers)
    assert not {"deprecation", "sunset", "successor-version"} & set(reply.links)


async def test_a_path_that_ends_says_so_with_each_answer(rig: Rig, client: httpx.AsyncClient) -> None:
    for reply in (
        await client.get("/v1/wells?page[size]=5"),
        await client.head("/v1/wells"),
        await client.get("/v1/wells?x=1"),
        await client.get("/v1/wells", headers=rig.bearer("webhooks:read")),
    ):
        assert reply.headers["deprecation"] == f"@{moment(TODAY):.0f}"
        assert reply.headers["sunset"] == "Mon, 22 Feb 2027 00:00:00 GMT"
        assert '</v1/springs>; rel="successor-version"' in reply.headers["link"]
        assert reply.links["deprecation"]["url"] == reply.links["sunset"]["url"] == "/v1/tools/changelog"


async def test_it_works_until_the_last_second_and_is_gone_with_the_next(rig: Rig, client: httpx.AsyncClient) -> None:
    end = moment(WELLS.sunset)
    headers = set_clock(rig, end - 1)
    assert (await client.get("/v1/wells", headers=headers)).status_code == 200
    headers = set_clock(rig, end)
    reply = await client.get("/v1/wells", headers=headers)
    assert (reply.status_code, reply.json()["type"]) == (410, "/problems/gone")
    assert "/v1/springs" in reply.json()["detail"]
    assert reply.headers["deprecation"]
    # Another verb of the same path stays.
    assert (await client.post("/v1/wells", json={"data": {"name": "n"}}, headers=headers)).status_code == 201


async def test_a_path_with_variables_ends_for_all_of_them(rig: Rig, client: httpx.AsyncClient) -> None:
    before = await client.patch("/v1/wells/w1", json={"data": {"name": "n"}})
    assert (before.status_code, before.headers["deprecation"]) == (200, f"@{moment(ONE_WELL.announced):.0f}")
    headers = set_clock(rig, moment(ONE_WELL.sunset))
    for verb in ("PATCH", "DELETE", "GET"):
        assert (await client.request(verb, "/v1/wells/w1", headers=headers)).status_code == 410


async def test_what_was_taken_out_of_the_code_is_still_told_of(client: httpx.AsyncClient) -> None:
    reply = await client.get("/v1/fountains/f1/jets")
    assert reply.status_code == 410
    assert reply.json()["errors"][0]["meta"] == {"sunset": "2020-07-01", "successor": None, "guide": "/v1/why"}
    assert (await client.get("/v1/fountain")).status_code == 404


async def test_strangers_are_not_told_what_there_was(client: httpx.AsyncClient) -> None:
    reply = await client.get("/v1/fountains/f1", headers={"Authorization": "Bearer nonsense"})
    assert reply.status_code == 401


async def test_the_description_marks_what_ends(client: httpx.AsyncClient) -> None:
    document = (await client.get("/v1/openapi.json")).json()
    OpenAPIV31SpecValidator(document).validate()
    wells = document["paths"]["/v1/wells"]
    assert (wells["get"]["deprecated"], wells["get"]["x-sunset"]) == (True, "2027-02-22")
    assert {"Deprecation", "Sunset", "Link"} <= wells["get"]["responses"]["200"]["headers"].keys()
    assert "410" in wells["get"]["responses"]
    assert "deprecated" not in wells["post"]
    assert document["paths"]["/v1/wells/{well_id}"]["patch"]["deprecated"] is True


@pytest.mark.parametrize("path", ["/v1/wells", "/v1/nothing", "/v1/openapi.json", "/v1/auth/me", "/v1/wells?x=1"])
async def test_every_answer_names_the_full_version(client: httpx.AsyncClient, path: str) -> None:
    for headers in ({}, {"X-API-Version": "2"}, {"Authorization": "Bearer nonsense"}):
        assert (await client.get(path, headers=headers)).headers["x-api-version"] == "1.0.0"


@pytest.mark.parametrize("path", ["/v1/wells", "/v1/openapi.json", "/v1/auth/me"])
async def test_another_major_version_is_refused_wherever_it_is_asked_for(client: httpx.AsyncClient, path: str) -> None:
    """D-006, D-174: by the header with 400, by the media type with 406."""
    assert (await client.get(path, headers={"X-API-Version": "1.0.0"})).status_code == 200
    reply = await client.get(path, headers={"X-API-Version": "2.0.0"})
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["source"] == {"header": "X-API-Version"}
    versioned = "application/vnd.agent-cellphone-v2.v{}+json"
    assert (await client.get(path, headers={"Accept": versioned.format(1)})).status_code == 200
    assert (await client.get(path, headers={"Accept": versioned.format(2)})).status_code == 406


async def test_nothing_is_retired_by_a_lifecycle_without_notices() -> None:
    assert Lifecycle(lambda: 0.0, ()).find("GET", "/v1/wells") is None
