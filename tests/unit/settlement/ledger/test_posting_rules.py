"""`settlement.ledger.posting_rules`: each cause, and the entry that it makes."""

from dataclasses import replace

import pytest

from contracts.evm import Address, Epoch
from contracts.money_events import PayeePaid, PayeeUnclaimed
from contracts.units import BaseUnits
from settlement.errors import DistributionDiffers, UnexpectedEvent
from settlement.ledger import posting_rules
from settlement.ledger.journal import EntryStatus, JournalEntry
from tests.ledger_builders import (
    ALICE,
    ASSET,
    BOB,
    BOOK,
    MoneyChain,
    distribution,
    leaf,
    op_id_of,
    totals,
)

OTHER_ASSET = Address(b"\xab" * 20)
LEAF = leaf({ALICE: 60, BOB: 30})


def movements(entry: JournalEntry) -> list[tuple[str, str, int]]:
    """Kinds of both accounts, and the amount, of each posting."""
    return [
        (posting.debit.kind.value, posting.credit.kind.value, posting.amount)
        for posting in entry.postings
    ]


def lines_of(chain: MoneyChain) -> list[PayeePaid | PayeeUnclaimed]:
    return [event for event in chain.events if isinstance(event, PayeePaid | PayeeUnclaimed)]


def test_funded__any__evidence_is_the_block_of_the_event() -> None:
    event = MoneyChain().funded(5)

    entry = posting_rules.funded(event, 0)

    assert movements(entry) == [("cash", "paid_in", 5)]
    assert entry.effective_at == event.timestamp
    assert entry.evidence is not None
    assert entry.evidence.block_hash == event.block_hash


def test_commitment__two_assets__divided_per_asset_without_zeros() -> None:
    event = MoneyChain().committed(
        distribution([LEAF]), [totals(100, 100), totals(50, 0, asset=OTHER_ASSET)]
    )

    made = posting_rules.commitment(event, 0)

    assert made.entry is not None
    assert movements(made.entry) == [("paid_in", "committed", 100), ("paid_in", "unallocated", 50)]
    assert made.allocated() == {ASSET: 100}


@pytest.mark.parametrize("term", ["carried_in", "escrow", "fees"])
def test_commitment__unsupported_term__unexpected(term: str) -> None:
    bad = replace(totals(100, 90), **{term: BaseUnits(1)})  # type: ignore[arg-type]
    event = MoneyChain().committed(distribution([LEAF]), [bad])

    with pytest.raises(UnexpectedEvent, match="carry, hold or charge"):
        posting_rules.commitment(event, 0)


def test_commitment__totals_do_not_add_up__unexpected() -> None:
    bad = replace(totals(100, 90), unallocated=BaseUnits(9))
    event = MoneyChain().committed(distribution([LEAF]), [bad])

    with pytest.raises(UnexpectedEvent, match="add up"):
        posting_rules.commitment(event, 0)


def test_vetoed__commitment__exact_reversal() -> None:
    chain = MoneyChain()
    made = posting_rules.commitment(chain.committed(distribution([LEAF]), [totals(100, 90)]), 0)

    undone = posting_rules.vetoed(chain.vetoed(), made)

    assert undone is not None
    assert movements(undone) == [("committed", "paid_in", 90), ("unallocated", "paid_in", 10)]


def test_vetoed__commitment_without_money__nothing_to_undo() -> None:
    chain = MoneyChain()
    made = posting_rules.commitment(chain.committed(distribution([]), []), 0)

    assert posting_rules.vetoed(chain.vetoed(), made) is None


def test_activated__leaves__one_entry_each_with_a_posting_per_line() -> None:
    leaves = [LEAF, leaf({BOB: 10}, part=1)]
    computed = distribution(leaves)
    made = posting_rules.commitment(MoneyChain().committed(computed, [totals(100, 100)]), 0)

    entries = posting_rules.activated(made, computed, BOOK, 0)

    assert [movements(entry) for entry in entries] == [
        [("committed", "payable", 60), ("committed", "payable", 30)],
        [("committed", "payable", 10)],
    ]
    assert {entry.effective_at for entry in entries} == {made.active_at}
    assert {entry.evidence for entry in entries} == {None}


def test_activated__other_root__differs() -> None:
    computed = distribution([LEAF])
    made = posting_rules.commitment(MoneyChain().committed(computed, [totals(100, 90)]), 0)

    with pytest.raises(DistributionDiffers, match="root"):
        posting_rules.activated(made, replace(computed, root=op_id_of(LEAF)), BOOK, 0)


def test_line_settled__paid_and_refused__cash_and_unclaimed() -> None:
    chain = MoneyChain()
    chain.withdrawn(LEAF, refused=[BOB])

    entries = [posting_rules.line_settled(event, LEAF, 0) for event in lines_of(chain)]

    assert [movements(entry) for entry in entries] == [
        [("payable", "cash", 60)],
        [("payable", "unclaimed", 30)],
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"payee": BOB},
        {"amount": BaseUnits(59)},
        {"line": 1},
        {"line": 2},
        {"asset": OTHER_ASSET},
    ],
)
def test_line_settled__not_a_line_of_the_leaf__unexpected(change: dict[str, object]) -> None:
    chain = MoneyChain()
    chain.withdrawn(LEAF)
    event = replace(lines_of(chain)[0], **change)  # type: ignore[arg-type]

    with pytest.raises(UnexpectedEvent, match="no line"):
        posting_rules.line_settled(event, LEAF, 0)


def test_unclaimed_withdrawn__sent_elsewhere__debited_to_the_payee() -> None:
    event = replace(MoneyChain().unclaimed_withdrawn(BOB, 30), to=ALICE)

    entry = posting_rules.unclaimed_withdrawn(event, 0)

    assert movements(entry) == [("unclaimed", "cash", 30)]
    assert entry.postings[0].debit.payee == BOB


def test_reserved__open_lines__pending_in_transit() -> None:
    entry = posting_rules.reserved(
        op_id_of(LEAF),
        1,
        leaf=LEAF,
        open_lines=LEAF.lines[1:],
        planned_at=MoneyChain().blocks[0].timestamp,
        version=0,
    )

    assert entry.status is EntryStatus.PENDING
    assert movements(entry) == [("payable", "in_transit", 30)]


def test_leaf_operation_id__other_epoch__differs() -> None:
    other = leaf({ALICE: 60, BOB: 30}, epoch=Epoch(1))

    assert posting_rules.leaf_operation_id(LEAF, BOOK) != posting_rules.leaf_operation_id(
        other, BOOK
    )
