"""Our side of a settlement, as one consistent view: every query of one REPEATABLE READ transaction.

Entries stream; everything else is small. Only what stands is read: posted entries of the current
version of the books.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, text

from contracts.addresses import Settlement
from contracts.evm import Address, BlockRef, Epoch, Hash32, Timestamp
from reconciliation.adapters.intents import SqlIntents
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.matching import Booked
from reconciliation.movements import Movement
from reconciliation.overdue import OpenReservation
from reconciliation.register import Standing
from reconciliation.snapshot import Committed
from reconciliation.wallets import GasBook, GasEntry, WalletRecords
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.documents import AcceptedDocument
from settlement.payouts.adapters.documents import SqlDocuments

_ROWS_AT_ONCE = 20_000

_STANDING = """
    e.chain_id = :chain_id AND e.contract = :contract AND e.status = 'posted'
    AND e.version = (SELECT coalesce(max(r.version), 0) FROM ledger_rewind r
                     WHERE r.chain_id = :chain_id AND r.contract = :contract)
"""

_ACCOUNTS = """
    SELECT id, concat_ws('\\:', kind, epoch, '0x' || encode(work_id, 'hex'), part,
                         '0x' || encode(payee, 'hex'))
    FROM ledger_account WHERE chain_id = :chain_id AND contract = :contract
"""

_ENTRIES = f"""
    SELECT e.source_id, e.leg, e.id, e.block_number, e.block_hash, e.effective_at,
           p.asset, p.amount, p.debit_account, p.credit_account
    FROM journal_entry e JOIN posting p ON p.entry_id = e.id
    WHERE {_STANDING} AND e.source_kind = :source_kind
    ORDER BY e.source_id, e.leg, e.id, p.ordinal
"""  # noqa: S608 - the parts are constants

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

_ENTRY_OF_LOG = f"""
    SELECT e.id FROM journal_entry e
    WHERE {_STANDING} AND e.source_kind = 'log' AND e.source_id = :source_id
"""  # noqa: S608 - the part is a constant

_SUMS = """
    SELECT a.kind, p.asset, sum(p.amount) AS units
    FROM journal_entry e JOIN posting p ON p.entry_id = e.id
    JOIN ledger_account a ON a.id = %s
    WHERE e.chain_id = :chain_id AND e.contract = :contract AND e.status = 'posted'
    GROUP BY a.kind, p.asset
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
        self._names: dict[bytes, str] = {}
        self._key: dict[str, Any] = {
            "chain_id": book.chain_id,
            "contract": bytes(book.contract),
        }

    def cursor(self) -> BlockRef | None:
        """The block that everything final is posted up to."""
        return LedgerStore(self._connection, self._book).cursor()

    def entries(self, source_kind: str) -> Iterator[Booked]:
        """Posted entries of one kind of cause, ascending by source."""
        paths = self._paths()
        rows = self._connection.execute(
            text(_ENTRIES),
            self._key | {"source_kind": source_kind},
            execution_options={"yield_per": _ROWS_AT_ONCE},
        )
        for _, group in groupby(rows, key=lambda row: row[2]):
            of_entry = list(group)
            source_id, leg, entry_id, number, block_hash, at = of_entry[0][:6]
            moved = [
                Movement(row[6], int(row[7]), paths[row[8]], paths[row[9]]) for row in of_entry
            ]
            if len(moved) > 1 and source_kind == "log":
                moved.sort()
            yield Booked(source_id, leg, entry_id, number, block_hash, at, tuple(moved))

    def twin(self, booked: Booked) -> Hash32 | None:
        """Another standing entry with the same movements out of the same account, or block."""
        values = {"entry_id": booked.entry_id, "block_number": booked.block_number}
        row = self._connection.execute(text(_TWIN), self._key | values).first()
        return Hash32(row[0]) if row else None

    def accepted(self) -> Sequence[AcceptedDocument]:
        """Documents whose lines the contract pays."""
        book = self._book
        return SqlDocuments(self._connection, book.chain_id, book.contract).accepted()

    def _paths(self) -> dict[bytes, str]:
        """Names of accounts by id, as the chart spells them."""
        if not self._names:
            rows = self._connection.execute(text(_ACCOUNTS), self._key)
            self._names = {row[0]: row[1] for row in rows}
        return self._names


class SqlBooks(SqlBook):
    """Serves `ports.Books`: the journal of one settlement, and what was signed for it."""

    def __init__(self, connection: Connection, settlement: Settlement) -> None:
        book = Book(chain_id=settlement.chain_id, contract=settlement.payouts)
        super().__init__(connection, book)
        self._intents = SqlIntents(connection, settlement)

    def payments(self, contract: Address) -> SqlBook:
        """The books of a payment contract."""
        return SqlBook(self._connection, Book(chain_id=self._book.chain_id, contract=contract))

    def commitments(self) -> dict[Epoch, Committed]:
        """Commitments that stand."""
        standing = LedgerReads(self._connection, self._book).standing_commitments()
        return {each.epoch: Committed(each.manifest_digest, each.root) for each in standing}

    def manuals(self) -> list[Booked]:
        """Posted manual entries."""
        return list(self.entries("manual"))

    def resolution(self, standing: Standing) -> Hash32 | None:
        """The entry that answers a discrepancy that is found no more; None if none does.

        The entry of its event or transaction; else the newest manual entry in its asset.
        """
        place = standing.place
        if place.block_number is not None and place.log_index is not None:
            words = (self._book.chain_id, place.block_number, place.log_index)
            source_id = b"".join(word.to_bytes(8, "big") for word in words)
            values = self._key | {"source_id": source_id}
            row = self._connection.execute(text(_ENTRY_OF_LOG), values).first()
            if row is not None:
                return Hash32(row[0])
        if standing.kind == Kind.GAS.value and place.transaction_hash is not None:
            return self._gas_entry(place.transaction_hash)
        manuals = [
            one
            for one in self.manuals()
            if any(moved.asset == standing.asset for moved in one.movements)
        ]
        last = max(manuals, key=lambda one: one.effective_at, default=None)
        return Hash32(last.entry_id) if last else None

    def misstated(self) -> list[Discrepancy]:
        """Balances that the books answer, and that are not the sums of their postings."""
        summed: dict[tuple[str, Address], list[int]] = {}
        for side, column in enumerate(("p.debit_account", "p.credit_account")):
            for row in self._connection.execute(text(_SUMS % column), self._key):
                summed.setdefault((row[0], Address(row[1])), [0, 0])[side] = int(row[2])
        answered = {
            (line.kind.value, line.asset): [line.debits, line.credits]
            for line in LedgerReads(self._connection, self._book).trial_balance()
        }
        return [
            Discrepancy(
                kind=Kind.AMOUNT,
                subject=f"trial balance/{kind}/{asset}",
                asset=asset,
                expected="{} debited, {} credited".format(*answered.get((kind, asset), [0, 0])),
                actual="{} debited, {} credited".format(*summed.get((kind, asset), [0, 0])),
                evidence=("trial balance", "sum of all postings"),
            )
            for kind, asset in sorted(summed.keys() | answered.keys())
            if summed.get((kind, asset), [0, 0]) != answered.get((kind, asset), [0, 0])
        ]

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

    def wallets(self) -> list[WalletRecords]:
        """Wallets that we pay from, with what we know of each."""
        return self._intents.wallets()

    def gas(self, wallet: Address) -> GasBook | None:
        """What is booked of a wallet's gas; None while it has no book."""
        book = Book(chain_id=self._book.chain_id, contract=wallet)
        cursor = LedgerStore(self._connection, book).cursor()
        if cursor is None:
            return None
        rows = self._connection.execute(
            text(_ENTRIES), self._key | {"contract": bytes(wallet), "source_kind": "gas"}
        )
        found: dict[Hash32, GasEntry] = {}
        for row in rows:
            transaction_hash = Hash32(row.source_id)
            before = found.get(transaction_hash)
            found[transaction_hash] = GasEntry(
                entry_id=Hash32(row.id),
                transaction_hash=transaction_hash,
                amount_wei=int(row.amount) + (before.amount_wei if before else 0),
            )
        return GasBook(upto_block=cursor.number, entries=found)

    def _gas_entry(self, transaction_hash: Hash32) -> Hash32 | None:
        for records in self.wallets():
            book = self.gas(records.wallet)
            if book is not None and transaction_hash in book.entries:
                return book.entries[transaction_hash].entry_id
        return None
