"""The history of one operation."""

from contracts.evm import ZERO_HASH
from settlement.payouts.decision import State
from settlement.payouts.operation import Fate
from settlement.payouts.status import payout_status
from tests.fakes_payout_chain import FakeBooks, World, operation, withdrawal


def states(one: World) -> State | None:
    status = payout_status(
        operation().op_id, histories=one.store, chain=one.chain, finality=one.chain
    )
    assert status is not None
    assert status.standing is not None
    return status.standing.state


def test_payout_status__whole_life__every_state_shown() -> None:
    one = World(books=FakeBooks(leaves=[withdrawal(0)]))
    one.store.plan([operation()])
    assert states(one) is State.PLANNED
    one.submitter.tick()
    assert states(one) is State.PENDING
    one.chain.drop_mempool()
    assert states(one) is State.SIGNED
    one.submitter.tick()
    one.chain.mine()
    assert states(one) is State.MINED
    one.chain.finalize()
    assert states(one) is State.FINAL
    one.submitter.tick()
    assert states(one) is State.FINAL

    status = payout_status(
        operation().op_id, histories=one.store, chain=one.chain, finality=one.chain
    )

    assert status is not None
    assert [attempt.nonce for attempt in status.history.attempts] == [0]
    assert [outcome.fate for outcome in status.history.outcomes] == [Fate.SETTLED]
    assert status.finalized == one.chain.finalized()


def test_payout_status__unknown_operation__none() -> None:
    one = World()

    status = payout_status(ZERO_HASH, histories=one.store, chain=one.chain, finality=one.chain)

    assert status is None
