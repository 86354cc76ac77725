"""Reads members of an answer. What is missing or of another type is the other side's fault, and is said so."""

from __future__ import annotations

from datetime import datetime

from .errors import ProtocolError


class Members:
    """The members of one JSON object of an answer; those this kit does not know are left alone.

    Args:
        value: parsed JSON.
        what: what it is, for errors.

    Raises:
        ProtocolError: it is no object.
    """

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise ProtocolError(f"{what}: an object was due")
        self.given: dict[str, object] = value
        self._what = what

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self.given.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        return value

    def text_or_none(self, name: str) -> str | None:
        """A text, or None where it is null or missing."""
        return None if self.given.get(name) is None else self.text(name)

    def truth(self, name: str) -> bool:
        """A truth value that must be there."""
        value = self.given.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def truth_or_none(self, name: str) -> bool | None:
        """A truth value, or None where it is null or missing."""
        return None if self.given.get(name) is None else self.truth(name)

    def whole(self, name: str) -> int:
        """A whole number that must be there."""
        value = self.given.get(name)
        if type(value) is not int:
            raise self._wrong(name, "a whole number")
        return value

    def whole_or_none(self, name: str) -> int | None:
        """A whole number, or None where it is null or missing."""
        return None if self.given.get(name) is None else self.whole(name)

    def number_or_none(self, name: str) -> float | None:
        """A number, or None where it is null or missing."""
        value = self.given.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(name, "a number")
        return float(value)

    def moment(self, name: str) -> datetime:
        """A time that must be there (RFC 3339)."""
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise self._wrong(name, "a time") from None
        if moment.tzinfo is None:
            raise self._wrong(name, "a time with its offset")
        return moment

    def moment_or_none(self, name: str) -> datetime | None:
        """A time, or None where it is null or missing."""
        return None if self.given.get(name) is None else self.moment(name)

    def scalar(self, name: str) -> bool | float | str | None:
        """A value of a tag; None where it is null or missing."""
        value = self.given.get(name)
        if value is not None and not isinstance(value, bool | int | float | str):
            raise self._wrong(name, "a value")
        return value

    def objects(self, name: str) -> list[Members]:
        """A list of objects that must be there."""
        return [Members(item, f"{self._what}.{name}") for item in self._list(name)]

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts that must be there."""
        items = self._list(name)
        texts = tuple(item for item in items if isinstance(item, str))
        if len(texts) != len(items):
            raise self._wrong(name, "a list of texts")
        return texts

    def inner(self, name: str) -> Members:
        """An object that must be there."""
        return Members(self.given.get(name), f"{self._what}.{name}")

    def _list(self, name: str) -> list[object]:
        value = self.given.get(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value

    def _wrong(self, name: str, due: str) -> ProtocolError:
        return ProtocolError(f"{self._what}.{name}: {due} was due, not {str(self.given.get(name))[:80]!r}")
