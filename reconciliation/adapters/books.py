"""Our side of a settlement, as one consistent view: every query of one REPEATABLE READ transaction.

Entries stream; everything else is small. Only what stands is read: posted entries of the current
version of the books.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any, LiteralString

from sqlalchemy import Connection, Engine, text

from contracts.addresses import Settlement
from contracts.evm import Address, BlockRef, Epoch, Hash32, Timestamp
from reconciliation.adapters.answers import SqlAnswers
from reconciliation.adapters.intents import SqlIntents
from reconciliation.adapters.plain_sql import streamed_rows
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.matching import Booked
from reconciliation.movements import Movement
from reconciliation.overdue import OpenReservation
from reconciliation.register import Standing
from reconciliation.snapshot import Committed
from reconciliation.wallets import WalletRecords
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.documents import AcceptedDocument
from settlement.payouts.adapters.documents import SqlDocuments

_tuple: Callable[..., Any] = tuple.__new__
"""A million rows are read: named tuples are made without the call that names their fields."""

_STANDING = """
    e.chain_id = :chain_id AND e.contract = :contract AND e.status = 'posted'
    AND e.version = (SELECT coalesce(max(r.version), 0) FROM ledger_rewind r
                     WHERE r.chain_id = :chain_id AND r.contract = :contract)
"""

_LINES: LiteralString = """
    SELECT source_id, leg, id, block_number, block_hash, effective_at, asset, amount::text,
           concat_ws(':', d_kind, d_epoch, '0x' || encode(d_work, 'hex'), d_part,
                     '0x' || encode(d_payee, 'hex')),
           concat_ws(':', c_kind, c_epoch, '0x' || encode(c_work, 'hex'), c_part,
                     '0x' || encode(c_payee, 'hex'))
    FROM (
        SELECT e.source_id, e.leg, e.id, e.block_number, e.block_hash, e.effective_at,
               p.ordinal, p.asset, p.amount,
               d.kind AS d_kind, d.epoch AS d_epoch, d.work_id AS d_work, d.part AS d_part,
               d.payee AS d_payee,
               c.kind AS c_kind, c.epoch AS c_epoch, c.work_id AS c_work, c.part AS c_part,
               c.payee AS c_payee
        FROM journal_entry e JOIN posting p ON p.entry_id = e.id
        LEFT JOIN ledger_account d ON d.id = p.debit_account
             AND (d.chain_id, d.contract) = (e.chain_id, e.contract)
        LEFT JOIN ledger_account c ON c.id = p.credit_account
             AND (c.chain_id, c.contract) = (e.chain_id, e.contract)
        WHERE e.chain_id = %(chain_id)s AND e.contract = %(contract)s AND e.status = 'posted'
          AND e.source_kind = %(source_kind)s
          AND e.version = (SELECT coalesce(max(r.version), 0) FROM ledger_rewind r
                           WHERE r.chain_id = %(chain_id)s AND r.contract = %(contract)s)
        ORDER BY e.source_id, e.leg, e.id, p.ordinal OFFSET 0
    ) AS in_order
    ORDER BY source_id, leg, id, ordinal
"""
"""Postings with the names of their accounts, as the chart spells them: nothing for an account of
another book. They are sorted before they are spelled, which `OFFSET 0` is for."""

_TWIN = f"""
    SELECT e.id FROM posting mine
    JOIN posting p ON (p.asset, p.amount, p.debit_account, p.credit_account)
                    = (mine.asset, mine.amount, mine.debit_account, mine.credit_account)
                  AND p.entry_id <> mine.entry_id
    JOIN journal_entry e ON e.id = p.entry_id
    JOIN ledger_account a ON a.id = p.debit_account
    WHERE {_STANDING} AND mine.entry_id = :entry_id
      AND (a.kind IN ('payable', 'escrow', 'suspense', 'owed')
           OR e.block_number = :block_number)
    ORDER BY e.id LIMIT 1
"""  # noqa: S608 - the parts are constants

_SUMS_OF_ENTRIES = """
    SELECT d.kind AS debit, c.kind AS credit, p.asset, sum(p.amount) AS units
    FROM journal_entry e JOIN posting p ON p.entry_id = e.id
    JOIN ledger_account d ON d.id = p.debit_account
    JOIN ledger_account c ON c.id = p.credit_account
    WHERE e.chain_id = :chain_id AND e.contract = :contract AND e.status = 'posted'
    GROUP BY d.kind, c.kind, p.asset
"""

_SUMS_OF_ACCOUNTS = """
    SELECT d.kind AS debit, c.kind AS credit, p.asset, sum(p.amount) AS units
    FROM posting p
    JOIN ledger_account d ON d.id = p.debit_account
    JOIN ledger_account c ON c.id = p.credit_account
    WHERE d.chain_id = :chain_id AND d.contract = :contract
      AND c.chain_id = :chain_id AND c.contract = :contract AND p.status = 'posted'
    GROUP BY d.kind, c.kind, p.asset
"""

_RESERVATIONS = f"""
    SELECT r.op_id, e.id, e.effective_at, p.asset, sum(p.amount) AS units
    FROM reservation r JOIN journal_entry e ON e.id = r.entry_id
    JOIN posting p ON p.entry_id = e.id
    WHERE {_STANDING.replace("'posted'", "'pending'")} AND NOT EXISTS (
        SELECT FROM reservation_outcome o
        WHERE (o.op_id, o.version, o.attempt) = (r.op_id, r.version, r.attempt))
    GROUP BY r.op_id, e.id, e.effective_at, p.asset ORDER BY r.op_id
"""  # noqa: S608 - the parts are constants


@contextmanager
def books_of(engine: Engine, settlement: Settlement) -> Iterator["SqlBooks"]:
    """The books of a settlement while the context lasts, all at one moment."""
    isolated = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with isolated.connect() as connection, connection.begin():
        yield SqlBooks(connection, settlement)


class SqlBook:
    """Serves `ports.PaymentBook`: the journal of one contract."""

    def __init__(self, connection: Connection, book: Book) -> None:
        self._connection, self._book = connection, book
        self._key: dict[str, Any] = {
            "chain_id": book.chain_id,
            "contract": bytes(book.contract),
        }

    def cursor(self) -> BlockRef | None:
        """The block that everything final is posted up to."""
        return LedgerStore(self._connection, self._book).cursor()

    def entries(self, source_kind: str) -> Generator[Booked]:
        """Posted entries of one kind of cause, ascending by source.

        They stream: close them before anything else is asked of the books.
        """
        values = self._key | {"source_kind": source_kind}
        is_sorted = source_kind != "log"
        with closing(streamed_rows(self._connection, _LINES, values)) as rows:
            for _, group in groupby(rows, key=itemgetter(2)):
                of_entry = list(group)
                source_id, leg, entry_id, number, block_hash, at = of_entry[0][:6]
                moved = [
                    _tuple(Movement, (row[6], int(row[7]), row[8], row[9])) for row in of_entry
                ]
                if len(moved) > 1 and not is_sorted:
                    moved.sort()
                yield _tuple(
                    Booked, (source_id, leg, entry_id, number, block_hash, at, tuple(moved))
                )

    def kinds(self) -> list[str]:
        """The kinds of cause that its posted entries have."""
        query = text(f"SELECT DISTINCT e.source_kind FROM journal_entry e WHERE {_STANDING}")  # noqa: S608
        return list(self._connection.execute(query, self._key).scalars())

    def twin(self, booked: Booked) -> Hash32 | None:
        """Another standing entry with the same movements out of the same account, or block."""
        values = {"entry_id": booked.entry_id, "block_number": booked.block_number}
        row = self._connection.execute(text(_TWIN), self._key | values).first()
        return Hash32(row[0]) if row else None

    def accepted(self) -> Sequence[AcceptedDocument]:
        """Documents whose lines the contract pays."""
        book = self._book
        return SqlDocuments(self._connection, book.chain_id, book.contract).accepted()

    def reservations(self) -> list[OpenReservation]:
        """Payouts that are planned, and neither posted nor voided."""
        return [
            OpenReservation(
                op_id=Hash32(row.op_id),
                entry_id=Hash32(row.id),
                asset=Address(row.asset),
                amount=int(row.units),
                planned_at=Timestamp(row.effective_at),
            )
            for row in self._connection.execute(text(_RESERVATIONS), self._key)
        ]

    def misstated(self) -> list[Discrepancy]:
        """Sums that accounts answer, and that are not the sums of the book's posted entries.

        Balances are read by account, from postings; entries by entry. Both must come to the same.
        """
        summed, answered = self._sums(_SUMS_OF_ENTRIES), self._sums(_SUMS_OF_ACCOUNTS)
        return [
            Discrepancy(
                kind=Kind.AMOUNT,
                subject=f"sums/{self._book.contract}/{debit}/{credit}/{asset}",
                asset=asset,
                expected=str(answered.get((debit, credit, asset), 0)),
                actual=str(summed.get((debit, credit, asset), 0)),
                evidence=("postings of accounts", "postings of entries"),
            )
            for debit, credit, asset in sorted(summed.keys() | answered.keys())
            if summed.get((debit, credit, asset)) != answered.get((debit, credit, asset))
        ]

    def _sums(self, query: str) -> dict[tuple[str, str, Address], int]:
        rows = self._connection.execute(text(query), self._key)
        return {(row.debit, row.credit, Address(row.asset)): int(row.units) for row in rows}


class SqlBooks(SqlBook):
    """Serves `ports.Books`: the journal of one settlement, and what was signed for it."""

    def __init__(self, connection: Connection, settlement: Settlement) -> None:
        book = Book(chain_id=settlement.chain_id, contract=settlement.payouts)
        super().__init__(connection, book)
        self._intents = SqlIntents(connection, settlement)
        self._payments = frozenset(settlement.payments.values())

    def payments(self, contract: Address) -> SqlBook:
        """The books of a payment contract, or of a payout wallet."""
        return SqlBook(self._connection, Book(chain_id=self._book.chain_id, contract=contract))

    def commitments(self) -> dict[Epoch, Committed]:
        """Commitments that stand."""
        standing = LedgerReads(self._connection, self._book).standing_commitments()
        return {each.epoch: Committed(each.manifest_digest, each.root) for each in standing}

    def manuals(self) -> list[Booked]:
        """Posted manual entries."""
        return list(self.entries("manual"))

    def resolution(self, standing: Standing) -> Hash32 | None:
        """The entry that answers a discrepancy that is found no more; None if none does."""
        wallets = {records.wallet for records in self.wallets()}
        contracts = {self._book.contract, *self._payments, *wallets}
        return SqlAnswers(self._connection, self._book.chain_id, contracts).answer(standing)

    def wallets(self) -> list[WalletRecords]:
        """Wallets that we pay from, with what we know of each."""
        return self._intents.wallets()
