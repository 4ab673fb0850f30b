"""Reads of balances: sums over the books, and what later events will change.

The books contain every event up to their own cursor, which is a finalized block. Events above it
are folded in separately, so that posted + unfinalized is the balance at the head.
"""

from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import scope_of
from api.errors import NotIndexed
from api.schemas.envelope import Block
from contracts.addresses import Settlement
from contracts.evm import Address, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
    """One kind of balance (`payable` or `unclaimed`) of one account in one asset."""

    kind: str
    asset: bytes
    posted: int
    pending: int
    unfinalized: int


@dataclass(frozen=True, slots=True)
class Books:
    """The last block whose events the books contain, and the newest one indexed."""

    block: Block
    head: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class _BooksRow:
    number: int
    hash: bytes
    timestamp: int
    head_number: int
    head_hash: bytes
    head_timestamp: int


_BOOKS = """
    SELECT l.block_number AS number, l.block_hash AS hash, l.timestamp,
           c.number AS head_number, c.hash AS head_hash, b.timestamp AS head_timestamp
    FROM ledger_cursor l
    JOIN cursor c ON c.chain_id = l.chain_id
    JOIN block b ON b.chain_id = c.chain_id AND b.number = c.number
    WHERE l.chain_id = %(chain_id)s AND l.contract = %(payouts)s AND l.version = (
        SELECT coalesce(max(version), 0) FROM ledger_rewind
        WHERE chain_id = %(chain_id)s AND contract = %(payouts)s)
"""

_BALANCES = """
    WITH mine AS (
        SELECT id, kind FROM ledger_account
        WHERE chain_id = %(chain_id)s AND contract = %(payouts)s AND payee = %(payee)s
    ), moves AS (
        SELECT m.kind, p.asset, p.amount AS posted, 0 AS pending, 0 AS unfinalized
        FROM mine m JOIN posting p ON p.credit_account = m.id WHERE p.status = 'posted'
        UNION ALL
        SELECT m.kind, p.asset, -p.amount, 0, 0
        FROM mine m JOIN posting p ON p.debit_account = m.id WHERE p.status = 'posted'
        UNION ALL
        SELECT m.kind, p.asset, 0, p.amount, 0
        FROM mine m
        JOIN posting p ON p.debit_account = m.id
        JOIN reservation r ON r.entry_id = p.entry_id
        WHERE p.status = 'pending' AND p.version = (
            SELECT coalesce(max(version), 0) FROM ledger_rewind
            WHERE chain_id = %(chain_id)s AND contract = %(payouts)s)
          AND NOT EXISTS (
            SELECT FROM reservation_outcome o
            WHERE o.op_id = r.op_id AND o.version = r.version AND o.attempt = r.attempt)
        UNION ALL
        SELECT 'payable', asset, 0, 0, -amount FROM fact_payee_paid
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND payee = %(payee)s
          AND block_number > %(books)s
        UNION ALL
        SELECT k.kind, f.asset, 0, 0, CASE k.kind WHEN 'payable' THEN -f.amount ELSE f.amount END
        FROM fact_payee_unclaimed f CROSS JOIN (VALUES ('payable'), ('unclaimed')) k (kind)
        WHERE f.chain_id = %(chain_id)s AND f.address = %(payouts)s AND f.payee = %(payee)s
          AND f.block_number > %(books)s
        UNION ALL
        SELECT 'unclaimed', asset, 0, 0, -amount FROM fact_unclaimed_withdrawn
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND payee = %(payee)s
          AND block_number > %(books)s
    )
    SELECT kind, asset, sum(posted) AS posted, sum(pending) AS pending,
           sum(unfinalized) AS unfinalized
    FROM moves GROUP BY kind, asset ORDER BY asset, kind
"""


async def read_books(reads: Snapshot, settlement: Settlement) -> Books:
    """How far the books are.

    Raises:
        NotIndexed: nothing is posted yet.
    """
    row = await reads.row(_BooksRow, _BOOKS, scope_of(settlement))
    if row is None:
        raise NotIndexed(settlement.name, "posted block in its books")
    return Books(
        block=Block(number=row.number, hash=Hash32(row.hash), timestamp=row.timestamp),
        head=Block(
            number=row.head_number, hash=Hash32(row.head_hash), timestamp=row.head_timestamp
        ),
    )


async def read_balances(
    reads: Snapshot, settlement: Settlement, payee: Address, books: Books
) -> list[BalanceRow]:
    """Balances of a payee, by asset and kind."""
    values = scope_of(settlement) | {"payee": bytes(payee), "books": books.block.number}
    return await reads.rows(BalanceRow, _BALANCES, values)
