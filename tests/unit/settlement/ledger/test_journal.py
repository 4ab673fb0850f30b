"""`settlement.ledger.journal`."""

from dataclasses import replace

import pytest

from contracts.evm import Address, BlockNumber, Epoch, LogIndex, LogRef, Timestamp
from contracts.units import UINT256_MAX, BaseUnits
from settlement.errors import BadEntry
from settlement.ledger.accounts import CASH, IN_TRANSIT, paid_in, payable
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    Source,
    SourceKind,
    leaf_source,
    log_source,
    reservation_source,
    reversal,
    rewind_source,
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
    source=log_source(REF, 0),
    leg=0,
    status=EntryStatus.POSTED,
    effective_at=Timestamp(1000),
    effective_block=BlockNumber(3),
    evidence=Evidence(block_number=BlockNumber(3), block_hash=work(3)),
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
        log_source(REF, 0),
        log_source(LogRef(CHAIN_ID, BlockNumber(3), LogIndex(2)), 0),
        leaf_source(work(1), work(2), 0),
        leaf_source(work(2), work(1), 0),
        reservation_source(work(1), 1, 0),
        reservation_source(work(1), 2, 0),
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
        replace(ENTRY, evidence=Evidence(block_number=BlockNumber(3), block_hash=work(4))),
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
    source = log_source(LogRef(CHAIN_ID, BlockNumber(9), LogIndex(0)), 0)
    evidence = Evidence(block_number=BlockNumber(9), block_hash=work(9))

    undone = reversal(ENTRY, source=source, effective_at=Timestamp(2000), evidence=evidence)

    assert undone.postings == (
        Posting(asset=ASSET, amount=BaseUnits(5), debit=PAID_IN, credit=CASH),
    )
    assert undone.id != ENTRY.id


GOLDEN = {
    log_source(REF, 0): "0xf9eeb550e4c8589eb7230d34997c4002e83bdbc281322cd395b9d8082ecc0ef8",
    leaf_source(
        work(1), work(2), 0
    ): "0x5e948ceba1426b563d56d0f871d74bf0749b88ceaa6c3838d559832cadf90126",
    reservation_source(
        work(1), 1, 0
    ): "0xe6b27944cf42a11e3de6563b487919b5ba949130416e07d3b4192488782c2fbc",
}
"""Ids as they were before books had versions."""


@pytest.mark.parametrize(("source", "expected"), GOLDEN.items())
def test_id__first_version__as_it_always_was(source: Source, expected: str) -> None:
    assert str(replace(ENTRY, source=source).id) == expected


def test_id__other_version__differs() -> None:
    sources = [replace(source, version=version) for source in GOLDEN for version in range(3)]
    ids = {replace(ENTRY, source=source).id for source in sources}

    assert len(ids) == len(sources)


def test_source__version_below_zero__refused() -> None:
    with pytest.raises(BadEntry, match="version -1"):
        log_source(REF, -1)


def test_entry__pending_out_of_transit__for_a_rewind_alone() -> None:
    reservation = replace(ENTRY, status=EntryStatus.PENDING, postings=(RESERVING,))

    undone = replace(
        reservation, source=rewind_source(reservation), postings=(RESERVING.reversed(),)
    )

    assert undone.postings[0].debit == IN_TRANSIT
    with pytest.raises(BadEntry, match="pending"):
        replace(undone, postings=(RESERVING,))
    with pytest.raises(BadEntry, match="posted"):
        replace(undone, status=EntryStatus.POSTED)
    with pytest.raises(BadEntry, match="pending"):
        replace(undone, source=log_source(REF, 0))


def test_rewind_source__of_an_entry__names_it_and_the_version_that_begins() -> None:
    source = rewind_source(ENTRY)

    assert (source.kind, source.version) == (SourceKind.REWIND, 0)
    assert source.id == (1).to_bytes(4, "big") + ENTRY.id
