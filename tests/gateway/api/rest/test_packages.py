"""Packages over /v1: sent by publishers, kept when sound, fetched whole or in parts, counted when they arrive."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio

from gateway.api.rest.problems import Problem
from gateway.api.rest.uploads import Upload
from gateway.core.audit import AuditOutcome
from gateway.plugins.bounds import BOUNDS
from tests.gateway.api.registry import KEY_ID, Plugins
from tests.gateway.api.rest.test_plugins import JSON_API, PLACE, RELEASE, document, published
from tests.gateway.api.rig import Rig
from tests.gateway.plugins.making import FILES, entry, package

GZIP = {"Content-Type": "application/gzip"}
ARCHIVE = f"{PLACE}/versions/1.0.0/archive"
PACKAGE = package()
SHA256 = hashlib.sha256(PACKAGE).hexdigest()


@pytest.fixture
async def plugin(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a gateway with one plugin, without its package."""
    await published(api)
    return api


async def send(api: httpx.AsyncClient, content: bytes = PACKAGE, place: str = ARCHIVE) -> httpx.Response:
    return await api.put(place, content=content, headers=GZIP)


async def downloads(api: httpx.AsyncClient) -> int:
    return int((await api.get(PLACE)).json()["data"]["attributes"]["downloads"])


def left_over(plugins: Plugins) -> list[str]:
    return sorted(path.name for path in plugins.directory.rglob("*") if path.is_file())


async def test_a_package_makes_a_plugin_active_and_comes_back_to_the_byte(
    gateway: Rig, plugin: httpx.AsyncClient, plugins: Plugins
) -> None:
    sent = await send(plugin)
    assert (sent.status_code, sent.headers["location"]) == (201, ARCHIVE)
    assert sent.headers["content-type"] == JSON_API
    attributes = sent.json()["data"]["attributes"]
    assert attributes["status"] == "active"
    [version] = attributes["versions"]
    assert (version["archive"], version["size"], version["sha256"]) == (True, len(PACKAGE), SHA256)
    assert version["signed_by"] == "workshop"
    assert len(KEY_ID) == 16
    [noted] = gateway.audit.of("plugin.upload")
    assert (noted.outcome, noted.details) == (AuditOutcome.DONE, {"version": "1.0.0"})
    assert left_over(plugins) == ["1.0.0.tar.gz"]
    for place in (ARCHIVE, f"{PLACE}/download"):
        found = await plugin.get(place)
        assert (found.status_code, found.content) == (200, PACKAGE)
        assert found.headers["content-type"] == "application/gzip"
        assert found.headers["content-disposition"] == 'attachment; filename="custom-integration-plugin-1.0.0.tar.gz"'
        assert found.headers["etag"] == f'"{SHA256}"'
        digest = base64.b64encode(bytes.fromhex(SHA256)).decode()
        assert found.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert await downloads(plugin) == 2


async def test_the_reference_s_headers_fetch_a_package_too(plugin: httpx.AsyncClient) -> None:
    await send(plugin)
    headers = {"Accept": JSON_API, "Content-Type": JSON_API}
    assert (await plugin.get(f"{PLACE}/download", headers=headers)).content == PACKAGE


async def test_the_same_again_changes_nothing_and_another_is_refused(
    plugin: httpx.AsyncClient, plugins: Plugins
) -> None:
    await send(plugin)
    before = (await plugin.get(PLACE)).json()
    again = await send(plugin)
    assert (again.status_code, again.json()) == (200, before)
    other = await send(plugin, package({**FILES, "more.py": b"x"}))
    assert (other.status_code, "publish a higher version" in other.text) == (409, True)
    assert (await plugin.get(ARCHIVE)).content == PACKAGE
    assert left_over(plugins) == ["1.0.0.tar.gz"]


async def test_what_the_package_says_stays_as_it_is(plugin: httpx.AsyncClient) -> None:
    await send(plugin)
    changes: list[dict[str, Any]] = [{"description": "other"}, {"tags": []}, {"config_schema": {"type": "object"}}]
    for members in changes:
        refused = await plugin.patch(PLACE, json=document(**members))
        assert refused.status_code == 409
        assert refused.json()["errors"][0]["source"] == {"pointer": f"/data/attributes/{next(iter(members))}"}
    assert (await plugin.patch(PLACE, json=document(homepage="https://example.com/"))).is_success
    assert (await plugin.patch(PLACE, json=document(description="other", version="1.1.0"))).is_success


async def test_the_newest_package_is_the_download(plugin: httpx.AsyncClient) -> None:
    await send(plugin)
    await plugin.patch(PLACE, json=document(version="1.1.0"))
    assert (await plugin.get(f"{PLACE}/download")).content == PACKAGE, "the newest version has none yet"
    newer = package(version="1.1.0")
    assert (await send(plugin, newer, f"{PLACE}/versions/1.1.0/archive")).status_code == 201
    assert (await plugin.get(f"{PLACE}/download")).content == newer
    assert (await plugin.get(ARCHIVE)).content == PACKAGE


REFUSED: dict[str, tuple[bytes, str]] = {
    "no package": (b"hello", "damaged"),
    "another plugin": (package(id="other"), "other_plugin"),
    "another version": (package(version="1.0.1"), "other_plugin"),
    "another license": (package(license="GPL-3.0-only"), "other_plugin"),
    "a bomb": (package({**FILES, "big": bytes(4 * 2**20)}), "bomb"),
    "a way out": (package(more=[entry("../../evil", b"x")]), "bad_name"),
}


@pytest.mark.parametrize(("content", "word"), REFUSED.values(), ids=REFUSED)
async def test_what_must_not_be_used_leaves_nothing_behind(
    gateway: Rig, plugin: httpx.AsyncClient, plugins: Plugins, content: bytes, word: str
) -> None:
    refused = await send(plugin, content)
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["meta"] == {"package": word}
    [noted] = gateway.audit.of("plugin.upload")
    assert noted.outcome is AuditOutcome.FAILED
    assert left_over(plugins) == []
    assert (await plugin.get(PLACE)).json()["data"]["attributes"]["status"] == "inactive"
    missing = await plugin.get(f"{PLACE}/download")
    assert (missing.status_code, "there is no archive" in missing.json()["detail"]) == (404, True)


async def test_true_is_not_one_in_a_schema(plugin: httpx.AsyncClient) -> None:
    schema = {"type": "object", "properties": {"b": {"secret": True}, "a": {"maximum": 1}}}
    await plugin.patch(PLACE, json=document(config_schema=schema))
    other = {"type": "object", "properties": {"b": {"secret": 1}, "a": {"maximum": 1}}}
    refused = await send(plugin, package(config_schema=other))
    assert (refused.status_code, "config_schema" in refused.text) == (422, True)
    turned = {"properties": {"a": {"maximum": 1}, "b": {"secret": True}}, "type": "object"}
    assert (await send(plugin, package(config_schema=turned))).status_code == 201
    assert (await plugin.patch(PLACE, json=document(config_schema=other))).status_code == 409


async def test_nobody_is_trusted_who_is_not_named(plugin: httpx.AsyncClient, plugins: Plugins) -> None:
    plugins.settings = replace(plugins.settings, publishers=())
    refused = await send(plugin)
    assert refused.json()["errors"][0]["meta"] == {"package": "unknown_signer"}


async def test_a_package_needs_a_plugin_and_a_version(api: httpx.AsyncClient) -> None:
    assert (await send(api)).status_code == 404
    await published(api)
    missing = await send(api, place=f"{PLACE}/versions/9.9.9/archive")
    assert (missing.status_code, "there is no version 9.9.9" in missing.text) == (404, True)
    assert (await send(api, place=f"{PLACE}/versions/..%2f..%2fx/archive")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": "application/gzip", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/octet-stream"}, 201),
    ],
)
async def test_packages_are_sent_as_what_they_are(
    plugin: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    assert (await plugin.put(ARCHIVE, content=PACKAGE, headers=headers)).status_code == status


async def test_what_is_too_long_is_not_taken(plugin: httpx.AsyncClient, plugins: Plugins) -> None:
    long = os.urandom(BOUNDS.packed + 1)
    assert (await send(plugin, long)).status_code == 413
    assert left_over(plugins) == []
    assert (await plugin.put(ARCHIVE, headers=GZIP)).status_code == 400


async def test_what_does_not_say_how_long_it_is_is_counted() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"12345678", "more_body": True}

    upload = Upload({"headers": []}, receive, 20, trio.current_time() + 10)
    assert [await upload.piece(), await upload.piece()] == [b"12345678"] * 2
    with pytest.raises(Problem) as refused:
        await upload.piece()
    assert refused.value.status == 413


async def test_what_takes_too_long_is_given_up(autojump_clock: object) -> None:
    upload = Upload({"headers": []}, trio.sleep_forever, 20, trio.current_time() + 10)
    with pytest.raises(Problem) as refused:
        await upload.piece()
    assert refused.value.status == 408
    assert trio.current_time() < 10, "there is time left to say so"


async def test_packages_have_so_much_room(plugin: httpx.AsyncClient, plugins: Plugins) -> None:
    plugins.settings = replace(plugins.settings, archives=len(PACKAGE) - 1)
    refused = await send(plugin)
    assert (refused.status_code, "[plugin] archives" in refused.text) == (409, True)
    assert left_over(plugins) == []


async def test_a_lost_file_is_told_and_mended_by_sending_it_again(plugin: httpx.AsyncClient, plugins: Plugins) -> None:
    await send(plugin)
    (plugins.directory / "custom-integration-plugin" / "1.0.0.tar.gz").unlink()
    lost = await plugin.get(ARCHIVE)
    assert (lost.status_code, "upload the same package again" in lost.text) == (503, True)
    assert (await send(plugin)).status_code == 200
    assert (await plugin.get(ARCHIVE)).content == PACKAGE


async def test_a_removed_plugin_takes_its_packages_along(plugin: httpx.AsyncClient, plugins: Plugins) -> None:
    await send(plugin)
    assert (await plugin.delete(PLACE)).status_code == 204
    assert left_over(plugins) == []
    assert (await plugin.get(ARCHIVE)).status_code == 404


SIZE = len(PACKAGE)


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        (f"bytes=-{SIZE + 5}", 0, SIZE),
        (f"bytes=5-{SIZE + 99}", 5, SIZE),
        ("bytes=0-0", 0, 1),
    ],
)
async def test_a_part_is_fetched(plugin: httpx.AsyncClient, asked: str, begin: int, end: int) -> None:
    await send(plugin)
    part = await plugin.get(ARCHIVE, headers={"Range": asked})
    assert (part.status_code, part.content) == (206, PACKAGE[begin:end])
    assert part.headers["content-range"] == f"bytes {begin}-{end - 1}/{SIZE}"
    assert part.headers["etag"] == f'"{SHA256}"'
    assert await downloads(plugin) == (end == SIZE)


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=0-1,5-6", "lines=0-1", "bytes=-", "bytes=a-b", "bytes 0-1"])
async def test_what_is_no_range_gets_all(plugin: httpx.AsyncClient, asked: str) -> None:
    await send(plugin)
    whole = await plugin.get(ARCHIVE, headers={"Range": asked})
    assert (whole.status_code, whole.content) == (200, PACKAGE)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE + 9}-{SIZE + 10}", "bytes=-0"])
async def test_behind_the_end_there_is_nothing(plugin: httpx.AsyncClient, asked: str) -> None:
    await send(plugin)
    nothing = await plugin.get(ARCHIVE, headers={"Range": asked})
    assert (nothing.status_code, nothing.headers["content-range"]) == (416, f"bytes */{SIZE}")
    assert await downloads(plugin) == 0


@pytest.mark.parametrize(
    ("known", "status"), [(f'"{SHA256}"', 206), (f'W/"{SHA256}"', 200), ('"other"', 200), ("Sun, 22 Nov 2026", 200)]
)
async def test_the_rest_is_only_that_of_the_same_file(plugin: httpx.AsyncClient, known: str, status: int) -> None:
    await send(plugin)
    response = await plugin.get(ARCHIVE, headers={"Range": "bytes=5-", "If-Range": known})
    assert response.status_code == status


async def test_head_tells_the_same_and_counts_nothing(plugin: httpx.AsyncClient) -> None:
    await send(plugin)
    head = await plugin.head(f"{PLACE}/download", headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    assert (head.headers["content-length"], head.headers["etag"]) == (str(SIZE), f'"{SHA256}"')
    assert await downloads(plugin) == 0


async def test_a_download_that_cannot_be_counted_is_one_all_the_same(
    plugin: httpx.AsyncClient, plugins: Plugins
) -> None:
    await send(plugin)
    plugins.tables.full = True
    assert (await plugin.get(ARCHIVE)).content == PACKAGE
    plugins.tables.full = False
    assert await downloads(plugin) == 0


async def test_documentation_is_text_that_nothing_runs(plugin: httpx.AsyncClient) -> None:
    before = await plugin.get(f"{PLACE}/docs", headers={"Accept": JSON_API})
    assert RELEASE["description"] in before.text
    evil = {**FILES, "README.md": b"# Hi\n<script>alert(1)</script>\n"}
    await send(plugin, package(evil))
    docs = await plugin.get(f"{PLACE}/docs")
    assert (docs.status_code, docs.content) == (200, evil["README.md"])
    assert docs.headers["content-type"] == "text/plain; charset=utf-8"
    assert "sandbox" in docs.headers["content-security-policy"]
    assert docs.headers["x-content-type-options"] == "nosniff"


def said(gateway: Rig) -> str:
    """What every request of a plain client says."""
    token = gateway.bearer("*")["Authorization"]
    return f"Host: 127.0.0.1:{gateway.port}\r\nAuthorization: {token}\r\n"


async def until(plugins: Plugins, *, coming: bool) -> None:
    """Wait until a package is coming in, or none."""
    with trio.fail_after(10):
        while bool(list(plugins.directory.glob("*.part"))) is not coming:  # noqa: ASYNC110 - nobody tells of files
            await trio.sleep(0.01)


async def test_over_the_wire_it_comes_whole_and_who_leaves_is_not_counted(
    gateway: Rig, plugin: httpx.AsyncClient, plugins: Plugins
) -> None:
    """The largest package there may be: it does not fit into what lies between the gateway and its caller."""
    large = {**FILES, "noise": os.urandom(7 * 2**20)}
    content = package(large)
    async with gateway.served(), gateway.client() as https:
        https.headers.update(gateway.bearer("*"))
        assert (await https.put(ARCHIVE, content=content, headers=GZIP)).status_code == 201
        stream = await gateway.connect()
        await stream.send_all(f"GET {ARCHIVE} HTTP/1.1\r\n{said(gateway)}\r\n".encode())
        assert await stream.receive_some(1000)
        await trio.aclose_forcefully(stream)
        assert (await https.get(PLACE)).json()["data"]["attributes"]["downloads"] == 0
        head = await https.head(ARCHIVE)
        assert head.headers["content-length"] == str(len(content))
        found = await https.get(ARCHIVE)
        assert found.content == content
        assert gzip.decompress(found.content)
        assert (await https.get(PLACE)).json()["data"]["attributes"]["downloads"] == 1


async def test_an_upload_that_is_given_up_leaves_nothing(
    gateway: Rig, plugin: httpx.AsyncClient, plugins: Plugins
) -> None:
    assert (await plugin.get(PLACE)).is_success
    async with gateway.served():
        stream = await gateway.connect()
        head = (
            f"PUT {ARCHIVE} HTTP/1.1\r\n{said(gateway)}Content-Type: application/gzip\r\nContent-Length: 100000\r\n\r\n"
        )
        await stream.send_all(head.encode() + b"x" * 5000)
        await until(plugins, coming=True)
        await trio.aclose_forcefully(stream)
        await until(plugins, coming=False)
    assert left_over(plugins) == []
