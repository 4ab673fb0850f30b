"""Balances at a block, from totals that were drawn at blocks before it.

Summing all postings of an account takes as long as the account is busy. So totals are drawn now and
then: after every 4,000 postings or so of a book, for the accounts that had a share in them.

    block     …   marked        marked           B
    account   ────┤ totals ─────┤ totals ──┼┼┼┼──┤      balance at B = last totals + the ticks
                                                        + what was recorded late, if anything

Some accounts have a small share in every mark, and would never have totals. So every 16th mark
looks back over 16 marks, and every 256th over 256, a million postings. Behind the last totals of an
account, an answer then adds up at most one mark, or 16 times 64 lines; only an account with fewer
than 64 lines in a million postings is summed from its first. That does not grow with the book. How
many lines an account has there is estimated from a sample, so 64 is about 64.

A posting that takes effect at or below a mark that exists is *late*: no totals contain it, ever,
and it is added by itself. Totals are only read to save time; they say nothing that the postings
do not say, and `quittance ledger verify` compares them.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, LiteralString

from sqlalchemy import Connection, TextClause, bindparam, func, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.columns import AddressColumn, Hash32Column
from contracts.evm import Address, BlockNumber, Hash32
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.bulk import chunks
from settlement.ledger.adapters.queries import is_of
from settlement.ledger.adapters.seal_tables import CHECKPOINT, CHECKPOINT_MARK
from settlement.ledger.adapters.tables import JOURNAL_ENTRY


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How often totals are drawn, and for which accounts.

    One with few lines in all the marks that a mark looks back over is summed as fast without.
    `spans` says how many that are, ascending, each a multiple of the one before: a mark whose
    number is divided by one looks back over so many. Lines are counted in one of `sample` entries
    (a power of two up to 256), as their ids fall, unless the entries are few: which totals are
    drawn is a matter of speed.
    """

    postings_per_mark: int = 4_000
    lines_per_account_min: int = 64
    spans: tuple[int, ...] = (1, 16, 256)
    sample: int = 8

    def span(self, number: int) -> int:
        """Over how many marks the mark of this number looks back; the first is number 1."""
        return max(span for span in self.spans if number % span == 0)


_HEAD = 2**62

_FEW_ENTRIES = 512
"""Of fewer, each with many lines, a sample would say little."""

_PARAMETER = re.compile(r"(?<!:):([a-z]+)")

Key = tuple[Hash32, Address]
"""Account id and asset."""

Totals = tuple[int, int]
"""Posted debits and credits."""

_SIDE = """
    LEFT JOIN LATERAL (
        SELECT sum(amount) AS units FROM posting p
        WHERE p.{side}_account = w.id AND p.asset = w.asset AND p.version = :version
          AND p.status = 'posted' AND NOT p.is_late
          AND p.effective_block > coalesce(c.block_number, -1) AND p.effective_block <= :block
    ) {side} ON true
    LEFT JOIN LATERAL (
        SELECT sum(amount) AS units FROM posting p
        WHERE p.{side}_account = w.id AND p.asset = w.asset AND p.version = :version
          AND p.status = 'posted' AND p.is_late AND p.effective_block <= :late
    ) late_{side} ON true
"""

TOTALS = f"""
    SELECT w.id, w.asset,
           coalesce(c.debits, 0) + coalesce(debit.units, 0) + coalesce(late_debit.units, 0)
               AS debits,
           coalesce(c.credits, 0) + coalesce(credit.units, 0) + coalesce(late_credit.units, 0)
               AS credits
    FROM unnest(CAST(:ids AS bytea[]), CAST(:assets AS bytea[])) AS w (id, asset)
    LEFT JOIN LATERAL (
        SELECT block_number, debits, credits FROM ledger_checkpoint
        WHERE account_id = w.id AND asset = w.asset AND version = :version
          AND block_number <= :block
        ORDER BY block_number DESC LIMIT 1
    ) c ON true
    {_SIDE.format(side="debit")}
    {_SIDE.format(side="credit")}
"""  # noqa: S608 - of constants

ASSETS = """
    WITH RECURSIVE sides AS (
        SELECT w.id, s.side FROM unnest(CAST(:ids AS bytea[])) AS w (id)
        CROSS JOIN (VALUES ('debit'), ('credit')) s (side)
    ), found AS (
        SELECT id, side, CASE side
            WHEN 'debit' THEN (SELECT asset FROM posting WHERE debit_account = id
                               ORDER BY asset LIMIT 1)
            ELSE (SELECT asset FROM posting WHERE credit_account = id
                  ORDER BY asset LIMIT 1) END AS asset
        FROM sides
        UNION ALL
        SELECT id, side, CASE side
            WHEN 'debit' THEN (SELECT p.asset FROM posting p WHERE p.debit_account = id
                               AND p.asset > found.asset ORDER BY p.asset LIMIT 1)
            ELSE (SELECT p.asset FROM posting p WHERE p.credit_account = id
                  AND p.asset > found.asset ORDER BY p.asset LIMIT 1) END
        FROM found WHERE asset IS NOT NULL
    )
    SELECT DISTINCT id, asset FROM found WHERE asset IS NOT NULL ORDER BY id, asset
"""


def driver_spelled(statement: str) -> str:
    """A statement with its parameters as the driver names them, for whoever has nothing else."""
    return _PARAMETER.sub(r"%(\1)s", statement)


def totals_at(
    connection: Connection, keys: Collection[Key], *, version: int, block: BlockNumber | None
) -> dict[Key, Totals]:
    """Posted totals of one version at the end of a block, at the head where it is None."""
    upto = _HEAD if block is None else block
    return _totals(connection, keys, version=version, block=upto, late=upto)


def assets_of(connection: Connection, accounts: Collection[Hash32]) -> list[Key]:
    """The assets that were ever posted on each account, found without a look at every posting."""
    found: list[Key] = []
    for chunk in chunks(list(accounts)):
        rows = connection.execute(_statement(ASSETS), {"ids": chunk})
        found.extend((Hash32(row[0]), Address(row[1])) for row in rows)
    return found


def draw_totals(
    connection: Connection, book: Book, drawing: Drawing, *, version: int, upto: BlockNumber
) -> int:
    """Draw the totals that are due up to a block; at how many blocks.

    The caller holds the book's lock, and has posted everything up to that block.
    """
    marks = [-1, *_marks(connection, book, version)]
    known = len(marks)
    counts = _postings_by_block(connection, book, version=version, after=marks[-1], upto=upto)
    for mark in _marks_due(counts, drawing):
        after = marks[len(marks) - drawing.span(len(marks))]
        _draw(connection, book, drawing, version=version, after=after, mark=mark)
        marks.append(mark)
    return len(marks) - known


def _marks(connection: Connection, book: Book, version: int) -> list[int]:
    """The blocks at which totals were drawn, ascending."""
    block = CHECKPOINT_MARK.c.block_number
    query = select(block).where(*is_of(CHECKPOINT_MARK, book), CHECKPOINT_MARK.c.version == version)
    return list(connection.execute(query.order_by(block)).scalars())


def _postings_by_block(
    connection: Connection, book: Book, *, version: int, after: int, upto: int
) -> list[tuple[int, int]]:
    head = JOURNAL_ENTRY.c
    query = (
        select(head.effective_block, func.sum(head.posting_count))
        .where(*is_of(JOURNAL_ENTRY, book), head.version == version, head.status == "posted")
        .where(head.effective_block > after, head.effective_block <= upto)
        .group_by(head.effective_block)
        .order_by(head.effective_block)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def _marks_due(counts: Iterable[tuple[int, int]], drawing: Drawing) -> list[int]:
    """Blocks that each complete a share of postings; a block is never divided."""
    marks: list[int] = []
    count = 0
    for block, postings in counts:
        count += postings
        if count >= drawing.postings_per_mark:
            marks.append(block)
            count = 0
    return marks


_BUSY = """
    WITH heads AS (
        SELECT id FROM journal_entry
        WHERE chain_id = :chain_id AND contract = :contract AND version = :version
          AND status = 'posted' AND effective_block > :after AND effective_block <= :mark
    ), rate AS (
        SELECT CASE WHEN count(*) < :few THEN 1 ELSE :sample END AS one_in FROM heads
    )
    SELECT account, asset FROM (
        SELECT p.debit_account, p.credit_account, p.asset, count(*) AS lines
        FROM rate JOIN heads e ON get_byte(e.id, 31) % rate.one_in = 0 CROSS JOIN LATERAL (
            SELECT debit_account, credit_account, asset, is_late FROM posting
            WHERE entry_id = e.id OFFSET 0
        ) p
        WHERE NOT p.is_late
        GROUP BY 1, 2, 3
    ) pairs CROSS JOIN LATERAL (VALUES (debit_account), (credit_account)) sides (account)
    GROUP BY account, asset HAVING sum(lines) * (SELECT one_in FROM rate) >= :least
"""
"""The OFFSET keeps the planner from reading all postings for the sake of those of some blocks."""


def _draw(
    connection: Connection, book: Book, drawing: Drawing, *, version: int, after: int, mark: int
) -> None:
    busy = connection.execute(
        text(_BUSY),
        {
            "chain_id": book.chain_id,
            "contract": bytes(book.contract),
            "version": version,
            "after": after,
            "mark": mark,
            "least": drawing.lines_per_account_min,
            "sample": drawing.sample,
            "few": _FEW_ENTRIES,
        },
    )
    keys = [(Hash32(row[0]), Address(row[1])) for row in busy]
    totals = _totals(connection, keys, version=version, block=mark, late=-1)
    rows = [
        {
            "account_id": account_id,
            "asset": asset,
            "version": version,
            "block_number": mark,
            "debits": debits,
            "credits": credits,
        }
        for (account_id, asset), (debits, credits) in totals.items()
    ]
    if rows:
        connection.execute(insert(CHECKPOINT), rows)
    place = {"chain_id": book.chain_id, "contract": book.contract, "version": version}
    connection.execute(insert(CHECKPOINT_MARK), [place | {"block_number": mark}])


def _totals(
    connection: Connection, keys: Collection[Key], *, version: int, block: int, late: int
) -> dict[Key, Totals]:
    found: dict[Key, Totals] = {}
    for chunk in chunks(list(keys)):
        values = {
            "ids": [account_id for account_id, _ in chunk],
            "assets": [asset for _, asset in chunk],
            "version": version,
            "block": block,
            "late": late,
        }
        for row in connection.execute(totals_statement(), values):
            if row[2] or row[3]:
                found[Hash32(row[0]), Address(row[1])] = (int(row[2]), int(row[3]))
    return found


def totals_statement(how: LiteralString = "") -> TextClause:
    """What is asked for totals; `how` is put before it, to have it explained."""
    return _statement(how + TOTALS, "assets")


def _statement(sql: str, *also: str) -> TextClause:
    """The statement, with its lists of ids, and of assets, bound as arrays."""
    kinds: dict[str, ARRAY[Any]] = {"ids": ARRAY(Hash32Column), "assets": ARRAY(AddressColumn)}
    return text(sql).bindparams(*(bindparam(name, type_=kinds[name]) for name in ("ids", *also)))
