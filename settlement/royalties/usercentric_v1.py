"""Ruleset `usercentric-v1`: each subscriber's own fee, shared over what that subscriber used.

Per row, with D the mean of the per-play series 10¹² / (10⁶ + k·(j - 1)), and every division
rounded toward zero:

    raw     = minutes · price_ppm · region_ppm · D(plays) / 10⁶
    counted = raw · min(credibility_ppm, 10⁶) / 10⁶

Per subscriber, with RW = Σ raw and SC = Σ counted:

    target  = fee · SC / RW          (nothing if RW or SC is zero)
    credited, row by row: target in proportion to `counted`, largest remainder, ties to the lower
    row. The rest of the fee is unallocated: a discount is never given to the other works.

Invariant: Σ per_work + unallocated = Σ fees. The order of subscribers changes nothing; the order of
one subscriber's rows decides ties only. Ids are text in data sets and bytes on chain; all integers
are unbounded.

This file is frozen: another rule is another module and another row in `rulesets.RULESETS`.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from contracts.units import PPM_ONE, allot_rows, mul_div_down
from settlement.errors import BadValue

K_PPM_DEFAULT = PPM_ONE
PLAYS_MAX = 100_000


class Id(Hashable, Protocol):
    """An id of a subscriber or a work: hashable and ordered."""

    def __lt__(self, other: Self, /) -> bool:
        """Whether this id comes first."""


IdT = TypeVar("IdT", bound=Id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage(Generic[IdT]):
    """Usage rows as columns of one length.

    A subscriber's rows are in the order that breaks ties.
    """

    user: Sequence[IdT]
    work: Sequence[IdT]
    minutes: Sequence[int]
    price_ppm: Sequence[int]
    region_ppm: Sequence[int]
    plays: Sequence[int]
    credibility_ppm: Sequence[int]

    def __post_init__(self) -> None:
        """Refuse columns of different length.

        Raises:
            BadValue: naming the column.
        """
        for name in ("work", "minutes", "price_ppm", "region_ppm", "plays", "credibility_ppm"):
            if len(getattr(self, name)) != len(self.user):
                raise BadValue(name, len(getattr(self, name)), f"{len(self.user)} rows long")

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of usage rows, in their order: before and after credibility."""

    raw: list[int]
    counted: list[int]
    discount_ppm: list[int]


@dataclass(frozen=True, slots=True)
class Reputation:
    """What a work's usage says about it; it never affects payment."""

    distinct_users: int
    weighted_usage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation(Generic[IdT]):
    """One asset's fees, shared.

    `per_work` and `reputation` are ascending by work. A work is in `per_work` if a subscriber with
    a positive target used it, be it with zero. `credited` is by row, `unallocated_of` by
    subscriber: together they are the derivation of the rest.
    """

    per_work: dict[IdT, int]
    unallocated: int
    reputation: dict[IdT, Reputation]
    credited: list[int]
    unallocated_of: dict[IdT, int]


class PlayDiscount:
    """The multiplier D(plays) in ppm, for one k.

    Sums of the per-play series are kept, so that every term is computed once.
    """

    def __init__(self, k_ppm: int, plays_max: int = PLAYS_MAX) -> None:
        self._k_ppm = k_ppm
        self._plays_max = plays_max
        self._sums = [0]

    def ppm(self, plays: int) -> int:
        """Mean worth of `plays` plays, clamped to [1, plays_max]; one play is worth one."""
        clamped = min(max(plays, 1), self._plays_max)
        while len(self._sums) <= clamped:
            term = mul_div_down(PPM_ONE, PPM_ONE, PPM_ONE + self._k_ppm * (len(self._sums) - 1))
            self._sums.append(self._sums[-1] + term)
        return mul_div_down(self._sums[clamped], 1, clamped)


def credibility_of_rows(work: Sequence[IdT], per_work: Mapping[IdT, int]) -> list[int]:
    """One credibility for each row, from one for each work; a work that is not named is neutral."""
    return [per_work.get(work_id, PPM_ONE) for work_id in work]


def weigh(usage: Usage[IdT], *, k_ppm: int = K_PPM_DEFAULT, plays_max: int = PLAYS_MAX) -> Weights:
    """Weights of all rows; they do not depend on fees."""
    discount = PlayDiscount(k_ppm, plays_max)
    discounts = [discount.ppm(plays) for plays in usage.plays]
    columns = zip(usage.minutes, usage.price_ppm, usage.region_ppm, discounts, strict=True)
    raw = [
        mul_div_down(minutes * price * region, multiplier, PPM_ONE)
        for minutes, price, region, multiplier in columns
    ]
    counted = [
        mul_div_down(weight, min(credibility, PPM_ONE), PPM_ONE)
        for weight, credibility in zip(raw, usage.credibility_ppm, strict=True)
    ]
    return Weights(raw, counted, discounts)


def share_fee(fee: int, raw: Sequence[int], counted: Sequence[int]) -> list[int] | None:
    """One subscriber's fee over its rows; None if no row may earn, and the whole is unallocated."""
    base, earning = sum(raw), sum(counted)
    if base == 0 or earning == 0:
        return None
    return allot_rows(mul_div_down(fee, earning, base), counted)


def allocate(fees: Mapping[IdT, int], usage: Usage[IdT], weights: Weights) -> Allocation[IdT]:
    """Share the fees of one asset over all rows.

    Args:
        fees: by subscriber; rows of a subscriber who is not listed count for nothing, a listed
            fee of zero counts for reputation.
        usage: all rows.
        weights: `weigh(usage)`.
    """
    rows_of: dict[IdT, list[int]] = {user: [] for user in sorted(fees)}
    for row, user in enumerate(usage.user):
        if user in rows_of:
            rows_of[user].append(row)
    per_work: dict[IdT, int] = {}
    credited = [0] * len(usage)
    unallocated_of: dict[IdT, int] = {}
    for user, rows in rows_of.items():
        raw, counted = [weights.raw[row] for row in rows], [weights.counted[row] for row in rows]
        shares = share_fee(fees[user], raw, counted)
        unallocated_of[user] = fees[user] - sum(shares or ())
        if shares is None:
            continue
        for row, share in zip(rows, shares, strict=True):
            credited[row] = share
            per_work[usage.work[row]] = per_work.get(usage.work[row], 0) + share
    return Allocation(
        per_work=dict(sorted(per_work.items())),
        unallocated=sum(unallocated_of.values()),
        reputation=_reputation(rows_of, usage, weights),
        credited=credited,
        unallocated_of=unallocated_of,
    )


def _reputation(
    rows_of: Mapping[IdT, Sequence[int]], usage: Usage[IdT], weights: Weights
) -> dict[IdT, Reputation]:
    users: dict[IdT, int] = {}
    weighted: dict[IdT, int] = {}
    for rows in rows_of.values():
        for row in rows:
            work = usage.work[row]
            weighted[work] = weighted.get(work, 0) + weights.counted[row]
        for work in {usage.work[row] for row in rows}:
            users[work] = users.get(work, 0) + 1
    return {work: Reputation(users[work], weighted[work]) for work in sorted(weighted)}
