"""`reconciliation.payment_movements` against the ledger's own rules, event by event.

Two readings of the contracts, written apart: where they differ, one of them is wrong.
"""

from dataclasses import asdict, replace
from typing import Any

import pytest

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, Hash32, Timestamp
from contracts.payment_events import (
    LinePaid,
    LineUnclaimed,
    PassedThrough,
    TipReceived,
    TokensReceived,
)
from reconciliation.chain_events import ChainEvent, RawLog, TokenTransfer
from reconciliation.discrepancy import Kind
from reconciliation.movements import Expected, Movement
from reconciliation.payment_books import nobody_owed
from reconciliation.payment_movements import PaymentReplay
from settlement.ledger import payment_rules
from settlement.ledger.journal import JournalEntry
from settlement.ledger.lines import OwedLine
from tests.ledger_builders import BOOK
from tests.ledger_payment_builders import PaymentChain, document, line_op_id

ANN, BEN = Address(b"\x01" * 20), Address(b"\x02" * 20)
COIN = Address(bytes(20))
BLOCK = BlockNumber(1)


def as_event(record: Any) -> ChainEvent | TokenTransfer:
    """The record as the reconciliation's own reader gives it."""
    values = asdict(record)
    ref, hashed = record.ref, values.pop("block_hash")
    log = RawLog(ref.block_number, ref.log_index, hashed, bytes(32), bytes(BOOK.contract), (), b"")
    if isinstance(record, TokensReceived):
        return TokenTransfer(
            log=log._replace(address=bytes(record.asset)),
            source=record.source,
            target=BOOK.contract,
            amount=record.amount,
        )
    return ChainEvent(log, ContractName.TIP_RELAY, type(record).__name__, values)


def replayed(records: list[Any], *documents: Any) -> list[Expected]:
    replay = PaymentReplay(BOOK.chain_id, BOOK.contract, documents)
    times = {one.ref.block_number: one.timestamp for one in records}
    return list(replay.entries(map(as_event, records), times))


def moved(entry: JournalEntry) -> tuple[Movement, ...]:
    """What the ledger posts, in the reconciliation's words."""
    return tuple(
        sorted(
            Movement(bytes(one.asset), one.amount, one.debit.path, one.credit.path)
            for one in entry.postings
        )
    )


def posted(record: Any, line: OwedLine | None = None) -> JournalEntry:
    entry: JournalEntry | None
    if isinstance(record, PassedThrough):
        entry = payment_rules.passed_through(record, 0)
    elif isinstance(record, TipReceived):
        entry = payment_rules.tip_received(record, 0)[1]
    elif isinstance(record, LinePaid | LineUnclaimed):
        entry = payment_rules.line_ended(record, line, 0)
    else:
        entry = payment_rules.money_moved(record, 0)
    assert entry is not None
    return entry


@pytest.mark.parametrize("fee", [0, 7])
def test_entries__every_event__what_the_ledger_posts(fee: int) -> None:
    chain = PaymentChain()
    records = [
        chain.content_paid(ANN, 100, fee),
        chain.content_refunded(ANN, 100, fee),
        chain.ticket_paid(ANN, 50, fee),
        chain.ticket_refunded(ANN, 50, fee),
        chain.tip_paid(BEN, 30, fee),
        chain.tip_received(ANN, 90, fee),
        chain.unclaimed_withdrawn(ANN, 5, COIN),
        chain.fees_withdrawn(9),
        chain.float_received(1_000),
        chain.tokens_received(2_000),
    ]

    entries = replayed(records)

    assert [one.movements for one in entries] == [moved(posted(one)) for one in records]
    assert [one.source_id for one in entries] == [posted(one).source.id for one in records]


@pytest.mark.parametrize("is_refused", [False, True])
def test_entries__tip_and_document_line_settled__out_of_what_is_owed(is_refused: bool) -> None:
    chain = PaymentChain()
    paid = document((ANN, 70), (BEN, 30), accepted_at=0)
    tip = chain.tip_received(BEN, 90)
    line = payment_rules.tip_received(tip, 0)[0]
    tip_end = chain.tip_settled(tip, is_refused=is_refused)
    op_ids = tuple(line_op_id(paid, index) for index in range(2))
    first = payment_rules.document_lines(paid, op_ids)[0]
    line_end = chain.line_settled(paid, 0, is_refused=is_refused)

    entries = replayed([tip, tip_end, line_end], paid)

    assert entries[1].movements == moved(posted(tip_end, line))
    assert entries[2].movements == moved(posted(line_end, first))


def test_entries__line_of_no_document_or_another_sum__unexplained() -> None:
    chain = PaymentChain()
    known, unknown = (
        document((ANN, 70), accepted_at=0),
        document((ANN, 5), accepted_at=0, name=b"x"),
    )
    records = [chain.line_settled(known, 0, amount=71), chain.line_settled(unknown, 0)]

    entries = replayed(records, known)

    assert [one.movements for one in entries] == [moved(posted(one)) for one in records]
    assert {one.movements[0].debit for one in entries} == {"unexplained"}


def test_owed_by_documents__accepted_by_then__an_entry_for_each_line() -> None:
    paid = document((ANN, 70), (BEN, 30), accepted_at=50)
    replay = PaymentReplay(BOOK.chain_id, BOOK.contract, (paid,))
    op_ids = tuple(line_op_id(paid, index) for index in range(2))

    entries = replay.owed_by_documents(Timestamp(50))

    expected = [
        payment_rules.document_line_owed(line, paid.digest, ended=None, block=BLOCK, version=0)
        for line in payment_rules.document_lines(paid, op_ids)
    ]
    assert [(one.source_id, one.movements) for one in entries] == [
        (one.source.id, moved(one)) for one in sorted(expected, key=lambda one: one.source.id)
    ]
    assert replay.owed_by_documents(Timestamp(49)) == []
    assert {one.effective_at for one in entries} == {50}
    assert isinstance(paid.digest, Hash32)


def test_owed_by_documents__accepted_after_a_line_was_paid__explained_as_the_ledger_does() -> None:
    chain = PaymentChain()
    draft = document((ANN, 70), (BEN, 30), accepted_at=0)
    end = chain.line_settled(draft, 0)
    late = replace(draft, accepted_at=end.timestamp)
    after = chain.line_settled(draft, 1)
    lines = payment_rules.document_lines(late, tuple(line_op_id(late, index) for index in range(2)))
    replay = PaymentReplay(BOOK.chain_id, BOOK.contract, (late,))
    times: dict[int, Timestamp] = {one.ref.block_number: one.timestamp for one in (end, after)}

    of_logs = list(replay.entries(map(as_event, (end, after)), times))

    assert [one.movements for one in of_logs] == [
        moved(posted(end)),
        moved(posted(after, lines[1])),
    ]
    assert [one.movements for one in replay.owed_by_documents(late.accepted_at)] == [
        moved(
            payment_rules.document_line_owed(line, late.digest, ended=ended, block=BLOCK, version=0)
        )
        for line, ended in zip(lines, (end, None), strict=True)
    ]
    assert replay.unexplained == []


def test_unexplained__line_of_no_document__named_until_a_document_explains_it() -> None:
    chain = PaymentChain()
    draft = document((ANN, 70), accepted_at=0)
    end = chain.line_settled(draft, 0)
    replay = PaymentReplay(BOOK.chain_id, BOOK.contract, ())
    list(replay.entries([as_event(end)], {end.ref.block_number: end.timestamp}))

    (one,) = replay.unexplained

    assert (one.op_id, one.list_id, one.line) == (line_op_id(draft, 0), draft.list_id, 0)
    found = nobody_owed(ContractName.PAYOUT_BATCH, BOOK.contract, one)
    assert found.kind is Kind.UNAUTHORISED_OUTFLOW
    assert "quittance payout document add FILE" in " ".join(found.evidence)
