"""What the models of all answers are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Value = bool | int | float | str | None
Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0)]
Timestamp = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
Hexadecimal = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})+$")]
Clock = Literal["synchronised", "unsynchronised"]
Quality = Literal["good", "uncertain", "bad"]


class Model(Struct, forbid_unknown_fields=True, rename="camel"):
    """An object of an answer."""
