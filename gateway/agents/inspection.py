"""Looks at members of a JSON object and collects what is wrong; never raises, whatever the JSON is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from gateway.agents.issues import Issue, Severity, element, member
from gateway.core.errors import GatewayError
from gateway.core.ports import Json

# More than a person mends at once; a document of a megabyte of faults must not become an answer of many.
MOST_ISSUES = 100
# Longer names of members have no place in the path of an issue.
LONGEST_NAME = 128

# Control characters, ends of lines, halves of surrogate pairs (not UTF-8), and what turns the direction of the text.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")
_UNFIT_IN_PROSE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


class Inspection:
    """What was found so far: one issue for each place and severity, the first one."""

    def __init__(self) -> None:
        self._errors: dict[str, Issue] = {}
        self._warnings: dict[str, Issue] = {}

    @property
    def refused(self) -> bool:
        """Whether an error was found."""
        return bool(self._errors)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The errors, then the warnings, each in the order they were found: at most ``MOST_ISSUES`` of each."""
        return (*self._errors.values(), *self._warnings.values())

    def error(
        self, path: str, code: str, message: str, provided: Json = None, *, refusal: GatewayError | None = None
    ) -> None:
        """Note something that refuses the document."""
        if len(self._errors) < MOST_ISSUES:
            self._errors.setdefault(path, Issue(path, code, message, Severity.ERROR, provided, refusal))

    def warn(self, path: str, code: str, message: str, provided: Json = None) -> None:
        """Note something odd."""
        if len(self._warnings) < MOST_ISSUES:
            self._warnings.setdefault(path, Issue(path, code, message, Severity.WARNING, provided))

    def object(self, value: Json, path: str, known: Collection[str], what: str) -> dict[str, Json] | None:
        """An object; members that are not known are odd, and said to have no meaning."""
        if not isinstance(value, dict):
            self.error(path, "type", f"{what} must be an object", value)
            return None
        for name in value:
            if name not in known and len(name) <= LONGEST_NAME:
                message = f"has no meaning in {what}; it is kept as it is"
                self.warn(member(path, name), "unknown", message)
        return value

    def has(self, parent: dict[str, Json], path: str, name: str) -> bool:
        """Whether a member is there; it is an error where it is not."""
        if name in parent:
            return True
        self.error(member(path, name), "missing", "is required")
        return False

    def text(
        self,
        parent: dict[str, Json],
        path: str,
        name: str,
        longest: int,
        *,
        form: re.Pattern[str] | None = None,
        cure: str = "",
        empty: bool = False,
        prose: bool = False,
    ) -> str | None:
        """A text that is required.

        Args:
            parent: the object it is a member of.
            path: of that object.
            name: of the member.
            longest: characters.
            form: it must have this form.
            cure: says what form that is.
            empty: it may be empty.
            prose: it may have line ends and tabs.

        Returns:
            The text; None where it is not one that can be used.
        """
        if not self.has(parent, path, name):
            return None
        return self.text_value(
            parent[name], member(path, name), longest, form=form, cure=cure, empty=empty, prose=prose
        )

    def text_value(
        self,
        value: Json,
        place: str,
        longest: int,
        *,
        form: re.Pattern[str] | None = None,
        cure: str = "",
        empty: bool = False,
        prose: bool = False,
    ) -> str | None:
        """The same of a value that is there."""
        if not isinstance(value, str):
            self.error(place, "type", "must be a string", value)
        elif not value and not empty:
            self.error(place, "empty", "must be a non-empty string", value)
        elif len(value) > longest:
            self.error(place, "too_long", f"must have at most {longest} characters", value)
        elif (_UNFIT_IN_PROSE if prose else _UNFIT).search(value):
            self.error(place, "characters", "must not contain control characters", value)
        elif not empty and not any(letter.isprintable() and not letter.isspace() for letter in value):
            self.error(place, "empty", "must have something in it that can be seen", value)
        elif form is not None and not form.fullmatch(value):
            self.error(place, "format", cure, value)
        else:
            return value
        return None

    def choice(self, parent: dict[str, Json], path: str, name: str, choices: Collection[str]) -> str | None:
        """One of some words; required."""
        if not self.has(parent, path, name):
            return None
        value = parent[name]
        if isinstance(value, str) and value in choices:
            return value
        self.error(member(path, name), "choice", f"must be one of {', '.join(choices)}", value)
        return None

    def whole(self, parent: dict[str, Json], path: str, name: str, lowest: int, highest: int) -> int | None:
        """A whole number in a range; required."""
        if not self.has(parent, path, name):
            return None
        value, place = parent[name], member(path, name)
        if not isinstance(value, int) or isinstance(value, bool):
            self.error(place, "type", "must be a whole number", value)
        elif not lowest <= value <= highest:
            self.error(place, "range", f"must be between {lowest} and {highest}", value)
        else:
            return value
        return None

    def elements(
        self, parent: dict[str, Json], path: str, name: str, most: int, *, required: bool = True
    ) -> Iterator[tuple[str, Json]]:
        """The elements of an array, each with its path; none of an array that is too long."""
        if name not in parent and not required:
            return
        if not self.has(parent, path, name):
            return
        value, place = parent[name], member(path, name)
        if not isinstance(value, list):
            self.error(place, "type", "must be an array", value)
        elif len(value) > most:
            self.error(place, "too_many", f"must have at most {most} elements, has {len(value)}")
        else:
            for index, item in enumerate(value):
                yield element(place, index), item
