"""What a rewind does to any books: run against those in memory and those in Postgres."""

from typing import Protocol

import pytest

from settlement.ledger.accounts import CASH, paid_in
from settlement.ledger.balances import JournalKey
from settlement.ledger.books import Books
from settlement.ledger.journal import JournalEntry
from settlement.ledger.reserve import ReservationBooks, ReservationOutcome, reserve, void
from settlement.ledger.rewind import RewindBooks, rewind
from tests.ledger_builders import (
    ALICE,
    BOB,
    Computed,
    MoneyChain,
    leaf,
    op_id_of,
    post_all,
    totals,
    work,
)
from tests.ledger_contract import LEAF, active_epoch, line_of, posted, replay

OTHER = leaf({BOB: 5}, work_id=work(8))


class VersionedBooks(Books, ReservationBooks, RewindBooks, Protocol):
    """All three roles of the books."""


class RewindContract:
    """Taking back and posting again, with a fixture `books`."""

    def test_rewind__posted_above__zero_in_the_next_version(self, books: VersionedBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF, OTHER)
        chain.withdrawn(LEAF, refused=[BOB])
        post_all(chain, computed, books)
        entries = len(books.standing(after=None, entries_max=99))

        rewound = rewind(books, chain.blocks[2], reason="a deep reorg")

        assert rewound is not None
        assert (rewound.version, rewound.entries) == (1, entries)
        assert (books.version(), books.cursor()) == (1, None)
        assert (books.open_commitment(), books.leaves([op_id_of(LEAF)])) == (None, {})
        accounts = (CASH, paid_in(LEAF.epoch), line_of(LEAF, ALICE), line_of(OTHER, BOB))
        assert [posted(books, account) for account in accounts] == [0, 0, 0, 0]

    @pytest.mark.parametrize("place", [-1, -2])
    def test_rewind__nothing_posted_above__none(self, books: VersionedBooks, place: int) -> None:
        chain = MoneyChain()
        chain.funded(5)
        post_all(chain, Computed(), books)
        chain.mine()

        assert rewind(books, chain.blocks[place], reason="too early to tell") is None
        assert (books.version(), posted(books, CASH)) == (0, 5)

    def test_rewind__of_empty_books__none(self, books: VersionedBooks) -> None:
        assert rewind(books, MoneyChain().blocks[0], reason="nothing there") is None

    def test_rewind__twice__second_finds_nothing(self, books: VersionedBooks) -> None:
        chain = MoneyChain()
        chain.funded(5)
        post_all(chain, Computed(), books)

        first = rewind(books, chain.blocks[0], reason="once")
        second = rewind(books, chain.blocks[0], reason="once more")

        assert first is not None
        assert second is None
        assert books.version() == 1

    def test_post__same_chain_after_a_rewind__same_balances(self, books: VersionedBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF, OTHER)
        chain.withdrawn(LEAF, refused=[BOB])
        first = sum(step.entries for step in post_all(chain, computed, books))
        before = [posted(books, account) for account in (CASH, line_of(OTHER, BOB))]
        rewind(books, chain.blocks[1], reason="by mistake")

        second = sum(step.entries for step in post_all(chain, computed, books))

        assert second == first
        assert [posted(books, account) for account in (CASH, line_of(OTHER, BOB))] == before
        assert replay(chain, computed, books) == 0

    def test_post__other_event_at_the_same_place__posted(self, books: VersionedBooks) -> None:
        chain, other = MoneyChain(), MoneyChain()
        chain.funded(5)
        other.funded(7)
        post_all(chain, Computed(), books)
        rewind(books, chain.blocks[0], reason="block 1 was replaced")

        post_all(other, Computed(), books)

        assert posted(books, CASH) == 7

    def test_veto__in_a_later_version__of_that_version(self, books: VersionedBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        chain.funded(90)
        chain.committed(computed.add([LEAF]), [totals(90, 90)])
        chain.vetoed()
        post_all(chain, computed, books)
        rewind(books, chain.blocks[0], reason="a deep reorg")

        post_all(chain, computed, books)

        standing = books.standing(after=None, entries_max=99)
        assert [entry.source.version for entry in standing] == [1, 1, 1]
        assert posted(books, paid_in(LEAF.epoch)) == 90

    def test_rewind__reservations__none_left_and_attempts_begin_anew(
        self, books: VersionedBooks
    ) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF, OTHER)
        post_all(chain, computed, books)
        reserve(books, op_id_of(LEAF))
        void(books, op_id_of(LEAF), attempt=1)
        reserve(books, op_id_of(LEAF))
        reserve(books, op_id_of(OTHER))

        rewind(books, chain.blocks[1], reason="a deep reorg")

        assert books.last_reservation(op_id_of(LEAF)) is None
        post_all(chain, computed, books)
        again = reserve(books, op_id_of(LEAF))
        assert (again.attempt, again.outcome) == (1, None)
        chain.withdrawn(LEAF)
        post_all(chain, computed, books)
        last = books.last_reservation(op_id_of(LEAF))
        assert last is not None
        assert last.outcome is ReservationOutcome.POSTED
        assert books.last_reservation(op_id_of(OTHER)) is None

    def test_rewind__third_version__only_the_second_is_reversed(
        self, books: VersionedBooks
    ) -> None:
        chain = MoneyChain()
        chain.funded(5)
        chain.funded(6)
        for version in (1, 2):
            post_all(chain, Computed(), books)
            rewound = rewind(books, chain.blocks[0], reason=f"time {version}")

            assert rewound is not None
            assert (rewound.version, rewound.entries) == (version, 2)
        assert posted(books, CASH) == 0

    def test_rewind__more_than_a_page__each_reversed_once(self, books: VersionedBooks) -> None:
        chain = MoneyChain()
        for _ in range(700):
            chain.funded(1)
        post_all(chain, Computed(), books)

        rewound = rewind(books, chain.blocks[650], reason="a deep reorg")

        assert rewound is not None
        assert rewound.entries == 700
        assert posted(books, CASH) == 0

    def test_standing__pages__every_entry_once_in_order(self, books: VersionedBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF, OTHER)
        post_all(chain, computed, books)
        whole = books.standing(after=None, entries_max=99)

        paged: list[JournalEntry] = []
        while len(paged) < 99:
            place = JournalKey(paged[-1].effective_at, paged[-1].id) if paged else None
            page = books.standing(after=place, entries_max=3)
            paged.extend(page)
            if not page:
                break

        assert len(whole) == 4
        assert paged == whole
