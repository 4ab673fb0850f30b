"""Events as the lists that the plain rules take, and as the packed columns that shards take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TypeVar

import numpy as np

from contracts.batches import ConsumptionColumns, FundedColumns, SubscribedColumns
from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from contracts.packed_usage import (
    ByteRows,
    PackedPseudonyms,
    PackedSubscriptions,
    PackedUsage,
)
from contracts.units import BaseUnits

Columns = TypeVar("Columns", SubscribedColumns, ConsumptionColumns)


def empty_subscribed() -> SubscribedColumns:
    return SubscribedColumns(
        block_number=[], log_index=[], subscriber=[], tier_id=[], payer=[], asset=[], amount=[]
    )


def empty_consumption() -> ConsumptionColumns:
    return ConsumptionColumns(
        block_number=[],
        log_index=[],
        submitter=[],
        tier_id=[],
        part=[],
        work_ids=[],
        minutes_played=[],
        plays=[],
        pseudonyms=[],
        digest=[],
    )


@dataclass
class UsageEvents:
    """Subscriptions and submissions of one epoch; satisfies `allocate_shards.ShardFacts`."""

    subscribed: SubscribedColumns = field(default_factory=empty_subscribed)
    consumption: ConsumptionColumns = field(default_factory=empty_consumption)

    # What shards read.

    def subscriptions(self, low: bytes, high: bytes | None) -> PackedSubscriptions:
        chosen = _within(self.subscribed.subscriber, low, high)
        take = self.subscribed
        return PackedSubscriptions(
            subscriber=rows_of([take.subscriber[at] for at in chosen], 20),
            tier_id=rows_of([take.tier_id[at] for at in chosen], 32),
            asset=rows_of([take.asset[at] for at in chosen], 20),
            amount=[take.amount[at] for at in chosen],
        )

    def usage(self, low: bytes, high: bytes | None) -> Iterator[PackedUsage]:
        """Batches of equally many rows, the largest first: not in chain order."""
        columns = self.consumption
        chosen = _within(columns.submitter, low, high)
        rows = {at: self._rows(at) for at in chosen}
        for size in sorted(set(rows.values()), reverse=True):
            yield self._packed([at for at in chosen if rows[at] == size], size)

    def pseudonyms(self) -> Iterator[PackedPseudonyms]:
        columns = self.consumption
        for size in sorted({len(one) for one in columns.pseudonyms}):
            chosen = [at for at, one in enumerate(columns.pseudonyms) if len(one) == size]
            named = [one for at in chosen for one in columns.pseudonyms[at]]
            yield PackedPseudonyms(
                submitter=rows_of([columns.submitter[at] for at in chosen], 20),
                pseudonym=rows_of(named, 32).reshape(len(chosen), size, 32),
            )

    def subscribed_by(self, subscribers: Sequence[Address]) -> SubscribedColumns:
        return _chosen(self.subscribed, self.subscribed.subscriber, subscribers)

    def submitted_by(self, submitters: Sequence[Address]) -> ConsumptionColumns:
        return _chosen(self.consumption, self.consumption.submitter, submitters)

    def _rows(self, at: int) -> int:
        columns = self.consumption
        inner = (columns.work_ids, columns.minutes_played, columns.plays, columns.pseudonyms)
        lengths = {len(one[at]) for one in inner}
        return lengths.pop() if len(lengths) == 1 else 0

    def _packed(self, chosen: list[int], size: int) -> PackedUsage:
        columns = self.consumption
        shape = (len(chosen), size)
        works = [one for at in chosen for one in columns.work_ids[at][:size]]
        return PackedUsage(
            block_number=np.array([columns.block_number[at] for at in chosen], dtype=np.int64),
            log_index=np.array([columns.log_index[at] for at in chosen], dtype=np.int64),
            submitter=rows_of([columns.submitter[at] for at in chosen], 20),
            tier_id=rows_of([columns.tier_id[at] for at in chosen], 32),
            part=np.array([columns.part[at] for at in chosen], dtype=np.int64),
            work_id=rows_of(works, 32).reshape(*shape, 32),
            minutes_played=np.array(
                [columns.minutes_played[at][:size] for at in chosen], dtype=np.int64
            ).reshape(shape),
            plays=np.array([columns.plays[at][:size] for at in chosen], np.int64).reshape(shape),
        )

    # How a test writes them, in chain order.

    def pay(self, subscriber: Address, asset: Address, amount: int, tier_id: Hash32) -> None:
        columns = self.subscribed
        place = len(columns.block_number)
        columns.block_number.append(BlockNumber(1 + place))
        columns.log_index.append(LogIndex(0))
        columns.subscriber.append(subscriber)
        columns.tier_id.append(tier_id)
        columns.payer.append(subscriber)
        columns.asset.append(asset)
        columns.amount.append(amount)  # type: ignore[arg-type]

    def submit(
        self,
        submitter: Address,
        *,
        block: int,
        part: int,
        tier_id: Hash32,
        works: list[Hash32],
        minutes: list[int],
        plays: list[int],
        pseudonyms: list[Hash32],
    ) -> None:
        columns = self.consumption
        index = sum(number == block for number in columns.block_number)
        columns.block_number.append(BlockNumber(block))
        columns.log_index.append(LogIndex(index))
        columns.submitter.append(submitter)
        columns.tier_id.append(tier_id)
        columns.part.append(part)
        columns.work_ids.append(works)
        columns.minutes_played.append(minutes)
        columns.plays.append(plays)
        columns.pseudonyms.append(pseudonyms)
        columns.digest.append(Hash32(bytes(32)))


def rows_of(ids: Sequence[bytes], width: int) -> ByteRows:
    return np.frombuffer(b"".join(ids), dtype=np.uint8).reshape(-1, width)


def _within(ids: Sequence[bytes], low: bytes, high: bytes | None) -> list[int]:
    return [at for at, one in enumerate(ids) if low <= one and (high is None or one < high)]


def _chosen(columns: Columns, owners: Sequence[Address], wanted: Sequence[Address]) -> Columns:
    """The events of some owners, in all columns alike."""
    kept = [at for at, owner in enumerate(owners) if owner in set(wanted)]
    names = [field.name for field in fields(columns)]
    return type(columns)(**{name: [getattr(columns, name)[at] for at in kept] for name in names})


def funded_for(subscribed: SubscribedColumns) -> FundedColumns:
    """Money for all subscriptions, and a little more."""
    return FundedColumns(
        block_number=list(subscribed.block_number),
        log_index=list(subscribed.log_index),
        asset=list(subscribed.asset),
        source=list(subscribed.subscriber),
        amount=[BaseUnits(amount + 1) for amount in subscribed.amount],
    )
