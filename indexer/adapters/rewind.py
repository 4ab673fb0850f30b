"""Facts taken back past finality, by a person's decision.

An indexer never goes below its finalized block: it halts. What it holds above the last block that
still stands is removed here, in a transaction of the caller, who takes back with it what was made
of those facts. The indexer then goes on from there as if it had never been further.

Records stay: what endpoints said, and every `reorg` row, of which this adds one with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from contracts.evm import BlockNumber, BlockRef, ChainId, Hash32
from indexer.adapters.balances import unfold_balances
from indexer.adapters.sources import lower_backfill
from indexer.adapters.store import block_ref
from indexer.adapters.tables import (
    BLOCK,
    BLOCK_REF,
    CHAIN_FINALITY,
    CURSOR,
    FACT_TABLES,
    REORG,
)
from indexer.errors import RewindRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsAbove:
    """What the index of a chain holds above block `to`.

    `head` is its cursor, `finalized` its finalized block, if there is one; `rows` counts the rows
    of each table that has any.
    """

    to: BlockRef
    head: tuple[BlockNumber, Hash32]
    finalized: BlockNumber | None
    rows: Mapping[str, int]


def facts_above(db_tx: Connection, chain_id: ChainId, number: BlockNumber) -> FactsAbove:
    """What a rewind to a block would remove.

    Raises:
        RewindRefused: the block is not in the index, or nothing is above it.
    """
    cursor, final = (
        _pointed_at(db_tx, CURSOR, chain_id),
        _pointed_at(db_tx, CHAIN_FINALITY, chain_id),
    )
    if cursor is None:
        raise RewindRefused(chain_id, number, "is empty")
    if number >= cursor[0]:
        raise RewindRefused(chain_id, number, f"ends at block {cursor[0]}: nothing is above")
    query = select(*BLOCK_REF).where(BLOCK.c.chain_id == chain_id, BLOCK.c.number == number)
    row = db_tx.execute(query).mappings().one_or_none()
    if row is None:
        raise RewindRefused(chain_id, number, "does not hold this block")
    rows: dict[str, int] = {}
    for fact in FACT_TABLES:
        is_above = (fact.table.c.chain_id == chain_id, fact.height > number)
        count = db_tx.execute(select(func.count()).where(*is_above)).scalar_one()
        if count:
            rows[str(fact.table.name)] = count
    return FactsAbove(
        to=block_ref(row), head=cursor, finalized=None if final is None else final[0], rows=rows
    )


def rewind_facts(db_tx: Connection, chain_id: ChainId, found: FactsAbove, *, reason: str) -> None:
    """Remove everything above a block; cursor and finality end there.

    `found` is of this transaction, whose session must hold the chain's lock (`store.chain_owner`).
    """
    number = found.to.number
    unfold_balances(db_tx, chain_id, number)
    for fact in FACT_TABLES:
        is_above = (fact.table.c.chain_id == chain_id, fact.height > number)
        db_tx.execute(delete(fact.table).where(*is_above))
    lower_backfill(db_tx, chain_id, number)
    place = {"number": found.to.number, "hash": found.to.hash}
    db_tx.execute(update(CURSOR).where(CURSOR.c.chain_id == chain_id).values(place))
    is_final_above = (CHAIN_FINALITY.c.chain_id == chain_id, CHAIN_FINALITY.c.number > number)
    db_tx.execute(update(CHAIN_FINALITY).where(*is_final_above).values(place))
    db_tx.execute(
        insert(REORG).values(
            chain_id=chain_id,
            ancestor_number=found.to.number,
            ancestor_hash=found.to.hash,
            old_head_number=found.head[0],
            old_head_hash=found.head[1],
            new_head_number=found.to.number,
            new_head_hash=found.to.hash,
            depth_blocks=found.head[0] - found.to.number,
            removed=dict(found.rows),
            reason=reason,
        )
    )


def _pointed_at(
    db_tx: Connection, table: Table, chain_id: ChainId
) -> tuple[BlockNumber, Hash32] | None:
    """The block that a table of one row per chain points at."""
    query = select(table.c.number, table.c.hash).where(table.c.chain_id == chain_id)
    row = db_tx.execute(query).one_or_none()
    return None if row is None else (BlockNumber(row.number), row.hash)
