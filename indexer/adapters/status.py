"""The table of where each chain's indexer stands, written by the indexer, read by the API.

One row a chain, overwritten: what happened before is in the log, in `reorg` and in
`provider_statement`. The row is for people and monitors; nothing is ever decided by it. It is
written on a connection of its own, so that it can never hold up, or be undone with, the facts.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Engine,
    Table,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from contracts.evm import BlockNumber, ChainId
from indexer.adapters.tables import BLOCK, CHAIN_FINALITY, CURSOR
from indexer.blocks import Proof
from indexer.errors import StoreUnavailable
from indexer.status import Coverage, IndexerStatus, State

INDEXER_STATUS = Table(
    "indexer_status",
    SQLModel.metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("level", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("head", BigInteger),
    Column("height", BigInteger),
    Column("finalized", BigInteger),
    Column("counters", JSONB, nullable=False),
    CheckConstraint(
        f"state IN ({', '.join(repr(state.value) for state in State)})",
        name="indexer_status_state_is_known",
    ),
)
"""`updated_at` is the database's own clock, so that its age is not a matter of two clocks."""

_COUNTED_MAX = 100_000
_WRITE_LIMIT = text("SET LOCAL statement_timeout = '5s'")


class SqlStatus:
    """The row of one chain."""

    def __init__(self, engine: Engine, chain_id: ChainId) -> None:
        self._engine, self._chain_id = engine, chain_id

    def place(self) -> tuple[BlockNumber | None, BlockNumber | None]:
        """The highest block that we hold, and the finalized one.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        height = select(CURSOR.c.number).where(CURSOR.c.chain_id == self._chain_id)
        final = select(CHAIN_FINALITY.c.number).where(CHAIN_FINALITY.c.chain_id == self._chain_id)
        try:
            with self._engine.begin() as db_tx:
                return db_tx.execute(height).scalar(), db_tx.execute(final).scalar()
        except DBAPIError as error:
            raise StoreUnavailable(str(error.orig)) from error

    def write(self, status: IndexerStatus) -> None:
        """Overwrite the row.

        Raises:
            StoreUnavailable: the database did not take it in time.
        """
        row = {
            "level": status.level.value,
            "state": status.state.value,
            "reason": status.reason,
            "head": status.tally.head,
            "height": status.tally.height,
            "finalized": status.tally.finalized,
            "counters": _counters(status),
            "updated_at": func.clock_timestamp(),
        }
        statement = pg_insert(INDEXER_STATUS).values(row | {"chain_id": self._chain_id})
        overwrite = statement.on_conflict_do_update(
            index_elements=[INDEXER_STATUS.c.chain_id], set_=row
        )
        try:
            with self._engine.begin() as db_tx:
                db_tx.execute(_WRITE_LIMIT)
                db_tx.execute(overwrite)
        except DBAPIError as error:
            raise StoreUnavailable(str(error.orig)) from error

    def counted(self, coverage: Coverage, finalized: BlockNumber) -> Coverage:
        """The coverage grown towards the finalized block, by a bounded number of blocks.

        Raises:
            StoreUnavailable: the database did not answer in time.
        """
        end = min(finalized + 1, coverage.end_block + _COUNTED_MAX)
        if end <= coverage.end_block:
            return coverage
        query = (
            select(BLOCK.c.proof, func.count())
            .where(
                BLOCK.c.chain_id == self._chain_id,
                BLOCK.c.number >= coverage.end_block,
                BLOCK.c.number < end,
            )
            .group_by(BLOCK.c.proof)
        )
        try:
            with self._engine.begin() as db_tx:
                db_tx.execute(_WRITE_LIMIT)
                more = {Proof(proof): count for proof, count in db_tx.execute(query)}
        except DBAPIError as error:
            raise StoreUnavailable(str(error.orig)) from error
        blocks = {one: coverage.blocks.get(one, 0) + more.get(one, 0) for one in Proof}
        return Coverage(end_block=BlockNumber(end), blocks=blocks)


def _counters(status: IndexerStatus) -> dict[str, Any]:
    """What the API reads as `schemas.service.IndexerCounters`."""
    tally = status.tally
    return {
        "range_blocks": tally.range_blocks,
        "fetch_stalled_ms": tally.fetch_stalled_ms,
        "storage_stalled_ms": tally.storage_stalled_ms,
        "disputed_blocks": list(tally.disputed),
        "coverage": {
            "end_block": status.coverage.end_block,
            **{proof.name.lower(): status.coverage.blocks.get(proof, 0) for proof in Proof},
        },
        "endpoints": [
            {"host": one.host, "requests": one.requests, "errors": dict(one.errors)}
            for one in status.endpoints
        ],
    }
