"""The SDKs that came with the gateway: what ``make sdk`` left in a directory (ruling 9; docs/decisions/0022)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import trio
from msgspec import Meta

import gateway
from gateway.api.rest.versions import API_VERSION
from gateway.core.errors import Code, GatewayError

LIST = "sdks.json"
# What is made, whether or not it was: the answer to who asks for another one does not depend on that.
LANGUAGES = ("python", "typescript")
# Seconds: nobody builds a release while a caller waits.
_LATER = 3600


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A program that comes with an SDK."""

    name: str
    text: str


class SdkArchive(msgspec.Struct, frozen=True, kw_only=True):
    """An archive; ``sha256`` is hexadecimal, ``examples`` says whether they are in it."""

    name: str
    size: Annotated[int, Meta(ge=0)]
    sha256: str
    examples: bool


class Sdk(msgspec.Struct, frozen=True, kw_only=True):
    """The SDK for one language, as it lies there."""

    language: str
    requires: str
    platforms: tuple[str, ...]
    readme: str
    examples: tuple[Example, ...]
    archives: tuple[SdkArchive, ...]

    def archive(self, *, examples: bool) -> SdkArchive:
        """The archive to install, with or without the examples."""
        return next(one for one in self.archives if one.name.endswith(".tar.gz") and one.examples is examples)


class Sdks(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, for one version of the API."""

    version: str
    changelog: tuple[str, ...]
    languages: tuple[Sdk, ...]


class Shelf:
    """Finds them.

    Args:
        place: the directory; None: that of the package.
    """

    def __init__(self, place: Path | None) -> None:
        self._place = place or Path(gateway.__file__).parent / "api" / "sdks"

    async def all(self) -> Sdks:
        """What there is: read anew each time, for who asks is rare, and nothing of it stays in memory.

        Raises:
            GatewayError: UNAVAILABLE, none were made for this version.
        """
        return await trio.to_thread.run_sync(self._read)

    async def one(self, language: str) -> Sdk:
        """That of a language.

        Raises:
            GatewayError: NOT_FOUND, it is none of ``LANGUAGES``; UNAVAILABLE, as above.
        """
        if language not in LANGUAGES:
            raise GatewayError(
                Code.NOT_FOUND, f'there is no SDK for "{language}"; there are those for {" and ".join(LANGUAGES)}'
            )
        found = next((sdk for sdk in (await self.all()).languages if sdk.language == language), None)
        if found is None:
            raise _missing(f"none for {language} was made")
        return found

    def path(self, archive: SdkArchive) -> Path:
        """Where an archive is."""
        return self._place / archive.name

    def _read(self) -> Sdks:
        try:
            found = msgspec.json.decode((self._place / LIST).read_bytes(), type=Sdks)
        except FileNotFoundError:
            raise _missing("none were made") from None
        except (OSError, msgspec.MsgspecError) as error:
            raise _missing(f"their list cannot be read ({error})") from error
        if found.version != API_VERSION.decode():
            raise _missing(f"those that are there are for version {found.version} of the API")
        for sdk in found.languages:
            for archive in sdk.archives:
                if not self.path(archive).is_file():
                    raise _missing(f"{archive.name} is gone")
        return found


def _missing(why: str) -> GatewayError:
    words = f"this gateway has no SDKs to give out: {why}. Run `make sdk` in its sources, as docs/sdk.md says"
    return GatewayError(Code.UNAVAILABLE, words, details={"retryAfter": _LATER})
