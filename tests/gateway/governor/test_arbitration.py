from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal
from gateway.core.reading import Value
from gateway.core.steering import Bid, Span
from gateway.governor.arbitration import MOST_ADDRESSES, ON_ITS_WAY_S, PEACE_S, Arbitration, Conflict

HEATING = Span("bus", 1, "holding", 10, 2)


def agent(name: str) -> Principal:
    return Principal(name, frozenset({"devices:write"}), Kind.AGENT, f"token of {name}")


OPERATOR = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "token")
A, B = agent("a"), agent("b")


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.conflicts: list[Conflict] = []
        self.arbitration = Arbitration(lambda: self.now, self.conflicts.append)

    def write(
        self,
        by: Principal,
        value: Value,
        *,
        lease: float | None = None,
        span: Span = HEATING,
        sent: bool = True,
        name: str | None = "bus/boiler/setpoint",
    ) -> GatewayError | None:
        bid = Bid(by, span, value, name, lease)
        try:
            self.arbitration.admit(bid)
        except GatewayError as error:
            return error
        self.arbitration.settled(bid, sent=sent)
        return None


def test_a_lease_keeps_others_out_until_it_is_over() -> None:
    scene = Scene()
    assert scene.write(A, 20, lease=60) is None
    scene.now = 30
    refused = scene.write(B, 30)
    assert refused is not None
    assert refused.code is Code.UNAVAILABLE
    assert refused.details == {"reason": "conflict", "conflict": "leased", "holder": "agent a", "retryAfter": 30}
    assert "bus/boiler/setpoint is leased by agent a for 30 s more: nothing was sent" in refused.reason
    assert scene.write(A, 21, lease=60) is None
    scene.now = 89
    assert scene.write(B, 30) is not None
    scene.now = 90
    assert scene.write(B, 30) is None


def test_of_two_who_ask_for_a_lease_at_the_same_time_one_gets_it() -> None:
    scene = Scene()
    first, second = (Bid(by, HEATING, 20, "bus/boiler/setpoint", 60) for by in (A, B))
    scene.arbitration.admit(first)
    with pytest.raises(GatewayError):
        scene.arbitration.admit(second)
    scene.arbitration.settled(first, sent=False)
    scene.arbitration.admit(second)
    scene.now = ON_ITS_WAY_S
    # Whoever was lost on the way keeps nobody out for ever.
    assert scene.write(A, 20) is None


def test_a_write_without_a_lease_by_its_holder_ends_it() -> None:
    scene = Scene()
    scene.write(A, 20, lease=600)
    scene.write(A, 20)
    assert scene.write(B, 30) is None


def test_a_lease_whose_safe_value_was_written_is_over() -> None:
    scene = Scene()
    scene.write(A, 20, lease=600)
    scene.arbitration.released("bus/boiler/setpoint")
    assert scene.write(B, 30) is None


def test_registers_that_overlap_a_leased_tag_are_the_same_thing() -> None:
    scene = Scene()
    scene.write(A, 20, lease=60)
    second_register = Span("bus", 1, "holding", 11)
    assert scene.write(B, 7, span=second_register, name=None) is not None
    assert scene.write(B, 7, span=Span("bus", 1, "holding", 12), name=None) is None
    assert scene.write(B, 7, span=Span("bus", 2, "holding", 11), name=None) is None
    assert scene.write(B, value=True, span=Span("bus", 1, "coil", 11), name=None) is None


def test_bits_of_one_register_are_different_things_and_the_register_is_all_of_them() -> None:
    scene = Scene()
    pump, valve = (Span("bus", 1, "holding", 10, bits=range(bit, bit + 1)) for bit in (0, 1))
    whole = Span("bus", 1, "holding", 10)
    assert scene.write(A, value=True, lease=60, span=pump, name="bus/plant/pump") is None
    assert scene.write(B, value=True, lease=60, span=valve, name="bus/plant/valve") is None
    for by, value in ((A, True), (B, True), (A, False), (B, False)):
        assert scene.write(by, value=value, lease=60, span=pump if by is A else valve) is None
    assert scene.write(B, value=True, span=pump) is not None
    assert scene.write(agent("c"), 3, span=whole, name=None) is not None
    assert scene.conflicts != []
    assert scene.write(OPERATOR, 3, span=whole, name=None) is None
    assert scene.write(agent("c"), value=True, span=pump) is None
    assert scene.write(agent("c"), 3, span=whole, lease=60, name=None) is None
    assert scene.write(A, value=True, span=pump) is not None


def test_who_was_first_keeps_what_two_write_to_and_fro() -> None:
    scene = Scene()
    for second, by in enumerate([A, B, A]):
        scene.now = float(second)
        assert scene.write(by, 20 if by is A else 30) is None
    scene.now = 3
    # The third change of hand: what A wrote stands in the device, and stays there.
    refused = scene.write(B, 30)
    assert refused is not None
    assert refused.details["conflict"] == "fight"
    assert scene.write(A, 20) is None
    assert scene.write(B, 30) is not None
    assert [(conflict.kind, conflict.holder, conflict.other) for conflict in scene.conflicts] == [
        ("fight", "agent a", "agent b"),
        ("kept", "agent a", "agent b"),
    ]
    assert [(place, who) for place, who, _ in scene.arbitration.kept()] == [("bus/boiler/setpoint", "agent a")]
    scene.now = 4 + PEACE_S
    assert scene.write(B, 30) is None


def test_a_second_fight_ends_in_a_longer_peace() -> None:
    scene = Scene()
    lengths = []
    for _ in range(2):
        for by in (A, B, A, B):
            scene.now += 1
            scene.write(by, 20 if by is A else 30)
        ((_, _, seconds),) = scene.arbitration.kept()
        lengths.append(seconds)
        scene.now += seconds + 1
    assert lengths == [PEACE_S, 2 * PEACE_S]


def test_callers_that_agree_or_take_turns_slowly_do_not_fight() -> None:
    scene = Scene()
    for by in (A, B, A, B, A, B):
        scene.now += 1
        assert scene.write(by, 20) is None
    for by in (A, B, A, B, A, B):
        scene.now += 45
        assert scene.write(by, 20 if by is A else 30) is None
    assert scene.conflicts == []


def test_an_operator_goes_before_a_lease_and_a_peace_and_that_is_told() -> None:
    scene = Scene()
    scene.write(A, 20, lease=600)
    assert scene.write(OPERATOR, 25) is None
    assert [conflict.kind for conflict in scene.conflicts] == ["overridden"]
    # The door ends the lease by such a write, and so does the judge.
    assert scene.write(B, 30) is None


def test_what_was_not_sent_begins_no_lease_and_is_no_blow() -> None:
    scene = Scene()
    scene.write(A, 20, lease=600, sent=False)
    assert scene.write(B, 30) is None
    for by in (A, B, A, B, A, B):
        assert scene.write(by, 20 if by is A else 30, sent=False) is None
    assert scene.conflicts == []


def test_the_same_conflict_again_and_again_is_told_once_a_minute() -> None:
    scene = Scene()
    scene.write(A, 20, lease=3600)
    for _ in range(100):
        scene.now += 1
        scene.write(B, 30)
    assert len(scene.conflicts) == 2
    assert scene.arbitration.refused == 100


def test_one_who_writes_often_and_one_who_writes_seldom_fight_too() -> None:
    scene = Scene()
    for second in range(30):
        scene.now = float(second)
        assert scene.write(A, 20) is None
        if second % 10 == 5 and scene.write(B, 30) is not None:
            break
    assert [(conflict.kind, conflict.holder) for conflict in scene.conflicts] == [("fight", "agent a")]


def test_whoever_writes_all_over_a_line_ends_nobodys_lease_or_peace() -> None:
    scene = Scene()
    scene.write(A, 20, lease=3600)
    kept = Span("bus", 1, "holding", 500)
    for by in (A, B, A, B):
        scene.write(by, 1 if by is A else 2, span=kept, name=None)
    for unit in range(1, 200):
        scene.now += 0.1
        scene.write(B, value=True, span=Span("bus", unit, "coil", 0, 1968), name=None)
    assert len(scene.arbitration._holdings) == MOST_ADDRESSES
    assert scene.write(B, 30) is not None
    assert scene.write(B, 30, span=kept, name=None) is not None


def test_fights_over_thousands_of_registers_end_no_lease_either() -> None:
    scene = Scene()
    scene.write(A, 20, lease=3600)
    for unit in range(10, 30):
        for by in (B, agent("c"), B, agent("c")):
            scene.write(by, by is B, span=Span("bus", unit, "coil", 0, 1968), name=None)
    assert len(scene.arbitration._holdings) == MOST_ADDRESSES
    assert scene.write(B, 30) is not None


def test_a_place_goes_by_the_name_of_its_tag_whoever_wrote_the_bare_register_before() -> None:
    scene = Scene()
    scene.write(B, 7, name=None)
    scene.write(A, 20, lease=60)
    refused = scene.write(B, 7, name=None)
    assert refused is not None
    assert "bus/boiler/setpoint is leased" in refused.reason
    scene.arbitration.released("bus/boiler/setpoint")
    assert scene.write(B, 7, name=None) is None


def test_memory_is_bounded_whatever_is_written() -> None:
    scene = Scene()
    for unit in range(1, 200):
        scene.write(A, 1, span=Span("bus", unit, "holding", 0, 100), name=None)
    assert len(scene.arbitration._holdings) == MOST_ADDRESSES


@given(
    st.lists(
        st.tuples(
            st.sampled_from([A, B, agent("c")]),
            st.integers(0, 3),
            st.one_of(st.none(), st.floats(1, 100)),
            st.floats(0, 40),
            st.integers(8, 12),
            st.integers(1, 3),
        ),
        max_size=40,
    )
)
def test_while_a_lease_lasts_no_other_agent_gets_through(
    writes: list[tuple[Principal, int, float | None, float, int, int]],
) -> None:
    scene = Scene()
    leases: dict[int, tuple[str, float]] = {}
    for by, value, lease, pause, first, count in writes:
        scene.now += pause
        touched = range(first, first + count)
        blocked = any(
            address in leases and leases[address][0] != by.subject and leases[address][1] > scene.now
            for address in touched
        )
        refused = scene.write(by, value, lease=lease, span=Span("bus", 1, "holding", first, count), name=None)
        if blocked:
            assert refused is not None
        if refused is None and lease is not None:
            for address in touched:
                leases[address] = (by.subject, scene.now + lease)
        elif refused is None:
            for address in touched:
                if address in leases and leases[address][0] == by.subject:
                    leases[address] = (by.subject, 0.0)


def test_operators_are_told_apart_by_name_and_a_client_is_one_by_token_or_key() -> None:
    scene = Scene()
    anna = replace(OPERATOR, name="anna")
    client = Principal("client:hvac", frozenset({"devices:write"}), Kind.CLIENT, "token")
    by_key = replace(client, kind=Kind.API_KEY, token_id="key")
    assert scene.write(client, 20, lease=60) is None
    assert scene.write(by_key, 21, lease=60) is None
    assert scene.write(anna, 22, lease=60) is None
    [told] = scene.conflicts
    assert (told.kind, told.holder, told.other) == ("overridden", "client hvac", "operator anna")
    refused = scene.write(client, 23)
    assert refused is not None
    assert refused.details["holder"] == "operator anna"
    assert scene.write(OPERATOR, 24) is None
    assert (scene.conflicts[-1].holder, scene.conflicts[-1].other) == ("operator anna", "an operator")
