"""Which buckets a request takes from, and what its headers say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.limits.buckets import MOST
from gateway.access.limits.rates import RateLimits, Visit
from gateway.core.principal import Kind, Principal
from gateway.settings.model import CapabilityLimit, LimitSettings

WALL = 1_800_000_000.0


@dataclass
class Clock:
    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Rates:
    limited: LimitSettings
    clock: Clock = field(default_factory=Clock)
    limits: RateLimits = field(init=False)

    def __post_init__(self) -> None:
        self.limits = RateLimits(self.limited, self.clock)

    def admitted(
        self, times: int, address: str = "10.0.0.1", caller: str | None = "t", method: str = "tag.read"
    ) -> int:
        return sum(self.visit(address, caller).admit(method) is None for _ in range(times))

    def visit(self, address: str = "10.0.0.1", caller: str | None = "t") -> Visit:
        who = None if caller is None else Principal("operator", frozenset(), Kind.OPERATOR, caller)
        return self.limits.visit(address, who)


def headers(visit: Visit) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in visit.headers(WALL)}


WIDE = LimitSettings(total_requests_per_minute=1_000_000, total_burst=1_000_000)


def test_the_defaults_are_those_of_the_ruling() -> None:
    assert Rates(LimitSettings()).admitted(1000) == 100
    rates = Rates(LimitSettings())
    assert rates.admitted(1000, caller=None) == 30
    rates.clock.seconds += 60
    assert rates.admitted(1000, caller=None) == 30
    rates.clock.seconds += 2
    assert rates.admitted(1000, caller=None) == 1


def test_each_address_has_its_own() -> None:
    rates = Rates(replace(WIDE, burst=5, anonymous_burst=3))
    assert [rates.admitted(9, f"10.0.0.{host}", f"token{host}") for host in range(3)] == [5, 5, 5]
    assert [rates.admitted(9, f"10.0.0.{host}", None) for host in range(3)] == [3, 3, 3]


def test_a_token_has_no_more_by_being_used_from_many_addresses() -> None:
    rates = Rates(replace(WIDE, burst=5))
    assert sum(rates.admitted(9, f"10.0.0.{host}", "one") for host in range(10)) == 5


def test_strangers_behind_the_same_address_take_nothing_from_who_is_known() -> None:
    rates = Rates(replace(WIDE, burst=5))
    rates.admitted(10_000, caller=None)
    assert rates.admitted(9) == 5


def test_strangers_leave_half_of_the_total_to_who_is_known() -> None:
    rates = Rates(LimitSettings(total_requests_per_minute=60, total_burst=10))
    assert sum(rates.admitted(1, f"10.0.{host}.1", None) for host in range(100)) == 5
    assert rates.admitted(9) == 5
    # What comes in goes to who is known, as long as they ask.
    rates.clock.seconds += 2
    assert rates.admitted(1, "10.9.9.9", None) == 0
    assert rates.admitted(9) == 2


def test_memory_is_bounded_whoever_comes() -> None:
    rates = Rates(replace(WIDE, anonymous_burst=1))
    known = rates.admitted(3)
    for host in range(3 * MOST):
        rates.admitted(1, f"10.{host // 250}.{host % 250}.1", None)
    assert len(rates.limits._anonymous) == MOST
    assert known == rates.admitted(3) == 3


def test_a_limit_on_a_method_is_over_all_callers_and_leaves_other_methods_alone() -> None:
    rates = Rates(replace(WIDE, capabilities=(CapabilityLimit(name="tag.write", requests_per_minute=60, burst=2),)))
    assert rates.admitted(2, method="tag.write") == 2
    assert rates.admitted(2, "10.0.0.2", "other", method="tag.write") == 0
    assert rates.admitted(5, method="tag.read") == 5


def test_a_limit_on_a_capability_covers_its_methods() -> None:
    rates = Rates(replace(WIDE, capabilities=(CapabilityLimit(name="modbus-rtu", requests_per_minute=30),)))
    assert rates.admitted(2, method="modbus.read") + rates.admitted(9, method="modbus.write") == 3
    assert rates.admitted(9, method="serial.write") == 9


def test_a_refused_call_takes_nothing() -> None:
    rates = Rates(replace(WIDE, burst=5, capabilities=(CapabilityLimit(name="tag.write", requests_per_minute=1),)))
    assert rates.admitted(100, method="tag.write") == 1
    assert rates.admitted(100) == 4
    assert rates.limits.refused == {"tag.write": 99, "address": 96}


def test_names_that_stand_for_nothing_are_warned_of() -> None:
    names = ("tag.write", "modbus-rtu", "tag.wrte", "modbus")
    limits = tuple(CapabilityLimit(name=name, requests_per_minute=1) for name in names)
    rates = Rates(LimitSettings(capabilities=limits))
    with structlog.testing.capture_logs() as logs:
        rates.limits.know(["tag.write", "modbus.read"])
    assert [entry["capability"] for entry in logs] == ["tag.wrte", "modbus"]
    with structlog.testing.capture_logs() as logs:
        rates.limits.follow(LimitSettings(capabilities=limits[2:3]))
    assert [entry["capability"] for entry in logs] == ["tag.wrte"]


CALLS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1000, 100_000, 1_000_000, 20_000_000]),
        st.sampled_from(["10.0.0.1", "10.0.0.2"]),
        st.sampled_from([None, "one", "two"]),
        st.sampled_from(["tag.read", "tag.write", "modbus.read", "modbus.write"]),
    ),
    max_size=60,
)
SMALL = st.integers(1, 8)


@settings(max_examples=200)
@given(CALLS, st.tuples(SMALL, SMALL, SMALL, SMALL, SMALL))
def test_a_call_is_admitted_exactly_when_every_bucket_of_the_naive_model_has_a_token(
    calls: list[tuple[int, str, str | None, str]], bursts: tuple[int, int, int, int, int]
) -> None:
    known, anonymous, total, write, modbus = bursts
    rates = Rates(
        LimitSettings(
            requests_per_minute=90,
            burst=known,
            anonymous_requests_per_minute=30,
            anonymous_burst=anonymous,
            total_requests_per_minute=120,
            total_burst=total,
            capabilities=(
                CapabilityLimit(name="tag.write", requests_per_minute=7, burst=write),
                CapabilityLimit(name="modbus-rtu", requests_per_minute=13, burst=modbus),
            ),
        )
    )
    # Tokens of each bucket, and when they were counted, in microseconds.
    model: dict[object, tuple[Fraction, int]] = {}
    now = 100_000_000
    for pause, address, caller, method in calls:
        now += pause
        rates.clock.seconds = now / 1_000_000
        wanted: list[tuple[object, int, int, int]] = [("total", 120, total, 0 if caller else total // 2)]
        if caller:
            wanted += [(("address", address), 90, known, 0), (("operator", caller), 90, known, 0)]
        else:
            wanted.append((("anonymous", address), 30, anonymous, 0))
        if method == "tag.write":
            wanted.append((method, 7, write, 0))
        elif method.startswith("modbus"):
            wanted.append(("modbus-rtu", 13, modbus, 0))
        for key, rate, burst, _ in wanted:
            tokens, at = model.get(key, (Fraction(burst), now))
            model[key] = min(Fraction(burst), tokens + Fraction((now - at) * rate, 60_000_000)), now
        expected = all(model[key][0] - reserve >= 1 for key, _, _, reserve in wanted)
        assert (rates.visit(address, caller).admit(method) is None) == expected
        if expected:
            for key, *_ in wanted:
                model[key] = model[key][0] - 1, now


def test_headers_tell_of_the_tightest_bucket() -> None:
    capability = CapabilityLimit(name="tag.write", requests_per_minute=30, burst=4)
    rates = Rates(replace(WIDE, capabilities=(capability,)))
    visit = rates.visit()
    assert visit.admit("tag.read") is None
    assert headers(visit) == {
        "x-ratelimit-limit": "1000",
        "x-ratelimit-remaining": "99",
        "x-ratelimit-reset": str(int(WALL) + 1),
        "x-ratelimit-window": "60",
        "ratelimit-policy": '"address";q=1000;w=60',
        "ratelimit": '"address";r=99;t=1',
    }
    visit = rates.visit()
    assert visit.admit("tag.write") is None
    assert headers(visit)["ratelimit"] == '"tag.write";r=3;t=2'
    assert headers(visit)["x-ratelimit-limit"] == "30"


def test_who_spends_what_remains_and_waits_for_the_reset_is_never_refused() -> None:
    rates = Rates(LimitSettings(requests_per_minute=7, burst=3))
    for _ in range(5):
        visit = rates.visit()
        assert visit.admit() is None
        left = int(headers(visit)["x-ratelimit-remaining"])
        assert rates.admitted(left) == left
        assert rates.admitted(1) == 0
        visit = rates.visit()
        visit.look()
        rates.clock.seconds += int(headers(visit)["x-ratelimit-reset"]) - WALL


def test_a_refusal_says_how_long_and_waiting_so_long_is_enough() -> None:
    rates = Rates(LimitSettings(requests_per_minute=7, burst=3))
    rates.admitted(3)
    visit = rates.visit()
    refused = visit.admit()
    assert refused is not None
    assert refused.retry_after == 9
    assert refused.error().details == {"limit": 7, "window": 60, "retryAfter": 9}
    assert headers(visit)["x-ratelimit-remaining"] == "0"
    rates.clock.seconds += 9
    assert rates.admitted(1) == 1


def test_of_several_reasons_the_longest_wait_is_told() -> None:
    rates = Rates(
        LimitSettings(
            requests_per_minute=60, burst=1, capabilities=(CapabilityLimit(name="tag.write", requests_per_minute=2),)
        )
    )
    rates.admitted(1, method="tag.write")
    visit = rates.visit()
    refused = visit.admit("tag.write")
    assert refused is not None
    assert (refused.policy.name, refused.retry_after) == ("tag.write", 30)
    assert headers(visit)["ratelimit-policy"] == '"tag.write";q=2;w=60'


def test_the_draft_headers_can_be_switched_off() -> None:
    visit = Rates(LimitSettings(ratelimit_headers=False)).visit()
    assert all(name.startswith("x-") for name in headers(visit))


def test_a_reload_is_followed_and_gives_no_fresh_start() -> None:
    rates = Rates(replace(WIDE, burst=5))
    assert rates.admitted(9) == 5
    rates.limits.follow(replace(WIDE, burst=8, requests_per_minute=60))
    assert rates.admitted(9) == 3
    rates.clock.seconds += 2
    assert rates.admitted(9) == 2
    write = CapabilityLimit(name="tag.write", requests_per_minute=60, burst=2)
    rates.limits.follow(replace(WIDE, capabilities=(write,)))
    assert rates.admitted(9, method="tag.write") == 2
    rates.limits.follow(replace(WIDE, capabilities=(replace(write, burst=3),)))
    assert rates.admitted(9, method="tag.write") == 1
    rates.limits.follow(WIDE)
    assert rates.admitted(9, method="tag.write") == 9
