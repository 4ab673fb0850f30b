"""Contracts that are added to an index: which it holds, what is staged, and the one merge.

    backfill_log, backfill_block   staged, block by block; a reorg takes them back like facts
    backfill                       how far, and for which sources
    log, facts, block, balances    changed by `add` alone, in one transaction, with the sources

`PostgresBackfill` writes on the connection that owns the chain, so it is never at work together
with the writer of new blocks, nor after that has lost the chain.
"""

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection, and_, delete, func, insert, select, tuple_, update

from contracts.evm import Address, BlockNumber, BlockRef, ChainId
from indexer.adapters.balances import fold_added
from indexer.adapters.gate_tables import GATE_READING
from indexer.adapters.load import load_decoded, load_raw
from indexer.adapters.proofs import batch_of_rows
from indexer.adapters.sources import Sources, drop_staged, list_sources
from indexer.adapters.store import PostgresFacts
from indexer.adapters.stored_logs import raw_log
from indexer.adapters.tables import (
    BACKFILL,
    BACKFILL_BLOCK,
    BACKFILL_LOG,
    BLOCK,
    CURSOR,
)
from indexer.backfill import StagedLogs
from indexer.blocks import BlockBatch
from indexer.decode import decode
from indexer.errors import IndexDamaged, NotIndexed
from indexer.logs import LogBatch, log_batch
from indexer.plan import IndexedChain, sources_digest
from indexer.ranges import BlockRange

LOGS_AT_ONCE = 20_000

ReadAgain = Callable[[Connection, ChainId, Sequence[Address]], None]
"""Has whoever has read past the cursor without these contracts read again, in the transaction."""


class PostgresBackfill:
    """What is staged for one chain; satisfies `backfill.BackfillStore`."""

    def __init__(self, facts: PostgresFacts, plan: IndexedChain, read_again: ReadAgain) -> None:
        self._facts, self._plan, self._read_again = facts, plan, read_again
        self._chain_id = plan.chain_id
        self._is_ours = BACKFILL.c.chain_id == plan.chain_id

    def reached(self) -> BlockNumber:
        """The block up to which all is staged; what was staged for other sources is dropped."""
        digest, below = self._plan.sources_digest, BlockNumber(self._plan.start_block - 1)
        with self._facts.transaction() as db_tx:
            query = select(BACKFILL.c.number).where(self._is_ours)
            number = db_tx.execute(query.where(BACKFILL.c.sources_digest == digest)).scalar()
            if number is not None:
                return BlockNumber(max(number, below))
            drop_staged(db_tx, self._chain_id)
            db_tx.execute(
                insert(BACKFILL).values(
                    chain_id=self._chain_id, sources_digest=digest, number=below
                )
            )
        return below

    def held(self, blocks: BlockRange) -> BlockBatch:
        """Blocks of the index.

        Raises:
            NotIndexed: one of them is not there.
        """
        query = (
            select(*(column for column in BLOCK.c if column is not BLOCK.c.chain_id))
            .where(BLOCK.c.chain_id == self._chain_id)
            .where(BLOCK.c.number >= blocks.start, BLOCK.c.number < blocks.end)
            .order_by(BLOCK.c.number)
        )
        with self._facts.transaction() as db_tx:
            rows = db_tx.execute(query).mappings().all()
        if len(rows) != len(blocks):
            raise NotIndexed(self._chain_id, f"{len(blocks) - len(rows)} blocks of {blocks}")
        return batch_of_rows(rows)

    def has_logs_of(self, address: Address) -> bool:
        """Whether a log of this contract is staged."""
        staged = BACKFILL_LOG.c
        query = select(staged.address).where(
            staged.chain_id == self._chain_id, staged.address == address
        )
        with self._facts.transaction() as db_tx:
            return db_tx.execute(query.limit(1)).scalar() is not None

    def stage(self, staged: StagedLogs) -> None:
        """Keep logs, and what digests and proofs their blocks will have, and move on."""
        first = staged.blocks.start - 1
        moved = update(BACKFILL).where(self._is_ours, BACKFILL.c.number == first)
        with self._facts.transaction() as db_tx:
            to = {"number": staged.blocks.end - 1}
            if db_tx.execute(moved.values(to)).rowcount != 1:
                raise IndexDamaged(self._chain_id, f"the backfill is not at block {first}")
            load_raw(db_tx, self._chain_id, BACKFILL_LOG, staged.logs)
            if staged.changed:
                rows = [
                    {
                        "chain_id": self._chain_id,
                        "block_number": number,
                        "rows_digest": digest,
                        "proof": int(proof),
                    }
                    for number, digest, proof in staged.changed
                ]
                db_tx.execute(insert(BACKFILL_BLOCK), rows)

    def add(self, head: BlockRef, before: Sources) -> int:
        """Make facts of all that is staged, and the new sources those of the index.

        All in one transaction, at this head; returns the number of logs.

        Raises:
            LateFactsRefused: somebody has built on the index without them, and cannot take them.
        """
        added = sorted(self._plan.sources.keys() - before.keys())
        with self._facts.transaction() as db_tx:
            self._change_sources(db_tx, head, before)
            count = 0
            for logs in _staged(db_tx, self._chain_id):
                load_decoded(db_tx, self._chain_id, decode(logs, self._plan.sources))
                count += len(logs)
            self._change_blocks(db_tx)
            fold_added(db_tx, self._chain_id, added)
            readings = GATE_READING.c
            db_tx.execute(
                delete(GATE_READING).where(
                    readings.chain_id == self._chain_id, readings.token.in_(added)
                )
            )
            self._read_again(db_tx, self._chain_id, added)
            drop_staged(db_tx, self._chain_id)
        return count

    def _change_sources(self, db_tx: Connection, head: BlockRef, before: Sources) -> None:
        cursor = CURSOR.c
        is_as_before = and_(
            cursor.chain_id == self._chain_id,
            cursor.hash == head.hash,
            cursor.sources_digest == sources_digest(self._plan.start_block, before),
        )
        is_whole = select(BACKFILL.c.number).where(self._is_ours, BACKFILL.c.number == head.number)
        changed = update(CURSOR).where(is_as_before, is_whole.exists())
        values = {"sources_digest": self._plan.sources_digest}
        if db_tx.execute(changed.values(values)).rowcount != 1:
            raise IndexDamaged(self._chain_id, f"the cursor is not at block {head.number}")
        list_sources(db_tx, self._chain_id, self._plan.sources)

    def _change_blocks(self, db_tx: Connection) -> None:
        staged = BACKFILL_BLOCK.c
        is_same = and_(BLOCK.c.chain_id == staged.chain_id, BLOCK.c.number == staged.block_number)
        of_ours = staged.chain_id == self._chain_id
        values = {"rows_digest": staged.rows_digest, "proof": staged.proof}
        changed = db_tx.execute(update(BLOCK).where(is_same, of_ours).values(values)).rowcount
        if changed != db_tx.execute(select(func.count()).where(of_ours)).scalar_one():
            raise IndexDamaged(self._chain_id, "a block that was fetched again is not stored")


def _staged(db_tx: Connection, chain_id: ChainId) -> Iterator[LogBatch]:
    """The staged logs in chain order, a bounded number at a time."""
    staged = BACKFILL_LOG.c
    place = tuple_(staged.block_number, staged.log_index)
    after = (-1, -1)
    while True:
        query = (
            select(BACKFILL_LOG, BLOCK.c.hash.label("block_hash"))
            .join(BLOCK, and_(BLOCK.c.chain_id == chain_id, BLOCK.c.number == staged.block_number))
            .where(staged.chain_id == chain_id, place > tuple_(*after))
            .order_by(staged.block_number, staged.log_index)
            .limit(LOGS_AT_ONCE)
        )
        rows = db_tx.execute(query).all()
        if not rows:
            return
        yield log_batch(raw_log(row, row.topics, row.data) for row in rows)
        after = (rows[-1].block_number, rows[-1].log_index)
