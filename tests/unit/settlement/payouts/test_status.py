"""The history of one operation."""

from contracts.evm import ZERO_HASH
from settlement.payouts.decision import State
from settlement.payouts.gas import FeeQuote
from settlement.payouts.operation import Fate
from settlement.payouts.status import Place, Purpose, payout_status
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


def test_payout_status__replaced_cancelled_and_mined__every_version_shown() -> None:
    one = World(books=FakeBooks(leaves=[withdrawal(0)]))
    one.submitter.tick()
    one.chain.quote = FeeQuote(base_fee_wei=10**10, tip_wei=10**8)
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.withdraw_elsewhere(withdrawal(0))
    one.chain.finalize()
    one.submitter.tick()
    assert places(one) == [
        (Purpose.CALL, Place.UNKNOWN),
        (Purpose.REPLACEMENT, Place.UNKNOWN),
        (Purpose.NOOP, Place.WAITING),
    ]
    one.chain.mine()
    assert [place for _, place in places(one)] == [Place.UNKNOWN, Place.UNKNOWN, Place.MINED]
    one.chain.finalize()

    assert [place for _, place in places(one)] == [Place.DEAD, Place.DEAD, Place.MINED]


def places(one: World) -> list[tuple[Purpose, Place]]:
    status = payout_status(
        operation().op_id, histories=one.store, chain=one.chain, finality=one.chain
    )
    assert status is not None
    assert [version.ordinal for version in status.versions] == [0, 1, 2]
    return [(version.purpose, version.place) for version in status.versions]


def test_payout_status__unknown_operation__none() -> None:
    one = World()

    status = payout_status(ZERO_HASH, histories=one.store, chain=one.chain, finality=one.chain)

    assert status is None
