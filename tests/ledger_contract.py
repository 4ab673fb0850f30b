"""What any books must do: run against the books in memory and against those in Postgres."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from contracts.leaves import FEES_ID, Leaf
from settlement.errors import (
    BlockMissing,
    DistributionDiffers,
    EntryConflict,
    FinalizedBlockChanged,
    NotComputedYet,
    Overdrawn,
    Transient,
    UnexpectedEvent,
    UnknownManifest,
)
from settlement.ledger.accounts import (
    CASH,
    IN_TRANSIT,
    Account,
    committed,
    escrow,
    escrowed,
    fees,
    paid_in,
    payable,
    suspense,
    unallocated,
    unclaimed,
)
from settlement.ledger.books import Books
from settlement.ledger.errors import NoOpenReservation, NothingToReserve, PlanOutdated
from settlement.ledger.post import post_step
from settlement.ledger.reserve import ReservationBooks, ReservationOutcome, reserve, void
from tests.ledger_builders import (
    ALICE,
    ASSET,
    BOB,
    CAROL,
    ESCROW_ID,
    SUSPENSE_ID,
    VETO_WINDOW,
    Computed,
    MoneyChain,
    escrow_leaf,
    leaf,
    op_id_of,
    post_all,
    totals,
    work,
)


class AnyBooks(Books, ReservationBooks, Protocol):
    """Both roles of the books."""


LEAF = leaf({ALICE: 60, BOB: 30})


def posted(books: AnyBooks, account: Account) -> int:
    """Posted balance of one account in the test asset."""
    return books.posted_balances([(account, ASSET)]).get((account, ASSET), 0)


def line_of(each: Leaf, payee: Address) -> Account:
    """The payable account of a payee's line."""
    return payable(epoch=each.epoch, work_id=each.work_id, part=each.part, payee=payee)


def active_epoch(chain: MoneyChain, computed: Computed, *leaves: Leaf, paid: int = 100) -> None:
    """Fund, commit and activate epoch 0."""
    chain.funded(paid)
    made = computed.add(leaves)
    chain.committed(made, [totals(paid, sum(each.amount for each in leaves))])
    chain.mine(seconds=VETO_WINDOW)


class BooksContract:
    """Posting and reserving, with a fixture `books`."""

    def test_post__funding__cash_against_paid_in(self, books: AnyBooks) -> None:
        chain = MoneyChain()
        chain.funded(70)
        chain.funded(30)

        (step,) = post_all(chain, Computed(), books)

        assert (step.entries, step.is_caught_up) == (2, True)
        assert posted(books, CASH) == 100
        assert posted(books, paid_in(LEAF.epoch)) == 100

    def test_post__commitment__reserved_but_not_payable(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        chain.funded(100)
        chain.committed(computed.add([LEAF]), [totals(100, 90)])

        post_all(chain, computed, books)

        assert posted(books, paid_in(LEAF.epoch)) == 0
        assert posted(books, committed(LEAF.epoch)) == 90
        assert posted(books, unallocated(LEAF.epoch)) == 10
        assert books.leaves([op_id_of(LEAF)]) == {}

    def test_post__finalized_block_at_active_at__payable_by_line(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)

        post_all(chain, computed, books)

        assert posted(books, committed(LEAF.epoch)) == 0
        assert posted(books, line_of(LEAF, ALICE)) == 60
        assert posted(books, line_of(LEAF, BOB)) == 30
        assert books.leaves([op_id_of(LEAF)]) == {op_id_of(LEAF): LEAF}

    def test_post__one_second_before_active_at__still_committed(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        chain.funded(100)
        chain.committed(computed.add([LEAF]), [totals(100, 90)])
        chain.mine(seconds=VETO_WINDOW - 1)

        post_all(chain, computed, books)
        before = posted(books, committed(LEAF.epoch))
        chain.mine(seconds=1)
        post_all(chain, computed, books)

        assert (before, posted(books, committed(LEAF.epoch))) == (90, 0)

    def test_post__veto__everything_back_and_committable_again(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        chain.funded(100)
        chain.committed(computed.add([LEAF]), [totals(100, 90)])
        chain.vetoed()
        other = leaf({ALICE: 80})
        chain.committed(computed.add([other]), [totals(100, 80)], attempt=2)
        chain.mine(seconds=VETO_WINDOW)

        post_all(chain, computed, books)

        assert posted(books, line_of(other, ALICE)) == 80
        assert posted(books, line_of(LEAF, BOB)) == 0
        assert posted(books, unallocated(LEAF.epoch)) == 20
        assert posted(books, paid_in(LEAF.epoch)) == 0

    def test_post__veto_alone__paid_in_restored(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        chain.funded(100)
        chain.committed(computed.add([LEAF]), [totals(100, 90)])
        chain.vetoed()
        chain.mine(seconds=VETO_WINDOW)

        post_all(chain, computed, books)

        assert posted(books, paid_in(LEAF.epoch)) == 100
        assert posted(books, committed(LEAF.epoch)) == 0
        assert posted(books, unallocated(LEAF.epoch)) == 0

    def test_post__line_paid_and_line_refused__cash_and_unclaimed(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.withdrawn(LEAF, refused=[BOB])

        post_all(chain, computed, books)

        assert posted(books, CASH) == 40
        assert posted(books, line_of(LEAF, ALICE)) == 0
        assert posted(books, line_of(LEAF, BOB)) == 0
        assert posted(books, unclaimed(BOB)) == 30

    def test_post__unclaimed_withdrawn__cash_leaves(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.withdrawn(LEAF, refused=[BOB])
        chain.unclaimed_withdrawn(BOB, 30)

        post_all(chain, computed, books)

        assert posted(books, CASH) == 10
        assert posted(books, unclaimed(BOB)) == 0

    def test_post__epoch_without_money__activated_without_entries(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        chain.committed(computed.add([]), [])
        chain.mine(seconds=VETO_WINDOW)
        chain.committed(computed.add([], salt=1), [], epoch=1)

        steps = post_all(chain, computed, books)

        assert sum(step.entries for step in steps) == 0
        opened = books.open_commitment()
        assert opened is not None
        assert opened.epoch == 1

    def test_post__any_step_size__same_books(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.withdrawn(LEAF)

        steps = post_all(chain, computed, books, blocks_max=1)

        assert len(steps) == len(chain.blocks)
        assert posted(books, CASH) == 10

    def test_post__again__nothing_new(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        post_all(chain, computed, books)

        (again,) = post_all(chain, computed, books)

        assert (again.entries, again.block) == (0, chain.blocks[-1])

    def test_post__replayed_from_the_start__nothing_new(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        chain.funded(100)
        chain.committed(computed.add([leaf({BOB: 1})]), [totals(100, 1)])
        chain.vetoed()
        chain.committed(computed.add([LEAF]), [totals(100, 90)], attempt=2)
        chain.mine(seconds=VETO_WINDOW)
        chain.withdrawn(LEAF, refused=[ALICE])
        chain.unclaimed_withdrawn(ALICE, 60)
        post_all(chain, computed, books)

        assert replay(chain, computed, books) == 0
        assert posted(books, CASH) == 10

    def test_post__nothing_finalized__nothing_done(self, books: AnyBooks) -> None:
        chain = MoneyChain(is_finalized=False)
        chain.funded(5)

        (step,) = post_all(chain, Computed(), books)

        assert (step.entries, step.block) == (0, None)
        assert posted(books, CASH) == 0

    def test_post__unknown_manifest__halts_with_the_money_committed(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        unknown = Computed()

        first = post_step(chain, unknown, books, start_block=BlockNumber(0), blocks_max=99)
        with pytest.raises(UnknownManifest, match="epoch 0") as halted:
            post_step(chain, unknown, books, start_block=BlockNumber(0), blocks_max=99)

        assert not first.is_caught_up
        assert str(next(iter(computed.known))) in str(halted.value)
        assert posted(books, committed(LEAF.epoch)) == 90
        post_all(chain, computed, books)
        assert posted(books, committed(LEAF.epoch)) == 0

    def test_post__active_but_not_computed_yet__waits_then_goes_on(self, books: AnyBooks) -> None:
        """A rebuilt database has the chain's events before it has computed anything."""
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        rebuilt = Computed(is_behind=True)

        post_step(chain, rebuilt, books, start_block=BlockNumber(0), blocks_max=99)
        with pytest.raises(NotComputedYet, match="epoch 0 is active by attempt 1"):
            post_step(chain, rebuilt, books, start_block=BlockNumber(0), blocks_max=99)

        assert issubclass(NotComputedYet, Transient)
        assert posted(books, committed(LEAF.epoch)) == 90
        post_all(chain, computed, books)
        assert posted(books, committed(LEAF.epoch)) == 0

    @pytest.mark.parametrize(
        ("leaves", "allocated", "what"),
        [
            ([leaf({ALICE: 89})], 90, "sum of"),
            ([leaf({ALICE: 91})], 90, "sum of"),
            ([leaf({ALICE: 90}), leaf({BOB: 5}, asset=Address(b"\xab" * 20))], 90, "sum of"),
            ([leaf({ALICE: 90}, epoch=3)], 90, "epoch of a leaf"),
            ([leaf({ALICE: 45}), leaf({BOB: 45})], 90, "distinct leaves"),
        ],
    )
    def test_post__leaves_not_as_committed__halts(
        self, books: AnyBooks, leaves: Sequence[Leaf], allocated: int, what: str
    ) -> None:
        chain, computed = MoneyChain(), Computed()
        chain.funded(100)
        chain.committed(computed.add(leaves), [totals(100, allocated)])
        chain.mine(seconds=VETO_WINDOW)

        with pytest.raises(DistributionDiffers, match=what):
            post_all(chain, computed, books)

    def test_post__line_of_unknown_leaf__halts(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.withdrawn(leaf({ALICE: 60, BOB: 30}, work_id=work(8)))

        with pytest.raises(UnexpectedEvent, match="no payable leaf"):
            post_all(chain, computed, books)

    def test_post__line_of_another_amount__halts(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.withdrawn(leaf({ALICE: 61, BOB: 30}))

        with pytest.raises(UnexpectedEvent, match="has no line 0"):
            post_all(chain, computed, books)

    def test_post__leaf_withdrawn_twice__overdrawn(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF, paid=300)
        chain.withdrawn(LEAF)
        post_all(chain, computed, books)
        before = books.cursor()
        chain.withdrawn(LEAF)

        with pytest.raises(Overdrawn, match=r"payable:0:.* would hold -[36]0"):
            post_all(chain, computed, books)

        assert books.cursor() == before

    def test_post__cursor_block_replaced__halts(self, books: AnyBooks) -> None:
        chain = MoneyChain()
        chain.funded(5)
        post_all(chain, Computed(), books)
        chain.blocks[-1] = _forked(chain.blocks[-1])
        chain.mine()

        with pytest.raises(FinalizedBlockChanged, match=r"block 1 .*chain rewind --to 0 "):
            post_all(chain, Computed(), books)

    def test_post__index_below_the_books__waits(self, books: AnyBooks) -> None:
        chain = MoneyChain()
        chain.funded(5)
        chain.funded(6)
        post_all(chain, Computed(), books)
        rebuilt = MoneyChain(blocks=chain.blocks[:2], events=chain.events)

        (step,) = post_all(rebuilt, Computed(), books)

        assert (step.block, step.entries, step.is_caught_up) == (chain.blocks[2], 0, True)

    def test_post__veto_of_unknown_attempt__halts(self, books: AnyBooks) -> None:
        chain = MoneyChain()
        chain.vetoed(attempt=4)

        with pytest.raises(UnexpectedEvent, match="unknown attempt 4"):
            post_all(chain, Computed(), books)

    def test_post__block_missing_among_facts__halts(self, books: AnyBooks) -> None:
        class Holes(MoneyChain):
            def block(self, number: BlockNumber) -> BlockRef | None:
                return None

        chain = Holes()
        chain.mine()
        chain.mine()

        with pytest.raises(BlockMissing, match="block 0"):
            post_step(chain, Computed(), books, start_block=BlockNumber(0), blocks_max=1)

    def test_record__same_id_other_content__conflict(self, books: AnyBooks) -> None:
        chain, other = MoneyChain(), MoneyChain()
        chain.funded(5)
        other.funded(6)
        post_all(chain, Computed(), books)

        with pytest.raises(EntryConflict):
            replay(other, Computed(), books)

    def test_reserve__open_leaf__pending_and_not_posted(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        post_all(chain, computed, books)

        first = reserve(books, op_id_of(LEAF))
        again = reserve(books, op_id_of(LEAF))

        assert first == again
        assert (first.attempt, first.outcome) == (1, None)
        assert posted(books, line_of(LEAF, ALICE)) == 60
        assert posted(books, IN_TRANSIT) == 0
        assert posted(books, CASH) == 100

    def test_reserve__settled_by_final_event__posted_once(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        post_all(chain, computed, books)
        reserve(books, op_id_of(LEAF))
        chain.withdrawn(LEAF)

        post_all(chain, computed, books)

        last = books.last_reservation(op_id_of(LEAF))
        assert last is not None
        assert last.outcome is ReservationOutcome.POSTED
        assert posted(books, CASH) == 10
        with pytest.raises(NothingToReserve):
            reserve(books, op_id_of(LEAF))
        with pytest.raises(NoOpenReservation):
            void(books, op_id_of(LEAF), attempt=1)

    def test_post__held_line__stays_payable_until_it_is_paid(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.withdrawn(LEAF, held=[BOB])
        post_all(chain, computed, books)
        before = (posted(books, CASH), posted(books, line_of(LEAF, BOB)))

        chain.withdrawn(LEAF, settled=[ALICE])
        post_all(chain, computed, books)

        assert before == (40, 30)
        assert (posted(books, CASH), posted(books, line_of(LEAF, BOB))) == (10, 0)

    def test_post__held_line_paid_twice__overdrawn(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF, paid=300)
        chain.withdrawn(LEAF, held=[BOB])
        chain.withdrawn(LEAF, held=[BOB])

        with pytest.raises(Overdrawn, match=r"payable:0:.* would hold -60"):
            post_all(chain, computed, books)

    def test_post__held_line_of_unknown_leaf__halts(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.withdrawn(leaf({BOB: 30}, work_id=work(8)), held=[BOB])

        with pytest.raises(UnexpectedEvent, match="no payable leaf"):
            post_all(chain, computed, books)

    def test_post__held_line_of_another_amount__halts(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.withdrawn(leaf({ALICE: 60, BOB: 31}), held=[BOB])

        with pytest.raises(UnexpectedEvent, match="has no line 1"):
            post_all(chain, computed, books)

    def test_post__leaf_withdrawn_for_more_than_its_lines__halts(self, books: AnyBooks) -> None:
        """What was held does not count as withdrawn."""
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        event = chain.withdrawn(LEAF, held=[BOB])
        chain.events[chain.events.index(event)] = replace(event, amount=LEAF.amount)

        with pytest.raises(UnexpectedEvent, match="differ by 30"):
            post_all(chain, computed, books)

    def test_post__fees_escrow_and_suspense__to_payable_and_back_out(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        fee_leaf = leaf({CAROL: 20}, work_id=FEES_ID)
        held, suspended = escrow_leaf(7), escrow_leaf(3, SUSPENSE_ID)
        chain.funded(125)
        made = computed.add([LEAF, fee_leaf, held, suspended])
        chain.committed(made, [totals(125, 90, fees=20, escrow=10)])
        post_all(chain, computed, books)
        pending = [posted(books, each(LEAF.epoch)) for each in (committed, fees, escrowed)]
        chain.mine(seconds=VETO_WINDOW)
        chain.withdrawn(fee_leaf)
        post_all(chain, computed, books)
        in_escrow = posted(books, escrow(LEAF.epoch, ESCROW_ID))
        in_suspense = posted(books, suspense(LEAF.epoch, SUSPENSE_ID))
        known = books.leaves([op_id_of(held), op_id_of(suspended)])
        chain.escrow_released(held, BOB)
        chain.escrow_expired(suspended)
        chain.unallocated_transferred(8)
        post_all(chain, computed, books)

        assert pending == [90, 20, 10]
        assert (in_escrow, in_suspense) == (7, 3)
        assert known == {op_id_of(held): held, op_id_of(suspended): suspended}
        assert posted(books, unclaimed(BOB)) == 7
        assert posted(books, unallocated(LEAF.epoch)) == 5 + 3 - 8
        assert posted(books, CASH) == 125 - 20 - 8
        for each in (fees, escrowed, committed):
            assert posted(books, each(LEAF.epoch)) == 0
        assert posted(books, escrow(LEAF.epoch, ESCROW_ID)) == 0

    def test_post__veto_of_fees_and_escrow__everything_back(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        chain.funded(125)
        chain.committed(computed.add([LEAF]), [totals(125, 90, fees=20, escrow=10)])
        chain.vetoed()

        post_all(chain, computed, books)

        assert posted(books, paid_in(LEAF.epoch)) == 125
        for each in (committed, fees, escrowed, unallocated):
            assert posted(books, each(LEAF.epoch)) == 0

    @pytest.mark.parametrize("second", ["released", "expired"])
    def test_post__escrow_settled_twice__overdrawn(self, books: AnyBooks, second: str) -> None:
        chain, computed = MoneyChain(), Computed()
        held = escrow_leaf(10)
        chain.funded(100)
        chain.committed(computed.add([held]), [totals(100, 0, escrow=10)])
        chain.mine(seconds=VETO_WINDOW)
        chain.escrow_released(held, BOB)
        if second == "released":
            chain.escrow_released(held, ALICE)
        else:
            chain.escrow_expired(held)

        with pytest.raises(Overdrawn, match=f"escrow:0:{ESCROW_ID} would hold -10"):
            post_all(chain, computed, books)

    def test_post__more_transferred_than_unallocated__overdrawn(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.unallocated_transferred(11)

        with pytest.raises(Overdrawn, match="unallocated:0 would hold -1"):
            post_all(chain, computed, books)

    def test_reserve__after_a_withdrawal_that_held_a_line__only_that_line(
        self, books: AnyBooks
    ) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        post_all(chain, computed, books)
        reserve(books, op_id_of(LEAF))
        chain.withdrawn(LEAF, held=[BOB])
        post_all(chain, computed, books)
        first = books.last_reservation(op_id_of(LEAF))

        second = reserve(books, op_id_of(LEAF))
        again = reserve(books, op_id_of(LEAF))
        chain.withdrawn(LEAF, settled=[ALICE])
        post_all(chain, computed, books)
        last = books.last_reservation(op_id_of(LEAF))

        assert first is not None
        assert first.outcome is ReservationOutcome.POSTED
        assert (second.attempt, second.outcome) == (2, None)
        assert again == second
        assert last is not None
        assert (last.attempt, last.outcome) == (2, ReservationOutcome.POSTED)
        with pytest.raises(NothingToReserve):
            reserve(books, op_id_of(LEAF))

    def test_reserve__other_lines_settled_than_planned__outdated(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        chain.withdrawn(LEAF, held=[BOB])
        post_all(chain, computed, books)

        with pytest.raises(PlanOutdated, match="0b1 are settled, the plan found 0b0"):
            reserve(books, op_id_of(LEAF), settled=0)
        assert books.last_reservation(op_id_of(LEAF)) is None
        assert reserve(books, op_id_of(LEAF), settled=0b1).attempt == 1

    def test_reserve__escrow_leaf__nothing_to_reserve(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        held = escrow_leaf(10)
        chain.funded(10)
        chain.committed(computed.add([held]), [totals(10, 0, escrow=10)])
        chain.mine(seconds=VETO_WINDOW)
        post_all(chain, computed, books)

        with pytest.raises(NothingToReserve):
            reserve(books, op_id_of(held))

    def test_void__then_reserve__next_attempt(self, books: AnyBooks) -> None:
        chain, computed = MoneyChain(), Computed()
        active_epoch(chain, computed, LEAF)
        post_all(chain, computed, books)
        reserve(books, op_id_of(LEAF))

        void(books, op_id_of(LEAF), attempt=1)
        void(books, op_id_of(LEAF), attempt=1)
        second = reserve(books, op_id_of(LEAF))

        assert (second.attempt, second.outcome) == (2, None)
        with pytest.raises(NoOpenReservation):
            void(books, op_id_of(LEAF), attempt=1)

    def test_reserve__unknown_leaf__nothing_to_reserve(self, books: AnyBooks) -> None:
        with pytest.raises(NothingToReserve):
            reserve(books, op_id_of(LEAF))


def _forked(block: BlockRef) -> BlockRef:
    return BlockRef(
        number=block.number,
        hash=Hash32(b"\xff" * 32),
        parent_hash=block.parent_hash,
        timestamp=Timestamp(block.timestamp),
    )


class _OwnCursor:
    """The same books, as if nothing was posted yet."""

    def __init__(self, books: Any) -> None:
        self._books = books
        self._cursor: BlockRef | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._books, name)

    def cursor(self) -> BlockRef | None:
        return self._cursor

    def advance(self, to: BlockRef) -> None:
        self._cursor = to


def replay(chain: MoneyChain, computed: Computed, books: AnyBooks) -> int:
    """Post everything again, from the first block; the number of new entries."""
    replayed: Any = _OwnCursor(books)
    return sum(step.entries for step in post_all(chain, computed, replayed, blocks_max=3))
