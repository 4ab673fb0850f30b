"""Every combination of op-id, nonces, receipts and mempool that decides about money."""

from dataclasses import replace

import pytest

from contracts.calls import Refusal
from contracts.evm import BlockNumber, Hash32
from settlement.payouts.decision import (
    Done,
    Exhausted,
    Rebroadcast,
    SignNew,
    State,
    Wait,
    next_action,
    spent_outcomes,
    standing,
    unknown_to_node,
)
from settlement.payouts.operation import (
    Attempt,
    Fate,
    History,
    SignedTransaction,
    TransactionDraft,
)
from settlement.payouts.view import ChainView, Receipt, Usage
from tests.fakes_payout_chain import (
    CHAIN_ID,
    CONTRACT,
    SENDER,
    FakeChain,
    FakeSigner,
    operation,
    replaced,
)

FINALIZED = replace(FakeChain().block(0), number=BlockNumber(100))
OPERATION = operation()
REMAINDER = operation(lines=2, settled=0b01)
ATTEMPTS_MAX, RETRY_AFTER_BLOCKS = 3, 50


def transaction(nonce: int) -> SignedTransaction:
    draft = TransactionDraft(
        chain_id=CHAIN_ID,
        nonce=nonce,
        to=CONTRACT,
        data=b"",
        gas=1,
        max_fee_wei=100,
        tip_wei=1,
    )
    return FakeSigner().sign(draft)


def attempt(nonce: int, *, versions: int = 1) -> Attempt:
    first = transaction(nonce)
    bumped = [replaced(first, fee_wei=100 + 20 * n) for n in range(1, versions)]
    return Attempt(
        sender=SENDER, nonce=nonce, transactions=(first, *bumped), signed_at=FINALIZED.number
    )


def history(*attempts: Attempt) -> History:
    return History(operation=OPERATION, attempts=attempts, others=(), outcomes=())


def receipt(
    tx_hash: Hash32,
    *,
    block: int = 90,
    is_success: bool = True,
    settles: bool = False,
    refusal: Refusal | None = None,
) -> Receipt:
    return Receipt(
        tx_hash=tx_hash,
        block_number=BlockNumber(block),
        block_hash=Hash32.from_int(block),
        is_success=is_success,
        settled=frozenset({OPERATION.op_id} if settles else ()),
        refused={} if refusal is None else {OPERATION.op_id: refusal},
    )


def view(*receipts: Receipt, spent: int = 0, known: tuple[Hash32, ...] = ()) -> ChainView:
    shown = {one.tx_hash: one for one in receipts}
    return ChainView(
        finalized=FINALIZED,
        spent={SENDER: spent},
        receipts=shown,
        known=frozenset(known) | shown.keys(),
    )


def action(
    stored: History, seen: ChainView, usage: Usage = Usage.UNUSED
) -> SignNew | Rebroadcast | Wait | Done | Exhausted:
    return next_action(
        stored, usage, seen, attempts_max=ATTEMPTS_MAX, retry_after_blocks=RETRY_AFTER_BLOCKS
    )


FIRST = attempt(5)
(HASH,) = FIRST.hashes
BUMPED = attempt(5, versions=3)
REVERTED = receipt(HASH, block=101, is_success=False)


@pytest.mark.parametrize(
    ("stored", "seen", "expected"),
    [
        pytest.param(history(), view(), SignNew(), id="planned: sign"),
        pytest.param(
            history(FIRST), view(), Rebroadcast(FIRST.transactions), id="stored, unknown: send"
        ),
        pytest.param(history(FIRST), view(known=(HASH,)), Wait(), id="in the mempool: wait"),
        pytest.param(
            history(FIRST), view(receipt(HASH, settles=True)), Wait(), id="mined, not final: wait"
        ),
        pytest.param(history(FIRST), view(REVERTED), Wait(), id="reverted, not final: wait"),
        pytest.param(
            history(FIRST),
            view(replace(REVERTED, block_number=BlockNumber(90)), spent=6),
            SignNew(),
            id="reverted, final: sign",
        ),
        pytest.param(
            history(FIRST),
            view(receipt(HASH, refusal=Refusal.WORK_UNDER_VERDICT), spent=6),
            SignNew(),
            id="refused, final: sign",
        ),
        pytest.param(history(FIRST), view(spent=6), SignNew(), id="displaced, final: sign"),
        pytest.param(
            history(FIRST, attempt(7)),
            view(spent=6, known=attempt(7).hashes),
            Wait(),
            id="one of two nonces open: wait",
        ),
        pytest.param(
            history(FIRST, attempt(7)),
            view(spent=7, known=(HASH,)),
            Rebroadcast(attempt(7).transactions),
            id="one of two nonces open and lost: send it",
        ),
        pytest.param(
            history(FIRST, attempt(6)), view(spent=7), SignNew(), id="both nonces spent: sign"
        ),
        pytest.param(
            history(FIRST, attempt(6), attempt(7)),
            view(spent=8),
            Exhausted(3),
            id="all allowed nonces spent: a person",
        ),
    ],
)
def test_next_action__unused_operation__table(
    stored: History, seen: ChainView, expected: object
) -> None:
    assert action(stored, seen) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (view(spent=6), SignNew()),
        (view(spent=5), Wait()),
        (view(spent=5, known=(HASH,)), Wait()),
        (view(receipt(HASH, block=101, settles=True), spent=5), Wait()),
    ],
    ids=["spent: sign", "open, unknown: wait", "in the mempool: wait", "mined, not final: wait"],
)
def test_next_action__nonce_of_another_operation_of_the_leaf__waits_until_it_is_spent(
    seen: ChainView, expected: object
) -> None:
    """What was signed for the leaf before a hold can still pay what was held."""
    stored = History(operation=REMAINDER, attempts=(), others=(FIRST,), outcomes=())

    assert action(stored, seen) == expected


def test_next_action__nonces_of_other_operations__do_not_exhaust_this_one() -> None:
    others = (FIRST, attempt(6), attempt(7))
    stored = History(operation=REMAINDER, attempts=(), others=others, outcomes=())

    assert action(stored, view(spent=8)) == SignNew()
    assert spent_outcomes(stored, Usage.UNUSED, view(spent=8)) == ()


def test_next_action__early__waits_and_records_nothing() -> None:
    """The finalized block in which the lines before it were settled was replaced."""
    stored = replace(history(FIRST), operation=REMAINDER)

    assert action(stored, view(spent=6), Usage.EARLY) == Wait()
    assert action(stored, view(spent=5), Usage.EARLY) == Rebroadcast(FIRST.transactions)
    assert spent_outcomes(stored, Usage.EARLY, view(spent=6)) == ()
    assert standing(stored, Usage.EARLY, view(spent=5)).state is State.SIGNED


def test_outcome__of_a_remainder__named_by_itself_found_by_its_leaf() -> None:
    """The contract's events name the leaf."""
    stored = replace(history(FIRST), operation=REMAINDER)
    refused = receipt(HASH, refusal=Refusal.ALL_LINES_HELD)

    done = action(stored, view(receipt(HASH, settles=True), spent=6), Usage.SETTLED)
    (outcome,) = spent_outcomes(stored, Usage.UNUSED, view(refused, spent=6))

    assert isinstance(done, Done)
    assert (done.outcome.op_id, done.outcome.fate) == (REMAINDER.op_id, Fate.SETTLED)
    assert (outcome.op_id, outcome.refusal) == (REMAINDER.op_id, Refusal.ALL_LINES_HELD)


def test_next_action__null_receipt_and_unknown_hash__same_bytes_never_a_new_nonce() -> None:
    """A relayer took a missing receipt for a replaced transaction, and paid again."""
    seen = view(spent=5)

    assert action(history(FIRST), seen) == Rebroadcast((FIRST.transactions[0],))


def test_next_action__revert_at_depth_zero__not_terminal() -> None:
    """A relayer reported FAILED at depth zero; a reorg turned the revert into a payment."""
    stored = history(FIRST)

    assert action(stored, view(REVERTED)) == Wait()
    assert spent_outcomes(stored, Usage.UNUSED, view(REVERTED)) == ()
    assert standing(stored, Usage.UNUSED, view(REVERTED)).state is State.MINED


def test_next_action__payout_reorged_away__rebroadcast_not_remade() -> None:
    """A relayer that saw nonces go back lost the payouts; others made them anew."""
    stored = history(FIRST)
    before = view(receipt(HASH, block=101, settles=True))

    assert action(stored, before) == Wait()
    assert action(stored, view()) == Rebroadcast(FIRST.transactions)


def test_next_action__replacement_mined__older_and_newer_hashes_count() -> None:
    """A relayer forgot all hashes but one, and did not see that another had paid."""
    for tx_hash in BUMPED.hashes:
        seen = view(receipt(tx_hash, block=101, settles=True))
        assert action(history(BUMPED), seen) == Wait()

        final = view(receipt(tx_hash, settles=True), spent=6)
        done = action(history(BUMPED), final, Usage.SETTLED)
        assert isinstance(done, Done)
        assert (done.outcome.fate, done.outcome.tx_hash) == (Fate.SETTLED, tx_hash)


def test_unknown_to_node__only_an_old_version_waits__newest_sent_again() -> None:
    seen = view(known=(BUMPED.hashes[0],))

    assert unknown_to_node([BUMPED], seen) == (BUMPED.transactions[-1],)


def test_next_action__settled_but_our_nonce_still_open__done() -> None:
    """Somebody else withdrew the leaf while ours waits: over, and nothing was ours."""
    done = action(history(FIRST), view(known=(HASH,)), Usage.SETTLED)

    assert isinstance(done, Done)
    assert done.outcome.fate is Fate.SETTLED_ELSEWHERE
    assert done.outcome.block_number == FINALIZED.number


@pytest.mark.parametrize(
    ("seen", "fate"),
    [
        (view(receipt(HASH, settles=True), spent=6), Fate.SETTLED),
        (view(receipt(HASH, refusal=Refusal.ALREADY_WITHDRAWN), spent=6), Fate.SETTLED_ELSEWHERE),
        (view(spent=6), Fate.SETTLED_UNSEEN),
        (view(receipt(HASH, block=101, settles=True), spent=5), Fate.SETTLED_ELSEWHERE),
    ],
    ids=["our receipt", "ours was refused", "no receipt of a spent nonce", "ours is not final"],
)
def test_next_action__settled__attributed_by_final_receipts(seen: ChainView, fate: Fate) -> None:
    done = action(history(FIRST), seen, Usage.SETTLED)

    assert isinstance(done, Done)
    assert done.outcome.fate is fate


def test_next_action__node_shows_now_what_it_denied__nonce_has_one_outcome() -> None:
    """What was recorded of a nonce stays; that the leaf is settled is the contract's word."""
    denied = spent_outcomes(history(FIRST), Usage.UNUSED, view(spent=6))
    stored = replace(history(FIRST), outcomes=denied)

    done = action(stored, view(receipt(HASH, settles=True), spent=6), Usage.SETTLED)

    assert [one.fate for one in denied] == [Fate.DISPLACED]
    assert isinstance(done, Done)
    assert (done.outcome.fate, done.outcome.nonce) == (Fate.SETTLED_UNSEEN, None)


def test_next_action__lying_receipt_of_a_nonce_on_record__the_other_nonce_has_settled_it() -> None:
    """The node now shows a reverted nonce as the payer; only one without a record counts."""
    second = attempt(6)
    both = history(FIRST, second)
    reverted = spent_outcomes(
        history(FIRST), Usage.UNUSED, view(receipt(HASH, is_success=False), spent=6)
    )
    stored = replace(both, outcomes=reverted)
    receipts = (receipt(HASH, settles=True), receipt(second.hashes[-1], settles=True))

    honest = action(stored, view(*receipts, spent=7), Usage.SETTLED)
    only_the_lie = action(stored, view(receipts[0], spent=7), Usage.SETTLED)

    assert isinstance(honest, Done)
    assert isinstance(only_the_lie, Done)
    assert (honest.outcome.fate, honest.outcome.nonce) == (Fate.SETTLED, second.nonce)
    assert (only_the_lie.outcome.fate, only_the_lie.outcome.nonce) == (Fate.SETTLED_UNSEEN, None)


def test_next_action__superseded_commit__done() -> None:
    done = action(history(), view(), Usage.SUPERSEDED)

    assert isinstance(done, Done)
    assert done.outcome.fate is Fate.SUPERSEDED


@pytest.mark.parametrize(
    ("seen", "fate", "refusal"),
    [
        (view(receipt(HASH, is_success=False), spent=6), Fate.REVERTED, None),
        (
            view(receipt(HASH, refusal=Refusal.WORK_UNDER_VERDICT), spent=6),
            Fate.REFUSED,
            Refusal.WORK_UNDER_VERDICT,
        ),
        (view(spent=6), Fate.DISPLACED, None),
    ],
    ids=["reverted", "refused", "displaced"],
)
def test_spent_outcomes__spent_nonce__recorded_once(
    seen: ChainView, fate: Fate, refusal: Refusal | None
) -> None:
    (outcome,) = spent_outcomes(history(FIRST), Usage.UNUSED, seen)

    assert (outcome.fate, outcome.refusal, outcome.nonce) == (fate, refusal, 5)
    recorded = replace(history(FIRST), outcomes=(outcome,))
    assert spent_outcomes(recorded, Usage.UNUSED, seen) == ()
    assert spent_outcomes(history(FIRST), Usage.SETTLED, seen) == ()


@pytest.mark.parametrize(
    ("stored", "usage", "seen", "state"),
    [
        (history(), Usage.UNUSED, view(), State.PLANNED),
        (history(FIRST), Usage.UNUSED, view(), State.SIGNED),
        (history(FIRST), Usage.UNUSED, view(known=(HASH,)), State.PENDING),
        (history(FIRST), Usage.UNUSED, view(receipt(HASH, block=101)), State.MINED),
        (history(FIRST), Usage.SETTLED, view(receipt(HASH, settles=True), spent=6), State.FINAL),
        (history(FIRST), Usage.SETTLED, view(known=(HASH,)), State.USED_ELSEWHERE),
        (history(), Usage.SUPERSEDED, view(), State.SUPERSEDED),
        (
            history(FIRST),
            Usage.UNUSED,
            view(receipt(HASH, is_success=False), spent=6),
            State.REVERTED_FINAL,
        ),
        (history(FIRST), Usage.UNUSED, view(receipt(HASH), spent=6), State.REFUSED_FINAL),
        (history(FIRST), Usage.UNUSED, view(spent=6), State.DISPLACED),
        (history(FIRST, attempt(6)), Usage.UNUSED, view(spent=6), State.SIGNED),
    ],
)
def test_standing__every_state__derived(
    stored: History, usage: Usage, seen: ChainView, state: State
) -> None:
    assert standing(stored, usage, seen).state is state


def test_standing__recorded_outcome__outlives_the_node() -> None:
    done = action(history(FIRST), view(receipt(HASH, settles=True), spent=6), Usage.SETTLED)
    assert isinstance(done, Done)
    recorded = replace(history(FIRST), outcomes=(done.outcome,))

    stands = standing(recorded, Usage.UNUSED, view())

    assert (stands.state, stands.tx_hash) == (State.FINAL, HASH)
