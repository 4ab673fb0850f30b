"""The facts of one chain in Postgres; satisfies `ports.FactStore`.

One connection does everything, and its session holds the chain's advisory lock. So the lock and
the right to write end together: if the connection is lost, the next write fails instead of meeting
a new owner's rows. Every write also checks that the head is still the one it was based on.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

import psycopg
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Insert,
    RowMapping,
    Table,
    Update,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import DBAPIError

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32, Timestamp, keccak
from indexer.adapters.balances import add_movements, fold_balances
from indexer.adapters.gate_readings import drop_moved_readings
from indexer.adapters.load import driver, load
from indexer.adapters.proofs import prove_blocks, unproved_blocks
from indexer.adapters.sources import lower_backfill
from indexer.adapters.statements import add_statements, open_disputes
from indexer.adapters.tables import (
    BLOCK,
    BLOCK_REF,
    CHAIN_FINALITY,
    CURSOR,
    FACT_TABLES,
    FACTS,
    REORG,
)
from indexer.agreement import Asked, Statement
from indexer.blocks import BlockBatch
from indexer.chain import LocalChain
from indexer.errors import (
    ChainOwned,
    IndexDamaged,
    IndexerError,
    OwnershipLost,
    SchemaMissing,
    SourcesChanged,
    StoreUnavailable,
)
from indexer.levels import Level
from indexer.movements import Movements
from indexer.ports import Extension, Replacement

_LOCK_NAME = b"quittance.indexer"


class PostgresFacts:
    """The one writer of a chain's facts; made by `owned_chain`."""

    def __init__(self, connection: Connection, chain_id: ChainId) -> None:
        self._connection, self._chain_id = connection, chain_id

    def check_sources(self, digest: Hash32) -> None:
        """Refuse an index that was built from other sources.

        Raises:
            SourcesChanged: it was.
        """
        with self.transaction() as db_tx:
            query = select(CURSOR.c.sources_digest).where(CURSOR.c.chain_id == self._chain_id)
            stored = db_tx.execute(query).scalar()
        if stored not in {None, digest}:
            raise SourcesChanged(self._chain_id, stored=stored, configured=digest)

    def local_chain(self) -> LocalChain:
        """The blocks from the finalized one up to the cursor.

        Raises:
            IndexDamaged: they are not linked, or do not end at the cursor.
        """
        with self.transaction() as db_tx:
            cursor = self._marked(db_tx, CURSOR)
            final = self._marked(db_tx, CHAIN_FINALITY)
            if cursor is None:
                return LocalChain(None, ())
            blocks = self._blocks(db_tx, BlockNumber(0) if final is None else final[0])
        self._check_linked(blocks, cursor)
        if final is None:
            return LocalChain(None, tuple(blocks))
        if (blocks[0].number, blocks[0].hash) != final:
            raise IndexDamaged(self._chain_id, f"block {final[0]} is not the finalized one")
        return LocalChain(blocks[0], tuple(blocks[1:]))

    def block(self, number: BlockNumber) -> BlockRef | None:
        """A block that we hold."""
        query = select(*BLOCK_REF).where(
            BLOCK.c.chain_id == self._chain_id, BLOCK.c.number == number
        )
        with self.transaction() as db_tx:
            row = db_tx.execute(query).mappings().one_or_none()
        return None if row is None else block_ref(row)

    def extend(self, extension: Extension) -> None:
        """Add blocks, logs and facts, and drop what they outdate; move cursor, finalized block."""
        with self.transaction() as db_tx:
            self._move_cursor(db_tx, extension)
            load(db_tx, self._chain_id, extension)
            first, last = extension.blocks.start, extension.blocks.last.number
            drop_moved_readings(db_tx, self._chain_id, first=first, last=last)
            if extension.finalized is not None:
                self._set_finalized(db_tx, extension.finalized)

    def replace(self, replacement: Replacement) -> Mapping[str, int]:
        """Delete everything above the ancestor, move the cursor, append one `reorg` row."""
        ancestor, old = replacement.ancestor, replacement.expected_head
        above = -1 if ancestor is None else ancestor.number
        with self.transaction() as db_tx:
            self._require_not_final(db_tx, ancestor)
            self._rewind_cursor(db_tx, replacement)
            removed: dict[str, int] = {}
            for fact in FACT_TABLES:
                gone = db_tx.execute(
                    delete(fact.table).where(
                        fact.table.c.chain_id == self._chain_id, fact.height > above
                    )
                ).rowcount
                if gone:
                    removed[fact.table.name] = gone
            lower_backfill(db_tx, self._chain_id, above)
            db_tx.execute(
                insert(REORG).values(
                    chain_id=self._chain_id,
                    ancestor_number=None if ancestor is None else ancestor.number,
                    ancestor_hash=None if ancestor is None else ancestor.hash,
                    old_head_number=old.number,
                    old_head_hash=old.hash,
                    new_head_number=replacement.new_head.number,
                    new_head_hash=replacement.new_head.hash,
                    depth_blocks=replacement.depth_blocks,
                    removed=removed,
                )
            )
        return removed

    def finalize(self, block: BlockRef) -> None:
        """Move the finalized block up to one that we hold."""
        with self.transaction() as db_tx:
            self._set_finalized(db_tx, block)

    def has_events_of(self, address: Address) -> bool:
        """Whether we hold a decoded event of this contract."""
        events = (
            exists().where(table.c.chain_id == self._chain_id, table.c.address == address)
            for table in FACTS.values()
        )
        with self.transaction() as db_tx:
            return any(db_tx.execute(select(one)).scalar_one() for one in events)

    def fold_balances(self, finalized: BlockRef) -> bool:
        """Bring the balances of tokens up to a finalized block; whether they were behind."""
        with self.transaction() as db_tx:
            self._require_final(db_tx, finalized.number)
            return fold_balances(db_tx, self._chain_id, finalized.number)

    def add_movements(self, moved: Movements) -> bool:
        """Add what transfers of finalized blocks moved; False if balances are elsewhere."""
        with self.transaction() as db_tx:
            self._require_final(db_tx, moved.upto)
            return add_movements(db_tx, self._chain_id, moved)

    def unproved(self, level: Level, *, blocks_max: int) -> BlockBatch | None:
        """The lowest finalized block that lacks a proof which the level needs, and those above."""
        with self.transaction() as db_tx:
            return unproved_blocks(db_tx, self._chain_id, level, blocks_max=blocks_max)

    def prove(self, blocks: BlockBatch) -> None:
        """Give blocks that we hold the proofs in `blocks`; hashes and rows digests are equal."""
        with self.transaction() as db_tx:
            prove_blocks(db_tx, self._chain_id, blocks)

    def add_statements(self, statements: Sequence[Statement]) -> None:
        """Keep what endpoints said of a block that they do not, or did not, agree about."""
        with self.transaction() as db_tx:
            add_statements(db_tx, self._chain_id, statements)

    def open_dispute(self) -> tuple[BlockNumber, Asked] | None:
        """The lowest block about which endpoints do not agree, and what they were asked of it."""
        with self.transaction() as db_tx:
            disputes = open_disputes(db_tx, self._chain_id)
        return (disputes[0].number, disputes[0].asked) if disputes else None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction of the owning connection, which is never opened anew."""
        if self._connection.closed or self._connection.invalidated:
            raise OwnershipLost(self._chain_id)
        try:
            with self._connection.begin():
                yield self._connection
        except DBAPIError as error:
            if error.connection_invalidated:
                raise OwnershipLost(self._chain_id) from error
            raise self._failure(error.orig) from error
        except psycopg.Error as error:  # COPY speaks to the driver itself
            if driver(self._connection).closed:
                self._connection.invalidate(error)
                raise OwnershipLost(self._chain_id) from error
            raise self._failure(error) from error

    def _failure(self, error: BaseException | None) -> IndexerError:
        if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
            return IndexDamaged(self._chain_id, str(error))
        if isinstance(error, psycopg.ProgrammingError):
            return SchemaMissing(str(error))
        return StoreUnavailable(str(error))

    def _marked(self, db_tx: Connection, table: Table) -> tuple[BlockNumber, Hash32] | None:
        """The block that a table of one row per chain points at."""
        query = select(table.c.number, table.c.hash).where(table.c.chain_id == self._chain_id)
        row = db_tx.execute(query).one_or_none()
        return None if row is None else (BlockNumber(row.number), row.hash)

    def _blocks(self, db_tx: Connection, start: BlockNumber) -> list[BlockRef]:
        query = (
            select(*BLOCK_REF)
            .where(BLOCK.c.chain_id == self._chain_id, BLOCK.c.number >= start)
            .order_by(BLOCK.c.number)
        )
        return [block_ref(row) for row in db_tx.execute(query).mappings()]

    def _check_linked(self, blocks: Sequence[BlockRef], cursor: tuple[BlockNumber, Hash32]) -> None:
        for below, block in pairwise(blocks):
            if (block.number, block.parent_hash) != (below.number + 1, below.hash):
                raise IndexDamaged(self._chain_id, f"block {block.number} is not on {below.number}")
        if not blocks or (blocks[-1].number, blocks[-1].hash) != cursor:
            raise IndexDamaged(self._chain_id, f"blocks do not end at cursor {cursor[0]}")

    def _move_cursor(self, db_tx: Connection, extension: Extension) -> None:
        head, expected = extension.blocks.last, extension.expected_head
        place = {"number": head.number, "hash": head.hash}
        statement: Insert | Update
        if expected is None:
            first = {"chain_id": self._chain_id, "sources_digest": extension.sources_digest}
            statement = pg_insert(CURSOR).values(first | place).on_conflict_do_nothing()
        else:
            is_same_index = CURSOR.c.sources_digest == extension.sources_digest
            where = (*self._cursor_is(expected), is_same_index)
            statement = update(CURSOR).where(*where).values(place)
        self._change_cursor(db_tx, statement, expected)

    def _rewind_cursor(self, db_tx: Connection, replacement: Replacement) -> None:
        ancestor, expected = replacement.ancestor, replacement.expected_head
        statement: Delete | Update
        if ancestor is None:
            statement = delete(CURSOR).where(*self._cursor_is(expected))
        else:
            place = {"number": ancestor.number, "hash": ancestor.hash}
            statement = update(CURSOR).where(*self._cursor_is(expected)).values(place)
        self._change_cursor(db_tx, statement, expected)

    def _cursor_is(self, block: BlockRef) -> tuple[ColumnElement[bool], ...]:
        return (
            CURSOR.c.chain_id == self._chain_id,
            CURSOR.c.number == block.number,
            CURSOR.c.hash == block.hash,
        )

    def _change_cursor(
        self, db_tx: Connection, statement: Insert | Update | Delete, expected: BlockRef | None
    ) -> None:
        """Change the cursor's row, which must still be at the expected block."""
        if db_tx.execute(statement.returning(CURSOR.c.chain_id)).one_or_none() is None:
            place = "absent" if expected is None else f"at block {expected.number} {expected.hash}"
            raise IndexDamaged(self._chain_id, f"the cursor is not {place}, as it was")

    def _set_finalized(self, db_tx: Connection, block: BlockRef) -> None:
        """Move the finalized block; refuses to move it back, or to a twin."""
        place = {"number": block.number, "hash": block.hash}
        statement = pg_insert(CHAIN_FINALITY).values({"chain_id": self._chain_id} | place)
        new = statement.excluded
        is_forward = (CHAIN_FINALITY.c.number < new.number) | (CHAIN_FINALITY.c.hash == new.hash)
        moved = statement.on_conflict_do_update(
            index_elements=[CHAIN_FINALITY.c.chain_id], set_=place, where=is_forward
        )
        if db_tx.execute(moved.returning(CHAIN_FINALITY.c.number)).one_or_none() is None:
            raise IndexDamaged(self._chain_id, f"finality would move back to {block.number}")

    def _require_final(self, db_tx: Connection, number: BlockNumber) -> None:
        final = self._marked(db_tx, CHAIN_FINALITY)
        if final is None or final[0] < number:
            raise IndexDamaged(self._chain_id, f"block {number} is not finalized")

    def _require_not_final(self, db_tx: Connection, ancestor: BlockRef | None) -> None:
        final = self._marked(db_tx, CHAIN_FINALITY)
        if final is not None and (ancestor is None or ancestor.number < final[0]):
            raise IndexDamaged(self._chain_id, f"finalized block {final[0]} would be deleted")


@contextmanager
def owned_chain(engine: Engine, chain_id: ChainId) -> Iterator[PostgresFacts]:
    """The facts of a chain, as their one owner while the context lasts.

    Raises:
        ChainOwned: another process is the owner.
        StoreUnavailable: the database cannot be reached.
    """
    with chain_owner(engine, chain_id) as connection:
        yield PostgresFacts(connection, chain_id)


@contextmanager
def chain_owner(engine: Engine, chain_id: ChainId) -> Iterator[Connection]:
    """A connection whose session holds the chain's lock while the context lasts.

    Raises:
        ChainOwned: another process is the owner.
        StoreUnavailable: the database cannot be reached.
    """
    key = int.from_bytes(keccak(_LOCK_NAME + chain_id.to_bytes(32, "big"))[:8], "big", signed=True)
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise StoreUnavailable(str(error.orig)) from error
    with connection:
        with connection.begin():
            is_owner = connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one()
        if not is_owner:
            raise ChainOwned(chain_id)
        try:
            yield connection
        finally:
            _unlock(connection, key)


def block_ref(row: RowMapping) -> BlockRef:
    """A row of `block`."""
    return BlockRef(
        number=BlockNumber(row["number"]),
        hash=row["hash"],
        parent_hash=row["parent_hash"],
        timestamp=Timestamp(row["timestamp"]),
    )


def _unlock(connection: Connection, key: int) -> None:
    """Let the next owner in; the connection goes back to its pool without the lock."""
    if connection.closed or connection.invalidated:
        return
    try:
        with connection.begin():
            connection.execute(select(func.pg_advisory_unlock(key)))
    except DBAPIError as error:
        connection.invalidate(error)
