"""Reads of earnings: lists of leaves and lines under the attempts that stand.

Both lists are sorted by (epoch, work, part, asset), descending, which is unique in each of them: a
payee has one line in a leaf.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.fields import UINT64_MAX
from contracts.evm import Address, Epoch, Hash32
from contracts.operations import withdraw_operation_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningRow:
    """A leaf of a work, or a line of a payee, under the attempt that stands."""

    epoch: int
    attempt: int
    active_at: int | None
    work_id: bytes
    part: int
    asset: bytes
    line: int
    amount: int

    @property
    def key(self) -> tuple[int, bytes, int, bytes]:
        """The sort key."""
        return self.epoch, self.work_id, self.part, self.asset


# One way to say it for both lists: the attempts that stand, of the cursor's epoch and before.
_STANDING = """
    WITH standing AS (
        SELECT e.epoch, e.attempt, e.manifest_digest, k.active_at
        FROM computed_epoch e
        LEFT JOIN fact_epoch_committed k
               ON k.chain_id = e.chain_id AND k.address = e.contract AND k.epoch = e.epoch
              AND k.attempt = e.attempt AND k.block_number <= %(upto)s
        WHERE e.chain_id = %(chain_id)s AND e.contract = %(payouts)s
          AND e.epoch <= %(epoch)s
          AND (k.manifest_digest IS NULL OR k.manifest_digest = e.manifest_digest)
          AND e.attempt = 1 + (
              SELECT count(*) FROM fact_epoch_vetoed v
              WHERE v.chain_id = e.chain_id AND v.address = e.contract AND v.epoch = e.epoch
                AND v.block_number <= %(upto)s)
    )
"""

_OF_WORK = (
    _STANDING  # noqa: S608 (two literals)
    + """
    SELECT s.epoch, s.attempt, s.active_at, f.work_id, f.part, f.asset, 0 AS line, f.amount
    FROM standing s JOIN computed_leaf f USING (manifest_digest)
    WHERE f.work_id = %(work_id)s
      AND (s.epoch, f.work_id, f.part, f.asset)
          < (%(epoch)s, %(after_work)s, %(after_part)s, %(after_asset)s)
    ORDER BY s.epoch DESC, f.work_id DESC, f.part DESC, f.asset DESC
    LIMIT %(limit)s
"""
)

_OF_PAYEE = (
    _STANDING  # noqa: S608 (two literals)
    + """
    SELECT s.epoch, s.attempt, s.active_at, l.work_id, l.part, l.asset, l.line, l.amount
    FROM standing s JOIN computed_line l USING (manifest_digest)
    WHERE l.payee = %(payee)s
      AND (s.epoch, l.work_id, l.part, l.asset)
          < (%(epoch)s, %(after_work)s, %(after_part)s, %(after_asset)s)
    ORDER BY s.epoch DESC, l.work_id DESC, l.part DESC, l.asset DESC
    LIMIT %(limit)s
"""
)

_BEFORE_ALL = (UINT64_MAX, b"", 0, b"")
"""A key that sorts before every row of a list whose newest epoch comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningsPage:
    """Where a page of earnings begins, and how long it is; `after` is `EarningRow.key`."""

    after: tuple[int, bytes, int, bytes] | None
    limit: int

    def values(self) -> dict[str, object]:
        """Parameters of the query; without a cursor a key above all others."""
        epoch, work_id, part, asset = self.after or _BEFORE_ALL
        return {
            "epoch": epoch,
            "after_work": work_id,
            "after_part": part,
            "after_asset": asset,
            "limit": self.limit,
        }


async def read_work_earnings(
    reads: Snapshot, at: Standpoint, work_id: Hash32, page: EarningsPage
) -> list[EarningRow]:
    """Leaves of a work under standing attempts, newest epoch first."""
    values = at.scope | page.values() | {"work_id": bytes(work_id)}
    return await reads.rows(EarningRow, _OF_WORK, values)


async def read_payee_earnings(
    reads: Snapshot, at: Standpoint, payee: Address, page: EarningsPage
) -> list[EarningRow]:
    """Lines of a payee under standing attempts, newest epoch first."""
    values = at.scope | page.values() | {"payee": bytes(payee)}
    return await reads.rows(EarningRow, _OF_PAYEE, values)


def op_ids_of(at: Standpoint, rows: Sequence[EarningRow]) -> list[Hash32]:
    """The op-id of the leaf of each row."""
    return [
        withdraw_operation_id(
            Epoch(row.epoch),
            Hash32(row.work_id),
            row.part,
            Address(row.asset),
            chain_id=at.settlement.chain_id,
            contract=at.settlement.payouts,
        )
        for row in rows
    ]
