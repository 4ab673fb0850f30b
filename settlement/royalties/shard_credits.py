"""How a shard's fees were shared, row by row, a range of subscribers at a time.

The same rows as `shares.whole_batch` of an epoch that is held whole; only one range of subscribers
is there as objects, whatever the size of the epoch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from contracts.evm import Address
from settlement.royalties.distribution import RowWeights
from settlement.royalties.shard_allocation import (
    AssetFees,
    CountingRows,
    RangeShares,
    row_shares,
    shared_ranges,
    weighed_rows,
)
from settlement.royalties.shard_judging import JudgedUsage
from settlement.royalties.shard_rules import WorkFactors
from settlement.royalties.shard_usage import ShardFees
from settlement.royalties.shares import CreditedRow, ShareBatch, SharedFee
from settlement.royalties.usercentric_v1 import Usage


def credit_batches(
    judged: JudgedUsage, fees: ShardFees, assets: Sequence[AssetFees], factors: WorkFactors
) -> Iterator[ShareBatch]:
    """The fees of a shard, shared: a batch for each range of subscribers and each asset."""
    rows, places = CountingRows(judged, len(fees)), _Places(judged)
    described: _RangeRows | None = None
    for place, shares in shared_ranges(rows, assets, factors):
        if place == 0 or described is None:
            described = _range_rows(shares, rows, places, fees, factors)
        yield _batch(shares, described, assets[place])


class _Places:
    """Where on the chain the counting rows of a shard stand."""

    def __init__(self, judged: JudgedUsage) -> None:
        self._usage = judged.usage
        self._rows = judged.counting()
        self._submission = judged.submission_of_row[self._rows]
        self._first = judged.usage.first_rows()

    def of(self, start: int, end: int) -> tuple[list[int], list[int], list[int]]:
        """Blocks, log indexes and positions of the counting rows [start, end)."""
        submission = self._submission[start:end]
        return (
            self._usage.block_number[submission].tolist(),
            self._usage.log_index[submission].tolist(),
            (self._rows[start:end] - self._first[submission]).tolist(),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _RangeRows:
    """What the rows of a range are, whichever asset is shared over them.

    `who[i]` is the place of row i's subscriber; `subscribers` are by place in the range.
    """

    who: list[int]
    subscribers: list[Address]
    blocks: list[int]
    logs: list[int]
    positions: list[int]
    usage: Usage[int]
    weighed: RowWeights
    factors: WorkFactors


def _range_rows(
    shares: RangeShares,
    rows: CountingRows,
    places: _Places,
    fees: ShardFees,
    factors: WorkFactors,
) -> _RangeRows:
    end_row = shares.first_row + len(shares.low)
    blocks, logs, positions = places.of(shares.first_row, end_row)
    who = np.arange(shares.start, shares.end)
    ids = fees.subscribers.ids[shares.start : shares.end]
    usage, weighed = weighed_rows(rows, np.arange(shares.first_row, end_row), factors)
    return _RangeRows(
        who=np.repeat(who, rows.counts[shares.start : shares.end]).tolist(),
        subscribers=[Address(one.tobytes()) for one in ids],
        blocks=blocks,
        logs=logs,
        positions=positions,
        usage=usage,
        weighed=weighed,
        factors=factors,
    )


def _batch(shares: RangeShares, rows: _RangeRows, asset: AssetFees) -> ShareBatch:
    fees = [
        SharedFee(
            subscriber=subscriber,
            asset=asset.asset,
            fee=paid,
            charged=[column[shares.start + place] for column in asset.charged],
            unallocated=asset.shareable[shares.start + place] - shares.targets[place],
        )
        for place, subscriber in enumerate(rows.subscribers)
        if (paid := asset.paid[shares.start + place]) is not None
    ]
    usage, weights = rows.usage, rows.weighed.weights
    credited = zip(
        rows.who,
        rows.blocks,
        rows.logs,
        rows.positions,
        usage.work,
        usage.minutes,
        usage.plays,
        usage.price_ppm,
        usage.region_ppm,
        weights.discount_ppm,
        rows.weighed.factors_ppm,
        usage.credibility_ppm,
        weights.raw,
        weights.counted,
        row_shares(shares),
        strict=True,
    )
    terms, subscribers = rows.factors.terms, rows.subscribers
    return ShareBatch(
        fees,
        [
            CreditedRow(
                asset.asset,
                block,
                log,
                position,
                subscribers[who - shares.start],
                terms[work].work_id,
                *others,
            )
            for who, block, log, position, work, *others in credited
            if asset.paid[who] is not None
        ],
    )
