"""Reads of closed months."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from contracts.evm import Epoch, Hash32, Timestamp
from settlement.ledger.accounts import Book
from settlement.ledger.seal import PeriodClose


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedPeriod:
    """A closed month; `late` of its entries took effect in an earlier one.

    `leaf` stands for the close under the seal of epoch `sealed_in`, once there is one.
    """

    period: int
    closed_by: str
    closed_at: datetime
    entries: int
    late: int
    leaf: Hash32
    sealed_in: Epoch | None


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


_CLOSES = """
    SELECT period, closed_by, booked_at,
           (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_at_us
    FROM ledger_period_close
    WHERE chain_id = :chain_id AND contract = :contract ORDER BY period
"""

_SEALED = """
    SELECT epoch, closes FROM ledger_seal
    WHERE chain_id = :chain_id AND contract = :contract AND closes > 0 ORDER BY epoch
"""


def closed_periods(connection: Connection, book: Book) -> list[ClosedPeriod]:
    """The months of a book that are closed, oldest first."""
    values = {"chain_id": book.chain_id, "contract": bytes(book.contract)}
    sealed_in = [
        Epoch(row.epoch)
        for row in connection.execute(text(_SEALED), values)
        for _ in range(row.closes)
    ]
    leaves = [close.leaf(book) for close in closes_of(connection, book)]
    return [
        ClosedPeriod(
            **row,
            leaf=leaves[number],
            sealed_in=sealed_in[number] if number < len(sealed_in) else None,
        )
        for number, row in enumerate(connection.execute(text(_CLOSED), values).mappings())
    ]


def closes_of(connection: Connection, book: Book) -> list[PeriodClose]:
    """What a seal contains of each closed month, oldest first."""
    values = {"chain_id": book.chain_id, "contract": bytes(book.contract)}
    return [
        PeriodClose(row.period, row.closed_by, Timestamp(row.booked_at), row.recorded_at_us)
        for row in connection.execute(text(_CLOSES), values)
    ]
