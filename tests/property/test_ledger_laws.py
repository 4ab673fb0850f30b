"""Laws of the books, on random histories of a settlement.

A history is what the contract allows: money for epochs, commitments of which some are vetoed, with
fees, escrow and suspense; withdrawals with refused and with held lines, held lines paid later,
escrow released and expired, unallocated money transferred, pull balances taken, and payouts planned
and given up in between.
"""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.evm import Address
from contracts.leaves import FEES_ID, Leaf
from settlement.ledger.accounts import CASH, IN_TRANSIT, LIABILITIES
from settlement.ledger.journal import EntryStatus, log_source, reversal
from settlement.ledger.posting_rules import funded
from settlement.ledger.reserve import ReservationOutcome, reserve, void
from settlement.ledger.rewind import rewind
from tests.ledger_builders import (
    ALICE,
    ASSET,
    BOB,
    CAROL,
    ESCROW_ID,
    SUSPENSE_ID,
    VETO_WINDOW,
    Computed,
    MemoryBooks,
    MoneyChain,
    escrow_leaf,
    leaf,
    op_id_of,
    post_all,
    totals,
    work,
)
from tests.ledger_contract import replay

ASSETS = (ASSET, Address(b"\xab" * 20))
PAYEES = (ALICE, BOB, CAROL)
amounts = st.integers(1, 2**200)


@dataclass
class History:
    """A random chain with what was computed for it, and what must come of it."""

    chain: MoneyChain = field(default_factory=MoneyChain)
    computed: Computed = field(default_factory=Computed)
    held: Counter[Address] = field(default_factory=Counter)
    open_leaves: list[Leaf] = field(default_factory=list)


@st.composite
def leaf_sets(draw: st.DrawFn, epoch: int) -> list[Leaf]:
    keys = draw(
        st.sets(
            st.tuples(st.integers(0, 3), st.integers(0, 1), st.sampled_from(ASSETS)), max_size=4
        )
    )
    return [
        leaf(
            draw(st.dictionaries(st.sampled_from(PAYEES), amounts, min_size=1)),
            epoch=epoch,
            work_id=work(number) if number < 3 else FEES_ID,
            part=part,
            asset=asset,
        )
        for number, part, asset in sorted(keys)
    ]


@st.composite
def escrow_leaves(draw: st.DrawFn, epoch: int) -> list[Leaf]:
    keys = draw(
        st.sets(
            st.tuples(st.sampled_from((ESCROW_ID, SUSPENSE_ID)), st.sampled_from(ASSETS)),
            max_size=3,
        )
    )
    return [
        escrow_leaf(draw(amounts), leaf_id, epoch=epoch, asset=asset)
        for leaf_id, asset in sorted(keys)
    ]


def _settle_escrow(draw: st.DrawFn, history: History, each: Leaf) -> None:
    fate = draw(st.sampled_from(("stays", "released", "taken", "expired", "transferred")))
    if fate in ("released", "taken"):
        history.chain.escrow_released(each, BOB)
    if fate in ("expired", "transferred"):
        history.chain.escrow_expired(each)
    if fate == "taken":
        history.chain.unclaimed_withdrawn(BOB, each.amount, asset=each.asset)
    if fate == "transferred":
        history.chain.unallocated_transferred(each.amount, epoch=each.epoch, asset=each.asset)
    if fate in ("taken", "transferred"):
        history.held[each.asset] -= each.amount


def _withdraw(draw: st.DrawFn, history: History, each: Leaf) -> None:
    """All lines are settled, in one withdrawal or, because some are held at first, in two."""
    payees = [line.payee for line in each.lines]
    held = draw(st.sets(st.sampled_from(payees), max_size=len(payees) - 1))
    refused = draw(st.sets(st.sampled_from(PAYEES)))
    history.chain.withdrawn(each, refused=refused, held=held)
    if held:
        history.chain.withdrawn(each, refused=refused, settled=set(payees) - held)
    for line in each.lines:
        is_refused = line.payee in refused
        if is_refused and draw(st.booleans()):
            history.chain.unclaimed_withdrawn(line.payee, line.amount, asset=each.asset)
            is_refused = False
        if not is_refused:
            history.held[each.asset] -= line.amount


@st.composite
def histories(draw: st.DrawFn) -> History:
    history = History()
    chain = history.chain
    for epoch in range(draw(st.integers(1, 3))):
        leaves = draw(leaf_sets(epoch))
        in_escrow = draw(escrow_leaves(epoch))
        all_leaves = [*leaves, *in_escrow]
        sums: Counter[tuple[str, Address]] = Counter()
        for each in all_leaves:
            term = "escrow" if each.kind.is_escrow else each.kind.name.lower()
            sums[term, each.asset] += each.amount
            sums["paid", each.asset] += each.amount
        all_totals = [
            totals(
                sums["paid", asset] + draw(amounts),
                sums["work", asset],
                fees=sums["fees", asset],
                escrow=sums["escrow", asset],
                asset=asset,
            )
            for asset in ASSETS
        ]
        for each_total in all_totals:
            chain.funded(each_total.paid_in, epoch=epoch, asset=each_total.asset)
            history.held[each_total.asset] += each_total.paid_in
        vetoes = draw(st.integers(0, 2))
        for attempt in range(1, vetoes + 1):
            made = history.computed.add(all_leaves, salt=attempt)
            chain.committed(made, all_totals, epoch=epoch, attempt=attempt)
            chain.vetoed(epoch=epoch, attempt=attempt)
        made = history.computed.add(all_leaves)
        chain.committed(made, all_totals, epoch=epoch, attempt=vetoes + 1)
        chain.mine(seconds=VETO_WINDOW)
        paid = draw(st.sets(st.integers(0, len(leaves) - 1))) if leaves else set()
        for index, each in enumerate(leaves):
            if index in paid:
                _withdraw(draw, history, each)
            else:
                history.open_leaves.append(each)
        for each in in_escrow:
            _settle_escrow(draw, history, each)
    return history


def liabilities(books: MemoryBooks) -> Counter[Address]:
    sums: Counter[Address] = Counter()
    for (account, asset), balance in books.all_posted().items():
        if account.kind in LIABILITIES:
            sums[asset] += balance
    return sums


@given(histories(), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_books__any_history__cash_is_what_is_held_and_owed(
    history: History, blocks_max: int
) -> None:
    books = MemoryBooks()

    post_all(history.chain, history.computed, books, blocks_max=blocks_max)

    balances = books.all_posted()
    cash = {asset: balances.get((CASH, asset), 0) for asset in ASSETS}
    assert cash == {asset: history.held[asset] for asset in ASSETS}
    assert cash == {asset: liabilities(books)[asset] for asset in ASSETS}
    assert min(balances.values(), default=0) >= 0


@given(histories())
@settings(max_examples=60, deadline=None)
def test_entries__any_history__debits_equal_credits_per_asset(history: History) -> None:
    books = MemoryBooks()

    post_all(history.chain, history.computed, books)

    for entry in books.entries.values():
        sides: Counter[tuple[Address, str]] = Counter()
        for posting in entry.postings:
            sides[posting.asset, posting.debit.path] -= posting.amount
            sides[posting.asset, posting.credit.path] += posting.amount
        for asset in ASSETS:
            assert sum(units for (of, _), units in sides.items() if of == asset) == 0


@given(histories(), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_post__any_two_chunkings__same_entries(history: History, first: int, second: int) -> None:
    books, others = MemoryBooks(), MemoryBooks()

    post_all(history.chain, history.computed, books, blocks_max=first)
    post_all(history.chain, history.computed, others, blocks_max=second)

    assert books.entries == others.entries


@given(histories())
@settings(max_examples=40, deadline=None)
def test_post__replayed__same_as_once(history: History) -> None:
    books = MemoryBooks()
    post_all(history.chain, history.computed, books)
    once = dict(books.entries)

    new = replay(history.chain, history.computed, books)

    assert new == 0
    assert books.entries == once


@given(st.lists(amounts, min_size=1, max_size=5))
def test_reversal__of_any_entry__undoes_it_and_twice_is_itself(funds: list[int]) -> None:
    chain = MoneyChain()
    for amount in funds:
        entry = funded(chain.funded(amount), 0)
        later = chain.funded(1)
        assert entry.evidence is not None

        undone = reversal(
            entry,
            source=log_source(later.ref, 0),
            effective_at=later.timestamp,
            evidence=entry.evidence,
        )
        again = reversal(
            undone, source=entry.source, effective_at=entry.effective_at, evidence=entry.evidence
        )

        assert [posting.reversed() for posting in undone.postings] == list(entry.postings)
        assert again == entry


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_reservations__any__never_in_a_posted_balance(
    history: History, data: st.DataObject
) -> None:
    books = MemoryBooks()
    post_all(history.chain, history.computed, books)
    posted = books.all_posted()

    for each in history.open_leaves:
        reservation = reserve(books, op_id_of(each))
        if data.draw(st.booleans()):
            void(books, op_id_of(each), attempt=reservation.attempt)
            reserve(books, op_id_of(each))

    assert books.all_posted() == posted
    assert all(account != IN_TRANSIT for account, _ in posted)
    for each in history.open_leaves:
        held = {line.payee for line in each.lines[1:]} if data.draw(st.booleans()) else set()
        history.chain.withdrawn(each, held=held)
        post_all(history.chain, history.computed, books)
        if held:
            assert reserve(books, op_id_of(each)).outcome is None
            history.chain.withdrawn(each, settled={each.lines[0].payee})
    post_all(history.chain, history.computed, books)
    for each in history.open_leaves:
        last = books.last_reservation(op_id_of(each))
        assert last is not None
        assert last.outcome is ReservationOutcome.POSTED
    pending = [e for e in books.entries.values() if e.status is EntryStatus.PENDING]
    assert len(pending) >= len(history.open_leaves)


def sums_of_version(books: MemoryBooks, version: int) -> Counter[tuple[str, Address, str]]:
    """What all postings of a version come to, by account, asset and status."""
    sums: Counter[tuple[str, Address, str]] = Counter()
    for entry in books.entries.values():
        if entry.source.version == version:
            for posting in entry.postings:
                sums[posting.debit.path, posting.asset, entry.status] += posting.amount
                sums[posting.credit.path, posting.asset, entry.status] -= posting.amount
    return sums


@given(histories(), histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_rewind__any_history_then_any_other__as_if_only_the_other_was(
    first: History, second: History, data: st.DataObject
) -> None:
    books, fresh = MemoryBooks(), MemoryBooks()
    post_all(first.chain, first.computed, books)
    for each in first.open_leaves:
        if data.draw(st.booleans()):
            reserve(books, op_id_of(each))
    to = data.draw(st.sampled_from(first.chain.blocks[:-1]))

    rewound = rewind(books, to, reason="a deep reorg")
    in_between = books.all_posted()
    post_all(second.chain, second.computed, books)
    post_all(second.chain, second.computed, fresh)

    assert rewound is not None
    assert set(in_between.values()) <= {0}
    assert set(sums_of_version(books, 0).values()) <= {0}
    assert {key: units for key, units in books.all_posted().items() if units} == {
        key: units for key, units in fresh.all_posted().items() if units
    }
    assert sums_of_version(books, 1) == sums_of_version(fresh, 0)
