"""Which entry answers a finding that is gone: its event's, or one that names it; no other.

Subjects: reconciliation.adapters.answers, reconciliation.adapters.books.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from contracts.addresses import Settlement
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.evm import Address, BlockNumber, Hash32
from reconciliation.adapters.books import books_of
from reconciliation.adapters.store import SqlRegister
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.ports import Run
from reconciliation.register import Status
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.manual import ManualEntry, decide, propose
from tests.ledger_builders import ALICE, ASSET, BOOK
from tests.ledger_payment_builders import PaymentChain, post_payments
from tests.ledger_payment_contract import APPROVED, manual_entry_of
from tests.payouts_settlement import database_engine

PAYOUTS = Address(b"\xc7" * 20)
SETTLEMENT = Settlement(
    name="main",
    chain_id=BOOK.chain_id,
    start_block=BlockNumber(0),
    contracts=dict.fromkeys(ROYALTY_CONTRACTS, PAYOUTS),
    payments={ContractName.TIP_RELAY: BOOK.contract},
    tokens=(ASSET,),
)
SURPLUS = Discrepancy(
    kind=Kind.MISSING_IN_BOOKS,
    subject="balance/TipRelay",
    asset=ASSET,
    expected="0",
    actual="9",
    evidence=(),
)


class Books:
    """One book of a settlement, its register, and its chain."""

    def __init__(self, engine: Engine, settlement: Settlement = SETTLEMENT) -> None:
        self.engine, self.chain, self.settlement = engine, PaymentChain(), settlement
        self.register = SqlRegister(engine, settlement.chain_id, settlement.payouts)
        self.chain.float_received(1)
        self.post()

    def post(self) -> None:
        with self.engine.begin() as connection:
            post_payments(self.chain, LedgerStore(connection, BOOK))

    def reconciled(self, *found: Discrepancy) -> None:
        run = Run(block=self.chain.mine(), checks=1, discrepancies=found)
        with books_of(self.engine, self.settlement) as books:
            self.register.record(run, books.resolution)

    def book(self, made: ManualEntry) -> None:
        self.post()
        with self.engine.begin() as connection:
            books = LedgerStore(connection, BOOK)
            propose(books, made)
            decide(books, made.id, APPROVED)

    def by_hand(self, amount: int, reason: str = "came by mistake") -> ManualEntry:
        return replace(manual_entry_of(self.chain, amount=amount), reason=reason)

    def outcome(self, one: Discrepancy) -> tuple[Status, Hash32 | None]:
        last = self.register.transitions(one.id)[-1]
        return last.status, last.entry_id

    def entry_of(self, made: ManualEntry) -> Hash32:
        with books_of(self.engine, self.settlement) as books:
            entries = list(books.payments(BOOK.contract).entries("manual"))
        (found,) = (Hash32(one.entry_id) for one in entries if one.source_id == made.id)
        return found


@pytest.fixture
def books(database: str) -> Iterator[Books]:
    engine = database_engine(database)
    yield Books(engine)
    engine.dispose()


def test_resolution__manual_entry_in_the_same_book_and_asset_that_does_not_name_it__absent(
    database: str,
) -> None:
    contracts = dict.fromkeys(ROYALTY_CONTRACTS, BOOK.contract)
    engine = database_engine(database)
    books = Books(engine, replace(SETTLEMENT, contracts=contracts, payments={}))
    books.book(books.by_hand(4))
    books.reconciled(SURPLUS)
    books.book(books.by_hand(9))
    books.reconciled()
    outcome = books.outcome(SURPLUS)
    engine.dispose()

    assert outcome == (Status.ABSENT, None)


def test_resolution__manual_entry_of_a_payment_book_that_names_it__resolved_by_it(
    books: Books,
) -> None:
    books.reconciled(SURPLUS)
    made = books.by_hand(9, f"answers {str(SURPLUS.id).upper().replace('X', 'x')}: a refund")
    books.book(made)
    books.reconciled()

    assert books.outcome(SURPLUS) == (Status.RESOLVED, books.entry_of(made))


def test_resolution__found_again_and_gone_again__the_old_entry_is_no_answer(books: Books) -> None:
    books.reconciled(SURPLUS)
    books.book(books.by_hand(9, f"answers {SURPLUS.id}"))
    books.reconciled()
    books.reconciled(SURPLUS)
    books.reconciled()

    assert books.outcome(SURPLUS) == (Status.ABSENT, None)


def test_resolution__event_booked_after_the_finding__resolved_by_its_entry(books: Books) -> None:
    tip = books.chain.tip_received(ALICE, 70)
    place = Place(block_number=tip.ref.block_number, log_index=tip.ref.log_index)
    missing = replace(SURPLUS, subject="log of the tip", place=place)
    books.reconciled(missing)
    books.post()
    books.reconciled()
    status, entry = books.outcome(missing)

    assert status is Status.RESOLVED
    assert entry is not None


def test_resolution__entry_was_there_when_it_was_found__no_answer(books: Books) -> None:
    tip = books.chain.tip_received(ALICE, 70)
    books.post()
    place = Place(block_number=tip.ref.block_number, log_index=tip.ref.log_index)
    wrong = replace(SURPLUS, kind=Kind.AMOUNT, subject="log of the tip", place=place)
    books.reconciled(wrong)
    books.reconciled()

    assert books.outcome(wrong) == (Status.ABSENT, None)


def test_entries__closed_before_their_end__books_answer_again(books: Books) -> None:
    for _ in range(3):
        books.chain.tip_received(ALICE, 70)
    books.post()
    with books_of(books.engine, SETTLEMENT) as reads:
        book = reads.payments(BOOK.contract)
        entries = book.entries("log")
        first = next(entries)
        entries.close()
        again = list(book.entries("log"))

    assert again[0] == first
    assert len(again) == 4
