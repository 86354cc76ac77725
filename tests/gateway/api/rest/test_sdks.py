"""SDKs given out: found by options, fetched whole or in parts, and said to be missing where none were made."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.settings.model import ServerSettings
from tests.gateway.api.rig import Rig

SDK = "/v1/tools/sdk"
# As the reference has it (000, lines 658 to 668).
SEED = {
    "language": "python",
    "version": "3.8+",
    "platform": "async",
    "include_examples": True,
    "authentication_method": "oauth2",
}
FILES = {
    "python-sdk-1.0.0.tar.gz": b"the whole of it",
    "python-sdk-1.0.0-bare.tar.gz": b"less",
    "ferrule_sdk-1.0.0-py3-none-any.whl": b"a wheel",
}


def put(place: Path, version: str = "1.0.0") -> None:
    """What ``make sdk`` leaves, with only one language."""
    archives = [
        {
            "name": name,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "examples": name == "python-sdk-1.0.0.tar.gz",
        }
        for name, content in FILES.items()
    ]
    python = {
        "language": "python",
        "requires": "Python >=3.11",
        "platforms": ["async", "sync"],
        "readme": "# How\n<script>",
        "examples": [{"name": f"{name}.py", "text": "print()"} for name in ("api_key", "oauth2", "plugins")],
        "archives": archives,
    }
    place.mkdir()
    for name, content in FILES.items():
        (place / name).write_bytes(content)
    listed = {"version": version, "changelog": ["1.0.0: the first version"], "languages": [python], "stamp": "s"}
    (place / "sdks.json").write_text(json.dumps(listed))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "sdks"
    put(made)
    return made


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, server=ServerSettings(sdks=str(tmp_path / "sdks")))


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    async with rig.in_memory() as client:
        client.headers.update(rig.bearer("tools:use"))
        yield client


async def wanted(api: httpx.AsyncClient, **options: object) -> httpx.Response:
    return await api.post(f"{SDK}/generate", json={"data": {**SEED, **options}})


def said(reply: httpx.Response) -> tuple[int, Any, str]:
    [error] = reply.json()["errors"]
    return reply.status_code, error.get("source"), error["detail"]


async def test_the_example_of_the_reference_is_answered_and_leads_to_what_it_names(
    place: Path, api: httpx.AsyncClient
) -> None:
    """Links have their prefix (D-012); what was said of 3.8 stands in ``requires`` as it is."""
    reply = await wanted(api)
    assert reply.status_code == 201, reply.text
    data = reply.json()["data"]
    assert data["download_url"] == reply.headers["location"] == "/v1/tools/sdk/downloads/python-sdk-1.0.0.tar.gz"
    assert data["documentation_url"] == "/v1/tools/sdk/docs/python"
    assert data["examples_url"] == "/v1/tools/sdk/examples/python"
    assert data["changelog"] == ["1.0.0: the first version"]
    assert (data["requires"], data["authentication_example"]) == ("Python >=3.11", "oauth2.py")
    fetched = await api.get(data["download_url"])
    assert (fetched.status_code, hashlib.sha256(fetched.content).hexdigest()) == (200, data["sha256"])
    docs = await api.get(data["documentation_url"])
    assert (docs.headers["content-type"], docs.text) == ("text/plain; charset=utf-8", "# How\n<script>")
    assert docs.headers["content-security-policy"] == "default-src 'none'; sandbox"
    examples = (await api.get(data["examples_url"])).json()["data"]
    assert {"name": "oauth2.py", "text": "print()"} in examples


async def test_where_sdks_are_asked_for_is_no_language(api: httpx.AsyncClient) -> None:
    """What is described of a path that is written out is all of it, though others have variables there."""
    reply = await api.put(f"{SDK}/generate")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    reply = await api.put(f"{SDK}/python")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD")


async def test_options_lead_to_the_archive_that_fits(place: Path, api: httpx.AsyncClient) -> None:
    bare = (await wanted(api, include_examples=False)).json()["data"]
    assert bare["download_url"].endswith("/python-sdk-1.0.0-bare.tar.gz")
    for method, example in (("jwt", "plugins.py"), ("api_key", "api_key.py")):
        data = (await wanted(api, authentication_method=method)).json()["data"]
        assert data["authentication_example"] == example


@pytest.mark.parametrize(
    ("options", "pointer", "words"),
    [
        ({"language": "go"}, "/data/language", "python and typescript"),
        ({"language": "Python"}, "/data/language", "python and typescript"),
        ({"platform": "qt"}, "/data/platform", "async and sync"),
        ({"version": "new"}, "/data/version", ""),
        ({"authentication_method": "basic"}, "/data/authentication_method", "api_key"),
    ],
)
async def test_what_there_is_not_is_refused_with_what_there_is(
    place: Path, api: httpx.AsyncClient, options: dict[str, object], pointer: str, words: str
) -> None:
    status, source, detail = said(await wanted(api, **options))
    assert (status, source) == (422, {"pointer": pointer})
    assert words in detail


@pytest.mark.parametrize("path", ["go", "docs/go", "examples/go", "downloads/other.tar.gz", "downloads/sdks.json"])
async def test_what_is_not_there_is_not_found(place: Path, api: httpx.AsyncClient, path: str) -> None:
    reply = await api.get(f"{SDK}/{path}")
    assert reply.status_code == 404
    assert "python and typescript" in reply.text or "/v1/tools/sdk lists them" in reply.text


def nothing(place: Path) -> None:
    """As it is in the sources before ``make sdk``."""
    (place / "sdks.json").unlink()


def earlier(place: Path) -> None:
    """As it is where another version of the API was built."""
    text = (place / "sdks.json").read_text()
    (place / "sdks.json").write_text(text.replace('"version": "1.0.0"', '"version": "0.9.0"'))


def broken(place: Path) -> None:
    (place / "sdks.json").write_text("{")


def lost(place: Path) -> None:
    (place / "python-sdk-1.0.0.tar.gz").unlink()


@pytest.mark.parametrize("undo", [nothing, earlier, broken, lost])
async def test_where_none_were_made_it_says_how_they_are(
    place: Path, api: httpx.AsyncClient, undo: Callable[[Path], None]
) -> None:
    undo(place)
    replies = [
        await wanted(api),
        *[await api.get(SDK + path) for path in ("", "/python", "/docs/python", "/examples/python", "/downloads/x")],
    ]
    for reply in replies:
        status, _, detail = said(reply)
        assert status == 503
        assert "make sdk" in detail
        assert reply.headers["retry-after"] == "3600"
    # That there is none for another language does not depend on it.
    assert (await wanted(api, language="go")).status_code == 422
    assert (await api.get(f"{SDK}/go")).status_code == 404


async def test_a_language_that_was_not_made_is_told(place: Path, api: httpx.AsyncClient) -> None:
    assert (await api.get(f"{SDK}/typescript")).status_code == 503


async def test_they_are_listed_with_all_their_files(place: Path, api: httpx.AsyncClient) -> None:
    reply = await api.get(SDK)
    [row] = reply.json()["data"]
    assert (row["language"], row["version"], row["platforms"]) == ("python", "1.0.0", ["async", "sync"])
    for archive in row["archives"]:
        fetched = await api.get(archive["download_url"])
        assert (len(fetched.content), hashlib.sha256(fetched.content).hexdigest()) == (
            archive["size"],
            archive["sha256"],
        )


async def test_an_archive_is_fetched_in_parts_and_checked(place: Path, api: httpx.AsyncClient) -> None:
    content = FILES["python-sdk-1.0.0.tar.gz"]
    whole = await api.get(f"{SDK}/python")
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert (whole.content, whole.headers["content-type"]) == (content, "application/gzip")
    assert whole.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert whole.headers["content-disposition"] == 'attachment; filename="python-sdk-1.0.0.tar.gz"'
    part = await api.get(f"{SDK}/python", headers={"Range": "bytes=4-8", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, content[4:9])
    assert part.headers["content-range"] == f"bytes 4-8/{len(content)}"
    assert (await api.get(f"{SDK}/python", headers={"Range": "bytes=99-"})).status_code == 416
    wheel = await api.get(f"{SDK}/downloads/ferrule_sdk-1.0.0-py3-none-any.whl")
    assert wheel.headers["content-type"] == "application/octet-stream"


async def test_who_has_one_whole_is_counted(place: Path, rig: Rig, api: httpx.AsyncClient) -> None:
    await api.get(f"{SDK}/python")
    await api.head(f"{SDK}/python")
    await api.get(f"{SDK}/python", headers={"Range": "bytes=0-3"})
    await api.get(f"{SDK}/downloads/python-sdk-1.0.0-bare.tar.gz")
    page = await api.get("/metrics", headers=rig.bearer("metrics:read"))
    assert 'ferrule_sdk_downloads_total{language="python"} 2' in page.text


async def test_any_good_token_fetches_and_only_one_for_tools_asks(
    place: Path, rig: Rig, api: httpx.AsyncClient
) -> None:
    few = rig.bearer("devices:read")
    assert (await api.get(f"{SDK}/python", headers=few)).status_code == 200
    assert (await api.post(f"{SDK}/generate", json={"data": SEED}, headers=few)).status_code == 403
    assert (await api.get(f"{SDK}/python", headers={"Authorization": ""})).status_code == 401
