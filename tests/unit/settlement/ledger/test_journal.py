"""`settlement.ledger.journal`."""

from dataclasses import replace

import pytest

from contracts.evm import Address, BlockNumber, Epoch, Hash32, LogIndex, LogRef, Timestamp
from contracts.units import UINT256_MAX, BaseUnits
from settlement.errors import BadEntry
from settlement.ledger.accounts import CASH, IN_TRANSIT, paid_in, payable
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    leaf_source,
    log_source,
    reservation_source,
    reversal,
)
from tests.ledger_builders import ALICE, ASSET, CHAIN_ID, work

PAID_IN = paid_in(Epoch(0))
POSTING = Posting(asset=ASSET, amount=BaseUnits(5), debit=CASH, credit=PAID_IN)
RESERVING = Posting(
    asset=ASSET,
    amount=BaseUnits(5),
    debit=payable(epoch=Epoch(0), work_id=work(1), part=0, payee=ALICE),
    credit=IN_TRANSIT,
)
REF = LogRef(CHAIN_ID, BlockNumber(3), LogIndex(1))
ENTRY = JournalEntry(
    source=log_source(REF),
    leg=0,
    status=EntryStatus.POSTED,
    effective_at=Timestamp(1000),
    evidence=Evidence(block_number=3, block_hash=work(3)),
    postings=(POSTING,),
)


@pytest.mark.parametrize("amount", [0, -1, UINT256_MAX + 1, True, 1.0])
def test_posting__amount_no_positive_uint256__refused(amount: object) -> None:
    with pytest.raises(BadEntry):
        Posting(asset=ASSET, amount=amount, debit=CASH, credit=PAID_IN)  # type: ignore[arg-type]


def test_posting__largest_uint256__accepted() -> None:
    posting = replace(POSTING, amount=BaseUnits(UINT256_MAX))

    assert posting.amount == UINT256_MAX


def test_posting__one_account_on_both_sides__refused() -> None:
    with pytest.raises(BadEntry, match="to itself"):
        replace(POSTING, credit=CASH)


def test_entry__no_postings__refused() -> None:
    with pytest.raises(BadEntry, match="without postings"):
        replace(ENTRY, postings=())


@pytest.mark.parametrize(
    ("status", "posting"),
    [
        (EntryStatus.POSTED, RESERVING),
        (EntryStatus.PENDING, POSTING),
        (EntryStatus.PENDING, RESERVING.reversed()),
        (EntryStatus.PENDING, replace(RESERVING, debit=PAID_IN)),
        (EntryStatus.POSTED, replace(RESERVING, debit=PAID_IN)),
        (EntryStatus.PENDING, replace(RESERVING, credit=CASH)),
    ],
)
def test_entry__pending_other_than_a_reservation__refused(
    status: EntryStatus, posting: Posting
) -> None:
    with pytest.raises(BadEntry, match=status.value):
        replace(ENTRY, status=status, postings=(posting,))


def test_id__source_and_leg__all_it_depends_on() -> None:
    other_content = replace(ENTRY, effective_at=Timestamp(1), evidence=None)
    sources = (
        log_source(REF),
        log_source(LogRef(CHAIN_ID, BlockNumber(3), LogIndex(2))),
        leaf_source(work(1), work(2)),
        leaf_source(work(2), work(1)),
        reservation_source(work(1), 1),
        reservation_source(work(1), 2),
    )
    ids = {replace(ENTRY, source=source, leg=leg).id for source in sources for leg in (0, 1)}

    assert other_content.id == ENTRY.id
    assert len(ids) == 2 * len(sources)


@pytest.mark.parametrize(
    "other",
    [
        replace(ENTRY, leg=1),
        replace(ENTRY, effective_at=Timestamp(1001)),
        replace(ENTRY, evidence=None),
        replace(ENTRY, evidence=Evidence(block_number=3, block_hash=Hash32(bytes(32)))),
        replace(ENTRY, postings=(POSTING, POSTING)),
        replace(ENTRY, postings=(POSTING.reversed(),)),
        replace(ENTRY, postings=(replace(POSTING, amount=BaseUnits(6)),)),
        replace(ENTRY, postings=(replace(POSTING, asset=Address(b"\xab" * 20)),)),
        replace(ENTRY, postings=(replace(POSTING, credit=paid_in(Epoch(1))),)),
    ],
)
def test_content_digest__anything_else_said__differs(other: JournalEntry) -> None:
    assert other.content_digest != ENTRY.content_digest


def test_reversal__of_an_entry__same_amounts_the_other_way() -> None:
    source = log_source(LogRef(CHAIN_ID, BlockNumber(9), LogIndex(0)))
    evidence = Evidence(block_number=9, block_hash=work(9))

    undone = reversal(ENTRY, source=source, effective_at=Timestamp(2000), evidence=evidence)

    assert undone.postings == (
        Posting(asset=ASSET, amount=BaseUnits(5), debit=PAID_IN, credit=CASH),
    )
    assert undone.id != ENTRY.id
