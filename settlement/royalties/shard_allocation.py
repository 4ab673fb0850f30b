"""The fees of one shard of subscribers, shared over their usage: `settle` on columns.

The same integers as `usercentric_v1.allocate` after half-life and fees, for a range of subscribers
at a time: subscribers with equally many rows are the lines of one matrix, whose arithmetic is in
`shard_rules.py` (weights) and `shard_shares.py` (shares). A line that does not fit its bounds goes
through the plain functions instead, on Python's integers; nobody sees a difference but the clock.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contracts.evm import Address
from contracts.packed_usage import Integers
from contracts.units import PPM_ONE, mul_div_down
from settlement.royalties.distribution import RowWeights
from settlement.royalties.fees import charge_column
from settlement.royalties.half_life import decayed
from settlement.royalties.rulesets import ruleset_named
from settlement.royalties.shard_judging import JudgedUsage
from settlement.royalties.shard_rules import WorkFactors
from settlement.royalties.shard_shares import (
    SUM_BITS,
    TOTAL_BITS,
    WideNumbers,
    Words,
    share_lines,
    wide_numbers,
)
from settlement.royalties.shard_usage import ShardFees
from settlement.royalties.usercentric_v1 import Usage, Weights, share_fee

SUBSCRIBERS_PER_RANGE = 8_192
"""Ten rows each: a column of a range is under a megabyte and stays in a core's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFees:
    """What subscribers paid in one asset, by place; None where one paid nothing in it.

    `charged` has a column for each of the parameters' fees, in their order; the rest is shared.
    """

    asset: Address
    paid: Sequence[int | None]
    charged: Sequence[Sequence[int]]
    shareable: Sequence[int]
    has_paid: NDArray[np.bool_]
    words: WideNumbers
    is_wide: NDArray[np.bool_]


@dataclass(slots=True, kw_only=True, eq=False)
class RangeShares:
    """One asset's fees of the subscribers [start, end), shared over their counting rows.

    `low` and `high` are the shares of the rows [first_row, end_row) but for `others`, which are
    there by place in the range. `is_shared` says which rows belong to a subscriber whose fee was
    shared; `targets[place]` is what was shared of the fee of subscriber start + place.
    """

    start: int
    end: int
    first_row: int
    low: Words
    high: Words
    is_shared: NDArray[np.bool_]
    targets: list[int]
    others: dict[int, int] = field(default_factory=dict)


class CountingRows:
    """The rows of a shard that count, by subscriber, in chain order."""

    def __init__(self, judged: JudgedUsage, subscribers: int) -> None:
        usage, rows = judged.usage, judged.counting()
        self.codes = usage.code[rows].astype(np.int64)
        self.minutes = usage.minutes[rows].astype(np.uint64)
        self.plays = usage.plays[rows].astype(np.uint64)
        who = usage.who[judged.submission_of_row[rows]]
        self.counts = np.bincount(who, minlength=subscribers)
        self.starts = np.cumsum(self.counts) - self.counts

    def __len__(self) -> int:
        return len(self.codes)


def asset_fees(fees: ShardFees, rates_ppm: Sequence[int]) -> Iterator[AssetFees]:
    """Charge every subscriber's fee, asset by asset, ascending."""
    for asset, paid in sorted(fees.fees.items()):
        units = [fee or 0 for fee in paid]
        charged = [charge_column(units, rate) for rate in rates_ppm]
        shareable = units
        for column in charged:
            shareable = [left - taken for left, taken in zip(shareable, column, strict=True)]
        is_wide = [left >= 1 << TOTAL_BITS for left in shareable]
        yield AssetFees(
            asset=asset,
            paid=paid,
            charged=charged,
            shareable=shareable,
            has_paid=np.array([fee is not None for fee in paid], dtype=bool),
            words=wide_numbers(
                [0 if wide else left for left, wide in zip(shareable, is_wide, strict=True)]
                if any(is_wide)
                else shareable
            ),
            is_wide=np.array(is_wide, dtype=bool),
        )


def shared_ranges(
    rows: CountingRows, assets: Sequence[AssetFees], factors: WorkFactors
) -> Iterator[tuple[int, RangeShares]]:
    """Every range of subscribers, ascending, with the place of each asset in turn."""
    for start in range(0, len(rows.counts), SUBSCRIBERS_PER_RANGE):
        end = min(start + SUBSCRIBERS_PER_RANGE, len(rows.counts))
        groups = list(_groups(rows, start, end, factors))
        for place, asset in enumerate(assets):
            yield (
                place,
                _range_shares(rows, start, end, asset=asset, groups=groups, factors=factors),
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Group:
    """Subscribers with equally many rows: matrices with one line each.

    `who` and `places` count from the start of the range; `is_exact` lines are below all bounds.
    """

    who: Integers
    places: Integers
    counted: Words
    raw_sum: Words
    counted_sum: Words
    is_exact: NDArray[np.bool_]


def _groups(rows: CountingRows, start: int, end: int, factors: WorkFactors) -> Iterator[_Group]:
    counts = rows.counts[start:end]
    if not len(rows):
        return
    first = int(rows.starts[start])
    for size in np.unique(counts[counts > 0]).tolist():
        (who,) = np.nonzero(counts == size)
        places = (rows.starts[start + who] - first)[:, None] + np.arange(size)
        chosen = first + places
        codes = rows.codes[chosen]
        raw, is_exact = factors.raw(codes, rows.minutes[chosen], rows.plays[chosen])
        fits = is_exact.all(axis=1) & (raw.max(axis=1) <= np.uint64((2**SUM_BITS - 1) // size))
        raw = np.where(fits[:, None], raw, np.uint64(0))
        counted = np.where(factors.is_held(codes), np.uint64(0), raw)
        yield _Group(
            who=who,
            places=places,
            counted=counted,
            raw_sum=raw.sum(axis=1, dtype=np.uint64),
            counted_sum=counted.sum(axis=1, dtype=np.uint64),
            is_exact=fits,
        )


def _range_shares(
    rows: CountingRows,
    start: int,
    end: int,
    *,
    asset: AssetFees,
    groups: Sequence[_Group],
    factors: WorkFactors,
) -> RangeShares:
    first = int(rows.starts[start])
    count = int(rows.counts[start:end].sum())
    shares = RangeShares(
        start=start,
        end=end,
        first_row=first,
        low=np.zeros(count, dtype=np.uint64),
        high=np.zeros(count, dtype=np.uint64),
        is_shared=np.zeros(count, dtype=bool),
        targets=[0] * (end - start),
    )
    for group in groups:
        has_paid = asset.has_paid[start + group.who]
        is_fast = has_paid & group.is_exact & ~asset.is_wide[start + group.who]
        _share_fast(shares, group, np.flatnonzero(is_fast & (group.counted_sum > 0)), asset)
        for line in np.flatnonzero(has_paid & ~is_fast).tolist():
            _, weighed = weighed_rows(rows, first + group.places[line], factors)
            raw, counted = weighed.weights.raw, weighed.weights.counted
            found = share_fee(asset.shareable[start + group.who[line]], raw, counted)
            _keep_plain(shares, int(group.who[line]), group.places[line], found)
    return shares


def _share_fast(shares: RangeShares, group: _Group, lines: Integers, asset: AssetFees) -> None:
    if not len(lines):
        return
    who = group.who[lines]
    places = (shares.start + who).tolist()
    targets = [asset.shareable[place] for place in places]
    raw_sum, counted_sum = group.raw_sum[lines], group.counted_sum[lines]
    reduced = np.flatnonzero(raw_sum != counted_sum).tolist()
    for at in reduced:
        targets[at] = mul_div_down(targets[at], int(counted_sum[at]), int(raw_sum[at]))
    for at, target in zip(who.tolist(), targets, strict=True):
        shares.targets[at] = target
    totals = wide_numbers(targets) if reduced else _taken(asset.words, shares.start + who)
    found = share_lines(totals, group.counted[lines])
    chosen = group.places[lines]
    shares.is_shared[chosen] = True
    shares.low[chosen] = found.low
    if found.high is not None:
        shares.high[chosen] = found.high


def _taken(words: WideNumbers, places: Integers) -> WideNumbers:
    return WideNumbers(words.low[places], None if words.high is None else words.high[places])


def _keep_plain(
    shares: RangeShares, who: int, places: Integers, found: Sequence[int] | None
) -> None:
    """What the ruleset's own functions gave one subscriber's rows."""
    if found is None:
        return
    shares.targets[who] = sum(found)
    shares.is_shared[places] = True
    shares.others.update(zip(places.tolist(), found, strict=True))


def weighed_rows(
    rows: CountingRows, chosen: Integers, factors: WorkFactors
) -> tuple[Usage[int], RowWeights]:
    """Some rows and their weights, by the ruleset's own functions; works are codes."""
    parameters = factors.parameters
    codes = rows.codes[chosen].tolist()
    works = [factors.terms[code] for code in codes]
    is_held = factors.is_held(rows.codes[chosen]).tolist()
    credibility = [0 if held else PPM_ONE for held in is_held]
    usage = Usage(
        user=[0] * len(codes),
        work=codes,
        minutes=rows.minutes[chosen].tolist(),
        price_ppm=[work.price_ppm for work in works],
        region_ppm=[factors.region_ppm(work) for work in works],
        plays=rows.plays[chosen].tolist(),
        credibility_ppm=credibility,
    )
    weights = ruleset_named(parameters.ruleset).weigh(
        usage, k_ppm=parameters.k_ppm, plays_max=parameters.plays_max
    )
    ages_ppm = [factors.factors_ppm[code] for code in codes]
    if parameters.has_half_life:
        raw, counted = decayed(weights.raw, ages_ppm, credibility)
        weights = Weights(raw, counted, weights.discount_ppm)
    return usage, RowWeights(weights=weights, factors_ppm=ages_ppm)


def row_shares(shares: RangeShares) -> list[int]:
    """Every row's share as Python's integers, zero where nothing was shared."""
    if shares.high.any():
        pairs = zip(shares.low.tolist(), shares.high.tolist(), strict=True)
        found = [low | high << 64 for low, high in pairs]
    else:
        found = shares.low.tolist()
    for place, share in shares.others.items():
        found[place] = share
    return found
