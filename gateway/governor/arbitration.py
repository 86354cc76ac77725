"""Who may write a set-point: the rules by which callers who want the same thing do not undo each other's work.

1. Who took a lease on a set-point has it until the lease is over; others are refused meanwhile.
2. Without a lease everybody may write. But when callers overwrite each other to and fro, the one who was there first
   keeps the set-point for a while, and the others are refused; longer each time they fight again.
3. An operator is never refused: a person's hand goes before any program's. It is told, and ends what it overrides.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile

from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json
from gateway.core.principal import OPERATOR, Kind, Principal
from gateway.core.reading import Value
from gateway.core.steering import Bid

Who = tuple[str, str]
# The last part is a bit, where bits of a register are written one by one; None: the whole register or coil.
Address = tuple[str, int, str, int, int | None]
# When, who, and what was written.
Hand = tuple[float, Who, Value | tuple[int | bool, ...]]
Hands = tuple[Hand, ...]

# Registers and coils whose last writers are remembered. Those that somebody has a lease on or keeps are not forgotten
# for others: whoever writes all over a line would end the leases of everybody.
MOST_ADDRESSES = 8192
# So many changes of hand within so long, each to another value, are a fight.
TURNS = 3
FIGHT_WITHIN_S = 60.0
PEACE_S = 300.0
LONGEST_PEACE_S = 3600.0
# A write that asks for a lease and is on its way keeps others out already; it is settled sooner than this, or was lost.
ON_ITS_WAY_S = 30.0
# Who has not fought for so long is judged as if he never had.
FORGOTTEN_AFTER_S = 6 * 3600.0
HOUR_S = 3600.0
BITS = range(16)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Callers got in each other's way.

    Attributes:
        kind: "leased": one wanted what another had a lease on; "fight": they overwrote each other; "kept": one wanted
            what is kept for another since then; "overridden": an operator wrote over an agent.
        at: on the run loop's clock.
        place: the tag, or the registers in words.
        holder: who keeps it, or had it.
        other: who was refused, or overrode.
    """

    kind: str
    at: float
    place: str
    holder: str
    other: str


@dataclass(slots=True, eq=False)
class _Holding:
    """One register or coil and who had a hand in it.

    Attributes:
        place: what it belongs to, for people.
        leased_by: who has the lease, until ``leased_until``.
        asked_by: whose write with a lease is on its way; it is given up at ``asked_until``.
        kept_for: who won the last fight, until ``kept_until``.
        fights: how often there was one, lately.
        hands: (time, who, value) of the last writes, the oldest first. Of one who writes several times in a row only
            the last one: who writes every second and who does every ten seconds get in each other's way all the same.
    """

    place: str
    leased_by: Who | None = None
    leased_until: float = 0.0
    asked_by: Who | None = None
    asked_until: float = 0.0
    kept_for: Who | None = None
    kept_until: float = 0.0
    fights: int = 0
    hands: Hands = ()

    def leased(self, now: float) -> bool:
        """Whether somebody has a lease on it now, or is about to have one."""
        asked = self.asked_by is not None and self.asked_until > now
        return asked or (self.leased_by is not None and self.leased_until > now)

    def kept(self, now: float) -> bool:
        """Whether it is kept for somebody now, after a fight."""
        return self.kept_for is not None and self.kept_until > now


class Arbitration:
    """Implements ``core.steering.Arbiter``.

    Args:
        monotonic: the run loop's clock.
        told: hears of each conflict; the same one again and again only once a minute.
    """

    def __init__(self, monotonic: Callable[[], float], told: Callable[[Conflict], None]) -> None:
        self._monotonic = monotonic
        self._told = told
        self._holdings: OrderedDict[Address, _Holding] = OrderedDict()
        # Registers whose bits are written one by one.
        self._parted: set[tuple[str, int, str, int]] = set()
        self._conflicts: deque[Conflict] = deque(maxlen=1000)
        self.admitted = 0
        self.refused = 0

    def admit(self, bid: Bid) -> None:
        """See ``Arbiter.admit``."""
        now, who = self._monotonic(), _who(bid.by)
        for holding in self._touched(bid):
            against, begun = self._against(holding, who, now), False
            if against is None and bid.by.kind is not Kind.OPERATOR:
                # The blow that would make it a fight is not let through: who was first keeps what stands there.
                lately = _lately(self._with(holding, (now, who, bid.value)), now)
                begun = lately[0][1] != who and self._judge(holding, lately, now)
                against = self._against(holding, who, now)
            if against is None:
                continue
            holder, until, kind = against
            if bid.by.kind is Kind.OPERATOR:
                self._note(Conflict("overridden", now, holding.place, _name(holder), _name(who)))
                continue
            self.refused += 1
            if not begun:
                # A fight is told once; who is kept out after it is another thing.
                met = "kept" if kind == "fight" else kind
                self._note(Conflict(met, now, holding.place, _name(holder), _name(who)))
            raise _conflict(holding.place, holder, until - now, kind)
        self.admitted += 1
        if bid.lease is not None:
            for holding in self._own(bid):
                holding.asked_by, holding.asked_until = who, now + ON_ITS_WAY_S

    @staticmethod
    def _against(holding: _Holding, who: Who, now: float) -> tuple[Who, float, str] | None:
        """What speaks against a writer: who has the set-point, until when, and why."""
        if holding.leased_by not in {None, who} and holding.leased_until > now:
            return holding.leased_by or who, holding.leased_until, "leased"
        if holding.asked_by not in {None, who} and holding.asked_until > now:
            return holding.asked_by or who, holding.asked_until, "leased"
        if holding.kept_for not in {None, who} and holding.kept_until > now:
            return holding.kept_for or who, holding.kept_until, "fight"
        return None

    def settled(self, bid: Bid, *, sent: bool) -> None:
        """See ``Arbiter.settled``."""
        now, who = self._monotonic(), _who(bid.by)
        for holding in self._touched(bid):
            if bid.lease is not None and holding.asked_by == who:
                holding.asked_by = None
        if not sent:
            return
        if bid.by.kind is Kind.OPERATOR:
            for holding in self._touched(bid):
                holding.leased_by = None
        for holding in self._own(bid):
            if bid.lease is not None:
                holding.leased_by, holding.leased_until = who, now + bid.lease
            elif holding.leased_by == who:
                # A write without a lease takes its place, in the door too.
                holding.leased_by = None
            if bid.by.kind is Kind.OPERATOR:
                holding.kept_for = None
                holding.hands = ()
                continue
            holding.hands = self._with(holding, (now, who, bid.value))
            self._judge(holding, _lately(holding.hands, now), now)

    def released(self, place: str) -> None:
        """The lease on a set-point is over: its safe value was written."""
        for holding in self._holdings.values():
            if holding.place == place:
                holding.leased_by = None

    def _judge(self, holding: _Holding, lately: Hands, now: float) -> bool:
        """Whether these writes are a fight; then who was there first keeps the set-point from now on."""
        turns = sum(after[1] != before[1] and after[2] != before[2] for before, after in pairwise(lately))
        if turns < TURNS:
            return False
        first = lately[0][1]
        if now - holding.kept_until > FORGOTTEN_AFTER_S:
            holding.fights = 0
        holding.kept_for = first
        holding.kept_until = now + min(PEACE_S * 2 ** min(holding.fights, 8), LONGEST_PEACE_S)
        holding.fights += 1
        holding.hands = ()
        other = next(hand[1] for hand in reversed(lately) if hand[1] != first)
        self._note(Conflict("fight", now, holding.place, _name(first), _name(other)))
        return True

    @staticmethod
    def _with(holding: _Holding, hand: Hand) -> Hands:
        """The hands of a set-point and one more; of one who writes several times in a row only the last counts."""
        before = holding.hands[:-1] if holding.hands and holding.hands[-1][1] == hand[1] else holding.hands
        return (*before[-TURNS:], hand)

    def _touched(self, bid: Bid) -> list[_Holding]:
        """What is known of all that a write touches: of a register with its bits, of a bit with its register."""
        found = []
        for address in bid.span.addresses():
            whole = self._holdings.get((*address, None))
            if whole is not None:
                found.append(whole)
            if address in self._parted:
                bits = BITS if bid.span.bits is None else bid.span.bits
                parts = [self._holdings.get((*address, bit)) for bit in bits]
                found += [part for part in parts if part is not None]
        return found

    def _own(self, bid: Bid) -> list[_Holding]:
        """What a write itself holds: registers, or bits of one; those nobody has touched yet are made."""
        found = []
        for address in bid.span.addresses():
            if bid.span.bits is not None:
                self._parted.add(address)
            for bit in (None,) if bid.span.bits is None else bid.span.bits:
                key = (*address, bit)
                holding = self._holdings.get(key)
                if holding is None:
                    holding = self._holdings[key] = _Holding(bid.name or _words(bid))
                else:
                    self._holdings.move_to_end(key)
                    # Tags have names that people know, whoever wrote the bare register before.
                    holding.place = bid.name or holding.place
                found.append(holding)
        if len(self._holdings) > MOST_ADDRESSES:
            self._forget()
        return found

    def _forget(self) -> None:
        """Make room: first what nobody has now, then what was fought over; the one touched longest ago goes first."""
        now = self._monotonic()
        ranks: tuple[Callable[[_Holding], bool], ...] = (
            lambda holding: not holding.leased(now) and not holding.kept(now),
            lambda holding: not holding.leased(now),
            lambda _: True,
        )
        for goes in ranks:
            spare = len(self._holdings) - MOST_ADDRESSES
            for address in list(
                islice((address for address, holding in self._holdings.items() if goes(holding)), max(spare, 0))
            ):
                del self._holdings[address]
        self._parted = {key[:4] for key in self._holdings if key[4] is not None}

    def _note(self, conflict: Conflict) -> None:
        lately = takewhile(lambda old: conflict.at - old.at < FIGHT_WITHIN_S, reversed(self._conflicts))
        again = any(
            (old.kind, old.place, old.holder, old.other)
            == (conflict.kind, conflict.place, conflict.holder, conflict.other)
            for old in lately
        )
        if not again:
            self._conflicts.append(conflict)
            self._told(conflict)

    def lately(self) -> list[Conflict]:
        """Conflicts of the last hour, oldest first, each once a minute at most."""
        since = self._monotonic() - HOUR_S
        return [conflict for conflict in self._conflicts if conflict.at >= since]

    def kept(self) -> list[tuple[str, str, float]]:
        """Set-points that are kept for one caller after a fight: place, who, and seconds left."""
        now = self._monotonic()
        kept = {
            (holding.place, _name(holding.kept_for)): holding.kept_until - now
            for holding in self._holdings.values()
            if holding.kept_for is not None and holding.kept(now)
        }
        return [(place, who, seconds) for (place, who), seconds in kept.items()]


def _lately(hands: Hands, now: float) -> Hands:
    return tuple(hand for hand in hands if now - hand[0] <= FIGHT_WITHIN_S)


def _who(principal: Principal) -> Who:
    # A client that comes by its API key is the same one: by key or by token, it does not fight with itself.
    kind, _, name = principal.account.partition(":")
    return kind, name


def _name(who: Who) -> str:
    kind, name = who
    if kind == Kind.OPERATOR:
        return "an operator" if name == OPERATOR else f"operator {name.removeprefix(f'{OPERATOR}:')}"
    # The subject of a client, a person or a plugin says what it is by itself.
    return f"{kind} {name.removeprefix(f'{kind}:')}"


def _words(bid: Bid) -> str:
    span = bid.span
    last = "" if span.count == 1 else f" to {span.first + span.count - 1}"
    return f"{span.line} unit {span.unit} {span.table} {span.first}{last}"


def _conflict(place: str, holder: Who, seconds: float, kind: str) -> GatewayError:
    why = (
        f"{place} is leased by {_name(holder)} for {seconds:.0f} s more"
        if kind == "leased"
        else f"{place} was written to and fro by several callers; {_name(holder)} keeps it for {seconds:.0f} s more"
    )
    details: dict[str, Json] = {"reason": "conflict", "conflict": kind, "holder": _name(holder)}
    retry = max(1, round(seconds))
    return GatewayError(Code.UNAVAILABLE, f"{why}: nothing was sent", details={**details, "retryAfter": retry})
