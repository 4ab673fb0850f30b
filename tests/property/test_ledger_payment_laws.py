"""Laws of the books of payments, on random histories of sales, tips, documents and pull balances.

All contracts' events are told in one book: what each of them may do, a book must bear.
"""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32
from contracts.payment_events import TipReceived
from settlement.ledger.accounts import (
    CASH,
    FLOAT,
    IN_TRANSIT,
    PLATFORM_FEES,
    AccountKind,
    AssetAccount,
)
from settlement.ledger.documents import AcceptedDocument
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    log_source,
    reversal,
)
from settlement.ledger.post_payments import post_payments_step
from settlement.ledger.reserve import ReservationOutcome, reserve_line, void
from settlement.ledger.rewind import rewind
from tests.ledger_builders import ALICE, ASSET, BOB, CAROL, MemoryBooks
from tests.ledger_payment_builders import PaymentChain, document, line_op_id, post_payments

PAYEES = (ALICE, BOB, CAROL)
ASSETS = (ASSET, ZERO_ADDRESS)
amounts = st.integers(1, 2**200)
prices = st.integers(0, 2**200)


@dataclass
class History:
    """A random chain of payments, what is open on it, and what must come of it."""

    chain: PaymentChain = field(default_factory=PaymentChain)
    document: AcceptedDocument | None = None
    tips: list[TipReceived] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    unclaimed: Counter[tuple[Address, Address]] = field(default_factory=Counter)
    fees: int = 0
    cash: Counter[Address] = field(default_factory=Counter)

    @property
    def accepted(self) -> tuple[AcceptedDocument, ...]:
        return () if self.document is None else (self.document,)

    @property
    def open_op_ids(self) -> list[Hash32]:
        """Of tips and lines that are owed."""
        of_lines = [line_op_id(self.document, index) for index in self.lines if self.document]
        return [*(tip.op_id for tip in self.tips), *of_lines]

    def post(self, books: MemoryBooks, *, blocks_max: int = 1_000) -> None:
        post_payments(self.chain, books, *self.accepted, blocks_max=blocks_max)


def _sell(draw: st.DrawFn, history: History) -> None:
    """What a splitter hands on, and what comes back: nothing of it stays."""
    chain = history.chain
    told = draw(
        st.sampled_from(
            (
                chain.content_paid,
                chain.ticket_paid,
                chain.tip_paid,
                chain.content_refunded,
                chain.ticket_refunded,
            )
        )
    )
    told(draw(st.sampled_from(PAYEES)), draw(prices), draw(prices))


def _tip(draw: st.DrawFn, history: History) -> None:
    tip = history.chain.tip_received(draw(st.sampled_from(PAYEES)), draw(amounts), draw(prices))
    history.tips.append(tip)
    history.cash[ZERO_ADDRESS] += tip.amount + tip.fee
    history.fees += tip.fee


def _settle_tip(draw: st.DrawFn, history: History) -> None:
    if history.tips:
        tip = history.tips.pop(draw(st.integers(0, len(history.tips) - 1)))
        is_refused = draw(st.booleans())
        history.chain.tip_settled(tip, is_refused=is_refused)
        _left(history, tip.creator, ZERO_ADDRESS, tip.amount, is_refused=is_refused)


def _settle_line(draw: st.DrawFn, history: History) -> None:
    if history.document is not None and history.lines:
        index = history.lines.pop(draw(st.integers(0, len(history.lines) - 1)))
        line, is_refused = history.document.lines[index], draw(st.booleans())
        history.chain.line_settled(history.document, index, is_refused=is_refused)
        _left(history, line.payee, line.asset, line.amount, is_refused=is_refused)


def _left(
    history: History, payee: Address, asset: Address, amount: int, *, is_refused: bool
) -> None:
    if is_refused:
        history.unclaimed[payee, asset] += amount
    else:
        history.cash[asset] -= amount


def _withdraw(draw: st.DrawFn, history: History) -> None:
    waiting = sorted(key for key, units in history.unclaimed.items() if units)
    if waiting:
        payee, asset = draw(st.sampled_from(waiting))
        amount = history.unclaimed.pop((payee, asset))
        history.chain.unclaimed_withdrawn(payee, amount, asset)
        history.cash[asset] -= amount


def _take_fees(draw: st.DrawFn, history: History) -> None:
    if history.fees:
        amount = draw(st.integers(1, history.fees))
        history.chain.fees_withdrawn(amount)
        history.fees -= amount
        history.cash[ZERO_ADDRESS] -= amount


def _bring(draw: st.DrawFn, history: History) -> None:
    amount, is_native = draw(amounts), draw(st.booleans())
    bring = history.chain.float_received if is_native else history.chain.tokens_received
    bring(amount)
    history.cash[ZERO_ADDRESS if is_native else ASSET] += amount


_STEPS = (_sell, _tip, _settle_tip, _settle_line, _withdraw, _take_fees, _bring)


@st.composite
def histories(draw: st.DrawFn) -> History:
    history = History()
    lines = draw(st.lists(st.tuples(st.sampled_from(PAYEES), amounts), max_size=3))
    if lines:
        enough = sum(amount for _, amount in lines)
        history.chain.tokens_received(enough)
        history.cash[ASSET] += enough
        at = history.chain.mine().timestamp
        history.document = document(*lines, accepted_at=at)
        history.lines = list(range(len(lines)))
    for step in draw(st.lists(st.sampled_from(_STEPS), min_size=1, max_size=12)):
        step(draw, history)
    history.chain.mine()
    return history


def posted(entries: list[JournalEntry]) -> dict[AssetAccount, int]:
    """Balances that are not zero, added up from entries alone."""
    net: Counter[AssetAccount] = Counter()
    for entry in entries:
        if entry.status is EntryStatus.POSTED:
            for posting in entry.postings:
                net[posting.debit, posting.asset] += posting.amount
                net[posting.credit, posting.asset] -= posting.amount
    return {
        (account, asset): account.balance(debits=units, credits=0)
        for (account, asset), units in net.items()
        if units
    }


def standing(books: MemoryBooks) -> dict[AssetAccount, int]:
    return {key: units for key, units in books.all_posted().items() if units}


@given(histories(), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_payment_books__any_history__cash_fees_and_pull_balances_are_those_of_the_chain(
    history: History, blocks_max: int
) -> None:
    books = MemoryBooks()

    history.post(books, blocks_max=blocks_max)

    balances = books.all_posted()
    assert {asset: balances.get((CASH, asset), 0) for asset in ASSETS} == {
        asset: history.cash[asset] for asset in ASSETS
    }
    unclaimed = {
        (account.payee, asset): units
        for (account, asset), units in balances.items()
        if account.kind is AccountKind.UNCLAIMED and units
    }
    assert unclaimed == {key: units for key, units in history.unclaimed.items() if units}
    assert min(balances.values(), default=0) >= 0
    assert all(account.kind is not AccountKind.UNEXPLAINED for account, _ in balances)


@given(histories())
@settings(max_examples=60, deadline=None)
def test_payment_books__any_history__zero_sum_in_every_entry_and_in_the_whole(
    history: History,
) -> None:
    books = MemoryBooks()

    history.post(books)

    for entries in (*([entry] for entry in books.entries.values()), [*books.entries.values()]):
        sides: Counter[Address] = Counter()
        for (account, asset), units in posted(entries).items():
            sides[asset] += units if account.kind.is_debit_normal else -units
        assert set(sides.values()) <= {0}
    assert posted([*books.entries.values()]) == standing(books)


@given(histories(), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_payment_books__any_two_chunkings_and_a_replay__same_entries(
    history: History, first: int, second: int
) -> None:
    books, others = MemoryBooks(), MemoryBooks()

    history.post(books, blocks_max=first)
    history.post(others, blocks_max=second)
    once = dict(books.entries)
    books._forget()
    history.post(books, blocks_max=second)

    assert once == others.entries == books.entries


@given(histories())
@settings(max_examples=40, deadline=None)
def test_balance_at_a_block__any_history__what_the_books_said_when_they_were_there(
    history: History,
) -> None:
    books = MemoryBooks()
    said: list[dict[AssetAccount, int]] = []
    for _ in history.chain.blocks.blocks:
        post_payments_step(
            history.chain, history.accepted, books, start_block=BlockNumber(0), blocks_max=1
        )
        said.append(standing(books))

    entries = list(books.entries.values())
    for number, balances in enumerate(said):
        upto = [entry for entry in entries if entry.effective_block <= number]
        assert posted(upto) == balances


@given(histories())
@settings(max_examples=40, deadline=None)
def test_reversal__of_every_entry__leaves_nothing_and_twice_is_itself(history: History) -> None:
    books = MemoryBooks()
    history.post(books)
    later = history.chain.mine()
    proof = Evidence(block_number=later.number, block_hash=later.hash)
    entries = list(books.entries.values())

    undone = [
        reversal(
            entry,
            source=log_source(history.chain.blocks.funded(1).ref, 0),
            effective_at=later.timestamp,
            evidence=proof,
        )
        for entry in entries
    ]

    assert posted([*entries, *undone]) == {}
    for entry, back in zip(entries, undone, strict=True):
        assert [posting.reversed() for posting in back.postings] == list(entry.postings)


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_pending__any_plans__never_counted_as_posted(history: History, data: st.DataObject) -> None:
    books = MemoryBooks()
    history.post(books)
    before, planned = standing(books), history.open_op_ids

    for op_id in planned:
        attempt = reserve_line(books, op_id).attempt
        if data.draw(st.booleans()):
            void(books, op_id, attempt=attempt)
            reserve_line(books, op_id)

    assert standing(books) == before
    assert all(account != IN_TRANSIT for account, _ in books.all_posted())
    for tip in history.tips:
        history.chain.tip_settled(tip)
    for index in history.lines:
        assert history.document is not None
        history.chain.line_settled(history.document, index)
    history.post(books)
    for op_id in planned:
        last = books.last_reservation(op_id)
        assert last is not None
        assert last.outcome is ReservationOutcome.POSTED
    pending = [one for one in books.entries.values() if one.status is EntryStatus.PENDING]
    assert len(pending) >= len(planned)
    kinds = {account.kind for account, _ in standing(books)}
    assert kinds <= {
        *(CASH.kind, FLOAT.kind, PLATFORM_FEES.kind),
        *(AccountKind.UNCLAIMED, AccountKind.DOCUMENTS),
        *(AccountKind.EARNED, AccountKind.REFUNDED),
    }


@given(histories(), histories(), st.data())
@settings(max_examples=40, deadline=None)
def test_rewind__any_history_then_any_other__as_if_only_the_other_was(
    first: History, second: History, data: st.DataObject
) -> None:
    books, fresh = MemoryBooks(), MemoryBooks()
    first.post(books)
    for op_id in first.open_op_ids:
        if data.draw(st.booleans()):
            reserve_line(books, op_id)
    to = data.draw(st.sampled_from(first.chain.blocks.blocks[:-1]))

    rewound = rewind(books, to, reason="a deep reorg")
    between = standing(books)
    second.post(books)
    second.post(fresh)

    assert rewound is not None
    assert between == {}
    assert standing(books) == standing(fresh)
