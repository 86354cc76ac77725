"""What of a caller's own words an error shows."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from gateway.api.rpc_errors import STATUS, fault_of, presentable
from gateway.core.errors import Code, GatewayError

structures = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=60,
).filter(lambda value: isinstance(value, list | dict))


@given(structures)
def test_a_structure_is_shown_as_its_first_256_characters(provided: object) -> None:
    assert presentable(provided) == json.dumps(provided, ensure_ascii=False)[:256]


class Endless(list[int]):
    """A list that must not be read to its end."""

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[int]:
        for number in range(1000):
            assert number < 999, "read on though nothing more of it is shown"
            yield number


def test_what_is_not_shown_is_not_read() -> None:
    assert str(presentable({"values": Endless()})).startswith('{"values": [0, 1, 2,')


def test_a_reason_for_programs_leaves_the_sentence_for_people() -> None:
    details: dict[str, object] = {"reason": "conflict", "holder": "agent hvac-1", "retryAfter": 5}
    fault = fault_of(GatewayError(Code.UNAVAILABLE, "boiler is leased by agent hvac-1", details=details))
    assert fault.data == {**details, "message": "boiler is leased by agent hvac-1"}


def test_every_code_of_the_core_has_a_code_on_the_wire_and_a_status() -> None:
    codes = [fault_of(GatewayError(code, "why")).code for code in Code]
    assert len(set(codes)) == len(Code)
    assert all(STATUS[code] >= 400 for code in codes)
