"""Creator statements read on a synchronous connection; it must be one snapshot."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

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
from reconciliation.adapters.plain_sql import read_rows
from reconciliation.creator_statements import AssetStatement

_MOVES_PER_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class SqlCreatorStatements:
    """The statements of one settlement's payees."""

    connection: Connection

    def cursors(self, question: StatementQuestion) -> list[CursorRow]:
        """How far each book is, the shortest first; books in which nothing is posted have none."""
        return read_rows(self.connection, CursorRow, CURSORS, question.values())

    def statements(self, question: StatementQuestion) -> list[AssetStatement]:
        """A statement for each asset.

        Raises:
            CreatorStatementBroken: the postings do not lead from opening to closing.
        """
        values = question.values()
        books = max((row.number for row in self.cursors(question)), default=0)
        (last,) = read_rows(self.connection, LastBlockRow, LAST_BLOCK, values | {"books": books})
        at = {"last_block": last.number, "last_time": last.timestamp}
        return statements_from_rows(
            question,
            balances=read_rows(self.connection, BalanceRow, BALANCES, values),
            turnovers=read_rows(self.connection, TurnoverRow, TURNOVERS, values),
            held=read_rows(self.connection, AmountRow, HELD, values | at),
            fees=read_rows(self.connection, AmountRow, FEES, values),
        )

    def moves(self, question: StatementQuestion) -> Iterator[MoveRow]:
        """Every posting of the statement, in the journal's order, read page by page."""
        after: tuple[int, bytes, int] | None = None
        while page := read_rows(
            self.connection, MoveRow, MOVES, question.page_values(after, _MOVES_PER_PAGE)
        ):
            yield from page
            after = page[-1].key
