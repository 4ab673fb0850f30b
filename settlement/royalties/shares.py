"""What the store keeps of each subscriber's fee: how it was charged, and what its rows earned.

One spelling for both ways of computing: an epoch that is held whole gives them at once, a large one
range by range.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from contracts.evm import Address, Hash32
from settlement.royalties.distribution import SubscriberAllocation


class SharedFee(NamedTuple):
    """One subscriber's fee in one asset; amounts in base units."""

    subscriber: Address
    asset: Address
    fee: int
    charged: list[int]
    unallocated: int


class CreditedRow(NamedTuple):
    """What one usage row earned in one asset, and every factor of it; as `distribution.Credit`."""

    asset: Address
    block_number: int
    log_index: int
    position: int
    subscriber: Address
    work_id: Hash32
    minutes: int
    plays: int
    price_ppm: int
    region_ppm: int
    discount_ppm: int
    factor_ppm: int
    credibility_ppm: int
    raw: int
    counted: int
    credited: int


class ShareBatch(NamedTuple):
    """Some subscribers' fees, and all rows that these were shared over."""

    fees: list[SharedFee]
    rows: list[CreditedRow]


def whole_batch(allocations: Iterable[SubscriberAllocation]) -> ShareBatch:
    """All fees of an epoch that is held whole."""
    fees: list[SharedFee] = []
    rows: list[CreditedRow] = []
    for share in allocations:
        charged = list[int](share.charged)
        fees.append(SharedFee(share.subscriber, share.asset, share.fee, charged, share.unallocated))
        rows += _rows(share)
    return ShareBatch(fees, rows)


def _rows(share: SubscriberAllocation) -> Iterator[CreditedRow]:
    for credit in share.credits:
        row = credit.row
        yield CreditedRow(
            asset=share.asset,
            block_number=row.block_number,
            log_index=row.log_index,
            position=row.position,
            subscriber=share.subscriber,
            work_id=row.work_id,
            minutes=row.minutes,
            plays=row.plays,
            price_ppm=credit.price_ppm,
            region_ppm=credit.region_ppm,
            discount_ppm=credit.discount_ppm,
            factor_ppm=credit.factor_ppm,
            credibility_ppm=credit.credibility_ppm,
            raw=credit.raw,
            counted=credit.counted,
            credited=credit.credited,
        )
