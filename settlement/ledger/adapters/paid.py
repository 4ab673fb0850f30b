"""Reads of one book: which lines were paid since when, and since when leaves have been owed."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from contracts.evm import Hash32, Timestamp
from settlement.ledger.accounts import RESERVABLE, Book
from settlement.ledger.adapters.queries import current_version, is_current, is_of
from settlement.ledger.adapters.tables import ACCOUNT, JOURNAL_ENTRY, LEAF, POSTING
from settlement.ledger.journal import SourceKind
from settlement.ledger.paid import PaidLine


def paid_lines(connection: Connection, book: Book, since: Timestamp) -> list[PaidLine]:
    """Lines settled at `since` or later, in chain order."""
    query = (
        select(ACCOUNT.c.payee, POSTING.c.asset, POSTING.c.amount, JOURNAL_ENTRY.c.effective_at)
        .join(POSTING, POSTING.c.entry_id == JOURNAL_ENTRY.c.id)
        .join(ACCOUNT, ACCOUNT.c.id == POSTING.c.debit_account)
        .where(
            *is_of(JOURNAL_ENTRY, book),
            JOURNAL_ENTRY.c.version == current_version(book),
            JOURNAL_ENTRY.c.status == "posted",
            JOURNAL_ENTRY.c.source_kind != SourceKind.REWIND.value,
            JOURNAL_ENTRY.c.effective_at >= since,
            ACCOUNT.c.kind.in_(RESERVABLE),
        )
        .order_by(JOURNAL_ENTRY.c.effective_at, JOURNAL_ENTRY.c.id, POSTING.c.ordinal)
    )
    return [
        PaidLine(payee=row[0], asset=row[1], amount=int(row[2]), paid_at=Timestamp(row[3]))
        for row in connection.execute(query)
    ]


def owed_since(
    connection: Connection, book: Book, op_ids: Collection[Hash32]
) -> dict[Hash32, Timestamp]:
    """When each of these leaves became payable, by the op-id of the leaf."""
    query = (
        select(LEAF.c.op_id, JOURNAL_ENTRY.c.effective_at)
        .join(JOURNAL_ENTRY, JOURNAL_ENTRY.c.id == LEAF.c.entry_id)
        .where(*is_current(LEAF, book), LEAF.c.op_id.in_(op_ids))
    )
    return {row[0]: Timestamp(row[1]) for row in connection.execute(query)}
