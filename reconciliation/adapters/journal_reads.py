"""The journal of a settlement and the balances of a period, streamed; of one snapshot.

Every entry is checked against its digest as it is read. A settlement has several books: one for
each of its contracts that money goes through, and those of the wallets that pay its gas.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    cast,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from contracts.addresses import Settlement
from contracts.evm import Address
from reconciliation.adapters.period_sql import booked_contracts
from reconciliation.beancount import BeancountSource, BookedBalance
from reconciliation.gas_parts import gas_parts
from reconciliation.journal_exports import BookedEntry, merged
from reconciliation.period import Period
from settlement.ledger.accounts import AccountKind, Book
from settlement.ledger.adapters.period_tables import PERIOD_CLOSE
from settlement.ledger.adapters.rows import (
    account_columns,
    account_from_row,
    entries_from_rows,
    select_entries,
)
from settlement.ledger.adapters.tables import ACCOUNT, JOURNAL_ENTRY, POSTING, REWIND
from settlement.ledger.journal import SourceKind

_ROWS_PER_FETCH = 1_000
_OF_WALLETS = (AccountKind.WALLET.value, AccountKind.GAS.value)

_CARRIED = literal_column(
    """CASE journal_entry.source_kind WHEN 'gas' THEN (
        SELECT jsonb_agg(jsonb_build_array(o.kind, o.epoch) ORDER BY o.ordinal)
        FROM payout_gas_operation o
        WHERE o.chain_id = journal_entry.chain_id AND o.tx_hash = journal_entry.source_id) END""",
    JSONB,
).label("carried")
"""The operations of an entry's transaction, in their order."""


def settlement_books(connection: Connection, settlement: Settlement) -> list[Book]:
    """The books of a settlement's contracts, then those of the wallets of its chain."""
    contracts = list(booked_contracts(settlement))
    wallets = select(ACCOUNT.c.contract).distinct()
    wallets = wallets.where(
        ACCOUNT.c.chain_id == settlement.chain_id, ACCOUNT.c.kind.in_(_OF_WALLETS)
    )
    found = sorted(set(connection.execute(wallets).scalars()) - set(contracts))
    return [
        Book(chain_id=settlement.chain_id, contract=Address(each)) for each in (*contracts, *found)
    ]


class JournalReads:
    """Some books over one period."""

    def __init__(self, connection: Connection, books: Sequence[Book], period: Period) -> None:
        self._connection = connection.execution_options(yield_per=_ROWS_PER_FETCH)
        self._books = books
        self._period = period

    def entries(self) -> Iterator[BookedEntry]:
        """All entries of the period, pending ones and those of earlier versions too."""
        return merged([self._entries_of(book) for book in self._books])

    def standing(self) -> Iterator[BookedEntry]:
        """Entries of the period that statements count, see `period_sql.STANDS`."""
        stands = entry_stands(self._period)
        return merged([self._entries_of(book, stands) for book in self._books])

    def opening(self) -> Iterator[BookedBalance]:
        """What accounts had before the period, without those that had nothing."""
        is_before, _ = period_conditions(self._period)
        return (one for one in self._balances(is_before) if one.net)

    def closing(self) -> Iterator[BookedBalance]:
        """What accounts have at the end of the period, all that ever had a posting."""
        is_before, is_inside = period_conditions(self._period)
        return self._balances(is_before | is_inside)

    def assets(self) -> list[Address]:
        """Every asset with a posting by the end of the period, ascending."""
        is_before, is_inside = period_conditions(self._period)
        query = (
            select(POSTING.c.asset)
            .distinct()
            .join(JOURNAL_ENTRY, JOURNAL_ENTRY.c.id == POSTING.c.entry_id)
            .where(self._is_of(self._books), is_before | is_inside)
        )
        return sorted(self._connection.execute(query).scalars())

    def beancount(self) -> BeancountSource:
        """All that stands, as a beancount file wants it."""
        return BeancountSource(
            period=self._period,
            assets=self.assets,
            opening=self.opening,
            entries=self.standing,
            closing=self.closing,
        )

    def _entries_of(self, book: Book, *conditions: ColumnElement[bool]) -> Iterator[BookedEntry]:
        _, is_inside = period_conditions(self._period)
        query = (
            select_entries()
            .add_columns(_CARRIED)
            .where(self._is_of([book]), is_inside, *conditions)
            .order_by(JOURNAL_ENTRY.c.effective_at, JOURNAL_ENTRY.c.id, POSTING.c.ordinal)
        )
        rows = self._connection.execute(query)
        for _, group in groupby(rows, key=lambda row: bytes(row.id)):
            postings = list(group)
            (entry,) = entries_from_rows(postings)
            head = postings[0]
            yield BookedEntry(
                book=book,
                month=head.period,
                entry_id=head.id,
                content_digest=head.content_digest,
                entry=entry,
                gas_for=gas_parts(entry, [(kind, epoch) for kind, epoch in head.carried or ()]),
            )

    def _balances(self, condition: ColumnElement[bool]) -> Iterator[BookedBalance]:
        return chain.from_iterable(self._balances_of(book, condition) for book in self._books)

    def _balances_of(self, book: Book, condition: ColumnElement[bool]) -> Iterable[BookedBalance]:
        sides = union_all(
            self._side(book, condition, POSTING.c.debit_account, POSTING.c.amount),
            self._side(book, condition, POSTING.c.credit_account, -POSTING.c.amount),
        ).subquery()
        query: Select[Any] = (
            select(*account_columns(ACCOUNT), sides.c.asset, func.sum(sides.c.units).label("net"))
            .join(ACCOUNT, ACCOUNT.c.id == sides.c.account)
            .group_by(ACCOUNT.c.id, sides.c.asset)
            .order_by(ACCOUNT.c.kind, ACCOUNT.c.epoch, ACCOUNT.c.work_id, ACCOUNT.c.part)
            .order_by(ACCOUNT.c.payee, sides.c.asset)
        )
        for row in self._connection.execute(query):
            yield BookedBalance(
                book=book, account=account_from_row(row), asset=row.asset, net=int(row.net)
            )

    def _side(
        self,
        book: Book,
        condition: ColumnElement[bool],
        account: ColumnElement[Any],
        units: ColumnElement[Any],
    ) -> Select[Any]:
        return (
            select(account.label("account"), POSTING.c.asset, units.label("units"))
            .join(JOURNAL_ENTRY, JOURNAL_ENTRY.c.id == POSTING.c.entry_id)
            .where(
                self._is_of([book]),
                POSTING.c.status == "posted",
                condition,
                entry_stands(self._period),
            )
        )

    def _is_of(self, books: Sequence[Book]) -> ColumnElement[bool]:
        contracts = [book.contract for book in books]
        return (JOURNAL_ENTRY.c.chain_id == books[0].chain_id) & JOURNAL_ENTRY.c.contract.in_(
            contracts
        )


def period_conditions(period: Period) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether an entry counts before the period, and inside it."""
    if period.month is not None:
        return JOURNAL_ENTRY.c.period < period.month, JOURNAL_ENTRY.c.period == period.month
    time = JOURNAL_ENTRY.c.effective_at
    start, end = cast(period.start, BigInteger), cast(period.end, BigInteger)
    return time < start, (time >= start) & (time < end)


def entry_stands(period: Period) -> ColumnElement[bool]:
    """Whether an entry counts in statements: `period_sql.STANDS`, but for its status."""
    entry, later = JOURNAL_ENTRY.c, REWIND.alias("later").c
    is_rewind = entry.source_kind == SourceKind.REWIND.value
    is_replaced = (
        select(later.version)
        .where(later.chain_id == entry.chain_id, later.contract == entry.contract)
        .where(later.version > entry.version)
        .correlate(JOURNAL_ENTRY)
        .exists()
    )
    if period.month is None:
        return ~is_rewind & ~is_replaced
    original = JOURNAL_ENTRY.alias("original")
    of_original = (
        select(original.c.id)
        .where(original.c.id == func.substring(entry.source_id, 5), _was_closed(original))
        .correlate(JOURNAL_ENTRY)
        .exists()
    )
    return (~is_rewind & (~is_replaced | _was_closed(JOURNAL_ENTRY))) | (is_rewind & of_original)


def _was_closed(source: FromClause) -> ColumnElement[bool]:
    """Whether the month of an entry was closed when the entry's version was rewound."""
    close, ended, entry = PERIOD_CLOSE.alias("closed").c, REWIND.alias("ended").c, source.c
    return (
        select(close.period)
        .where(close.chain_id == entry.chain_id, close.contract == entry.contract)
        .where(close.period == entry.period, close.recorded_at < ended.recorded_at)
        .where(ended.chain_id == entry.chain_id, ended.contract == entry.contract)
        .where(ended.version == entry.version + 1)
        .correlate(source)
        .exists()
    )
