"""What any payment books must do: run against the books in memory and against those in Postgres."""

from dataclasses import replace
from typing import Any, Protocol

import pytest

from contracts.evm import ZERO_ADDRESS, ZERO_HASH, Address
from contracts.units import BaseUnits
from settlement.errors import Overdrawn
from settlement.ledger.accounts import (
    CASH,
    FLOAT,
    GAS,
    IN_TRANSIT,
    PLATFORM_FEES,
    SURPLUS,
    UNEXPLAINED,
    WALLET,
    Account,
    documents,
    earned,
    owed,
    refunded,
    unclaimed,
)
from settlement.ledger.errors import (
    AlreadyDecided,
    ManualRefused,
    NoOpenReservation,
    NothingToReserve,
    PlanOutdated,
    UnknownManual,
)
from settlement.ledger.journal import Posting
from settlement.ledger.manual import (
    Decided,
    Decision,
    ManualBooks,
    ManualEntry,
    decide,
    propose,
)
from settlement.ledger.post_payments import LineBooks
from settlement.ledger.reserve import ReservationBooks, ReservationOutcome, reserve_line, void
from settlement.ledger.rewind import RewindBooks, rewind
from tests.ledger_builders import ALICE, ASSET, BOB, BOOK, CAROL, work
from tests.ledger_payment_builders import (
    CONTENT,
    EVENT,
    PaymentChain,
    document,
    line_op_id,
    post_payments,
)


class PaymentBooks(LineBooks, ReservationBooks, RewindBooks, ManualBooks, Protocol):
    """All roles of payment books."""


def posted(books: PaymentBooks, account: Account, asset: Address = ASSET) -> int:
    """Posted balance of one account."""
    return books.posted_balances([(account, asset)]).get((account, asset), 0)


def manual_entry_of(chain: PaymentChain, *, maker: str = "ann", amount: int = 9) -> ManualEntry:
    """Coins that came without a cause, at the newest block."""
    block = chain.blocks.blocks[-1]
    posting = Posting(asset=ASSET, amount=BaseUnits(amount), debit=CASH, credit=SURPLUS)
    return ManualEntry(
        book=BOOK,
        maker=maker,
        reason="a transfer by mistake",
        document_digest=work(1),
        effective_at=block.timestamp,
        effective_block=block.number,
        postings=(posting,),
    )


APPROVED = Decided(decision=Decision.APPROVED, checker="ben", reason="seen the transfer")


class PaymentBooksContract:
    """Posting, reserving and entries by hand, with a fixture `books`."""

    def test_splitter__sales_and_refunds__turnover_and_no_balance(
        self, books: PaymentBooks
    ) -> None:
        chain = PaymentChain()
        chain.content_paid(ALICE, 100, 10)
        chain.ticket_paid(ALICE, 50, 5)
        chain.tip_paid(BOB, 20, 0)
        chain.content_refunded(ALICE, 100, 10)
        chain.ticket_refunded(ALICE, 50, 5)

        (step,) = post_payments(chain, books)

        assert step.entries == 5
        accounts = (
            *(CASH, PLATFORM_FEES, earned(CONTENT, ALICE), earned(EVENT, ALICE)),
            *(earned(ZERO_HASH, BOB), refunded(CONTENT, ALICE), refunded(EVENT, ALICE)),
        )
        assert [posted(books, account) for account in accounts] == [0] * len(accounts)

    def test_relay__tips_received_paid_refused_and_taken__owed_per_tip(
        self, books: PaymentBooks
    ) -> None:
        chain = PaymentChain()
        one, two = chain.tip_received(ALICE, 70, 7), chain.tip_received(BOB, 30, 3)
        three = chain.tip_received(ALICE, 5)
        chain.tip_settled(one)
        chain.tip_settled(two, is_refused=True)
        chain.fees_withdrawn(10)

        post_payments(chain, books)

        assert posted(books, CASH, ZERO_ADDRESS) == 35
        assert posted(books, owed(one.op_id, ALICE), ZERO_ADDRESS) == 0
        assert posted(books, owed(three.op_id, ALICE), ZERO_ADDRESS) == 5
        assert posted(books, unclaimed(BOB), ZERO_ADDRESS) == 30
        assert posted(books, PLATFORM_FEES, ZERO_ADDRESS) == 0
        assert books.lines([three.op_id])[three.op_id].owed_since == three.timestamp

    def test_batch__float_document_and_payments__owed_per_line(self, books: PaymentBooks) -> None:
        chain = PaymentChain()
        chain.tokens_received(100)
        paid = document((ALICE, 60), (BOB, 30), accepted_at=chain.mine().timestamp)
        chain.line_settled(paid, 0)
        chain.line_settled(paid, 1, is_refused=True)
        chain.unclaimed_withdrawn(BOB, 30, ASSET)

        post_payments(chain, books, paid)

        assert (posted(books, CASH), posted(books, FLOAT)) == (10, 100)
        assert posted(books, documents(paid.list_id)) == 90
        assert posted(books, owed(line_op_id(paid, 0), ALICE)) == 0
        assert (posted(books, unclaimed(BOB)), posted(books, UNEXPLAINED)) == (0, 0)

    def test_batch__document_ahead_of_the_chain__waits_for_its_block(
        self, books: PaymentBooks
    ) -> None:
        chain = PaymentChain()
        chain.float_received(50)
        paid = document((ALICE, 5), accepted_at=chain.blocks.blocks[-1].timestamp + 10)

        first = post_payments(chain, books, paid)
        chain.mine()
        second = post_payments(chain, books, paid)
        third = post_payments(chain, books, paid)

        assert [step[-1].entries for step in (first, second, third)] == [1, 1, 0]
        assert posted(books, owed(line_op_id(paid, 0), ALICE)) == 5

    def test_batch__document_while_nothing_new_is_final__booked(self, books: PaymentBooks) -> None:
        chain = PaymentChain()
        chain.float_received(50)
        post_payments(chain, books)
        paid = document((ALICE, 5), accepted_at=chain.blocks.blocks[-1].timestamp)

        (step,) = post_payments(chain, books, paid)

        assert (step.entries, step.block) == (1, chain.blocks.blocks[-1])

    @pytest.mark.parametrize("other", [{"payee": CAROL}, {"amount": BaseUnits(59)}])
    def test_batch__line_paid_otherwise__unexplained_and_still_owed(
        self, books: PaymentBooks, other: dict[str, Any]
    ) -> None:
        chain = PaymentChain()
        chain.tokens_received(100)
        paid = document((ALICE, 60), accepted_at=chain.mine().timestamp)
        event = chain.line_settled(paid, 0, **other)

        post_payments(chain, books, paid)

        assert posted(books, UNEXPLAINED) == event.amount
        assert posted(books, owed(line_op_id(paid, 0), ALICE)) == 60

    @pytest.mark.parametrize("is_known_at_once", [True, False])
    @pytest.mark.parametrize("blocks_max", [1, 1000])
    def test_batch__document_accepted_after_its_lines_were_paid__explained_and_never_owed(
        self, books: PaymentBooks, blocks_max: int, *, is_known_at_once: bool
    ) -> None:
        """A restored backup had lost it; or books are posted anew, in other steps."""
        chain = PaymentChain()
        chain.tokens_received(100)
        draft = document((ALICE, 60), (BOB, 25), (CAROL, 5), accepted_at=0)
        chain.line_settled(draft, 0)
        end = chain.line_settled(draft, 1, is_refused=True)
        late = replace(draft, accepted_at=end.timestamp)
        if not is_known_at_once:
            post_payments(chain, books, blocks_max=blocks_max)
            assert (posted(books, UNEXPLAINED), posted(books, documents(late.list_id))) == (85, 0)

        post_payments(chain, books, late, blocks_max=blocks_max)
        chain.line_settled(draft, 2)
        post_payments(chain, books, late, blocks_max=blocks_max)

        assert (posted(books, UNEXPLAINED), posted(books, documents(late.list_id))) == (0, 90)
        for index, payee in enumerate((ALICE, BOB, CAROL)):
            assert posted(books, owed(line_op_id(late, index), payee)) == 0
        assert (posted(books, CASH), posted(books, unclaimed(BOB))) == (35, 25)

    def test_batch__document_accepted_late_with_another_sum__paid_line_stays_unexplained(
        self, books: PaymentBooks
    ) -> None:
        chain = PaymentChain()
        chain.tokens_received(100)
        end = chain.line_settled(document((ALICE, 60), accepted_at=0), 0)
        other = document((ALICE, 61), accepted_at=end.timestamp)

        post_payments(chain, books, other)

        assert posted(books, UNEXPLAINED) == 60
        assert posted(books, owed(line_op_id(other, 0), ALICE)) == 61

    def test_batch__more_paid_than_came_in__overdrawn(self, books: PaymentBooks) -> None:
        chain = PaymentChain()
        paid = document((ALICE, 60), accepted_at=chain.mine().timestamp)
        chain.line_settled(paid, 0)

        with pytest.raises(Overdrawn, match="cash"):
            post_payments(chain, books, paid)

    def test_wallet__transactions__gas_with_the_fee_of_the_other_layer(
        self, books: PaymentBooks
    ) -> None:
        chain = PaymentChain()
        chain.gas_spent(BOOK.contract, gas=21_000, price=3, l1_fee=7)
        chain.gas_spent(BOOK.contract, gas=40_000, price=2)

        post_payments(chain, books)

        assert posted(books, GAS, ZERO_ADDRESS) == 63_007 + 80_000
        assert posted(books, WALLET, ZERO_ADDRESS) == -143_007

    def test_wallet__coins_sent_and_free_gas__unexplained_and_nothing(
        self, books: PaymentBooks
    ) -> None:
        chain = PaymentChain()
        chain.gas_spent(BOOK.contract, gas=21_000, price=0, value=5)
        chain.gas_spent(BOOK.contract, gas=21_000, price=0)
        chain.wallet_opened(BOOK.contract, 1_000)
        chain.wallet_opened(BOOK.contract, 0)

        (step,) = post_payments(chain, books)

        assert step.entries == 2
        assert posted(books, UNEXPLAINED, ZERO_ADDRESS) == 5
        assert posted(books, FLOAT, ZERO_ADDRESS) == 1_000
        assert posted(books, WALLET, ZERO_ADDRESS) == 995

    @pytest.mark.parametrize("blocks_max", [1, 2, 1000])
    def test_post__any_step_size_and_again__same_books(
        self, books: PaymentBooks, blocks_max: int
    ) -> None:
        chain = PaymentChain()
        tip = chain.tip_received(ALICE, 70, 7)
        chain.float_received(10)
        chain.tip_settled(tip)

        post_payments(chain, books, blocks_max=blocks_max)
        (again,) = post_payments(chain, books)

        assert again.entries == 0
        assert posted(books, CASH, ZERO_ADDRESS) == 17

    def test_reserve_line__open_tip__pending_and_posted_by_its_payment(
        self, books: PaymentBooks
    ) -> None:
        chain = PaymentChain()
        tip = chain.tip_received(ALICE, 70, 7)
        post_payments(chain, books)

        first, second = reserve_line(books, tip.op_id), reserve_line(books, tip.op_id)
        before = (posted(books, owed(tip.op_id, ALICE), ZERO_ADDRESS), posted(books, IN_TRANSIT))
        chain.tip_settled(tip)
        post_payments(chain, books)
        last = books.last_reservation(tip.op_id)

        assert first == second
        assert before == (70, 0)
        assert last is not None
        assert last.outcome is ReservationOutcome.POSTED
        with pytest.raises(PlanOutdated):
            reserve_line(books, tip.op_id)
        with pytest.raises(NoOpenReservation):
            void(books, tip.op_id, attempt=1)

    def test_reserve_line__voided__next_attempt(self, books: PaymentBooks) -> None:
        chain = PaymentChain()
        tip = chain.tip_received(ALICE, 70)
        post_payments(chain, books)

        reserve_line(books, tip.op_id)
        void(books, tip.op_id, attempt=1)

        assert reserve_line(books, tip.op_id).attempt == 2

    def test_reserve_line__unknown__nothing_to_reserve(self, books: PaymentBooks) -> None:
        with pytest.raises(NothingToReserve):
            reserve_line(books, work(404))

    def test_rewind__payment_books__zero_and_the_same_again(self, books: PaymentBooks) -> None:
        chain = PaymentChain()
        tip = chain.tip_received(ALICE, 70, 7)
        chain.tokens_received(100)
        paid = document((ALICE, 60), accepted_at=chain.mine().timestamp)
        chain.line_settled(paid, 0)
        post_payments(chain, books, paid)
        reserve_line(books, tip.op_id)
        propose(books, manual_entry_of(chain))
        decide(books, manual_entry_of(chain).id, APPROVED)
        before = [posted(books, account) for account in (CASH, FLOAT, SURPLUS)]

        rewound = rewind(books, chain.blocks.blocks[1], reason="a deep reorg")
        after = [posted(books, account) for account in (CASH, FLOAT, SURPLUS)]
        post_payments(chain, books, paid)

        assert rewound is not None
        assert (before, after) == ([49, 100, 9], [0, 0, 0])
        assert [posted(books, account) for account in (CASH, FLOAT, SURPLUS)] == before
        assert books.last_reservation(tip.op_id) is None

    def test_manual__approved_by_another__booked_once(self, books: PaymentBooks) -> None:
        chain = PaymentChain()
        chain.float_received(1)
        post_payments(chain, books)
        manual = manual_entry_of(chain)

        propose(books, manual)
        before = posted(books, SURPLUS)
        booked = [decide(books, manual.id, APPROVED) for _ in range(2)]

        assert (before, booked, posted(books, SURPLUS)) == (0, [1, 0], 9)

    def test_manual__rejected__never_booked(self, books: PaymentBooks) -> None:
        chain = PaymentChain()
        chain.float_received(1)
        post_payments(chain, books)
        manual = manual_entry_of(chain)
        propose(books, manual)

        decide(books, manual.id, replace(APPROVED, decision=Decision.REJECTED))
        chain.mine()
        post_payments(chain, books)

        assert posted(books, SURPLUS) == 0
        with pytest.raises(AlreadyDecided, match="rejected by ben"):
            decide(books, manual.id, APPROVED)

    @pytest.mark.parametrize("checker", ["ann", " Ann", ""])
    def test_manual__checked_by_its_maker__refused(self, books: PaymentBooks, checker: str) -> None:
        chain = PaymentChain()
        chain.float_received(1)
        post_payments(chain, books)
        manual = manual_entry_of(chain)
        propose(books, manual)

        with pytest.raises(ManualRefused, match="cannot check"):
            decide(books, manual.id, replace(APPROVED, checker=checker))

    def test_manual__unknown_or_of_another_book__refused(self, books: PaymentBooks) -> None:
        with pytest.raises(UnknownManual):
            decide(books, work(9), APPROVED)

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"maker": " "}, "maker"),
            ({"reason": ""}, "reason"),
            ({"postings": ()}, "needs a posting"),
            ({"effective_block": 99}, "ahead of the books"),
        ],
    )
    def test_manual__says_what_it_must_not__refused(
        self, books: PaymentBooks, change: dict[str, object], why: str
    ) -> None:
        chain = PaymentChain()
        chain.float_received(1)
        post_payments(chain, books)

        with pytest.raises(ManualRefused, match=why):
            propose(books, replace(manual_entry_of(chain), **change))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("debit", "credit", "why"),
        [
            (earned(CONTENT, ALICE), CASH, "debited"),
            (CASH, owed(work(1), ALICE), "credited"),
            (CASH, earned(CONTENT, ALICE), "credited"),
        ],
    )
    def test_manual__account_that_events_alone_move__refused(
        self, books: PaymentBooks, debit: Account, credit: Account, why: str
    ) -> None:
        chain = PaymentChain()
        chain.float_received(1)
        post_payments(chain, books)
        posting = Posting(asset=ASSET, amount=BaseUnits(1), debit=debit, credit=credit)

        with pytest.raises(ManualRefused, match=why):
            propose(books, replace(manual_entry_of(chain), postings=(posting,)))
