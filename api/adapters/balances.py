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
from contracts.leaves import escrow_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
    """One kind of balance (`payable` or `unclaimed`) of one account in one asset.

    `under_verdict` is the part of `posted` that works under verdict owe.
    """

    kind: str
    asset: bytes
    posted: int
    pending: int
    unfinalized: int
    under_verdict: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowRow:
    """What is in escrow or in suspense in one asset."""

    asset: bytes
    posted: int


@dataclass(frozen=True, slots=True)
class _Id:
    id: bytes


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
    WITH verdicts AS (
        SELECT DISTINCT ON (work_id) work_id, is_placed FROM (
            SELECT work_id, true AS is_placed, block_number, log_index FROM fact_verdict_placed
            WHERE chain_id = %(chain_id)s AND address = %(registry)s
              AND block_number <= %(books)s
            UNION ALL
            SELECT work_id, false, block_number, log_index FROM fact_verdict_lifted
            WHERE chain_id = %(chain_id)s AND address = %(registry)s
              AND block_number <= %(books)s
        ) placed_and_lifted ORDER BY work_id, block_number DESC, log_index DESC
    ), mine AS (
        SELECT a.id, a.kind, coalesce(v.is_placed, false)::int AS is_held
        FROM ledger_account a LEFT JOIN verdicts v USING (work_id)
        WHERE a.chain_id = %(chain_id)s AND a.contract = %(payouts)s AND a.payee = %(payee)s
    ), moves AS (
        SELECT m.kind, p.asset, p.amount AS posted, 0 AS pending, 0 AS unfinalized,
               p.amount * m.is_held AS under_verdict
        FROM mine m JOIN posting p ON p.credit_account = m.id WHERE p.status = 'posted'
        UNION ALL
        SELECT m.kind, p.asset, -p.amount, 0, 0, -p.amount * m.is_held
        FROM mine m JOIN posting p ON p.debit_account = m.id WHERE p.status = 'posted'
        UNION ALL
        SELECT m.kind, p.asset, 0, p.amount, 0, 0
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
        SELECT 'payable', asset, 0, 0, -amount, 0 FROM fact_payee_paid
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND payee = %(payee)s
          AND block_number > %(books)s
        UNION ALL
        SELECT k.kind, f.asset, 0, 0,
               CASE k.kind WHEN 'payable' THEN -f.amount ELSE f.amount END, 0
        FROM fact_payee_unclaimed f CROSS JOIN (VALUES ('payable'), ('unclaimed')) k (kind)
        WHERE f.chain_id = %(chain_id)s AND f.address = %(payouts)s AND f.payee = %(payee)s
          AND f.block_number > %(books)s
        UNION ALL
        SELECT 'unclaimed', asset, 0, 0, -amount, 0 FROM fact_unclaimed_withdrawn
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND payee = %(payee)s
          AND block_number > %(books)s
        UNION ALL
        SELECT 'unclaimed', asset, 0, 0, amount, 0 FROM fact_escrow_released
        WHERE chain_id = %(chain_id)s AND address = %(payouts)s AND beneficiary = %(payee)s
          AND block_number > %(books)s
    )
    SELECT kind, asset, sum(posted) AS posted, sum(pending) AS pending,
           sum(unfinalized) AS unfinalized, sum(under_verdict) AS under_verdict
    FROM moves GROUP BY kind, asset ORDER BY asset, kind
"""


# The newest event of each content that the account ever claimed, and of each escrow id that was
# ever assigned to it; what stands is what names it still.
_CLAIMED = """
    WITH ever AS (
        SELECT content_id FROM fact_content_claimed
        WHERE chain_id = %(chain_id)s AND address = %(claims)s AND claimant = %(payee)s
    )
    SELECT content_id AS id FROM (
        SELECT DISTINCT ON (content_id) content_id, claimant, stands FROM (
            SELECT content_id, claimant, 1 AS stands, block_number, log_index
            FROM fact_content_claimed
            WHERE chain_id = %(chain_id)s AND address = %(claims)s AND block_number <= %(books)s
              AND content_id IN (SELECT content_id FROM ever)
            UNION ALL
            SELECT content_id, claimant, is_upheld, block_number, log_index
            FROM fact_claim_resolved
            WHERE chain_id = %(chain_id)s AND address = %(claims)s AND block_number <= %(books)s
              AND content_id IN (SELECT content_id FROM ever)
        ) claims ORDER BY content_id, block_number DESC, log_index DESC
    ) newest WHERE stands = 1 AND claimant = %(payee)s
"""

_ASSIGNED = """
    SELECT escrow_id AS id FROM (
        SELECT DISTINCT ON (escrow_id) escrow_id, account FROM fact_beneficiary_assigned
        WHERE chain_id = %(chain_id)s AND address = %(claims)s AND block_number <= %(books)s
        ORDER BY escrow_id, block_number DESC, log_index DESC
    ) newest WHERE account = %(payee)s
"""

_ESCROW = """
    WITH wanted AS (
        SELECT id FROM ledger_account
        WHERE chain_id = %(chain_id)s AND contract = %(payouts)s
          AND kind IN ('escrow', 'suspense') AND work_id = ANY(%(escrow_ids)s)
    ), moves AS (
        SELECT p.asset, p.amount FROM wanted w JOIN posting p ON p.credit_account = w.id
        UNION ALL
        SELECT p.asset, -p.amount FROM wanted w JOIN posting p ON p.debit_account = w.id
    )
    SELECT asset, sum(amount) AS posted FROM moves
    GROUP BY asset HAVING sum(amount) > 0 ORDER BY asset
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
    return await reads.rows(BalanceRow, _BALANCES, _values(settlement, payee, books))


async def read_escrow(
    reads: Snapshot, settlement: Settlement, account: Address, books: Books
) -> list[EscrowRow]:
    """Escrow of contents whose standing claim is the account's, and suspense assigned to it."""
    values = _values(settlement, account, books)
    claimed = await reads.rows(_Id, _CLAIMED, values)
    assigned = await reads.rows(_Id, _ASSIGNED, values)
    escrow_ids = [bytes(escrow_id(Hash32(row.id))) for row in claimed]
    escrow_ids += [row.id for row in assigned]
    return await reads.rows(EscrowRow, _ESCROW, values | {"escrow_ids": escrow_ids})


def _values(settlement: Settlement, payee: Address, books: Books) -> dict[str, object]:
    return scope_of(settlement) | {"payee": bytes(payee), "books": books.block.number}
