"""How stored blocks are known to be complete: which lack a proof, and new proofs for them.

A proof never gets weaker: a block whose logs are proved, or proved to be none, keeps its proof.
"""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, RowMapping, func, select, text, update

from contracts.evm import BlockNumber, ChainId
from indexer.adapters.tables import BLOCK, BLOCK_IS_UNPROVED, CHAIN_FINALITY
from indexer.blocks import BlockBatch, Proof, hash_rows
from indexer.errors import IndexDamaged
from indexer.levels import Level

_COLUMNS = tuple(column for column in BLOCK.c if column.name != "chain_id")
_STRENGTH = (Proof.STATED, Proof.CORROBORATED, Proof.RECEIPTS, Proof.EMPTY)


def unproved_blocks(
    db_tx: Connection, chain_id: ChainId, level: Level, *, blocks_max: int
) -> BlockBatch | None:
    """The lowest finalized block that lacks a proof which the level needs, and those above.

    At most `blocks_max`, all finalized; None if no finalized block lacks one.
    """
    if level.proofs == frozenset(Proof):
        return None
    final = select(CHAIN_FINALITY.c.number).where(CHAIN_FINALITY.c.chain_id == chain_id)
    is_final = (BLOCK.c.chain_id == chain_id) & (BLOCK.c.number <= final.scalar_subquery())
    lowest = select(func.min(BLOCK.c.number)).where(is_final, text(BLOCK_IS_UNPROVED))
    start = db_tx.execute(lowest).scalar()
    if start is None:
        return None
    query = select(*_COLUMNS).where(is_final, BLOCK.c.number >= start).order_by(BLOCK.c.number)
    return batch_of_rows(db_tx.execute(query.limit(blocks_max)).mappings().all())


def prove_blocks(db_tx: Connection, chain_id: ChainId, blocks: BlockBatch) -> None:
    """Give stored blocks the proofs in `blocks`, where these are stronger.

    Raises:
        IndexDamaged: a block is not stored, has another hash, or other logs.
    """
    of_range = (BLOCK.c.chain_id == chain_id) & BLOCK.c.number.between(blocks.start, blocks.end - 1)
    query = select(BLOCK.c.number, BLOCK.c.hash, BLOCK.c.rows_digest, BLOCK.c.proof)
    held = {row.number: row for row in db_tx.execute(query.where(of_range).with_for_update())}
    stronger: dict[Proof, list[BlockNumber]] = {}
    for place, ref in enumerate(blocks.refs()):
        row = held.get(ref.number)
        if row is None or row.hash != ref.hash:
            raise IndexDamaged(chain_id, f"block {ref.number} {ref.hash} is proved, but not stored")
        if row.rows_digest != blocks.rows_digest[place].tobytes():
            raise IndexDamaged(chain_id, f"block {ref.number} is proved to have other logs")
        proof = Proof(int(blocks.proof[place]))
        if _STRENGTH.index(proof) > _STRENGTH.index(Proof(row.proof)):
            stronger.setdefault(proof, []).append(ref.number)
    for proof, numbers in stronger.items():
        db_tx.execute(
            update(BLOCK)
            .where(BLOCK.c.chain_id == chain_id, BLOCK.c.number.in_(numbers))
            .values(proof=int(proof))
        )


def batch_of_rows(rows: Sequence[RowMapping]) -> BlockBatch:
    """Rows of `block`, ascending and without gaps."""
    return BlockBatch(
        start=BlockNumber(rows[0]["number"]),
        hash=hash_rows([row["hash"] for row in rows]),
        parent_hash=hash_rows([row["parent_hash"] for row in rows]),
        timestamp=np.array([row["timestamp"] for row in rows], dtype=np.int64),
        header=tuple(row["header"] for row in rows),
        proof=np.array([row["proof"] for row in rows], dtype=np.uint8),
        rows_digest=hash_rows([row["rows_digest"] for row in rows]),
    )
