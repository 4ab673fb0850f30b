"""Verification of the rows beside the journal: each against the entry that it is about, both ways.

    leaves, lines    op-id from what the row says; owed by its entry; no entry without its row
    documents        named by the entries of their lines, and by nothing else
    commitments      of the event that booked them; what is payable is of an activated manifest
    reservations     one for every pending entry; ended where the books say that the money left
    months           closed one after another; an entry is late only behind closed months, and
                     nothing was recorded in a month once it was closed
    entries by hand  approved by a second person, booked as they were approved, and all booked

What a row says that no entry says, and no op-id covers, cannot be computed again: who sent a tip,
when a commitment becomes active, that a plan was voided rather than never ended. Chain and intents
tell these. A month that was closed is under the next seal; until then a report of the close tells
(`quittance ledger verify --closed`).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, text

from contracts.evm import Address, BlockRef, Epoch, Hash32
from contracts.operations import (
    TIP_LIST,
    payout_operation_id,
    tip_operation_id,
    withdraw_operation_id,
)
from settlement.errors import BadEntry, EntryConflict
from settlement.ledger.accounts import Book, owed
from settlement.ledger.adapters import manual_rows
from settlement.ledger.journal import JournalEntry
from settlement.ledger.manual import Decision, is_same_person, manual_entry
from settlement.ledger.periods import next_period, period_of
from settlement.ledger.verify import Difference

_ROWS_PER_FETCH = 2_000

_LEAVES = """
    SELECT coalesce(l.op_id, substring(e.source_id FROM 33)) AS op_id, l.epoch, l.work_id, l.part,
           l.asset, CASE
               WHEN l.op_id IS NULL THEN 'no row'
               WHEN e.id IS NULL THEN 'no entry of a manifest'
               WHEN substring(e.source_id FROM 33) <> l.op_id THEN 'an entry of another leaf'
           END AS problem
    FROM (SELECT * FROM ledger_leaf WHERE chain_id = :chain_id AND contract = :contract) l
    FULL JOIN (
        SELECT id, source_id, version FROM journal_entry
        WHERE chain_id = :chain_id AND contract = :contract AND source_kind = 'manifest_leaf'
    ) e ON e.id = l.entry_id AND e.version = l.version
    ORDER BY 1
"""

_LINES = """
    WITH entries AS (
        SELECT e.id, e.version, e.source_kind, e.effective_at, p.asset, p.amount,
               p.credit_account AS account_id
        FROM journal_entry e JOIN posting p ON p.entry_id = e.id
        JOIN ledger_account a ON a.id = p.credit_account AND a.kind = 'owed'
        WHERE e.chain_id = :chain_id AND e.contract = :contract
          AND e.source_kind IN ('log', 'document')
    )
    SELECT l.op_id, l.list_id, l.list_index, l.payee, l.account_id, e.id AS entry_id, CASE
               WHEN l.op_id IS NULL THEN 'no row'
               WHEN e.id IS NULL THEN 'no entry that owes so much'
               WHEN e.effective_at <> l.owed_since THEN 'owed since another time'
               WHEN (l.payer IS NULL) <> (e.source_kind = 'document') THEN 'a payer of another kind'
           END AS problem
    FROM (SELECT * FROM ledger_line WHERE chain_id = :chain_id AND contract = :contract) l
    FULL JOIN entries e ON e.id = l.entry_id AND e.version = l.version
        AND e.account_id = l.account_id AND e.asset = l.asset AND e.amount = l.amount
    ORDER BY 1, e.id
"""

_DOCUMENTS = """
    SELECT d.list_id, d.digest, e.digest AS booked FROM (
        SELECT * FROM ledger_document WHERE chain_id = :chain_id AND contract = :contract
    ) d
    FULL JOIN (
        SELECT DISTINCT e.version, substring(e.source_id FOR 32) AS digest, a.work_id AS list_id
        FROM journal_entry e JOIN posting p ON p.entry_id = e.id
        JOIN ledger_account a ON a.id = p.debit_account AND a.kind = 'documents'
        WHERE e.chain_id = :chain_id AND e.contract = :contract AND e.source_kind = 'document'
    ) e ON e.list_id = d.list_id AND e.version = d.version
    WHERE d.digest IS DISTINCT FROM e.digest
    ORDER BY 1
"""

_COMMITMENTS = """
    SELECT c.epoch, c.attempt, 'the event that booked it' AS expected, 'another entry' AS actual
    FROM ledger_commitment c LEFT JOIN journal_entry e
        ON e.id = c.entry_id AND e.version = c.version AND e.source_kind = 'log'
       AND e.source_id = int8send(c.chain_id) || int8send(c.block_number) || int8send(c.log_index)
    WHERE c.chain_id = :chain_id AND c.contract = :contract
      AND c.entry_id IS NOT NULL AND e.id IS NULL
    UNION ALL
    SELECT l.epoch, NULL, 'an activated commitment of its manifest', coalesce(o.outcome, 'none')
    FROM ledger_leaf l JOIN journal_entry e ON e.id = l.entry_id
    LEFT JOIN ledger_commitment c
        ON c.chain_id = l.chain_id AND c.contract = l.contract AND c.version = l.version
       AND c.epoch = l.epoch AND c.manifest_digest = substring(e.source_id FOR 32)
    LEFT JOIN ledger_commitment_outcome o
        ON o.chain_id = c.chain_id AND o.contract = c.contract AND o.version = c.version
       AND o.epoch = c.epoch AND o.attempt = c.attempt
    WHERE l.chain_id = :chain_id AND l.contract = :contract
      AND o.outcome IS DISTINCT FROM 'activated'
    ORDER BY 1, 2 LIMIT 1
"""

_RESERVATIONS = """
    SELECT coalesce(r.op_id, substring(e.source_id FOR 32)) AS op_id,
           CASE WHEN e.id IS NULL THEN 'the pending entry of its plan' ELSE 'a reservation' END
               AS expected,
           CASE WHEN e.id IS NULL THEN 'another' ELSE 'none' END AS actual
    FROM (
        SELECT r.* FROM reservation r JOIN journal_entry e ON e.id = r.entry_id
        WHERE e.chain_id = :chain_id AND e.contract = :contract
    ) r
    FULL JOIN (
        SELECT * FROM journal_entry WHERE chain_id = :chain_id AND contract = :contract
          AND source_kind = 'reservation'
    ) e ON e.id = r.entry_id AND e.version = r.version AND e.status = 'pending'
       AND e.source_id = r.op_id || int4send(r.attempt::integer)
    WHERE r.op_id IS NULL OR e.id IS NULL
    ORDER BY 1 LIMIT 1
"""

_ENDS = """
    SELECT r.op_id, r.attempt, o.outcome, o.block_number,
           bool_or(s.entry_id IS NOT NULL) FILTER (WHERE s.is_there) AS left_there,
           bool_and(s.entry_id IS NOT NULL) AS left_all
    FROM reservation r
    JOIN journal_entry e ON e.id = r.entry_id
    JOIN posting p ON p.entry_id = r.entry_id
    LEFT JOIN reservation_outcome o
        ON o.op_id = r.op_id AND o.version = r.version AND o.attempt = r.attempt
    LEFT JOIN LATERAL (
        SELECT q.entry_id, q.effective_block = o.block_number AND (
            NOT r.is_line OR f.source_id = int8send(f.chain_id) || int8send(o.block_number)
                                           || int8send(o.log_index)) AS is_there
        FROM posting q JOIN journal_entry f ON f.id = q.entry_id
        WHERE q.debit_account = p.debit_account AND q.asset = p.asset AND q.version = p.version
          AND q.status = 'posted' AND f.source_kind = 'log'
    ) s ON true
    WHERE e.chain_id = :chain_id AND e.contract = :contract
    GROUP BY r.op_id, r.version, r.attempt, o.outcome, o.block_number
    HAVING (o.outcome = 'posted'
            AND NOT coalesce(bool_or(s.entry_id IS NOT NULL) FILTER (WHERE s.is_there), false))
        OR (o.outcome IS NULL AND bool_and(s.entry_id IS NOT NULL))
    ORDER BY r.op_id, r.attempt LIMIT 1
"""

_CLOSED = """
    SELECT period, recorded_at FROM ledger_period_close
    WHERE chain_id = :chain_id AND contract = :contract ORDER BY period
"""

_MONTHS = """
    SELECT id, effective_at, period, recorded_at FROM journal_entry
    WHERE chain_id = :chain_id AND contract = :contract ORDER BY arrival
"""

_MANUALS = """
    SELECT e.id, e.source_id, e.version, e.content_digest, d.decision, d.maker, d.checker
    FROM journal_entry e
    LEFT JOIN ledger_manual_decision d ON d.manual_id = e.source_id
    WHERE e.chain_id = :chain_id AND e.contract = :contract AND e.source_kind = 'manual'
    ORDER BY e.arrival
"""


def record_differences(
    connection: Connection, book: Book, *, version: int, cursor: BlockRef | None
) -> Iterator[Difference]:
    """Whatever of the rows beside the journal is not what the journal says."""
    yield from _leaves(connection, book)
    yield from _lines(connection, book)
    for row in _rows(connection, _DOCUMENTS, book):
        where = f"list {Hash32(row.list_id)}" if row.list_id else "a list"
        yield _differs("document", where, _hash(row.booked), _hash(row.digest))
    for row in _rows(connection, _COMMITMENTS, book):
        yield _differs("commitment", f"epoch {row.epoch}", row.expected, row.actual)
    for row in _rows(connection, _RESERVATIONS, book):
        yield _differs("reservation", f"operation {_hash(row.op_id)}", row.expected, row.actual)
    for row in _rows(connection, _ENDS, book):
        where = f"operation {_hash(row.op_id)}, attempt {row.attempt}"
        wanted = "posted" if row.outcome is None else f"money that left at block {row.block_number}"
        yield _differs("end of a reservation", where, wanted, row.outcome or "open")
    yield from _months(connection, book)
    yield from _manuals(connection, book)
    for manual in manual_rows.unbooked(connection, book, version, cursor) if cursor else ():
        yield _differs("manual entry", f"proposal {manual.id}", "booked", "approved only")


def _leaves(connection: Connection, book: Book) -> Iterator[Difference]:
    for row in _rows(connection, _LEAVES, book):
        where = f"leaf {_hash(row.op_id)}"
        if row.problem is not None:
            yield _differs("leaf", where, "what its entry says", row.problem)
            continue
        named = withdraw_operation_id(
            Epoch(row.epoch),
            Hash32(row.work_id),
            row.part,
            Address(row.asset),
            chain_id=book.chain_id,
            contract=book.contract,
        )
        if named != row.op_id:
            yield _differs("leaf", where, named, _hash(row.op_id))


def _lines(connection: Connection, book: Book) -> Iterator[Difference]:
    for row in _rows(connection, _LINES, book):
        where = f"line {_hash(row.op_id)}" if row.op_id else f"entry {_hash(row.entry_id)}"
        if row.problem is not None:
            yield _differs("line", where, "what its entry says", row.problem)
            continue
        list_id, index = Hash32(row.list_id), int(row.list_index)
        if list_id == TIP_LIST:
            named = tip_operation_id(index, chain_id=book.chain_id, contract=book.contract)
        else:
            named = payout_operation_id(
                list_id, index, chain_id=book.chain_id, contract=book.contract
            )
        account_id = book.account_id(owed(named, Address(row.payee)))
        if (named, account_id) != (row.op_id, row.account_id):
            yield _differs("line", where, f"{named}, {account_id}", _hash(row.account_id))


def _months(connection: Connection, book: Book) -> Iterator[Difference]:
    """Closed one after another; what is late came behind them, and nothing came into them."""
    closed = {row.period: row.recorded_at for row in _rows(connection, _CLOSED, book)}
    months = list(closed)
    opened = {next_period(month) for month in months}
    for before, month in pairwise(months):
        if month != next_period(before):
            yield _differs("closed period", f"after {before}", next_period(before), month)
    for number, row in enumerate(_rows(connection, _MONTHS, book)):
        where = f"entry {_hash(row.id)}"
        if number == 0 and months and months[0] > row.period:
            yield _differs("closed period", where, f"from {row.period} on", f"from {months[0]} on")
        if row.period > period_of(row.effective_at) and row.period not in opened:
            yield _differs("closed period", where, f"the one before {row.period}", "open")
        if row.period in closed and row.recorded_at > closed[row.period]:
            wanted = f"recorded before {closed[row.period]}"
            yield _differs("entry of a closed period", where, wanted, row.recorded_at)


def _manuals(connection: Connection, book: Book) -> Iterator[Difference]:
    """Manual entries that no second person approved, or that say something else than was."""
    for row in _rows(connection, _MANUALS, book):
        where = f"entry {_hash(row.id)}"
        wanted = _approved(connection, Hash32(row.source_id), row.version)
        if row.decision != Decision.APPROVED.value or is_same_person(row.maker, row.checker):
            yield _differs("manual entry", where, "approved by a second person", row.decision)
        elif wanted is None:
            yield _differs("manual entry", where, "a proposal that can be read", "none")
        elif (wanted[0], wanted[1].id, wanted[1].content_digest) != (
            row.maker,
            row.id,
            row.content_digest,
        ):
            yield _differs("manual entry", where, "as it was approved", "something else")


def _approved(
    connection: Connection, manual_id: Hash32, version: int
) -> tuple[str, JournalEntry] | None:
    """The maker and the entry of a proposal; None where its row is not what its id says."""
    try:
        found = manual_rows.find(connection, manual_id)
    except (EntryConflict, BadEntry, ValueError, KeyError):
        return None
    return (found[0].maker, manual_entry(found[0], version)) if found else None


def _rows(connection: Connection, query: str, book: Book) -> Iterator[Row[Any]]:
    """A page at a time, so that a book of any size is read; closed when nobody asks further."""
    values = {"chain_id": book.chain_id, "contract": bytes(book.contract)}
    pages = {"yield_per": _ROWS_PER_FETCH}
    with connection.execute(text(query), values, execution_options=pages) as rows:
        yield from rows


def _hash(value: bytes | None) -> str:
    return "none" if value is None else "0x" + bytes(value).hex()


def _differs(what: str, where: str, expected: object, actual: object) -> Difference:
    return Difference(what=what, where=where, expected=str(expected), actual=str(actual))
