"""`settlement.ledger.posting_rules` and `.activation`: each cause, and the entry that it makes."""

from dataclasses import replace

import pytest

from contracts.approvals import AssetTotals
from contracts.evm import Address, BlockNumber, Epoch, Hash32
from contracts.leaves import FEES_ID, Leaf
from contracts.money_events import PayeeHeld, PayeePaid, PayeeUnclaimed
from contracts.units import BaseUnits
from settlement.errors import DistributionDiffers, UnexpectedEvent
from settlement.ledger import activation, posting_rules
from settlement.ledger.accounts import AccountKind
from settlement.ledger.journal import EntryStatus, JournalEntry
from tests.ledger_builders import (
    ALICE,
    ASSET,
    BOB,
    BOOK,
    ESCROW_ID,
    SUSPENSE_ID,
    MoneyChain,
    distribution,
    escrow_leaf,
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
    assert made.divided() == {(AccountKind.COMMITTED, ASSET): 100}


def test_commitment__fees_and_escrow__accounts_of_their_own() -> None:
    event = MoneyChain().committed(distribution([LEAF]), [totals(100, 60, fees=25, escrow=10)])

    made = posting_rules.commitment(event, 0)

    assert made.entry is not None
    assert movements(made.entry) == [
        ("paid_in", "committed", 60),
        ("paid_in", "fees", 25),
        ("paid_in", "escrowed", 10),
        ("paid_in", "unallocated", 5),
    ]
    assert made.divided() == {
        (AccountKind.COMMITTED, ASSET): 60,
        (AccountKind.FEES, ASSET): 25,
        (AccountKind.ESCROWED, ASSET): 10,
    }


def test_commitment__money_carried_in__unexpected() -> None:
    bad = replace(totals(100, 90), carried_in=BaseUnits(1), unallocated=BaseUnits(11))
    event = MoneyChain().committed(distribution([LEAF]), [bad])

    with pytest.raises(UnexpectedEvent, match="carry money in"):
        posting_rules.commitment(event, 0)


@pytest.mark.parametrize("term", ["allocated", "fees", "escrow", "unallocated"])
def test_commitment__a_term_one_less__does_not_add_up(term: str) -> None:
    good = totals(100, 60, fees=25, escrow=10)
    bad = replace(good, **{term: BaseUnits(getattr(good, term) - 1)})  # type: ignore[arg-type]
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

    entries = activation.activated(made, computed, BOOK, version=0, block=BlockNumber(5))

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
        activation.activated(
            made, replace(computed, root=op_id_of(LEAF)), BOOK, version=0, block=BlockNumber(5)
        )


def activated(*leaves: Leaf, total: AssetTotals) -> list[JournalEntry]:
    computed = distribution(leaves)
    made = posting_rules.commitment(MoneyChain().committed(computed, [total]), 0)
    return activation.activated(made, computed, BOOK, version=0, block=BlockNumber(5))


def test_activated__every_kind_of_leaf__from_its_account_to_its_account() -> None:
    fee_leaf = leaf({BOB: 25}, work_id=FEES_ID)
    leaves = (LEAF, fee_leaf, escrow_leaf(7), escrow_leaf(3, SUSPENSE_ID))

    entries = activated(*leaves, total=totals(130, 90, fees=25, escrow=10))

    assert [movements(entry) for entry in entries] == [
        [("committed", "payable", 60), ("committed", "payable", 30)],
        [("fees", "payable", 25)],
        [("escrowed", "escrow", 7)],
        [("escrowed", "suspense", 3)],
    ]
    assert [entry.postings[0].credit.work_id for entry in entries[1:]] == [
        FEES_ID,
        ESCROW_ID,
        SUSPENSE_ID,
    ]


@pytest.mark.parametrize(
    ("wrong", "total"),
    [
        (leaf({BOB: 25}), totals(25, 0, fees=25)),
        (leaf({BOB: 25}, work_id=FEES_ID), totals(25, 25)),
        (escrow_leaf(25), totals(25, 25)),
        (escrow_leaf(25), totals(25, 0, fees=25)),
        (escrow_leaf(24), totals(25, 0, escrow=25)),
        (leaf({BOB: 25}, work_id=FEES_ID), totals(25, 0, escrow=25)),
    ],
    ids=["work for fee", "fee for work", "escrow for work", "escrow for fee", "less", "fee"],
)
def test_activated__money_of_another_term__differs(wrong: Leaf, total: AssetTotals) -> None:
    with pytest.raises(DistributionDiffers, match="sum of"):
        activated(wrong, total=total)


@pytest.mark.parametrize(
    "wrong",
    [
        leaf({BOB: 10}, work_id=ESCROW_ID),
        leaf({BOOK.contract: 9, BOB: 1}, work_id=SUSPENSE_ID),
        replace(escrow_leaf(10), part=1),
    ],
    ids=["for somebody", "two lines", "another part"],
)
def test_activated__escrow_leaf_of_another_form__differs(wrong: Leaf) -> None:
    with pytest.raises(DistributionDiffers, match="form of escrow leaf"):
        activated(wrong, total=totals(10, 0, escrow=10))


@pytest.mark.parametrize("leaf_id", [b"\x04" + bytes(31), b"\xff" * 32])
def test_activated__id_of_no_kind__differs(leaf_id: bytes) -> None:
    with pytest.raises(DistributionDiffers, match="id of a leaf"):
        activated(leaf({BOB: 10}, work_id=Hash32(leaf_id)), total=totals(10, 10))


def test_activated__second_id_of_fees__differs() -> None:
    other = Hash32(FEES_ID[:31] + b"\x01")

    with pytest.raises(DistributionDiffers, match="id of a fee leaf"):
        activated(leaf({BOB: 10}, work_id=other), total=totals(10, 0, fees=10))


def test_escrow_settled__released_and_expired__unclaimed_and_unallocated() -> None:
    chain = MoneyChain()
    held, suspended = escrow_leaf(7), escrow_leaf(3, SUSPENSE_ID)

    released = posting_rules.escrow_settled(chain.escrow_released(held, BOB), held, 0)
    expired = posting_rules.escrow_settled(chain.escrow_expired(suspended), suspended, 0)

    assert movements(released) == [("escrow", "unclaimed", 7)]
    assert released.postings[0].credit.payee == BOB
    assert movements(expired) == [("suspense", "unallocated", 3)]
    assert expired.postings[0].credit.epoch == suspended.epoch


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": Epoch(1)},
        {"escrow_id": SUSPENSE_ID},
        {"asset": OTHER_ASSET},
        {"amount": BaseUnits(6)},
    ],
)
def test_escrow_settled__another_leaf__unexpected(change: dict[str, object]) -> None:
    event = replace(MoneyChain().escrow_expired(escrow_leaf(7)), **change)  # type: ignore[arg-type]

    with pytest.raises(UnexpectedEvent, match="is no escrow"):
        posting_rules.escrow_settled(event, escrow_leaf(7), 0)


def test_escrow_settled__leaf_of_a_work__unexpected() -> None:
    event = MoneyChain().escrow_released(leaf({BOB: 7}), BOB)

    with pytest.raises(UnexpectedEvent, match="is no escrow"):
        posting_rules.escrow_settled(event, leaf({BOB: 7}), 0)


def test_line_settled__of_an_escrow_leaf__unexpected() -> None:
    chain = MoneyChain()
    chain.withdrawn(escrow_leaf(7))

    with pytest.raises(UnexpectedEvent, match="no line"):
        posting_rules.line_settled(lines_of(chain)[0], escrow_leaf(7), 0)


def test_held_line__of_the_leaf_or_not__accepted_or_unexpected() -> None:
    chain = MoneyChain()
    chain.withdrawn(LEAF, held=[BOB])
    (event,) = (one for one in chain.events if isinstance(one, PayeeHeld))

    posting_rules.require_held_line(event, LEAF)
    with pytest.raises(UnexpectedEvent, match="no line"):
        posting_rules.require_held_line(replace(event, amount=BaseUnits(29)), LEAF)


def test_unallocated_transferred__any__cash_leaves() -> None:
    entry = posting_rules.unallocated_transferred(MoneyChain().unallocated_transferred(4), 0)

    assert movements(entry) == [("unallocated", "cash", 4)]


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
        planned_at=MoneyChain().blocks[0],
        version=0,
    )

    assert entry.status is EntryStatus.PENDING
    assert movements(entry) == [("payable", "in_transit", 30)]


def test_leaf_operation_id__other_epoch__differs() -> None:
    other = leaf({ALICE: 60, BOB: 30}, epoch=Epoch(1))

    assert activation.leaf_operation_id(LEAF, BOOK) != activation.leaf_operation_id(other, BOOK)
