"""`settlement.ledger.sealing` and `settlement.ledger.seal`."""

from dataclasses import replace
from hashlib import sha256

import pytest

from contracts.evm import ZERO_HASH, BlockNumber, Epoch, Hash32, Timestamp
from settlement.ledger.errors import JournalDiffers
from settlement.ledger.journal import EntryStatus
from settlement.ledger.posting_rules import funded
from settlement.ledger.seal import (
    PeriodClose,
    RecordedEntry,
    canonical_bytes,
    leaf_of,
    linked,
    prove,
    sealed,
    verify_inclusion,
)
from settlement.ledger.sealing import epoch_at, seal_step
from tests.ledger_builders import ALICE, BOOK, MoneyChain, work
from tests.ledger_seal_contract import Clock, MemorySeals


def journal(*counts: int) -> MemorySeals:
    """So many entries in each epoch, one after another; the books' clock is past all of them."""
    books, chain = MemorySeals(), MoneyChain()
    for epoch, count in enumerate(counts):
        start = Clock().genesis + epoch * Clock().length
        chain.mine(seconds=start - chain.blocks[-1].timestamp)
        for _ in range(count):
            books.record([replace(funded(chain.funded(5), 0), effective_at=Timestamp(start + 7))])
    books.clock = Timestamp(Clock().genesis + len(counts) * Clock().length)
    return books


def seal_all(books: MemorySeals, *, entries_max: int = 100) -> None:
    while not seal_step(books, Clock(), entries_max=entries_max).is_caught_up:
        pass


def test_seal__epochs_with_entries__one_each_over_the_one_before() -> None:
    books = journal(3, 0, 2)

    seal_all(books)

    assert [(seal.epoch, seal.first_sequence, seal.last_sequence) for seal in books.seals] == [
        (0, 1, 3),
        (2, 4, 5),
    ]
    assert [seal.previous for seal in books.seals] == [ZERO_HASH, books.seals[0].root]
    assert [seal.ends_at for seal in books.seals] == [1_000_100, 1_000_300]


def test_seal__three_entries__root_as_computed_by_hand() -> None:
    books = journal(3)
    seal_all(books)

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(left + right).digest()

    a, b, c = (bytes(link.leaf) for link in books.links)
    first = sha256(b"\x00" + bytes(32)).digest()

    assert books.seals[0].root == node(node(first, a), node(b, c))
    data = canonical_bytes(books.recorded[0].spelled, BOOK, 1)
    assert a == sha256(b"\x00" + data).digest()
    prefixed = (32).to_bytes(4, "big") + bytes(32) + len(data).to_bytes(4, "big") + data
    assert books.links[0].link == sha256(prefixed).digest()


@pytest.mark.parametrize("entries_max", [1, 2, 3, 100])
def test_seal__in_any_portions__same_links_and_seals(entries_max: int) -> None:
    whole, portions = journal(3, 2), journal(3, 2)
    seal_all(whole)

    seal_all(portions, entries_max=entries_max)

    assert (portions.links, portions.seals) == (whole.links, whole.seals)


def test_seal__again__nothing_new() -> None:
    books = journal(3, 2)
    seal_all(books)

    step = seal_step(books, Clock(), entries_max=10)

    assert (step.numbered, step.seals, len(books.seals)) == (0, (), 2)


def test_seal__epoch_that_runs__numbered_and_not_sealed() -> None:
    books = journal(3, 2)
    books.clock = Timestamp(books.clock - 1)

    seal_all(books)

    assert (len(books.links), [seal.epoch for seal in books.seals]) == (5, [0])


def test_seal__late_entry__under_the_seal_of_the_epoch_that_learned_of_it() -> None:
    books = journal(3)
    seal_all(books)
    late = replace(books.recorded[0].entry, leg=1)

    books.record([late])
    books.clock = Timestamp(books.clock + 100)
    seal_all(books)

    assert [(seal.epoch, seal.last_sequence) for seal in books.seals] == [(0, 3), (1, 4)]


def test_seal__entry_of_a_sealed_epoch__refused() -> None:
    books = journal(3)
    seal_all(books)
    early = replace(books.recorded[0], entry=replace(books.recorded[0].entry, leg=1))

    books.recorded.append(early)

    with pytest.raises(JournalDiffers, match="epoch to seal"):
        seal_all(books)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 9])
def test_prove__every_entry__holds_and_no_other_leaf_does(count: int) -> None:
    books = journal(count)
    seal_all(books)
    (seal,) = books.seals
    leaves = [link.leaf for link in books.links]

    for link in books.links:
        proof = prove(link, seal, leaves)

        assert verify_inclusion(proof)
        assert not verify_inclusion(replace(proof, leaf=work(9)))
        assert not verify_inclusion(replace(proof, root=work(9)))
        for position, (side, _) in enumerate(proof.path):
            path = list(proof.path)
            path[position] = (side, Hash32(bytes(32)))
            assert not verify_inclusion(replace(proof, path=tuple(path)))


def test_sealed__without_one_leaf_or_in_another_order__another_root() -> None:
    leaves = [work(number) for number in range(5)]
    roots = {
        sealed(each, (), after=after, epoch=Epoch(0), first_sequence=1, ends_at=Timestamp(9)).root
        for each in (leaves, leaves[1:], leaves[:-1], leaves[::-1], [*leaves, leaves[-1]])
        for after in (ZERO_HASH, work(7))
    }

    assert len(roots) == 10


@pytest.mark.parametrize("entries_max", [1, 100])
def test_seal__closed_months__under_the_seal_of_their_epoch(entries_max: int) -> None:
    """Epoch 1 has no entry, and nothing was closed in epoch 3, which runs."""
    books = journal(3, 0, 2, 1)
    times = (50, 100, 250, 350)
    books.closes = [
        PeriodClose(197001 + number, "ann", Timestamp(1_000_000 + time), number)
        for number, time in enumerate(times)
    ]
    books.clock = Timestamp(books.clock - 1)

    seal_all(books, entries_max=entries_max)

    sealed = [(one.epoch, one.first_sequence, one.last_sequence, one.closes) for one in books.seals]
    assert sealed == [(0, 1, 3, 1), (1, 4, 3, 1), (2, 4, 5, 1)]
    leaves = [link.leaf for link in books.leaves(Epoch(2))]
    under = [*leaves, books.closes[2].leaf(BOOK)]
    assert all(
        verify_inclusion(prove(link, books.seals[2], under)) for link in books.leaves(Epoch(2))
    )


def test_seal__month_closed_in_a_book_that_rests__sealed_when_its_epoch_is_over() -> None:
    books = journal(1)
    seal_all(books)
    books.closes = [PeriodClose(197001, "ann", Timestamp(1_000_750), 0)]
    books.clock = 1_000_799
    seal_all(books)
    running = list(books.seals)
    books.clock = 1_000_800

    seal_all(books)

    assert [one.epoch for one in running] == [0]
    assert [(one.epoch, one.closes) for one in books.seals] == [(0, 0), (7, 1)]
    assert books.seals[1].previous == books.seals[0].root


def test_seal__close_that_an_older_release_left_unsealed__in_the_next_epoch() -> None:
    books = journal(1, 0, 1)
    seal_all(books)
    books.closes = [PeriodClose(197001, "ann", Timestamp(0), 0)]
    books.clock = Timestamp(books.clock + 500)

    seal_all(books)

    assert [(one.epoch, one.closes) for one in books.seals] == [(0, 0), (2, 0), (3, 1)]


def test_leaf_of_a_close__any_other_field__another_leaf() -> None:
    one = PeriodClose(197001, "ann", Timestamp(5), 7)
    others = (
        one._replace(period=197002),
        one._replace(closed_by="ben"),
        one._replace(booked_at=Timestamp(6)),
        one._replace(recorded_at_us=8),
    )

    leaves = {each.leaf(BOOK) for each in (one, *others)}
    leaves.add(one.leaf(replace(BOOK, contract=ALICE)))

    assert len(leaves) == len(others) + 2


def test_canonical_bytes__any_other_field__other_bytes() -> None:
    (one,) = journal(1).recorded
    entry = one.entry
    others: list[RecordedEntry] = [
        replace(one, booked_at=Timestamp(one.booked_at + 1)),
        replace(one, period=one.period + 1),
        replace(one, recorded_at_us=1),
        replace(one, entry=replace(entry, leg=1)),
        replace(one, entry=replace(entry, effective_at=Timestamp(1))),
        replace(one, entry=replace(entry, evidence=None)),
        replace(one, entry=replace(entry, evidence=None, effective_block=BlockNumber(99))),
        replace(one, entry=replace(entry, postings=(entry.postings[0].reversed(),))),
        replace(one, entry=replace(entry, postings=entry.postings * 2)),
        replace(one, entry=replace(entry, source=replace(entry.source, version=1))),
    ]

    spelled = {canonical_bytes(each.spelled, BOOK, 1) for each in (one, *others)}
    spelled |= {
        canonical_bytes(one.spelled, BOOK, 2),
        canonical_bytes(one.spelled, replace(BOOK, contract=ALICE), 1),
    }

    assert len(spelled) == len(others) + 3
    assert entry.status is EntryStatus.POSTED
    assert all(len(leaf_of(data)) == 32 for data in spelled)


def test_linked__other_predecessor__other_link_and_the_same_leaf_never() -> None:
    one, two = journal(2).recorded
    first = linked(one.spelled, BOOK, after=None)

    second, swapped = linked(two.spelled, BOOK, after=first), linked(two.spelled, BOOK, after=None)

    assert (first.sequence, second.sequence) == (1, 2)
    assert (second.link, second.leaf) != (swapped.link, swapped.leaf)


def test_epoch_at__before_the_first__counts_as_the_first() -> None:
    times = (999_999, 1_000_000, 1_000_099, 1_000_100)

    assert [epoch_at(Timestamp(time), Clock()) for time in times] == [0, 0, 0, 1]
