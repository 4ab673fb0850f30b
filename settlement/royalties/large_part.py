"""Some subscribers of a large epoch, in the form in which a small epoch is held whole.

An explanation of a leaf names the subscribers who used a work, and nobody else. These are found in
one pass over all rows, and their events are read; the rest passes by. So what is held grows with
what the explanation says, and not with the epoch.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from contracts.batches import (
    ConsumptionColumns,
    FundedColumns,
    LogColumns,
    SubscribedColumns,
)
from contracts.evm import Address, BlockNumber, BlockRef, Hash32, LogIndex
from contracts.units import BaseUnits
from settlement.royalties.allocate_shards import ShardFacts, credited_shares
from settlement.royalties.compute_large_epoch import LargeEpoch
from settlement.royalties.derivation import ComputedEpoch, EpochFacts
from settlement.royalties.distribution import Credit, Distribution, SubscriberAllocation
from settlement.royalties.manifest import BlockPoint, block_point
from settlement.royalties.shares import CreditedRow, ShareBatch, SharedFee
from settlement.royalties.submissions import UsageRow

_NO_FUNDING = FundedColumns(block_number=[], log_index=[], asset=[], source=[], amount=[])
_NO_LOGS = LogColumns(block_number=[], block_hash=[], log_index=[], address=[], topics=[], data=[])


def part_of_users(
    computed: LargeEpoch,
    works: Collection[Hash32],
    *,
    facts: ShardFacts,
    blocks: Callable[[], Iterable[BlockRef]],
) -> ComputedEpoch:
    """A large epoch with the subscribers who used any of these works, and with no others.

    Args:
        computed: the epoch.
        works: that are to be explained.
        facts: that it was computed from.
        blocks: reads every block of a log of the epoch.
    """
    batches = credited_shares(computed.order, computed.coupled, facts=facts)
    fees, rows = _of_users(batches, frozenset(works))
    subscribers = sorted({fee.subscriber for fee in fees})
    consumption = facts.submitted_by(subscribers)
    return _part(
        computed,
        _allocations(fees, rows, consumption),
        subscribed=facts.subscribed_by(subscribers),
        consumption=consumption,
        blocks=blocks,
    )


def part_of_payers(
    computed: LargeEpoch,
    *,
    facts: ShardFacts,
    subscribed: SubscribedColumns,
    blocks: Callable[[], Iterable[BlockRef]],
) -> ComputedEpoch:
    """A large epoch with every subscriber and none of the usage: what explains the fees."""
    batches = credited_shares(computed.order, computed.coupled, facts=facts)
    fees = [fee for batch in batches for fee in batch.fees]
    consumption = facts.submitted_by(())
    return _part(
        computed,
        _allocations(fees, [], consumption),
        subscribed=subscribed,
        consumption=consumption,
        blocks=blocks,
    )


def _of_users(
    batches: Iterable[ShareBatch], works: frozenset[Hash32]
) -> tuple[list[SharedFee], list[CreditedRow]]:
    """Fees and all rows of everybody who used one of the works."""
    fees: list[SharedFee] = []
    rows: list[CreditedRow] = []
    for batch in batches:
        users = {row.subscriber for row in batch.rows if row.work_id in works}
        fees += (fee for fee in batch.fees if fee.subscriber in users)
        rows += (row for row in batch.rows if row.subscriber in users)
    return fees, rows


def _allocations(
    fees: Iterable[SharedFee], rows: Iterable[CreditedRow], consumption: ConsumptionColumns
) -> Iterator[SubscriberAllocation]:
    """Every fee with its rows, ascending by (subscriber, asset)."""
    places = zip(consumption.block_number, consumption.log_index, strict=True)
    submissions = {place: index for index, place in enumerate(places)}
    credits_of: dict[tuple[Address, Address], list[Credit]] = {}
    for row in rows:
        index = submissions[BlockNumber(row.block_number), LogIndex(row.log_index)]
        credit = _credit(row, consumption, index)
        credits_of.setdefault((row.subscriber, row.asset), []).append(credit)
    for fee in sorted(fees):
        yield SubscriberAllocation(
            subscriber=fee.subscriber,
            asset=fee.asset,
            fee=BaseUnits(fee.fee),
            charged=tuple(map(BaseUnits, fee.charged)),
            unallocated=BaseUnits(fee.unallocated),
            credits=tuple(credits_of.get((fee.subscriber, fee.asset), ())),
        )


def _credit(row: CreditedRow, consumption: ConsumptionColumns, index: int) -> Credit:
    return Credit(
        row=UsageRow(
            BlockNumber(row.block_number),
            LogIndex(row.log_index),
            row.position,
            row.subscriber,
            consumption.tier_id[index],
            row.work_id,
            row.minutes,
            row.plays,
            consumption.pseudonyms[index][row.position],
        ),
        price_ppm=row.price_ppm,
        region_ppm=row.region_ppm,
        discount_ppm=row.discount_ppm,
        factor_ppm=row.factor_ppm,
        credibility_ppm=row.credibility_ppm,
        raw=row.raw,
        counted=row.counted,
        credited=BaseUnits(row.credited),
    )


def _part(
    computed: LargeEpoch,
    allocations: Iterator[SubscriberAllocation],
    *,
    subscribed: SubscribedColumns,
    consumption: ConsumptionColumns,
    blocks: Callable[[], Iterable[BlockRef]],
) -> ComputedEpoch:
    frame, whole = computed.frame, computed.distribution
    rules = (frame.parameters, frame.work_terms, frame.split_terms, frame.verdicts)
    named = [columns.block_number for columns in (*rules, subscribed, consumption)]
    return ComputedEpoch(
        facts=EpochFacts(
            frame=frame,
            funded=_NO_FUNDING,
            subscribed=subscribed,
            consumption=consumption,
            logs=_NO_LOGS,
            blocks=_points(named, blocks()),
        ),
        registry=computed.order.registry,
        distribution=Distribution(
            totals=whole.totals,
            leaves=whole.leaves,
            allocations=tuple(allocations),
            quarantine=whole.quarantine,
        ),
        leaf_hashes=computed.leaf_hashes,
        tree=computed.tree,
        manifest=computed.manifest,
        manifest_bytes=computed.manifest_bytes,
        manifest_digest=computed.manifest_digest,
    )


def _points(
    named: Iterable[Sequence[BlockNumber]], blocks: Iterable[BlockRef]
) -> dict[BlockNumber, BlockPoint]:
    wanted = {number for numbers in named for number in numbers}
    return {block.number: block_point(block) for block in blocks if block.number in wanted}
