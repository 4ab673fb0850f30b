"""Stored rows turned back into raw logs, and the rows digests that follow from them.

`block.rows_digest` was made of the logs that a node gave. What is made here is of the rows that we
hold now: the raw logs, and the bulk events, whose typed rows say the whole log. So such a row that
was lost, added or changed since shows as a digest that differs. The typed rows of other events
follow from their raw logs, and are not looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from contracts.event_spec import EventSpec
from contracts.events import EVENTS
from contracts.evm import BlockNumber, ChainId, Hash32
from indexer.adapters.tables import BLOCK, CHAIN_FINALITY, FACTS, LOG
from indexer.blocks import hash_rows
from indexer.errors import NotIndexed
from indexer.logs import LogBatch, RawLog, log_batch
from indexer.ranges import BlockRange
from indexer.rows_digest import range_records, rows_digests

_BLOCKS_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsAudit:
    """What the rows of a range of blocks say.

    `rows_digest` is the digest of the range, made of the rows as they are now. `differing` are the
    blocks whose rows are not those that their own digest was made of.
    """

    rows_digest: Hash32
    differing: tuple[BlockNumber, ...]


def final_blocks(connection: Connection, chain_id: ChainId) -> BlockRange | None:
    """The stored blocks that cannot change any more; None while there are none."""
    query = (
        select(func.min(BLOCK.c.number), CHAIN_FINALITY.c.number)
        .join(CHAIN_FINALITY, CHAIN_FINALITY.c.chain_id == BLOCK.c.chain_id)
        .where(BLOCK.c.chain_id == chain_id)
        .group_by(CHAIN_FINALITY.c.number)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else BlockRange(BlockNumber(row[0]), BlockNumber(row[1] + 1))


def audit_rows(connection: Connection, chain_id: ChainId, blocks: BlockRange) -> RowsAudit:
    """Make the digests of all blocks of the range again, from what is stored.

    Raises:
        NotIndexed: a block of the range is not stored.
    """
    digest, differing = sha256(), []
    for part in _parts(blocks):
        query = (
            select(BLOCK.c.number, BLOCK.c.hash, BLOCK.c.rows_digest)
            .where(BLOCK.c.chain_id == chain_id)
            .where(BLOCK.c.number >= part.start, BLOCK.c.number < part.end)
            .order_by(BLOCK.c.number)
        )
        held = connection.execute(query).all()
        if len(held) != len(part):
            raise NotIndexed(chain_id, f"{len(part) - len(held)} blocks of {part}")
        actual = rows_digests(stored_logs(connection, chain_id, part), part)
        digest.update(range_records(part.start, hash_rows([row.hash for row in held]), actual))
        differing += [
            BlockNumber(row.number)
            for row, found in zip(held, actual, strict=True)
            if row.rows_digest != found.tobytes()
        ]
    return RowsAudit(rows_digest=Hash32(digest.digest()), differing=tuple(differing))


def stored_logs(connection: Connection, chain_id: ChainId, blocks: BlockRange) -> LogBatch:
    """All logs that we hold of these blocks, as they were read, in chain order."""
    logs = [raw_log(row, row.topics, row.data) for row in _rows(connection, chain_id, blocks)]
    for spec in EVENTS:
        if spec.is_bulk:
            rows = _rows(connection, chain_id, blocks, spec)
            logs += [raw_log(row, *_encoded(spec, row)) for row in rows]
    return log_batch(sorted(logs, key=lambda log: (log.block_number, log.log_index)))


def _rows(
    connection: Connection, chain_id: ChainId, blocks: BlockRange, spec: EventSpec | None = None
) -> Iterator[Row[Any]]:
    """Rows of the raw logs or of a bulk event, with the hash of their block."""
    table = LOG if spec is None else FACTS[spec.table]
    of_block = and_(BLOCK.c.chain_id == table.c.chain_id, BLOCK.c.number == table.c.block_number)
    query = (
        select(table, BLOCK.c.hash.label("block_hash"))
        .join(BLOCK, of_block)
        .where(table.c.chain_id == chain_id)
        .where(table.c.block_number >= blocks.start, table.c.block_number < blocks.end)
    )
    yield from connection.execute(query)


def raw_log(row: Row[Any], topics: list[bytes], data: bytes) -> RawLog:
    """A stored row, with the hash of its block, as the log that was read."""
    return RawLog(
        block_number=row.block_number,
        block_hash=row.block_hash,
        log_index=row.log_index,
        address=row.address,
        topics=tuple(topics),
        data=data,
        transaction_hash=row.transaction_hash,
        transaction_index=row.transaction_index,
    )


def _encoded(spec: EventSpec, row: Row[Any]) -> tuple[list[bytes], bytes]:
    """Topics and data of a bulk event; all its types are static."""
    values = row._mapping
    words = {field: _word(field.abi_type, values[field.name]) for field in spec.fields}
    topics = [spec.topic0, *(words[field] for field in spec.fields if field.indexed)]
    return topics, b"".join(words[field] for field in spec.fields if not field.indexed)


def _word(abi_type: str, value: bytes | int) -> bytes:
    """A value of a static type, as one word."""
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    return value if abi_type == "bytes32" else value.rjust(32, b"\0")


def _parts(blocks: BlockRange) -> Iterator[BlockRange]:
    """The range, a few blocks at a time, so that memory is bounded."""
    for start in range(blocks.start, blocks.end, _BLOCKS_AT_ONCE):
        end = min(start + _BLOCKS_AT_ONCE, blocks.end)
        yield BlockRange(BlockNumber(start), BlockNumber(end))
