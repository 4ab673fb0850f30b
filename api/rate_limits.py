"""How often a client may ask: sliding windows, by class of endpoint.

A window of `window_s` seconds is counted in slots. A request is counted for at least the whole
window and at most one slot more, so no window, wherever it is laid, holds more than `limit`:

    slot    s   s+1  s+2  …  s+12 │ s+13
            ├────┼────┼────┼────┼─┤
            ▲ a request here is counted until s+13 begins

Who is refused is told when the oldest requests are forgotten. A refused request is not counted.

Source: draft-ietf-httpapi-ratelimit-headers (`RateLimit`, `RateLimit-Policy`); RFC 6585 (429).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from contracts.evm import Timestamp

SLOTS = 12
CROWD = 10
"""So many times the rate of one account all accounts of one peer have together: accounts cost
nothing, so that without it a single peer could have as much as it has patience to sign in for."""

CLIENTS_MAX = 20_000
_UNLIMITED = frozenset({"/healthz", "/readyz", "/metrics"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class RateClass(StrEnum):
    """Classes of endpoints, strictest first."""

    AUTHENTICATION = "authentication"
    PAYMENTS = "payments"
    PAYMENTS_OF_PEER = "payments-of-peer"
    READS = "reads"
    READS_OF_PEER = "reads-of-peer"


OF_PEER = {
    RateClass.PAYMENTS: RateClass.PAYMENTS_OF_PEER,
    RateClass.READS: RateClass.READS_OF_PEER,
}
"""What all accounts of one peer together are counted in."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in any `window_s` seconds."""

    limit: int
    window_s: int = 60

    def __post_init__(self) -> None:
        if self.limit < 1 or self.window_s < SLOTS or self.window_s % SLOTS:
            raise ValueError(f"{self} is not counted in {SLOTS} slots of whole seconds")

    @property
    def slot_s(self) -> int:
        """Seconds of one slot."""
        return self.window_s // SLOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The rate of each class for one client; None does not limit."""

    authentication: Rate = Rate(20)
    payments: Rate | None = Rate(120)
    reads: Rate | None = Rate(6_000)

    def by_class(self) -> dict[RateClass, Rate]:
        """The classes that are limited."""
        asked = {
            RateClass.AUTHENTICATION: self.authentication,
            RateClass.PAYMENTS: self.payments,
            RateClass.READS: self.reads,
        }
        rates = {each: rate for each, rate in asked.items() if rate is not None}
        crowds = {OF_PEER[each]: one for each, one in rates.items() if each in OF_PEER}
        return rates | {each: Rate(CROWD * one.limit, one.window_s) for each, one in crowds.items()}


class Taken(NamedTuple):
    """What came of one request: `remaining` are left; after `reset_s` the oldest are forgotten.

    A tuple, since one is made for every request.
    """

    is_admitted: bool
    remaining: int
    reset_s: int


class SharedWindows(Protocol):
    """Windows that all processes of the API count in together."""

    async def take(
        self, rate_class: RateClass, rate: Rate, client: str, now: Timestamp
    ) -> Taken | None:
        """Count a request if it is within the rate; None where nobody answers."""


def rate_class_of(method: str, path: str) -> RateClass | None:
    """The class of a request; None where nothing is limited."""
    if path in _UNLIMITED:
        return None
    if method in _READING or path.endswith("/proofs/verify"):
        return RateClass.READS
    if method == "POST" and path.startswith("/v1/sessions"):
        return RateClass.AUTHENTICATION
    return RateClass.PAYMENTS


class _Window:
    """Counts of one client, by slot number modulo their count; `oldest` holds a request."""

    __slots__ = ("counts", "newest", "oldest", "used")

    def __init__(self, slot: int) -> None:
        self.counts = [0] * (SLOTS + 1)
        self.newest, self.oldest, self.used = slot, slot, 0

    def advance(self, slot: int) -> None:
        """Forget what is too old; a clock that was set back stays in the newest slot."""
        for passed in range(self.newest + 1, min(slot, self.newest + SLOTS + 1) + 1):
            place = passed % (SLOTS + 1)
            self.used -= self.counts[place]
            self.counts[place] = 0
        self.newest = max(self.newest, slot)
        counted = range(max(self.oldest, self.newest - SLOTS), self.newest)
        held = (one for one in counted if self.counts[one % (SLOTS + 1)])
        self.oldest = next(held, self.newest)

    def count(self) -> None:
        """Count a request in the newest slot."""
        self.counts[self.newest % (SLOTS + 1)] += 1
        self.used += 1


class LocalWindows:
    """Windows of one rate in this process.

    Clients are kept in two generations: who was not seen for a whole window is dropped with the
    older one. With more than `clients_max` at once the oldest are dropped sooner, so memory is
    bounded, and a client in such a crowd may be counted anew.
    """

    def __init__(self, rate: Rate, clients_max: int = CLIENTS_MAX) -> None:
        self._limit, self._slot_s, self._clients_max = rate.limit, rate.slot_s, clients_max
        self._young: dict[str, _Window] = {}
        self._old: dict[str, _Window] = {}
        self._rotates_at = 0

    def take(self, client: str, now: Timestamp) -> Taken:
        """Count a request if it is within the rate."""
        window = self._young.get(client)
        if window is None:
            window = self._grown_up(client, now)
        slot = now // self._slot_s
        if slot > window.newest:
            window.advance(slot)
        is_admitted = window.used < self._limit
        if is_admitted:
            window.count()
        return Taken(
            is_admitted,
            self._limit - window.used,
            (window.oldest + SLOTS + 1) * self._slot_s - now,
        )

    def _grown_up(self, client: str, now: Timestamp) -> _Window:
        if now >= self._rotates_at or len(self._young) >= self._clients_max:
            self._old, self._young = self._young, {}
            self._rotates_at = now + (SLOTS + 1) * self._slot_s
        window = self._old.pop(client, None) or _Window(now // self._slot_s)
        self._young[client] = window
        return window


class Limiter:
    """Counts requests, strict classes in all processes together where that is possible.

    Reads are counted in this process alone: a round trip would cost more than most of them. Every
    class is counted here first, so that a flood stays here, and so that nobody gets a fresh
    allowance when the shared windows go away.
    """

    def __init__(self, rates: Rates, shared: SharedWindows | None) -> None:
        self.rates = rates.by_class()
        self._shared = shared
        self._local = {each: LocalWindows(rate) for each, rate in self.rates.items()}

    def take_here(self, rate_class: RateClass, client: str, now: Timestamp) -> Taken:
        """Count a request of a limited class in this process."""
        return self._local[rate_class].take(client, now)

    async def take(self, rate_class: RateClass, client: str, now: Timestamp) -> Taken:
        """Count a request of a limited class here, and with all others."""
        taken = self.take_here(rate_class, client, now)
        if self._shared is None or not taken.is_admitted:
            return taken
        rate = self.rates[rate_class]
        return await self._shared.take(rate_class, rate, client, now) or taken
