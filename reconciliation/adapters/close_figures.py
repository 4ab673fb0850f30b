"""What a monthly close is made from, read in one snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from contracts.addresses import Settlement
from contracts.evm import ZERO_ADDRESS, Address, Epoch, Timestamp
from reconciliation.adapters.journal_reads import settlement_books
from reconciliation.adapters.period_sql import (
    AMOUNT,
    CREDIT,
    DEBIT,
    IS_BEFORE,
    IS_INSIDE,
    STANDS,
    booked_contracts,
    period_values,
)
from reconciliation.adapters.plain_sql import read_rows
from reconciliation.adapters.solvency import SqlSolvency
from reconciliation.close_figures import (
    NATIVE_UNIT,
    OF_CREATORS,
    TOP_CREATORS,
    AssetUnit,
    CloseSource,
    CreatorTotal,
    DayTotal,
    DiscrepancyLine,
    GasUse,
    KindBalance,
    KindFlow,
)
from reconciliation.period import Period
from reconciliation.solvency import Stated
from settlement.ledger.accounts import AccountKind


@dataclass(frozen=True, slots=True, kw_only=True)
class _FlowRow:
    contract: bytes
    asset: bytes
    debit: str
    credit: str
    amount: int
    postings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _BalanceRow:
    contract: bytes
    asset: bytes
    kind: str
    opening: int
    closing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _CreatorRow:
    payee: bytes
    asset: bytes
    earned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _DayRow:
    day: int
    asset: bytes
    received: int
    paid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _GasRow:
    wallet: bytes
    kind: str | None
    epoch: int | None
    amount: int
    transactions: int
    operations: int


@dataclass(frozen=True, slots=True)
class _ClosedRow:
    contract: bytes
    closed_by: str


@dataclass(frozen=True, slots=True)
class _CursorRow:
    timestamp: int


_IN_BOOKS = "e.chain_id = %(chain_id)s AND e.contract = ANY(%(books)s::bytea[])"

_FLOWS = f"""
    SELECT e.contract, p.asset, d.kind AS debit, c.kind AS credit, sum({AMOUNT}) AS amount,
           count(*) AS postings
    FROM journal_entry e JOIN posting p ON p.entry_id = e.id
    JOIN ledger_account d ON d.id = {DEBIT}
    JOIN ledger_account c ON c.id = {CREDIT}
    WHERE {_IN_BOOKS} AND {STANDS} AND {IS_INSIDE}
    GROUP BY e.contract, p.asset, d.kind, c.kind ORDER BY e.contract, p.asset, d.kind, c.kind
"""  # noqa: S608 (literals)

_BALANCES = f"""
    SELECT contract, asset, kind, coalesce(sum(amount) FILTER (WHERE is_before), 0) AS opening,
           sum(amount) AS closing
    FROM (
        SELECT e.contract, p.asset, a.kind, s.sign * p.amount AS amount, {IS_BEFORE} AS is_before
        FROM journal_entry e JOIN posting p ON p.entry_id = e.id
        CROSS JOIN (VALUES (1), (-1)) s (sign)
        JOIN ledger_account a
          ON a.id = CASE s.sign WHEN 1 THEN p.credit_account ELSE p.debit_account END
        WHERE {_IN_BOOKS} AND {STANDS} AND ({IS_BEFORE} OR {IS_INSIDE})
    ) sides
    GROUP BY contract, asset, kind ORDER BY contract, asset, kind
"""  # noqa: S608 (literals)

_CREATORS = f"""
    SELECT payee, asset, earned FROM (
        SELECT payee, asset, sum(amount) AS earned,
               row_number() OVER (PARTITION BY asset ORDER BY sum(amount) DESC, payee) AS place
        FROM (
            SELECT c.payee, p.asset, {AMOUNT} AS amount
            FROM journal_entry e JOIN posting p ON p.entry_id = e.id
            JOIN ledger_account d ON d.id = {DEBIT}
            JOIN ledger_account c ON c.id = {CREDIT}
            WHERE {_IN_BOOKS} AND {STANDS} AND {IS_INSIDE}
              AND c.kind = ANY(%(own)s::text[]) AND NOT d.kind = ANY(%(own)s::text[])
            UNION ALL
            SELECT d.payee, p.asset, -({AMOUNT})
            FROM journal_entry e JOIN posting p ON p.entry_id = e.id
            JOIN ledger_account d ON d.id = {DEBIT}
            JOIN ledger_account c ON c.id = {CREDIT}
            WHERE {_IN_BOOKS} AND {STANDS} AND {IS_INSIDE}
              AND d.kind = ANY(%(own)s::text[]) AND NOT c.kind = ANY(%(own)s::text[])
              AND c.kind <> 'cash'
        ) moves GROUP BY payee, asset
    ) ranked WHERE place <= %(top)s AND earned > 0 ORDER BY asset, earned DESC, payee
"""  # noqa: S608 (literals)

_DAYS = f"""
    SELECT (e.effective_at / 86400) * 86400 AS day, p.asset,
           coalesce(sum({AMOUNT}) FILTER (WHERE d.kind = 'cash'), 0) AS received,
           coalesce(sum({AMOUNT}) FILTER (WHERE c.kind = 'cash'), 0) AS paid
    FROM journal_entry e JOIN posting p ON p.entry_id = e.id
    JOIN ledger_account d ON d.id = {DEBIT}
    JOIN ledger_account c ON c.id = {CREDIT}
    WHERE {_IN_BOOKS} AND {STANDS} AND {IS_INSIDE} AND (d.kind = 'cash' OR c.kind = 'cash')
    GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 (literals)

_GAS = f"""
    SELECT e.contract AS wallet, o.kind, o.epoch, count(DISTINCT e.source_id) AS transactions,
           count(o.op_id) AS operations,
           sum(CASE WHEN o.op_id IS NULL THEN p.amount
               ELSE div(p.amount, parts.n) + (o.ordinal < mod(p.amount, parts.n))::int END)
               AS amount
    FROM journal_entry e JOIN posting p ON p.entry_id = e.id
    JOIN ledger_account d ON d.id = p.debit_account AND d.kind = 'gas'
    LEFT JOIN payout_gas_operation o ON (o.chain_id, o.tx_hash) = (e.chain_id, e.source_id)
    LEFT JOIN LATERAL (
        SELECT count(*)::numeric AS n FROM payout_gas_operation a
        WHERE (a.chain_id, a.tx_hash) = (o.chain_id, o.tx_hash)
    ) parts ON true
    WHERE {_IN_BOOKS} AND {STANDS} AND {IS_INSIDE} AND e.source_kind = 'gas'
    GROUP BY e.contract, o.kind, o.epoch ORDER BY e.contract, o.kind, o.epoch
"""  # noqa: S608 (literals)
"""The cost of a transaction is shared equally by its operations, to the unit."""

_CLOSED = """
    SELECT contract, closed_by FROM ledger_period_close
    WHERE chain_id = %(chain_id)s AND contract = ANY(%(books)s::bytea[])
      AND period = %(month)s::int
"""

_CURSORS = """
    SELECT l.timestamp FROM ledger_cursor l
    WHERE l.chain_id = %(chain_id)s AND l.contract = ANY(%(books)s::bytea[])
      AND l.version = coalesce((SELECT max(r.version) FROM ledger_rewind r
          WHERE r.chain_id = l.chain_id AND r.contract = l.contract), 0)
"""


def read_close(
    connection: Connection,
    settlement: Settlement,
    period: Period,
    discrepancies: Sequence[DiscrepancyLine],
    units: Mapping[Address, AssetUnit],
) -> CloseSource:
    """Everything that a report of this period needs."""
    books = [book.contract for book in settlement_books(connection, settlement)]
    values = period_values(settlement, period) | {
        "books": [bytes(book) for book in books],
        "own": [kind.value for kind in OF_CREATORS],
        "top": TOP_CREATORS,
    }
    contracts = booked_contracts(settlement)
    cursors = read_rows(connection, _CursorRow, _CURSORS, values)
    return CloseSource(
        settlement=settlement.name,
        chain_id=settlement.chain_id,
        contracts=contracts,
        wallets=[book for book in books if book not in contracts],
        units={ZERO_ADDRESS: NATIVE_UNIT} | dict(units),
        period=period,
        is_over=len(cursors) == len(books) and all(row.timestamp >= period.end for row in cursors),
        closed_by={
            Address(row.contract): row.closed_by
            for row in read_rows(connection, _ClosedRow, _CLOSED, values)
        },
        flows=[
            KindFlow(
                contract=Address(row.contract),
                asset=Address(row.asset),
                debit=AccountKind(row.debit),
                credit=AccountKind(row.credit),
                amount=row.amount,
                postings=row.postings,
            )
            for row in read_rows(connection, _FlowRow, _FLOWS, values)
        ],
        balances=[_balance(row) for row in read_rows(connection, _BalanceRow, _BALANCES, values)],
        creators=[
            CreatorTotal(payee=Address(row.payee), asset=Address(row.asset), earned=row.earned)
            for row in read_rows(connection, _CreatorRow, _CREATORS, values)
        ],
        days=[
            DayTotal(
                day=Timestamp(row.day),
                asset=Address(row.asset),
                received=row.received,
                paid=row.paid,
            )
            for row in read_rows(connection, _DayRow, _DAYS, values)
        ],
        gas=[_gas(row) for row in read_rows(connection, _GasRow, _GAS, values)],
        discrepancies=discrepancies,
        solvency=_solvency(SqlSolvency(connection, settlement), period),
    )


def _gas(row: _GasRow) -> GasUse:
    return GasUse(
        wallet=Address(row.wallet),
        kind=row.kind,
        epoch=None if row.epoch is None else Epoch(row.epoch),
        amount=row.amount,
        transactions=row.transactions,
        operations=row.operations,
    )


def _balance(row: _BalanceRow) -> KindBalance:
    kind = AccountKind(row.kind)
    sign = -1 if kind.is_debit_normal else 1
    return KindBalance(
        contract=Address(row.contract),
        asset=Address(row.asset),
        kind=kind,
        opening=sign * row.opening,
        closing=sign * row.closing,
    )


def _solvency(statements: SqlSolvency, period: Period) -> list[Stated]:
    """Statements whose block is in the period."""
    return [
        stated
        for stated in statements.stated(None)
        if period.start <= stated.subject.block.timestamp < period.end
    ]
