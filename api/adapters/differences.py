"""Reads of two computed distributions side by side: amounts of one and of the other.

A digest that nothing is stored under, zero for instance, has no amounts.
"""

from dataclasses import dataclass
from typing import LiteralString

from api.adapters.snapshot import Snapshot
from contracts.evm import Address, Hash32
from contracts.units import BaseUnits
from settlement.royalties.difference import Change, TotalChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The manifests of what is compared."""

    now: Hash32
    before: Hash32

    def values(self) -> dict[str, object]:
        """Parameters of every query."""
        return {"now": bytes(self.now), "before": bytes(self.before)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One amount, of a payee or a work, in one asset."""

    name: bytes
    asset: bytes
    now: int
    before: int

    @property
    def key(self) -> tuple[bytes, bytes]:
        """The sort key."""
        return self.name, self.asset

    @property
    def change(self) -> Change:
        """The amount, now and before."""
        return _change(self.now, self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TotalRow:
    asset: bytes
    paid_in_now: int
    paid_in_before: int
    allocated_now: int
    allocated_before: int
    fees_now: int
    fees_before: int
    escrow_now: int
    escrow_before: int
    unallocated_now: int
    unallocated_before: int


@dataclass(frozen=True, slots=True)
class _IsStored:
    is_stored: bool


_TOTALS = """
    SELECT asset,
           coalesce(n.paid_in, 0) AS paid_in_now, coalesce(b.paid_in, 0) AS paid_in_before,
           coalesce(n.allocated, 0) AS allocated_now, coalesce(b.allocated, 0) AS allocated_before,
           coalesce(n.fees, 0) AS fees_now, coalesce(b.fees, 0) AS fees_before,
           coalesce(n.escrow, 0) AS escrow_now, coalesce(b.escrow, 0) AS escrow_before,
           coalesce(n.unallocated, 0) AS unallocated_now,
           coalesce(b.unallocated, 0) AS unallocated_before
    FROM (SELECT * FROM computed_total WHERE manifest_digest = %(now)s) n
    FULL JOIN (SELECT * FROM computed_total WHERE manifest_digest = %(before)s) b USING (asset)
    ORDER BY asset
"""

_BY_PAYEE = """
    WITH amounts AS (
        SELECT payee AS name, asset, manifest_digest, sum(amount) AS amount FROM computed_line
        WHERE manifest_digest IN (%(now)s, %(before)s)
        GROUP BY payee, asset, manifest_digest
    )
"""

_BY_WORK = """
    WITH amounts AS (
        SELECT work_id AS name, asset, manifest_digest, sum(amount) AS amount FROM computed_leaf
        WHERE manifest_digest IN (%(now)s, %(before)s)
        GROUP BY work_id, asset, manifest_digest
    )
"""

# One way to compare for both lists.
_COMPARED = """
    SELECT name, asset,
           coalesce(sum(amount) FILTER (WHERE manifest_digest = %(now)s), 0) AS now,
           coalesce(sum(amount) FILTER (WHERE manifest_digest = %(before)s), 0) AS before
    FROM amounts
    WHERE (name, asset) > (%(after_name)s, %(after_asset)s)
    GROUP BY name, asset ORDER BY name, asset LIMIT %(limit)s
"""

_IS_STORED = """
    SELECT EXISTS (
        SELECT FROM computed_epoch WHERE manifest_digest = %(before)s
    ) AS is_stored
"""


async def read_totals(reads: Snapshot, pair: Pair) -> list[TotalChange]:
    """The money of each asset, ascending."""
    return [
        TotalChange(
            asset=Address(row.asset),
            paid_in=_change(row.paid_in_now, row.paid_in_before),
            allocated=_change(row.allocated_now, row.allocated_before),
            fees=_change(row.fees_now, row.fees_before),
            escrow=_change(row.escrow_now, row.escrow_before),
            unallocated=_change(row.unallocated_now, row.unallocated_before),
        )
        for row in await reads.rows(_TotalRow, _TOTALS, pair.values())
    ]


async def read_payees(
    reads: Snapshot, pair: Pair, *, after: tuple[bytes, bytes], limit: int
) -> list[ChangeRow]:
    """A page of amounts by payee."""
    return await _page(reads, _BY_PAYEE + _COMPARED, pair, after, limit)


async def read_works(
    reads: Snapshot, pair: Pair, *, after: tuple[bytes, bytes], limit: int
) -> list[ChangeRow]:
    """A page of amounts by work."""
    return await _page(reads, _BY_WORK + _COMPARED, pair, after, limit)


async def is_before_stored(reads: Snapshot, pair: Pair) -> bool:
    """Whether the distribution before was computed here."""
    row = await reads.row(_IsStored, _IS_STORED, pair.values())
    return row is not None and row.is_stored


async def _page(
    reads: Snapshot, query: LiteralString, pair: Pair, after: tuple[bytes, bytes], limit: int
) -> list[ChangeRow]:
    values = {"after_name": after[0], "after_asset": after[1], "limit": limit}
    return await reads.rows(ChangeRow, query, pair.values() | values)


def _change(now: int, before: int) -> Change:
    return Change(now=BaseUnits(now), before=BaseUnits(before))
