"""Reads of creator statements, on the API's connection: the queries are those of reconciliation."""

from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.errors import NotIndexed, StatementDiffers
from contracts.evm import Timestamp
from reconciliation.adapters.creator_statement_rows import (
    BALANCES,
    CURSORS,
    FEES,
    HELD,
    LAST_BLOCK,
    MOVES,
    TURNOVERS,
    AmountRow,
    BalanceRow,
    CursorRow,
    LastBlockRow,
    MoveRow,
    StatementQuestion,
    TurnoverRow,
    statements_from_rows,
)
from reconciliation.creator_statements import AssetStatement
from reconciliation.errors import CreatorStatementBroken
from settlement.royalties.epoch import Timeline


@dataclass(frozen=True, slots=True)
class _ClockRow:
    genesis: int
    length: int
    grace: int


_CLOCK = """
    SELECT k.genesis, k.length, k.grace FROM fact_epoch_clock_started k
    WHERE k.chain_id = %(chain_id)s AND k.address = %(clock)s
"""


async def read_timeline(reads: Snapshot, values: dict[str, object]) -> Timeline | None:
    """The clock of a settlement, if it is indexed."""
    row = await reads.row(_ClockRow, _CLOCK, values)
    if row is None:
        return None
    return Timeline(genesis=Timestamp(row.genesis), length=row.length, grace=row.grace)


async def read_cursors(reads: Snapshot, question: StatementQuestion) -> list[CursorRow]:
    """How far each book is, the shortest first.

    Raises:
        NotIndexed: nothing is posted yet.
    """
    rows = await reads.rows(CursorRow, CURSORS, question.values())
    if not rows:
        raise NotIndexed(question.settlement.name, "posted block in its books")
    return rows


async def read_statements(
    reads: Snapshot, question: StatementQuestion, cursors: list[CursorRow]
) -> list[AssetStatement]:
    """A statement for each asset.

    Raises:
        StatementDiffers: the postings do not lead from opening to closing.
    """
    values = question.values()
    books = {"books": max(row.number for row in cursors)}
    last = await reads.row(LastBlockRow, LAST_BLOCK, values | books)
    at = {"last_block": last.number, "last_time": last.timestamp} if last else {}
    try:
        return statements_from_rows(
            question,
            balances=await reads.rows(BalanceRow, BALANCES, values),
            turnovers=await reads.rows(TurnoverRow, TURNOVERS, values),
            held=await reads.rows(AmountRow, HELD, values | at),
            fees=await reads.rows(AmountRow, FEES, values),
        )
    except CreatorStatementBroken as error:
        raise StatementDiffers(str(error)) from error


async def read_moves(
    reads: Snapshot, question: StatementQuestion, after: tuple[int, bytes, int] | None, limit: int
) -> list[MoveRow]:
    """Postings of the statement after a place in the journal."""
    return await reads.rows(MoveRow, MOVES, question.page_values(after, limit))
