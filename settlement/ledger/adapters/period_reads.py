"""Reads of closed months."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from settlement.ledger.accounts import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedPeriod:
    """A closed month; `late` of its entries took effect in an earlier one."""

    period: int
    closed_by: str
    closed_at: datetime
    entries: int
    late: int


_CLOSED = """
    SELECT c.period, c.closed_by, c.recorded_at AS closed_at, count(e.id) AS entries,
           count(e.id) FILTER (WHERE to_char(
               to_timestamp(e.effective_at) AT TIME ZONE 'UTC', 'YYYYMM')::integer < c.period
           ) AS late
    FROM ledger_period_close c
    LEFT JOIN journal_entry e USING (chain_id, contract, period)
    WHERE c.chain_id = :chain_id AND c.contract = :contract
    GROUP BY c.period, c.closed_by, c.recorded_at ORDER BY c.period
"""


def closed_periods(connection: Connection, book: Book) -> list[ClosedPeriod]:
    """The months of a book that are closed, oldest first."""
    values = {"chain_id": book.chain_id, "contract": bytes(book.contract)}
    return [ClosedPeriod(**row) for row in connection.execute(text(_CLOSED), values).mappings()]
