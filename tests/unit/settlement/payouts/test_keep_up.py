"""Every open nonce in one pass, in order."""

import pytest

from contracts.evm import BlockNumber, BlockRef
from settlement.payouts.gas import NOOP_GAS, FeeAboveCap, FeeCaps, FeeQuote
from settlement.payouts.keep_up import Kept, keep_up
from settlement.payouts.nonces import Counts, Market
from settlement.payouts.operation import (
    Adoption,
    Operation,
    TransactionDraft,
)
from settlement.payouts.send import Sending
from settlement.payouts.signing_policy import Refusal, RefusalKind
from settlement.payouts.view import ChainView
from tests.fakes_payout_chain import (
    CHAIN_ID,
    CONTRACT,
    SENDER,
    FakeSigner,
    World,
    items_of,
    operation,
    transaction_from_raw,
)

NEW = 3


STOPPED = Refusal(RefusalKind.STOPPED, "by a person")


class HeldSigner(FakeSigner):
    """Signing is stopped."""

    def refusal(self, draft: TransactionDraft) -> Refusal | None:
        return STOPPED


def sending(one: World, signer: FakeSigner | None = None) -> Sending:
    return Sending(
        chain_id=CHAIN_ID,
        chain=one.chain,
        store=one.store,
        signer=signer or FakeSigner(),
        head=one.chain.block(0),
        gas_max=10**6,
    )


@pytest.fixture
def world() -> World:
    """Nonces 0, 1 and 2 wait, with one leaf each."""
    one = World()
    for index in range(NEW):
        one.store.plan([operation(index)])
    one.chain.gas_per_item = one.limits.gas_max
    assert len(one.submitter.tick().signed) == NEW
    return one


def kept(
    one: World,
    *carried: Operation | None,
    base_fee: int = 10**9,
    pending: int = NEW,
    next_nonce: int = NEW,
    signer: FakeSigner | None = None,
    head_count: int = 0,
    head_number: int = 1,
) -> Kept:
    """One pass; `carried` is what is not over, by nonce."""
    return keep_up(
        one.store.open_attempts(SENDER, first_nonce=0),
        {nonce: [each] for nonce, each in enumerate(carried) if each is not None},
        contracts=[CONTRACT],
        sending=sending(one, signer),
        view=ChainView(
            finalized=one.chain.block(0),
            spent={SENDER: 0},
            receipts={},
            known=frozenset(one.chain.mempool),
        ),
        counts=Counts(finalized=0, head=head_count, pending=pending),
        market=Market(
            head=BlockNumber(head_number),
            quote=FeeQuote(base_fee_wei=base_fee, tip_wei=10**8),
            caps=FeeCaps(max_fee_wei=10**11, tip_wei=10**9),
            replace_after_blocks=5,
        ),
        next_nonce=next_nonce,
    )


ALL = tuple(operation(index) for index in range(NEW))
NOTHING = Kept(sent_again=(), replaced=(), refusals=(), above_cap=None, is_unsettled=False)


def test_keep_up__all_wait_well_paid__nothing_done(world: World) -> None:
    assert kept(world, *ALL) == NOTHING


def test_keep_up__lost_useless_and_waiting__each_as_it_needs(world: World) -> None:
    first, second, _ = world.store.transactions
    del world.chain.mempool[first.tx_hash]
    del world.chain.mempool[second.tx_hash]

    done = kept(world, ALL[0], None, ALL[2])

    assert done.sent_again == (first.tx_hash,)
    (noop,) = world.store.transactions[NEW:]
    assert done.replaced == (noop.tx_hash,)
    assert (noop.nonce, noop.is_noop, noop.gas) == (1, True, NOOP_GAS)
    assert not done.is_unsettled


def test_keep_up__fees_rose__all_replaced_by_the_calls_that_are_not_over(world: World) -> None:
    done = kept(world, ALL[0], ALL[0], None, base_fee=10**10)

    versions = [transaction_from_raw(one.raw) for one in world.store.transactions[NEW:]]
    assert done.replaced == tuple(one.tx_hash for one in versions)
    assert [one.nonce for one in versions] == [0, 1, 2]
    assert [[item.event_op_id for item in items_of(one.data)] for one in versions] == [
        [ALL[0].op_id],
        [ALL[0].op_id],
        [],
    ]


def test_keep_up__fees_above_the_cap__lost_ones_sent_as_they_are(world: World) -> None:
    first = world.store.transactions[0]
    del world.chain.mempool[first.tx_hash]

    done = kept(world, *ALL, base_fee=10**12)

    assert done.sent_again == (first.tx_hash,)
    assert done.replaced == ()
    assert isinstance(done.above_cap, FeeAboveCap)


def test_keep_up__signing_is_stopped__what_is_signed_is_sent_all_the_same(world: World) -> None:
    first, second, third = world.store.transactions
    world.chain.drop_mempool()

    done = kept(world, ALL[0], None, ALL[2], signer=HeldSigner())

    assert list(world.chain.mempool) == [first.tx_hash, third.tx_hash, second.tx_hash]
    assert (done.replaced, done.refusals) == ((), (STOPPED,))


def adopt(one: World, *, next_nonce: int) -> None:
    one.store.adopt(
        Adoption(
            chain_id=CHAIN_ID,
            sender=SENDER,
            first_nonce=NEW,
            next_nonce=next_nonce,
            block_number=BlockNumber(0),
            block_hash=head(one).hash,
        )
    )


def head(one: World) -> BlockRef:
    return one.chain.block(0)


def test_keep_up__adopted_nonces__only_the_first_that_nothing_waits_for_is_filled(
    world: World,
) -> None:
    adopt(world, next_nonce=6)

    waits = kept(world, *ALL, pending=6, next_nonce=6)
    fills = kept(world, *ALL, pending=4, next_nonce=6)

    assert waits == Kept(sent_again=(), replaced=(), refusals=(), above_cap=None, is_unsettled=True)
    (filler,) = world.store.transactions[NEW:]
    assert (filler.nonce, filler.is_noop, fills.replaced) == (4, True, (filler.tx_hash,))
    assert fills.is_unsettled


def test_keep_up__forgotten_one_left_in_the_pool_near_the_cap__outbid_all_the_same(
    world: World,
) -> None:
    """A first bid leaves no tenth below the cap from a base fee of cap / 2.2 on."""
    adopt(world, next_nonce=4)

    done = kept(
        world, *ALL, base_fee=6 * 10**10, head_count=3, pending=4, next_nonce=4, head_number=5
    )

    (filler,) = world.store.transactions[NEW:]
    assert (filler.nonce, filler.is_noop, filler.max_fee_wei) == (3, True, 10**11)
    assert done.above_cap is None


def test_keep_up__gap_while_fees_are_above_the_cap__not_filled(world: World) -> None:
    adopt(world, next_nonce=4)

    done = kept(world, *ALL, base_fee=10**12, next_nonce=4)

    assert done.replaced == ()
    assert done.above_cap is not None
    assert done.is_unsettled
