"""Another key is configured in the middle of payouts: nothing is paid twice, nothing is stuck.

Subject: settlement.payouts.other_keys.
"""

from contracts.evm import Address
from settlement.payouts.operation import Fate
from settlement.payouts.view import OwnCheck
from tests.fakes_payout_chain import (
    SENDER,
    FakeBooks,
    World,
    line,
    operation,
    payment,
    withdrawal,
)

NEXT_KEY = Address(b"\x5f" * 20)


def rotated(*, leaves: int = 1) -> World:
    """The first key has signed for every leaf, the next one is configured now."""
    one = World(books=FakeBooks(leaves=[withdrawal(index) for index in range(leaves)]))
    one.submitter.tick()
    one.key = NEXT_KEY
    return one


def fates(one: World) -> list[Fate]:
    return [outcome.fate for outcome in one.store.outcomes]


def test_tick__key_replaced_while_its_transaction_waits__waited_for_and_settled_once() -> None:
    one = rotated()

    report = one.submitter.tick()
    one.settle(rounds=2)

    assert (report.signed, report.other_keys) == ((), (SENDER,))
    assert fates(one) == [Fate.SETTLED]
    assert one.submitter.tick().other_keys == ()


def test_tick__key_replaced_and_its_transactions_dropped__same_bytes_sent_for_it() -> None:
    """Nobody else would: before, the operation waited for them for ever."""
    one = rotated(leaves=20)
    signed = tuple(each.tx_hash for each in one.store.transactions)
    assert len(signed) > 1
    one.chain.drop_mempool()

    report = one.submitter.tick()

    assert report.sent_again == signed
    one.settle(rounds=12)
    assert set(fates(one)) == {Fate.SETTLED}
    assert len(fates(one)) == 20
    assert one.second_payments() == 0


def test_tick__key_replaced_and_an_earlier_nonce_pays_nothing_any_more__sent_too() -> None:
    """A stranger settled what the first nonce was for; the second one still waits behind it."""
    one = rotated(leaves=20)
    first, *_ = one.store.transactions
    carried = {op_id for op_id, _, nonce in one.store.inclusions if nonce == first.nonce}
    one.chain.drop_mempool()
    for index, leaf in enumerate(one.books.leaves):
        if operation(index).op_id in carried:
            one.chain.withdraw_elsewhere(leaf)
    one.chain.finalize()
    one.submitter.tick()
    assert set(fates(one)) == {Fate.SETTLED_ELSEWHERE}
    one.chain.drop_mempool()

    report = one.submitter.tick()

    assert first.tx_hash in report.sent_again
    one.settle(rounds=12)
    assert one.store.open_count() == 0
    assert one.second_payments() == 0


def test_tick__key_replaced_and_the_contract_paused__nothing_sent_for_it() -> None:
    one = rotated()
    one.chain.drop_mempool()
    one.chain.moods = {"paused"}

    assert one.submitter.tick().sent_again == ()


def test_tick__float_promised_to_what_another_key_has_waiting__not_promised_twice() -> None:
    """The batch is one: beyond its float the whole call reverts, and its gas is lost."""
    one = World(books=FakeBooks(payments=[payment(0)]))
    one.chain.float_units = 150
    one.chain.mine()
    one.submitter.tick()
    one.key = NEXT_KEY
    one.books.payments.append(payment(1))

    waits = one.submitter.tick()
    one.chain.set_float(301)
    one.chain.mine()
    goes_on = one.submitter.tick()

    (held,) = waits.held
    assert (held.op_id, held.objection.check) == (line(payment(1)).op_id, OwnCheck.FLOAT)
    assert (len(waits.signed), len(goes_on.signed)) == (0, 1)


def test_tick__what_another_key_signed_is_mined__no_more_promised() -> None:
    """It is out of the float already, though not for good: counted twice it would hold others."""
    one = World(books=FakeBooks(payments=[payment(0)]))
    one.chain.float_units = payment(0).amount + payment(1).amount
    one.chain.mine()
    one.submitter.tick()
    one.key = NEXT_KEY
    one.books.payments.append(payment(1))
    one.chain.mine()

    report = one.submitter.tick()

    assert (report.held, len(report.signed), report.other_keys) == ((), 1, (SENDER,))
