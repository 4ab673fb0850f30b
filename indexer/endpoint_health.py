"""How well an endpoint has served, and which of several endpoints to ask.

The cost of an endpoint, in microseconds, is its smoothed latency, a penalty for recent errors, and
one for how far its head lags behind the others'. An error adds to the penalty by its class, and the
penalty halves every `PENALTY_HALVED_NS`. The endpoint in use is kept unless another costs clearly
less: less than half, and by more than `SWITCH_GAIN_US`. All arithmetic is on integers, so the same
answers at the same times always lead to the same choice.

Latency is that of questions about single blocks, which all endpoints are asked alike; the time of
a range says more about the range than about who served it.

An endpoint is left out for a while after some errors: *limited* for as long as it asked for, in
which it is asked nothing at all; *avoided* for longer and longer while it gives no answers, in
which it is asked last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from contracts.evm import BlockNumber

PENALTY_HALVED_NS = 10_000_000_000
PENALTY_MAX_US = 120_000_000
SWITCH_GAIN_US = 20_000
LAG_FREE_BLOCKS, LAG_BLOCK_US, LAG_MAX_US = 2, 100_000, 30_000_000
LATENCY_WEIGHT_SHIFT = 2
"""A new latency counts for a quarter."""

_SECOND_NS = 1_000_000_000
_AVOIDED_DOUBLINGS_MAX = 3
_HALVINGS_MAX = 64


class ErrorClass(StrEnum):
    """What went wrong with an answer."""

    UNREACHABLE = "unreachable"
    LIMITED = "limited"  # it wants to be asked less often
    TOO_LARGE = "too_large"  # it wants to be asked for less
    MISSING = "missing"  # it does not have the blocks
    REFUSED = "refused"  # it answers with an error
    MALFORMED = "malformed"
    FORBIDDEN = "forbidden"
    DISPROVED = "disproved"  # what it said does not fit the header of the block


_PENALTY_US: Mapping[ErrorClass, int] = {
    ErrorClass.UNREACHABLE: 5_000_000,
    ErrorClass.LIMITED: 1_000_000,
    ErrorClass.TOO_LARGE: 0,
    ErrorClass.MISSING: 1_000_000,
    ErrorClass.REFUSED: 2_000_000,
    ErrorClass.MALFORMED: 5_000_000,
    ErrorClass.FORBIDDEN: 60_000_000,
    ErrorClass.DISPROVED: 60_000_000,
}
_AVOIDED_AFTER = frozenset({ErrorClass.UNREACHABLE, ErrorClass.FORBIDDEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHealth:
    """What is known of one endpoint; times are of the clock that the caller uses.

    `requests` counts questions, however many calls each took. `head` and `finalized` are the block
    numbers that it named last. `failures` counts how often it gave no answer since the last one,
    and `penalty_us` is as it was at `penalty_at_ns`.
    """

    host: str
    requests: int = 0
    errors: Mapping[ErrorClass, int] = field(default_factory=dict)
    latency_us: int | None = None
    answered_at_ns: int | None = None
    head: BlockNumber | None = None
    finalized: BlockNumber | None = None
    failures: int = 0
    penalty_us: int = 0
    penalty_at_ns: int = 0
    avoided_until_ns: int = 0
    limited_until_ns: int = 0

    def answered(self, *, now_ns: int, took_us: int | None) -> "EndpointHealth":
        """After an answer; `took_us` is None for questions whose time says nothing about it."""
        latency_us = self.latency_us
        if took_us is not None:
            change = 0 if latency_us is None else (took_us - latency_us) >> LATENCY_WEIGHT_SHIFT
            latency_us = took_us if latency_us is None else latency_us + change
        return replace(
            self,
            requests=self.requests + 1,
            latency_us=latency_us,
            answered_at_ns=now_ns,
            failures=0,
            avoided_until_ns=0,
        )

    def failed(
        self, error: ErrorClass, *, now_ns: int, limited_s: int | None = None
    ) -> "EndpointHealth":
        """After a question that was answered with an error, or not at all."""
        blamed = self.blamed(error, now_ns=now_ns, limited_s=limited_s)
        return replace(blamed, requests=self.requests + 1)

    def blamed(
        self, error: ErrorClass, *, now_ns: int, limited_s: int | None = None
    ) -> "EndpointHealth":
        """After an answer that was believed at first; it was counted as a request then."""
        penalty_us = min(self.penalty(now_ns) + _PENALTY_US[error], PENALTY_MAX_US)
        failures, avoided_until_ns = self.failures, self.avoided_until_ns
        if error in _AVOIDED_AFTER:
            avoided_until_ns = now_ns + (_SECOND_NS << min(failures, _AVOIDED_DOUBLINGS_MAX))
            failures += 1
        limited_until_ns = self.limited_until_ns
        if limited_s is not None:
            limited_until_ns = max(limited_until_ns, now_ns + limited_s * _SECOND_NS)
        return replace(
            self,
            errors={**self.errors, error: self.errors.get(error, 0) + 1},
            failures=failures,
            penalty_us=penalty_us,
            penalty_at_ns=now_ns,
            avoided_until_ns=avoided_until_ns,
            limited_until_ns=limited_until_ns,
        )

    def penalty(self, now_ns: int) -> int:
        """What is left of the penalty."""
        halvings = (now_ns - self.penalty_at_ns) // PENALTY_HALVED_NS
        return self.penalty_us >> min(max(halvings, 0), _HALVINGS_MAX)

    def is_limited(self, now_ns: int) -> bool:
        """Whether it must not be asked yet."""
        return now_ns < self.limited_until_ns

    def is_avoided(self, now_ns: int) -> bool:
        """Whether it should be asked last."""
        return now_ns < self.avoided_until_ns


def with_counts_of(
    healths: Sequence[EndpointHealth], others: Iterable[EndpointHealth]
) -> tuple[EndpointHealth, ...]:
    """The endpoints with requests and errors of other processes added, by host.

    What decides whom to ask stays each process's own.
    """
    summed = {one.host: one for one in healths}
    for other in others:
        one = summed[other.host]
        errors = {
            error: one.errors.get(error, 0) + other.errors.get(error, 0)
            for error in ErrorClass
            if error in one.errors or error in other.errors
        }
        summed[other.host] = replace(one, requests=one.requests + other.requests, errors=errors)
    return tuple(summed.values())


def asking_order(healths: Sequence[EndpointHealth], *, current: int, now_ns: int) -> list[int]:
    """The places of the endpoints in the order in which to ask them; without those limited."""
    costs = costs_us(healths, now_ns)
    order = sorted(
        (place for place, one in enumerate(healths) if not one.is_limited(now_ns)),
        key=lambda place: (healths[place].is_avoided(now_ns), costs[place], place),
    )
    if current in order:
        avoided = [healths[place].is_avoided(now_ns) for place in (current, order[0])]
        gain_us = costs[current] - 2 * costs[order[0]]
        is_better = healths[order[0]].latency_us is not None and gain_us > SWITCH_GAIN_US
        if avoided[0] == avoided[1] and not is_better:
            order.remove(current)
            order.insert(0, current)
    return order


def costs_us(healths: Sequence[EndpointHealth], now_ns: int) -> list[int]:
    """What each endpoint costs; the lower, the better."""
    highest = max((one.head for one in healths if one.head is not None), default=BlockNumber(0))
    costs = []
    for one in healths:
        behind = 0 if one.head is None else max(highest - one.head - LAG_FREE_BLOCKS, 0)
        lag_us = min(behind * LAG_BLOCK_US, LAG_MAX_US)
        costs.append((one.latency_us or 0) + one.penalty(now_ns) + lag_us)
    return costs
