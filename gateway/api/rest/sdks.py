"""``/v1/tools/sdk``: SDKs made at the release by generators, given out as they are (DT-01 to DT-14, D-171)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.api.rest.downloads import AS_TEXT, GZIP, Download, download
from gateway.api.rest.route import Answer, Call, File, Form, Route
from gateway.api.rest.sdk_shelf import LANGUAGES, Example, Sdk, SdkArchive, Sdks, Shelf
from gateway.api.rest.shapes import Model, Nothing
from gateway.core.errors import Code, GatewayError, invalid

SDKS = "/v1/tools/sdk"
_BYTES = "application/octet-stream"
_TEXT = "text/plain"

Method = Literal["oauth2", "api_key", "jwt"]
# Told the language of each that a caller has whole.
Counted = Callable[[str], None]


class SdkBody(Model, frozen=True):
    """Which SDK is wanted.

    ``version``: of the language, the lowest there is to run it on, ``3.11+``. ``platform``: ``async`` or ``sync``.
    """

    language: Annotated[str, Meta(min_length=1, max_length=40)]
    version: (
        Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){0,2}\+?$", description="a version of it, as 3.11+")]
        | None
    ) = None
    platform: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    include_examples: bool = True
    authentication_method: Method = "oauth2"


class SdkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Where the SDK is. ``requires`` says what it really runs on, whatever was asked for."""

    download_url: str
    documentation_url: str
    examples_url: str
    changelog: tuple[str, ...]
    language: str
    requires: str
    authentication_example: str
    size: int
    sha256: str


class ArchiveRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file to fetch; ``sha256`` is hexadecimal."""

    download_url: str
    size: int
    sha256: str
    examples: bool


class SdkRow(msgspec.Struct, frozen=True, kw_only=True):
    """The SDK for one language."""

    language: str
    version: str
    requires: str
    platforms: tuple[str, ...]
    authentication_methods: tuple[str, ...]
    documentation_url: str
    examples_url: str
    archives: tuple[ArchiveRow, ...]


class SdkRoutes:
    """What can be asked of them.

    Args:
        shelf: has them.
        counted: told the language of each that a caller has whole.
    """

    def __init__(self, shelf: Shelf, counted: Counted) -> None:
        self._shelf = shelf
        self._counted = counted

    async def generate(self, call: Call[SdkBody, Nothing]) -> Answer:
        """POST: where the SDK is that fits the options; it was made when the gateway was built."""
        asked = call.body
        if asked.language not in LANGUAGES:
            raise invalid("language", f"there are SDKs for {' and '.join(LANGUAGES)}")
        sdk = await self._shelf.one(asked.language)
        if asked.platform is not None and asked.platform not in sdk.platforms:
            raise invalid("platform", f"for {sdk.language} there is {' and '.join(sdk.platforms)}")
        archive = sdk.archive(examples=asked.include_examples)
        url = _url(archive)
        data = SdkAnswer(
            download_url=url,
            documentation_url=f"{SDKS}/docs/{sdk.language}",
            examples_url=f"{SDKS}/examples/{sdk.language}",
            changelog=(await self._shelf.all()).changelog,
            language=sdk.language,
            requires=sdk.requires,
            authentication_example=_shows(sdk, asked.authentication_method),
            size=archive.size,
            sha256=archive.sha256,
        )
        return Answer(data=data, headers=((b"location", url.encode()),))

    async def list(self, _: Call[None, Nothing]) -> Answer:
        """GET: all there are."""
        found = await self._shelf.all()
        return Answer(data=[_row(found, sdk) for sdk in found.languages])

    async def fetch(self, call: Call[None, Nothing]) -> Answer:
        """GET: the newest archive for a language, examples and all."""
        sdk = await self._shelf.one(call.path["language"])
        return self._given(call, sdk, sdk.archive(examples=True))

    async def download(self, call: Call[None, Nothing]) -> Answer:
        """GET: an archive by its name."""
        name = call.path["file"]
        for sdk in (await self._shelf.all()).languages:
            for archive in sdk.archives:
                if archive.name == name:
                    return self._given(call, sdk, archive)
        raise GatewayError(Code.NOT_FOUND, f"there is no such archive; {SDKS} lists them")

    async def docs(self, call: Call[None, Nothing]) -> Answer:
        """GET: how to use it, in Markdown."""
        sdk = await self._shelf.one(call.path["language"])
        return Answer(file=File(content_type=b"text/plain; charset=utf-8", body=sdk.readme.encode()), headers=AS_TEXT)

    async def examples(self, call: Call[None, Nothing]) -> Answer:
        """GET: programs that use it."""
        return Answer(data=(await self._shelf.one(call.path["language"])).examples)

    def _given(self, call: Call[None, Nothing], sdk: Sdk, archive: SdkArchive) -> Answer:
        async def taken() -> None:
            self._counted(sdk.language)

        file = Download(
            place=self._shelf.path(archive),
            name=archive.name,
            size=archive.size,
            sha256=archive.sha256,
            content_type=GZIP if archive.name.endswith(".gz") else _BYTES.encode(),
        )
        return download(call.origin.scope, file, taken)


def _url(archive: SdkArchive) -> str:
    return f"{SDKS}/downloads/{archive.name}"


def _shows(sdk: Sdk, method: Method) -> str:
    """The example with that way of showing who calls: any of the others has a token that was given (a JWT)."""
    wanted = "plugins" if method == "jwt" else method
    return next(one.name for one in sdk.examples if one.name.partition(".")[0] == wanted)


def _row(found: Sdks, sdk: Sdk) -> SdkRow:
    return SdkRow(
        language=sdk.language,
        version=found.version,
        requires=sdk.requires,
        platforms=sdk.platforms,
        authentication_methods=("oauth2", "api_key", "jwt"),
        documentation_url=f"{SDKS}/docs/{sdk.language}",
        examples_url=f"{SDKS}/examples/{sdk.language}",
        archives=tuple(
            ArchiveRow(download_url=_url(one), size=one.size, sha256=one.sha256, examples=one.examples)
            for one in sdk.archives
        ),
    )


def sdk_routes(shelf: Shelf, counted: Counted) -> tuple[Route, ...]:
    """The routes of SDKs.

    Args:
        shelf: has them.
        counted: told the language of each that a caller has whole.
    """
    work = SdkRoutes(shelf, counted)
    # Any good token will do: there is nothing in an SDK that the open description does not say.
    asked = partial(Route, method="GET", scope=None, resource="sdk", audited=False)
    file = partial(asked, result=None, gives=Form.FILE)
    return (
        Route(
            name="tools.sdk_generate",
            method="POST",
            path=f"{SDKS}/generate",
            run=work.generate,
            scope="tools:use",
            summary="Generate SDK for specific language/platform",
            resource="sdk",
            result=SdkAnswer,
            status=201,
            body=SdkBody,
            audited=False,
            origin="seed",
        ),
        asked(
            name="tools.sdk_list", path=SDKS, run=work.list, summary="The SDKs there are", result=SdkRow, listing=True
        ),
        file(name="tools.sdk_fetch", path=f"{SDKS}/{{language}}", run=work.fetch, summary="Fetch the newest SDK"),
        file(
            name="tools.sdk_download",
            path=f"{SDKS}/downloads/{{file}}",
            run=work.download,
            summary="Fetch an archive of an SDK",
            files=("application/gzip", _BYTES),
            origin="seed",
        ),
        file(
            name="tools.sdk_docs",
            path=f"{SDKS}/docs/{{language}}",
            run=work.docs,
            summary="How to use an SDK",
            files=(_TEXT,),
            origin="seed",
        ),
        asked(
            name="tools.sdk_examples",
            path=f"{SDKS}/examples/{{language}}",
            run=work.examples,
            summary="Programs that use an SDK",
            result=Example,
            listing=True,
            origin="seed",
        ),
    )
