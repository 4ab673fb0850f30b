"""Units of sharded allocations in Postgres: `allocate_shards.ShardStore`.

Every call is a transaction of its own, so that what is done stays done. A claim is an advisory lock
of a session: it ends with the process that holds it, however that ends.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Table, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import BlockNumber, Hash32, LogIndex, keccak
from settlement.royalties.adapters.shard_tables import (
    ALLOCATION_COUPLING,
    ALLOCATION_SHARD,
    ALLOCATION_TOTAL,
)
from settlement.royalties.allocate_shards import ShardKey
from settlement.royalties.errors import ConflictingShard
from settlement.royalties.reasons import Reason
from settlement.royalties.shard_judging import Coupled
from settlement.royalties.shard_result import (
    ShardResult,
    result_digest,
    result_document,
    result_from_document,
)


class SqlShards:
    """Units of allocations."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def claimed(self, key: ShardKey, unit: str, *, is_awaited: bool = False) -> Iterator[bool]:
        """Hold a unit for this worker, if nobody else does; or when nobody else does any more."""
        number = _lock_number(key, unit)
        with self._engine.connect() as connection, connection.begin():
            if is_awaited:
                connection.execute(select(func.pg_advisory_xact_lock(number)))
                yield True
            else:
                held = connection.execute(select(func.pg_try_advisory_xact_lock(number)))
                yield bool(held.scalar_one())

    def couplings(self, key: ShardKey) -> tuple[Coupled, ...] | None:
        """The coupled rows, once they are known."""
        document = self._document(ALLOCATION_COUPLING, _row(key))
        return None if document is None else _coupled(document)

    def record_couplings(self, key: ShardKey, coupled: Sequence[Coupled]) -> None:
        """Keep the coupled rows.

        Raises:
            ConflictingShard: others are stored.
        """
        self._record(ALLOCATION_COUPLING, key, "couplings", _couplings_document(coupled))

    def stored_shards(self, key: ShardKey, shard_count: int) -> frozenset[int]:
        """The shards that are done."""
        table = ALLOCATION_SHARD
        query = select(table.c.shard).filter_by(**_row(key), shard_count=shard_count)
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(query).all())

    def shards(self, key: ShardKey, shard_count: int) -> Iterator[ShardResult]:
        """The shards that are done, ascending, one by one."""
        for shard in sorted(self.stored_shards(key, shard_count)):
            cut = {"shard_count": shard_count, "shard": shard}
            document = self._document(ALLOCATION_SHARD, _row(key) | cut)
            if document is not None:
                yield result_from_document(document)

    def record_shard(
        self, key: ShardKey, shard_count: int, shard: int, result: ShardResult
    ) -> None:
        """Keep a shard.

        Raises:
            ConflictingShard: another result is stored.
        """
        self._record(
            ALLOCATION_SHARD,
            key,
            f"shard {shard} of {shard_count}",
            result_document(result),
            names={"shard_count": shard_count, "shard": shard},
            values={
                "subscribers": result.subscribers,
                "usage_rows": result.rows,
                "counting_rows": result.counting_rows,
            },
        )

    def total(self, key: ShardKey) -> ShardResult | None:
        """The allocation of the epoch, once it is known."""
        document = self._document(ALLOCATION_TOTAL, _row(key))
        return None if document is None else result_from_document(document)

    def record_total(self, key: ShardKey, total: ShardResult) -> None:
        """Keep the allocation of the epoch.

        Raises:
            ConflictingShard: another one is stored.
        """
        self._record(ALLOCATION_TOTAL, key, "total", result_document(total))

    def _record(
        self,
        table: Table,
        key: ShardKey,
        unit: str,
        document: bytes,
        *,
        names: dict[str, int] | None = None,
        values: dict[str, int] | None = None,
    ) -> None:
        place = _row(key) | (names or {})
        digest = result_digest(document)
        row = place | (values or {}) | {"digest": digest, "document": document}
        statement = insert(table).values(row).on_conflict_do_nothing().returning(table.c.digest)
        with self._engine.begin() as connection:
            if connection.execute(statement).one_or_none() is not None:
                return
            query = select(table.c.digest).filter_by(**place)
            stored: Hash32 = connection.execute(query).scalar_one()
        if stored != digest:
            raise ConflictingShard(key.epoch, unit, stored=stored, computed=digest)

    def _document(self, table: Table, place: dict[str, Any]) -> bytes | None:
        """A stored document, if it is there and what its digest says."""
        query = select(table.c.document, table.c.digest).filter_by(**place)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        document = bytes(row.document)
        if keccak(document) != row.digest:
            raise ConflictingShard(
                place["epoch"], table.name, stored=row.digest, computed=keccak(document)
            )
        return document


def _row(key: ShardKey) -> dict[str, Any]:
    return {
        "chain_id": key.chain_id,
        "contract": key.contract,
        "epoch": key.epoch,
        "attempt": key.attempt,
        "inputs_digest": key.inputs_digest,
    }


def _lock_number(key: ShardKey, unit: str) -> int:
    named = keccak(key.inputs_digest + unit.encode())
    return int.from_bytes(named[:8], "big", signed=True)


def _couplings_document(coupled: Sequence[Coupled]) -> bytes:
    """One line a row: block, log, position, reason."""
    lines = [
        f"{one.block_number} {one.log_index} {one.position} {one.reason.value}\n" for one in coupled
    ]
    return "".join(lines).encode()


def _coupled(document: bytes) -> tuple[Coupled, ...]:
    fields = (line.split(" ") for line in document.decode().splitlines())
    return tuple(
        Coupled(BlockNumber(int(block)), LogIndex(int(log)), int(position), Reason(reason))
        for block, log, position, reason in fields
    )
