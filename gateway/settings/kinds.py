"""What a value of the configuration may be: each kind reads a TOML value or says in words why it will not do."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from gateway.settings.quantities import duration, say_duration, say_size, size
from gateway.settings.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODICON = {"1": "discrete", "3": "input", "4": "holding"}
_NUMBER = re.compile(r"0x[0-9A-Fa-f]+|[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_BEYOND_ALL_USE = 10**100


class UnfitError(ValueError):
    """A value will not do; the text has reason and cure.

    Attributes:
        element: which element of a list it is, from 0; None: the value itself.
    """

    def __init__(self, words: str, element: int | None = None) -> None:
        super().__init__(words)
        self.element = element


class Kind(Protocol):
    """Reads one value."""

    @property
    def words(self) -> str:
        """What the documentation calls it."""

    def read(self, value: object) -> object:
        """Return the value as the model has it.

        Raises:
            UnfitError: with reason and cure (a `ValueError` of the quantities says the same).
        """


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    words: str = "true or false"

    def read(self, value: object) -> bool:
        """Return it."""
        if isinstance(value, bool):
            return value
        meant = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
        word = meant.get(value.lower()) if isinstance(value, str) else None
        raise UnfitError(
            f"must be true or false, not {shown(value)}{f'. Write {word}, without quotes' if word else ''}"
        )


@dataclass(frozen=True, slots=True)
class Text:
    """Any text of one line."""

    words: str = "text"
    longest: int = 500

    def read(self, value: object) -> str:
        """Return it."""
        if not isinstance(value, str):
            cure = "" if isinstance(value, list | dict) else f'. Write it in quotes: "{shown(value)}"'
            raise UnfitError(f"must be text, not {shown(value)}{cure}")
        if len(value) > self.longest:
            raise UnfitError(f"is {len(value)} characters long. Keep it to {self.longest}")
        if not value.isprintable():
            raise UnfitError("has line breaks or control characters. Keep it to one printable line")
        return value


@dataclass(frozen=True, slots=True)
class Name:
    """A part of a tag's full name, and of addresses in the API, which takes three of them and two slashes."""

    words: str = "name"
    longest: int = 64

    def read(self, value: object) -> str:
        """Return it."""
        text = Text(longest=self.longest).read(value)
        if not _NAME.fullmatch(text):
            cured = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-")
            cure = f'Write "{cured}"' if cured else "Give it a name"
            raise UnfitError(f'"{text}" has characters outside A-Z a-z 0-9 . _ -. {cure}')
        return text


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range."""

    low: int
    high: int

    @property
    def words(self) -> str:
        """The range."""
        return f"whole number, {self.low} to {self.high}"

    def read(self, value: object) -> int:
        """Return it."""
        if isinstance(value, bool) or not isinstance(value, int):
            number = _unquoted(value)
            cure = f". Write it without quotes: {number}" if number and "." not in number else ""
            if isinstance(value, float) and value.is_integer() and self.low <= value <= self.high:
                cure = f". Write {value:.0f}"
            raise UnfitError(f"must be a whole number, not {shown(value)}{cure}")
        if not self.low <= value <= self.high:
            raise UnfitError(f"must be {self.low} to {self.high}, not {shown(value)}")
        return value


@dataclass(frozen=True, slots=True)
class UnitNumber:
    """A Modbus unit identifier; which ones there are depends on the transport of the line."""

    words: str = "whole number, 1 to 247, with tcp 0 to 255"

    def read(self, value: object) -> int:
        """Return it."""
        return Whole(-(2**31), 2**31).read(value)


@dataclass(frozen=True, slots=True)
class Address:
    """Of a coil or register, from zero; the Modicon numbers of manuals are taken for what they are."""

    words: str = "whole number, 0 to 65535"

    def read(self, value: object) -> int:
        """Return it."""
        written = shown(value)
        table = _MODICON.get(written[0]) if isinstance(value, int) and len(written) == 6 else None
        if table and 1 <= int(written[1:]) <= 65536:
            wire = int(written[1:]) - 1
            reason = f"must be 0 to 65535 as on the wire, not the Modicon number {written}"
            raise UnfitError(f'{reason}. Write table = "{table}", address = {wire}')
        return Whole(0, 65535).read(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number, in a range where one is given."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def words(self) -> str:
        """The range."""
        if math.isinf(self.low):
            return "number"
        return f"number, at least {self.low:g}" if math.isinf(self.high) else f"number, {self.low:g} to {self.high:g}"

    def read(self, value: object) -> float:
        """Return it."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _no_number(value)
        if not abs(value) <= sys.float_info.max:
            raise UnfitError("must be a finite number that fits 64 bits of floating point")
        if not self.low <= value <= self.high:
            limits = f"{self.low:g} or more" if math.isinf(self.high) else f"{self.low:g} to {self.high:g}"
            raise UnfitError(f"must be {limits}, not {value}")
        return float(value)


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds, written with a unit; some keys know a word as well."""

    low: float
    high: float
    named: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The range, and the words."""
        others = "".join(f' or "{word}"' for word in self.named)
        return f"duration, {say_duration(self.low)} to {say_duration(self.high)}{others}"

    def read(self, value: object) -> float | None:
        """Return the seconds."""
        if isinstance(value, str) and value in self.named:
            return self.named[value]
        if isinstance(value, str) and value.isalpha():
            hint = did_you_mean(value, self.named)
            if hint:
                raise UnfitError(f'"{value}" is no duration. {hint}')
        seconds = duration(value)
        if not self.low <= seconds <= self.high:
            raise UnfitError(f'must be {say_duration(self.low)} to {say_duration(self.high)}, not "{value}"')
        return seconds


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes, written with a unit."""

    low: int
    high: int

    @property
    def words(self) -> str:
        """The range."""
        return f"size, {say_size(self.low)} to {say_size(self.high)}"

    def read(self, value: object) -> int:
        """Return the bytes."""
        count = size(value)
        if not self.low <= count <= self.high:
            raise UnfitError(f'must be {say_size(self.low)} to {say_size(self.high)}, not "{value}"')
        return count


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words (or numbers); for some of what others write instead, in capitals, there is a cure."""

    choices: tuple[str | int, ...]
    cures: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """All of them."""
        return " / ".join(shown(choice) for choice in self.choices)

    def read(self, value: object) -> str | int:
        """Return it."""
        for choice in self.choices:
            if choice == value and type(choice) is type(value):
                return choice
        hint = ""
        if isinstance(value, str):
            hint = self.cures.get(value.upper()) or did_you_mean(value, [str(choice) for choice in self.choices])
        known = ", ".join(shown(choice) for choice in self.choices)
        raise UnfitError(f"must be one of {known}, not {shown(value)}{'. ' if hint else ''}{hint}")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value of the tag's own type; what it may be is known only with the tag."""

    words: str = "value of the tag's type"

    def read(self, value: object) -> bool | float | str:
        """Return it."""
        if isinstance(value, bool | str):
            return value
        number = Number().read(value)
        return value if isinstance(value, int) else number


@dataclass(frozen=True, slots=True)
class RawNumber:
    """A value as it stands in the registers: whole, or a fraction for floating point types."""

    words: str = "number"

    def read(self, value: object) -> int | float:
        """Return it."""
        if isinstance(value, float) and math.isnan(value):
            raise UnfitError("nan need not be listed: it always means no value. Remove it")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _no_number(value)
        if isinstance(value, int) and abs(value) >= 2**64:
            raise UnfitError("does not fit 64 bits. Correct it")
        return value


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one kind."""

    kind: Kind
    longest: int = 1000
    exactly: int | None = None

    @property
    def words(self) -> str:
        """What it is a list of."""
        return f"list, each a {self.kind.words}"

    def read(self, value: object) -> tuple[object, ...]:
        """Return the elements."""
        if not isinstance(value, list):
            raise UnfitError(f"must be a list, not {shown(value)}. Write it in brackets{self._cured(value)}")
        if self.exactly is not None and len(value) != self.exactly:
            raise UnfitError(f"must have {self.exactly} elements, not {len(value)}")
        if len(value) > self.longest:
            raise UnfitError(f"has {len(value)} elements. Keep it to {self.longest}")
        found = []
        for index, element in enumerate(value):
            try:
                found.append(self.kind.read(element))
            except ValueError as refusal:
                raise UnfitError(str(refusal), index) from None
        return tuple(found)

    def _cured(self, value: object) -> str:
        """A single element as a list of it; what the elements are where that would not do."""
        try:
            self.read([value])
        except ValueError:
            number = _unquoted(value)
            return f": [{number}]" if number and self.exactly is None else f", each a {self.kind.words}"
        return f": [{shown(value)}]"


@dataclass(frozen=True, slots=True)
class Terminator:
    """The bytes that end a message, written as text."""

    words: str = "text, 1 to 8 characters"

    def read(self, value: object) -> bytes:
        """Return the bytes."""
        if not isinstance(value, str):
            raise UnfitError(f"must be text, not {shown(value)}")
        if not 1 <= len(value) <= 8 or any(ord(letter) > 255 for letter in value):
            raise UnfitError('must be 1 to 8 characters up to U+00FF, such as "\\r\\n" or "\\u0003"')
        return value.encode("latin-1")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression."""

    words: str = "regular expression"

    def read(self, value: object) -> str:
        """Return its text."""
        text = Text().read(value)
        try:
            compiled = re.compile(text)
        except re.error as error:
            raise UnfitError(f"is no regular expression: {error}. Write backslashes in single quotes") from None
        if compiled.groups > 1:
            raise UnfitError(f"has {compiled.groups} groups. Keep one ( ) around the value; write others as (?: )")
        return text


def _unquoted(value: object) -> str:
    """The number that stands in quotes, perhaps with a decimal comma, as it is written; nothing where there is none."""
    number = value.replace(",", ".") if isinstance(value, str) else ""
    return number if _NUMBER.fullmatch(number) else ""


def _no_number(value: object) -> UnfitError:
    number = _unquoted(value)
    return UnfitError(f"must be a number, not {shown(value)}{f'. Write it without quotes: {number}' if number else ''}")


def shown(value: object) -> str:
    """Return a value as it would be written in the file, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else f'"{value[:37]}..."'
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, int) and abs(value) >= _BEYOND_ALL_USE:
        # Python writes no number of more than a few thousand digits (CVE-2020-10735); in hexadecimal it reads them.
        return "a number of more than a hundred digits"
    return str(value)
