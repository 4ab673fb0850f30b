"""Reads of epochs: the attempt that stands, and the money.

The contract awaits attempt `vetoes + 1`, so that number names the one attempt at an epoch that can
stand: committed, or computed by us and not committed yet. A computation stands beside a commitment
only if both are of one manifest.
"""

from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.epoch_state import EpochFacts, EpochState, epoch_state
from api.schemas.envelope import Block
from api.schemas.epochs import Approvals, EpochOut, EpochTotal, QuarantineCount
from contracts.evm import Address, Epoch, Hash32, Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A standing attempt whose leaves are stored here."""

    number: int
    manifest_digest: Hash32
    root: Hash32
    reference_block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRow:
    """One epoch: what is final on chain, and what we computed for the attempt that it awaits."""

    epoch: int
    vetoes: int
    committed_root: bytes | None
    committed_digest: bytes | None
    active_at: int | None
    committed_block: int | None
    computed_root: bytes | None
    computed_digest: bytes | None
    leaf_count: int | None
    boundary_block: int | None
    reference_block: int | None
    reference_hash: bytes | None
    reference_timestamp: int | None
    approvals: int

    @property
    def attempt(self) -> int:
        """The attempt that stands, or is awaited."""
        return self.vetoes + 1

    @property
    def root(self) -> Hash32 | None:
        """The root of the standing attempt."""
        root = self.committed_root or self.computed_root
        return None if root is None else Hash32(root)

    @property
    def manifest_digest(self) -> Hash32 | None:
        """The manifest of the standing attempt."""
        digest = self.committed_digest or self.computed_digest
        return None if digest is None else Hash32(digest)

    @property
    def computed(self) -> Attempt | None:
        """The standing attempt, where its leaves and its reference block are stored here."""
        if (
            self.computed_digest is None
            or self.computed_root is None
            or self.reference_block is None
            or self.reference_hash is None
            or self.reference_timestamp is None
        ):
            return None
        return Attempt(
            number=self.attempt,
            manifest_digest=Hash32(self.computed_digest),
            root=Hash32(self.computed_root),
            reference_block=Block(
                number=self.reference_block,
                hash=Hash32(self.reference_hash),
                timestamp=self.reference_timestamp,
            ),
        )

    def facts(self, *, is_paid_out: bool) -> EpochFacts:
        """What decides the state."""
        return EpochFacts(
            is_computed=self.computed_digest is not None,
            approvals=self.approvals,
            active_at=None if self.active_at is None else Timestamp(self.active_at),
            vetoes=self.vetoes,
            is_paid_out=is_paid_out,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalRow:
    """The money of one epoch in one asset."""

    epoch: int
    asset: bytes
    paid_in: int
    allocated: int | None
    fees: int | None
    escrow: int | None
    unallocated: int | None
    withdrawn: int


_EPOCHS = """
    SELECT n.epoch, v.vetoes,
           k.root AS committed_root, k.manifest_digest AS committed_digest,
           k.active_at, k.block_number AS committed_block,
           e.root AS computed_root, e.manifest_digest AS computed_digest,
           e.leaf_count, e.boundary_block, e.reference_block,
           r.hash AS reference_hash, r.timestamp AS reference_timestamp,
           (SELECT count(*) FROM approval a
            WHERE a.chain_id = %(chain_id)s AND a.contract = %(payouts)s
              AND a.epoch = n.epoch AND a.attempt = v.vetoes + 1
              AND a.manifest_digest = e.manifest_digest) AS approvals
    FROM generate_series(%(low)s::bigint, %(high)s::bigint) AS n (epoch)
    CROSS JOIN LATERAL (
        SELECT count(*) AS vetoes FROM fact_epoch_vetoed
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND epoch = n.epoch
          AND block_number <= %(upto)s
    ) v
    LEFT JOIN fact_epoch_committed k
           ON k.chain_id = %(chain_id)s AND k.address = %(payouts)s AND k.epoch = n.epoch
          AND k.attempt = v.vetoes + 1 AND k.block_number <= %(upto)s
    LEFT JOIN computed_epoch e
           ON e.chain_id = %(chain_id)s AND e.contract = %(payouts)s AND e.epoch = n.epoch
          AND e.attempt = v.vetoes + 1
          AND (k.manifest_digest IS NULL OR k.manifest_digest = e.manifest_digest)
    LEFT JOIN block r ON r.chain_id = %(chain_id)s AND r.number = e.reference_block
    ORDER BY n.epoch DESC
"""

_TOTALS = """
    WITH funded AS (
        SELECT epoch, asset, sum(amount) AS paid_in FROM fact_epoch_funded
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND block_number <= %(upto)s
          AND epoch BETWEEN %(low)s AND %(high)s
        GROUP BY epoch, asset
    ), withdrawn AS (
        SELECT epoch, asset, sum(amount) AS withdrawn FROM fact_leaf_withdrawn
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND block_number <= %(upto)s
          AND epoch BETWEEN %(low)s AND %(high)s
        GROUP BY epoch, asset
    ), vetoes AS (
        SELECT epoch, count(*) AS vetoes FROM fact_epoch_vetoed
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND block_number <= %(upto)s
          AND epoch BETWEEN %(low)s AND %(high)s
        GROUP BY epoch
    ), committed AS (
        SELECT k.epoch, t.asset, t.allocated, t.fees, t.escrow, t.unallocated
        FROM fact_epoch_committed k
        LEFT JOIN vetoes v USING (epoch)
        CROSS JOIN unnest(k.totals_asset, k.totals_allocated, k.totals_fees, k.totals_escrow,
                          k.totals_unallocated)
             AS t (asset, allocated, fees, escrow, unallocated)
        WHERE k.chain_id = %(chain_id)s AND k.address = %(payouts)s
          AND k.block_number <= %(upto)s AND k.epoch BETWEEN %(low)s AND %(high)s
          AND k.attempt = coalesce(v.vetoes, 0) + 1
    ), computed AS (
        SELECT e.epoch, t.asset, t.allocated, t.fees, t.escrow, t.unallocated
        FROM computed_epoch e
        JOIN computed_total t USING (manifest_digest)
        LEFT JOIN vetoes v USING (epoch)
        WHERE e.chain_id = %(chain_id)s AND e.contract = %(payouts)s
          AND e.epoch BETWEEN %(low)s AND %(high)s AND e.attempt = coalesce(v.vetoes, 0) + 1
    )
    SELECT f.epoch, f.asset, f.paid_in,
           coalesce(k.allocated, e.allocated) AS allocated,
           coalesce(k.fees, e.fees) AS fees,
           coalesce(k.escrow, e.escrow) AS escrow,
           coalesce(k.unallocated, e.unallocated) AS unallocated,
           coalesce(w.withdrawn, 0) AS withdrawn
    FROM funded f
    LEFT JOIN committed k USING (epoch, asset)
    LEFT JOIN computed e USING (epoch, asset)
    LEFT JOIN withdrawn w USING (epoch, asset)
    ORDER BY f.epoch DESC, f.asset
"""

_QUARANTINE = """
    SELECT reason, count(*) AS count FROM computed_quarantine
    WHERE manifest_digest = %(manifest_digest)s
    GROUP BY reason ORDER BY reason
"""

_MANIFEST = """
    SELECT manifest FROM computed_epoch
    WHERE chain_id = %(chain_id)s AND contract = %(payouts)s AND epoch = %(epoch)s
      AND attempt = %(attempt)s
"""


@dataclass(frozen=True, slots=True)
class _Manifest:
    manifest: bytes


async def read_epoch_row(reads: Snapshot, at: Standpoint, epoch: int) -> EpochRow:
    """One epoch, without its money."""
    rows = await reads.rows(EpochRow, _EPOCHS, at.scope | {"low": epoch, "high": epoch})
    return rows[0]


async def read_epochs(reads: Snapshot, at: Standpoint, low: int, high: int) -> list[EpochOut]:
    """Epochs `low` to `high`, both included, newest first."""
    values = at.scope | {"low": low, "high": high}
    rows = await reads.rows(EpochRow, _EPOCHS, values)
    totals = await reads.rows(TotalRow, _TOTALS, values)
    return [
        _epoch(at, row, [total for total in totals if total.epoch == row.epoch]) for row in rows
    ]


async def is_paid_out(reads: Snapshot, at: Standpoint, epoch: int) -> bool:
    """Whether all allocated money and fees of a committed epoch have been withdrawn."""
    totals = await reads.rows(TotalRow, _TOTALS, at.scope | {"low": epoch, "high": epoch})
    return _is_paid_out(totals)


async def read_quarantine(reads: Snapshot, manifest_digest: Hash32) -> list[QuarantineCount]:
    """What was left out of an attempt, counted by reason."""
    values = {"manifest_digest": bytes(manifest_digest)}
    return await reads.rows(QuarantineCount, _QUARANTINE, values)


async def read_manifest(reads: Snapshot, at: Standpoint, epoch: int, attempt: int) -> bytes | None:
    """The stored bytes of a manifest."""
    values = at.scope | {"epoch": epoch, "attempt": attempt}
    row = await reads.row(_Manifest, _MANIFEST, values)
    return None if row is None else row.manifest


def state_of(at: Standpoint, row: EpochRow, *, is_paid_out: bool) -> EpochState:
    """The derived state of an epoch."""
    return epoch_state(
        Epoch(row.epoch),
        row.facts(is_paid_out=is_paid_out),
        at.timeline,
        head=Timestamp(at.head.timestamp),
        finalized=Timestamp(at.finalized.timestamp),
    )


def _epoch(at: Standpoint, row: EpochRow, totals: list[TotalRow]) -> EpochOut:
    epoch = Epoch(row.epoch)
    approvals = Approvals(count=row.approvals, threshold=at.threshold, guardians=at.guardians)
    return EpochOut(
        epoch=epoch,
        state=state_of(at, row, is_paid_out=_is_paid_out(totals)),
        start=at.timeline.start_of(epoch),
        end=at.timeline.end_of(epoch),
        grace_end=at.timeline.grace_end_of(epoch),
        attempt=row.attempt,
        vetoes=row.vetoes,
        root=row.root,
        manifest_digest=row.manifest_digest,
        is_computed_here=row.computed_digest is not None,
        leaf_count=row.leaf_count,
        boundary_block=row.boundary_block,
        reference_block=row.reference_block,
        active_at=row.active_at,
        committed_block=row.committed_block,
        approvals=None if row.computed_digest is None else approvals,
        totals=[
            EpochTotal(
                asset=Address(total.asset),
                paid_in=total.paid_in,
                allocated=total.allocated,
                fees=total.fees,
                escrow=total.escrow,
                unallocated=total.unallocated,
                withdrawn=total.withdrawn,
            )
            for total in totals
        ],
    )


def _is_paid_out(totals: list[TotalRow]) -> bool:
    return all(total.withdrawn == (total.allocated or 0) + (total.fees or 0) for total in totals)
