"""What every open nonce needs, and which nonces are not known."""

from dataclasses import replace

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from settlement.payouts.gas import Fee, FeeAboveCap, FeeCaps, FeeQuote
from settlement.payouts.nonces import (
    AtCap,
    Cancel,
    Counts,
    Forgotten,
    Leave,
    Market,
    Replace,
    Resend,
    care,
    forgotten,
    gap,
    is_left,
    useful_nonces,
    waiting,
)
from settlement.payouts.operation import Attempt, History, SignedTransaction, TransactionDraft
from settlement.payouts.view import ChainView, Receipt
from tests.fakes_payout_chain import CHAIN_ID, CONTRACT, SENDER, FakeSigner, operation

SIGNED_AT, WAIT = BlockNumber(100), 5
CAPS = FeeCaps(max_fee_wei=1000, tip_wei=100)
HEAD = BlockNumber(SIGNED_AT + WAIT - 1)
FINALIZED = BlockRef(
    number=BlockNumber(90),
    hash=Hash32.from_int(90),
    parent_hash=Hash32.from_int(89),
    timestamp=Timestamp(0),
)


def transaction(
    nonce: int, *, gas: int = 100_000, fee: int = 100, is_noop: bool = False
) -> SignedTransaction:
    draft = TransactionDraft(
        chain_id=CHAIN_ID,
        nonce=nonce,
        to=SENDER if is_noop else CONTRACT,
        data=b"" if is_noop else b"\x01",
        gas=gas,
        max_fee_wei=fee,
        tip_wei=10,
    )
    return FakeSigner().sign(draft)


def attempt(*transactions: SignedTransaction) -> Attempt:
    return Attempt(
        sender=SENDER,
        nonce=transactions[0].nonce,
        transactions=transactions,
        signed_at=SIGNED_AT,
    )


OURS = attempt(transaction(5))
NOOP = attempt(transaction(5, is_noop=True))
CANCELLED = attempt(transaction(5), transaction(5, fee=110, is_noop=True))
HASH = OURS.newest.tx_hash
COUNTS = Counts(finalized=5, head=5, pending=5)


def view(*known: Hash32, receipts: tuple[Receipt, ...] = ()) -> ChainView:
    return ChainView(
        finalized=FINALIZED,
        spent={SENDER: 5},
        receipts={one.tx_hash: one for one in receipts},
        known=frozenset(known),
    )


def market(*, head: int = HEAD, base_fee: int = 10, tip: int = 10) -> Market:
    return Market(
        head=BlockNumber(head),
        quote=FeeQuote(base_fee_wei=base_fee, tip_wei=tip),
        caps=CAPS,
        replace_after_blocks=WAIT,
    )


MINED = Receipt(
    tx_hash=HASH,
    block_number=BlockNumber(101),
    block_hash=Hash32.from_int(101),
    is_success=True,
    settled=frozenset(),
    refused={},
)
STALE = market(head=HEAD + 1)
BUMPED = Fee(max_fee_wei=110, tip_wei=11)


@pytest.mark.parametrize(
    ("seen", "counts", "now", "expected"),
    [
        pytest.param(view(HASH), COUNTS, market(), Leave(), id="waits"),
        pytest.param(view(), COUNTS, market(), Resend(OURS.newest), id="unknown: send again"),
        pytest.param(view(HASH), COUNTS, STALE, Replace(OURS, BUMPED), id="too long: replace"),
        pytest.param(view(), COUNTS, STALE, Replace(OURS, BUMPED), id="too long, unknown"),
        pytest.param(
            view(HASH),
            Counts(finalized=4, head=4, pending=6),
            STALE,
            Leave(),
            id="too long, but another of ours is before it",
        ),
        pytest.param(
            view(receipts=(MINED,)), COUNTS, STALE, Leave(), id="mined, by its receipt: leave"
        ),
        pytest.param(
            view(),
            Counts(finalized=5, head=6, pending=6),
            market(head=HEAD + 50, base_fee=900),
            Leave(),
            id="spent at the head: leave",
        ),
        pytest.param(view(HASH), COUNTS, market(base_fee=90), Leave(), id="pays what is asked"),
        pytest.param(
            view(HASH),
            COUNTS,
            market(base_fee=91),
            Replace(OURS, Fee(max_fee_wei=193, tip_wei=11)),
            id="pays one too little",
        ),
        pytest.param(
            view(HASH),
            Counts(finalized=4, head=4, pending=6),
            market(base_fee=91),
            Replace(OURS, Fee(max_fee_wei=193, tip_wei=11)),
            id="pays too little, another of ours before it",
        ),
        pytest.param(view(HASH), COUNTS, market(base_fee=95, tip=5), Leave(), id="lower tip asked"),
        pytest.param(
            view(HASH),
            COUNTS,
            market(base_fee=990),
            AtCap(FeeAboveCap(needed_wei=1001, cap_wei=1000), None),
            id="above the cap: stop",
        ),
        pytest.param(
            view(),
            COUNTS,
            market(base_fee=990),
            AtCap(FeeAboveCap(needed_wei=1001, cap_wei=1000), OURS.newest),
            id="above the cap and unknown: stop, send as it is",
        ),
    ],
)
def test_care__useful_nonce__table(
    seen: ChainView, counts: Counts, now: Market, expected: object
) -> None:
    assert (
        care(OURS, contracts=[CONTRACT], is_useful=True, view=seen, counts=counts, market=now)
        == expected
    )


AT_CAP = attempt(transaction(5, fee=1000))


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(
            view(),
            Replace(AT_CAP, Fee(max_fee_wei=1000, tip_wei=11)),
            id="unknown: what the node keeps in its place is outbid by the tip",
        ),
        pytest.param(
            view(AT_CAP.newest.tx_hash),
            AtCap(FeeAboveCap(needed_wei=1100, cap_wei=1000), None),
            id="known: nothing more can be bid",
        ),
    ],
)
def test_care__too_long_and_its_fee_at_the_cap__by_what_the_node_keeps(
    seen: ChainView, expected: object
) -> None:
    found = care(
        AT_CAP, contracts=[CONTRACT], is_useful=True, view=seen, counts=COUNTS, market=STALE
    )

    assert found == expected


@pytest.mark.parametrize(
    ("one", "seen", "now", "expected"),
    [
        pytest.param(OURS, view(), market(), Cancel(OURS, BUMPED), id="unknown: no-op"),
        pytest.param(OURS, view(HASH), market(), Leave(), id="waits, will be included"),
        pytest.param(OURS, view(HASH), STALE, Cancel(OURS, BUMPED), id="too long: no-op"),
        pytest.param(
            OURS,
            view(),
            market(base_fee=990),
            AtCap(FeeAboveCap(needed_wei=1001, cap_wei=1000), OURS.newest),
            id="above the cap",
        ),
        pytest.param(NOOP, view(), market(), Resend(NOOP.newest), id="a no-op already: send again"),
        pytest.param(NOOP, view(NOOP.newest.tx_hash), STALE, Cancel(NOOP, BUMPED), id="too long"),
    ],
)
def test_care__nothing_to_be_paid__spent_as_cheaply_as_can_be(
    one: Attempt, seen: ChainView, now: Market, expected: object
) -> None:
    assert (
        care(one, contracts=[CONTRACT], is_useful=False, view=seen, counts=COUNTS, market=now)
        == expected
    )


@pytest.mark.parametrize(
    ("gas", "is_cancelled"), [(23_100, False), (23_101, True)], ids=["as dear", "dearer"]
)
def test_care__useless_call__no_op_only_if_cheaper(gas: int, *, is_cancelled: bool) -> None:
    """21,000 gas at 110 against the call's gas at 100."""
    one = attempt(transaction(5, gas=gas))

    need = care(
        one, contracts=[CONTRACT], is_useful=False, view=view(), counts=COUNTS, market=market()
    )

    assert isinstance(need, Cancel if is_cancelled else Resend)


def test_care__cancelled_then_useful_again__stays_a_no_op() -> None:
    """A call that comes back for a nonce given up could race its own successor."""
    seen = view(CANCELLED.newest.tx_hash)

    need = care(
        CANCELLED, contracts=[CONTRACT], is_useful=True, view=seen, counts=COUNTS, market=STALE
    )

    assert need == Cancel(CANCELLED, Fee(max_fee_wei=121, tip_wei=11))


@pytest.mark.parametrize(
    ("seen", "expected"),
    [(view(), Resend(OURS.newest)), (view(HASH), Leave())],
    ids=["unknown", "waits"],
)
@pytest.mark.parametrize("now", [market(), STALE, market(base_fee=990)])
def test_care__nonce_that_pays_from_another_contract__sent_again_never_replaced(
    seen: ChainView, expected: object, now: Market
) -> None:
    """One key may serve two settlements; each knows its own operations only."""
    other = Address(b"\xc1" * 20)

    need = care(OURS, contracts=[other], is_useful=False, view=seen, counts=COUNTS, market=now)

    assert need == expected


def test_forgotten__stored_adopted_and_filled__told_apart() -> None:
    stored = [attempt(transaction(5)), attempt(transaction(7, is_noop=True))]

    unknown = forgotten(stored, COUNTS, next_nonce=10)

    assert unknown == Forgotten(adopted=(6, 8, 9), fillers=(7,))
    assert unknown
    assert not forgotten([OURS], COUNTS, next_nonce=6)
    assert not forgotten([CANCELLED], COUNTS, next_nonce=6)
    assert forgotten([NOOP], COUNTS, next_nonce=6)


@pytest.mark.parametrize(
    ("pending", "expected"), [(5, None), (6, 6), (7, None), (8, 8), (10, None)]
)
def test_gap__where_chain_and_pool_end__only_an_adopted_nonce(
    pending: int, expected: int | None
) -> None:
    unknown = Forgotten(adopted=(6, 8, 9), fillers=(7,))

    assert gap(unknown, replace(COUNTS, pending=pending)) == expected


def test_gap__pool_behind_the_head__none_told() -> None:
    unknown = Forgotten(adopted=(6, 8, 9), fillers=(7,))

    assert gap(unknown, replace(COUNTS, head=7, pending=6)) is None


@pytest.mark.parametrize(
    ("head", "pending", "expected"),
    [(6, 7, 6), (6, 6, None), (7, 9, None), (8, 10, 8), (5, 9, None), (9, 9, None)],
)
def test_waiting__next_to_be_mined__only_an_adopted_nonce_with_something_in_the_pool(
    head: int, pending: int, expected: int | None
) -> None:
    unknown = Forgotten(adopted=(6, 8, 9), fillers=(7,))

    assert waiting(unknown, replace(COUNTS, head=head, pending=pending)) == expected


@pytest.mark.parametrize(("adopted_at", "expected"), [(96, False), (95, True), (94, True)])
def test_is_left__blocks_since__as_many_as_before_a_replacement(
    adopted_at: int, *, expected: bool
) -> None:
    assert is_left(BlockNumber(adopted_at), market(head=100)) is expected


def test_counts__shown__the_highest_whoever_says_it() -> None:
    assert Counts(finalized=3, head=2, pending=1).shown == 3
    assert Counts(finalized=1, head=3, pending=2).shown == 3
    assert Counts(finalized=1, head=2, pending=3).shown == 3


def test_useful_nonces__attempts_of_the_leaf_too__each_leaf_once_and_our_key_only() -> None:
    first, second = operation(0, lines=2), operation(0, lines=2, settled=0b01)
    stranger = replace(OURS, sender=CONTRACT, nonce=9)
    histories = [
        History(operation=first, attempts=(OURS, stranger), others=(), outcomes=()),
        History(operation=second, attempts=(), others=(OURS,), outcomes=()),
        History(operation=operation(1), attempts=(OURS,), others=(), outcomes=()),
    ]

    assert useful_nonces(histories, SENDER) == {5: (second, operation(1))}
