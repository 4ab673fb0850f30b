"""Reads of leaves: what a proof is about, and what became of it.

What became of a leaf is looked up by op-id: first `LeafWithdrawn`, of which there is another for
lines that were held at first, then the events of its lines in the same blocks, which the primary
key finds. An escrow leaf has one event: it was released, or it expired.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from contracts.evm import Address, Epoch, Hash32
from contracts.leaves import Leaf, SplitLine
from contracts.units import BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRow:
    """One stored leaf of an attempt, with its lines in order."""

    part: int
    asset: bytes
    payees: list[bytes]
    amounts: list[int]

    def leaf(self, epoch: int, work_id: Hash32) -> Leaf:
        """The leaf as the contract hashes it."""
        lines = zip(self.payees, self.amounts, strict=True)
        return Leaf(
            epoch=Epoch(epoch),
            work_id=work_id,
            part=self.part,
            asset=Address(self.asset),
            lines=tuple(
                SplitLine(payee=Address(payee), amount=BaseUnits(amount)) for payee, amount in lines
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledLine:
    """A line of a leaf that the chain says is settled: `paid`, `unclaimed`, `released`, `expired`.

    The payee of a released escrow is its beneficiary, of an expired one the contract.
    """

    op_id: bytes
    line: int
    payee: bytes
    amount: int
    outcome: str
    block_number: int
    tx_hash: bytes


_LEAVES = """
    SELECT part, asset, array_agg(payee ORDER BY line) AS payees,
           array_agg(amount ORDER BY line) AS amounts
    FROM computed_line
    WHERE manifest_digest = %(manifest_digest)s AND work_id = %(work_id)s
    GROUP BY part, asset ORDER BY part, asset
"""

_TREE_CHUNKS = """
    SELECT nodes FROM computed_tree WHERE manifest_digest = %(manifest_digest)s ORDER BY chunk
"""

_SETTLED_LINES = """
    WITH withdrawn AS (
        SELECT DISTINCT block_number, op_id FROM fact_leaf_withdrawn
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND op_id = ANY(%(op_ids)s)
          AND block_number <= %(upto)s
    ), settled AS (
        SELECT 'paid' AS outcome, p.op_id, p.line, p.payee, p.amount, p.block_number, p.log_index
        FROM withdrawn w JOIN fact_payee_paid p USING (block_number, op_id)
        WHERE p.chain_id = %(chain_id)s AND p.address = %(payouts)s
        UNION ALL
        SELECT 'unclaimed', u.op_id, u.line, u.payee, u.amount, u.block_number, u.log_index
        FROM withdrawn w JOIN fact_payee_unclaimed u USING (block_number, op_id)
        WHERE u.chain_id = %(chain_id)s AND u.address = %(payouts)s
        UNION ALL
        SELECT 'released', op_id, 0, beneficiary, amount, block_number, log_index
        FROM fact_escrow_released
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND op_id = ANY(%(op_ids)s)
          AND block_number <= %(upto)s
        UNION ALL
        SELECT 'expired', op_id, 0, address, amount, block_number, log_index
        FROM fact_escrow_expired
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND op_id = ANY(%(op_ids)s)
          AND block_number <= %(upto)s
    )
    SELECT s.op_id, s.line, s.payee, s.amount, s.outcome, s.block_number,
           g.transaction_hash AS tx_hash
    FROM settled s
    JOIN log g ON g.chain_id = %(chain_id)s AND g.block_number = s.block_number
              AND g.log_index = s.log_index
    ORDER BY s.op_id, s.line
"""

_VERDICT = """
    SELECT coalesce((
        SELECT is_placed FROM (
            SELECT true AS is_placed, block_number, log_index FROM fact_verdict_placed
            WHERE chain_id = %(chain_id)s AND address = %(registry)s AND work_id = %(work_id)s
              AND block_number <= %(upto)s
            UNION ALL
            SELECT false, block_number, log_index FROM fact_verdict_lifted
            WHERE chain_id = %(chain_id)s AND address = %(registry)s AND work_id = %(work_id)s
              AND block_number <= %(upto)s
        ) verdicts ORDER BY block_number DESC, log_index DESC LIMIT 1
    ), false) AS is_placed
"""


@dataclass(frozen=True, slots=True)
class _Chunk:
    nodes: bytes


@dataclass(frozen=True, slots=True)
class _Verdict:
    is_placed: bool


async def read_leaves(reads: Snapshot, manifest_digest: Hash32, work_id: Hash32) -> list[LeafRow]:
    """All leaves of a work in an attempt, by part and asset."""
    values = {"manifest_digest": bytes(manifest_digest), "work_id": bytes(work_id)}
    return await reads.rows(LeafRow, _LEAVES, values)


async def read_tree_nodes(reads: Snapshot, manifest_digest: Hash32) -> bytes:
    """The nodes of an attempt's tree, root first, as one string of bytes."""
    values = {"manifest_digest": bytes(manifest_digest)}
    chunks = await reads.rows(_Chunk, _TREE_CHUNKS, values, is_binary=True)
    return b"".join([chunk.nodes for chunk in chunks])


async def read_settled_lines(
    reads: Snapshot, at: Standpoint, op_ids: Iterable[Hash32], *, upto: int
) -> list[SettledLine]:
    """Settled lines of these leaves, up to a block, by op-id and line."""
    values = at.scope | {"op_ids": [bytes(op_id) for op_id in op_ids], "upto": upto}
    return await reads.rows(SettledLine, _SETTLED_LINES, values)


async def is_under_verdict(reads: Snapshot, at: Standpoint, work_id: Hash32) -> bool:
    """Whether a verdict stands against a work at the finalized block."""
    row = await reads.row(_Verdict, _VERDICT, at.scope | {"work_id": bytes(work_id)})
    return row is not None and row.is_placed
