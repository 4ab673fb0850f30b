"""The usage of one shard of subscribers, as columns in the order that the rules ask for.

Ids become codes as the batches come in, so that ten bytes a row stay in memory. Then submissions
are ordered by subscriber, then chain, and their rows with them: a subscriber is one stretch of
rows, in chain order. Nothing is judged here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.evm import SCALAR_FIELD_ORDER, Address, Hash32
from contracts.packed_usage import ByteRows, Integers, PackedSubscriptions, PackedUsage
from settlement.errors import BadValue
from settlement.royalties.shard_ids import UNKNOWN, IdTable, distinct_ids, is_member

NON_CANONICAL = -2
"""The code of a work id that is not below the scalar field's order; `UNKNOWN` is another one."""

_UINT32_MAX = 2**32 - 1
_PARTS = 2**16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShardFees:
    """What the subscribers of a shard paid, by place of the subscriber; ids ascending.

    `fees[asset][place]` is None where the subscriber paid nothing in the asset. `paid_tiers` holds
    (place · number of tiers + place of the tier), ascending.
    """

    subscribers: IdTable
    tiers: IdTable
    fees: Mapping[Address, list[int | None]]
    paid_tiers: Integers

    def __len__(self) -> int:
        return len(self.subscribers)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShardUsage:
    """Submissions (m,) ordered by (subscriber, chain), and their rows (r,) in the same order.

    `who` is the place of a paying subscriber, or a number from `len(fees)` up for each other
    submitter. `strange` has the ids of works without a code, by (submission, position).
    """

    block_number: Integers
    log_index: Integers
    submitter: ByteRows
    who: Integers
    part: Integers
    is_paid: NDArray[np.bool_]
    size: Integers
    code: NDArray[np.int32]
    minutes: NDArray[np.uint32]
    plays: NDArray[np.uint32]
    strange: Mapping[tuple[int, int], Hash32]

    def __len__(self) -> int:
        return len(self.block_number)

    def first_rows(self) -> Integers:
        """The first row of every submission."""
        return np.cumsum(self.size) - self.size


def shard_fees(paid: PackedSubscriptions) -> ShardFees:
    """Sum payments by subscriber and asset."""
    subscribers, who = distinct_ids(paid.subscriber)
    tiers, tier = distinct_ids(paid.tier_id)
    assets, asset = distinct_ids(paid.asset)
    fees: list[list[int | None]] = [[None] * len(subscribers) for _ in assets]
    for kind, place, amount in zip(asset.tolist(), who.tolist(), paid.amount, strict=True):
        fees[kind][place] = (fees[kind][place] or 0) + amount
    return ShardFees(
        subscribers=IdTable(subscribers),
        tiers=IdTable(tiers),
        fees={Address(one.tobytes()): of_one for one, of_one in zip(assets, fees, strict=True)},
        paid_tiers=np.unique(who * len(tiers) + tier),
    )


def shard_usage(batches: Iterable[PackedUsage], fees: ShardFees, works: IdTable) -> ShardUsage:
    """Code the batches as they come, then order them.

    Raises:
        BadValue: minutes, plays or parts that no event can hold.
    """
    coded = [_coded(batch, fees, works) for batch in batches if len(batch)]
    submitter = _joined([one.submitter for one in coded], (0, 20), np.uint8)
    who = _with_strangers(_joined([one.who for one in coded], (0,), np.int64), submitter, len(fees))
    block = _joined([one.block_number for one in coded], (0,), np.int64)
    log = _joined([one.log_index for one in coded], (0,), np.int64)
    order = np.lexsort((log, block, who))
    size = _joined([one.size for one in coded], (0,), np.int64)
    rows = _row_order(size, order)
    code = _joined([one.code for one in coded], (0,), np.int32)
    return ShardUsage(
        block_number=block[order],
        log_index=log[order],
        submitter=submitter[order],
        who=who[order],
        part=_joined([one.part for one in coded], (0,), np.int64)[order],
        is_paid=_joined([one.is_paid for one in coded], (0,), np.bool_)[order],
        size=size[order],
        code=code[rows],
        minutes=_joined([one.minutes for one in coded], (0,), np.uint32)[rows],
        plays=_joined([one.plays for one in coded], (0,), np.uint32)[rows],
        strange=_strange(coded, order),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Coded:
    """One batch; rows are flat, a submission after the other."""

    block_number: Integers
    log_index: Integers
    submitter: ByteRows
    who: Integers
    part: Integers
    is_paid: NDArray[np.bool_]
    size: Integers
    code: NDArray[np.int32]
    minutes: NDArray[np.uint32]
    plays: NDArray[np.uint32]
    strange: list[tuple[int, int, Hash32]]


def _coded(batch: PackedUsage, fees: ShardFees, works: IdTable) -> _Coded:
    count, rows_each = batch.minutes_played.shape
    who = fees.subscribers.codes(batch.submitter)
    tier = fees.tiers.codes(batch.tier_id)
    paid_key = who * len(fees.tiers) + tier
    ids = batch.work_id.reshape(count * rows_each, 32)
    code = works.codes(ids)
    strange: list[tuple[int, int, Hash32]] = []
    for row in np.flatnonzero(code == UNKNOWN).tolist():
        work_id = Hash32(ids[row].tobytes())
        strange.append((row // rows_each, row % rows_each, work_id))
        if int.from_bytes(work_id, "big") >= SCALAR_FIELD_ORDER:
            code[row] = NON_CANONICAL
    return _Coded(
        block_number=batch.block_number,
        log_index=batch.log_index,
        submitter=batch.submitter,
        who=who,
        part=_in_range(batch.part, "part", _PARTS - 1),
        is_paid=(who >= 0) & (tier >= 0) & is_member(paid_key, fees.paid_tiers),
        size=np.full(count, rows_each),
        code=code.astype(np.int32),
        minutes=_in_range(batch.minutes_played, "minutes", _UINT32_MAX).ravel().astype(np.uint32),
        plays=_in_range(batch.plays, "plays", _UINT32_MAX).ravel().astype(np.uint32),
        strange=strange,
    )


def _in_range(values: Integers, field: str, maximum: int) -> Integers:
    outside = values[(values < 0) | (values > maximum)]
    if outside.size:
        raise BadValue(field, int(outside[0]), f"at most {maximum}")
    return values


def _with_strangers(who: Integers, submitter: ByteRows, subscribers: int) -> Integers:
    """Numbers for submitters who paid nothing: one each."""
    strangers = np.flatnonzero(who == UNKNOWN)
    if len(strangers):
        _, places = distinct_ids(submitter[strangers])
        who[strangers] = subscribers + places
    return who


def _row_order(size: Integers, order: Integers) -> Integers:
    """Where each row comes from, if submissions are put in another order."""
    ordered = size[order]
    moved_by = (np.cumsum(size) - size)[order] - (np.cumsum(ordered) - ordered)
    return np.repeat(moved_by, ordered) + np.arange(ordered.sum())


def _strange(coded: list[_Coded], order: Integers) -> dict[tuple[int, int], Hash32]:
    if not any(one.strange for one in coded):
        return {}
    place_of = np.empty(len(order), dtype=np.int64)
    place_of[order] = np.arange(len(order))
    found, before = {}, 0
    for one in coded:
        for submission, position, work_id in one.strange:
            found[int(place_of[before + submission]), position] = work_id
        before += len(one.size)
    return found


def _joined(parts: list[NDArray[Any]], shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(shape, dtype=dtype)
