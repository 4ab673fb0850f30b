"""`settlement.payouts.gas_operations`: calldata alone says what gas was spent for."""

from dataclasses import replace

import pytest

from contracts.calls import (
    LinePayment,
    Withdrawal,
    pay_batch_call,
    pay_tips_call,
    withdraw_batch_call,
    withdraw_call,
)
from contracts.evm import Address, BlockNumber, ChainId, Epoch, Hash32
from contracts.leaves import Leaf, SplitLine
from contracts.operations import (
    payout_operation_id,
    tip_operation_id,
    withdraw_operation_id,
)
from contracts.units import BaseUnits
from settlement.payouts.gas_operations import operations_of
from settlement.payouts.operation import Kind
from settlement.payouts.record_gas import MinedTransaction
from tests.escrow_calls import expire_escrow_call

CHAIN, CONTRACT, ASSET = ChainId(31337), Address(b"\xcc" * 20), Address(b"\xaa" * 20)
LIST = Hash32(b"\x11" * 32)


def leaf(epoch: int, work: int) -> Leaf:
    return Leaf(
        epoch=Epoch(epoch),
        work_id=Hash32.from_int(work),
        part=0,
        asset=ASSET,
        lines=(SplitLine(payee=Address(b"\x01" * 20), amount=BaseUnits(5)),),
    )


def sent(data: bytes) -> MinedTransaction:
    return MinedTransaction(
        nonce=0,
        tx_hash=LIST,
        recipient=CONTRACT,
        data=data,
        value_wei=0,
        is_success=True,
        block_number=BlockNumber(1),
        block_hash=LIST,
        gas_used=1,
        effective_gas_price_wei=1,
        l1_fee_wei=0,
        other_fee_wei=0,
    )


def named(one: Leaf) -> Hash32:
    return withdraw_operation_id(
        one.epoch, one.work_id, one.part, one.asset, chain_id=CHAIN, contract=CONTRACT
    )


def test_operations__batch_of_two_epochs__each_leaf_once_ascending() -> None:
    first, second = leaf(3, 7), leaf(4, 8)
    data = withdraw_batch_call([Withdrawal(one, ()) for one in (second, first, second)])

    found = operations_of(sent(data), CHAIN)

    assert [one.op_id for one in found] == sorted((named(first), named(second)))
    assert {(one.op_id, one.kind, one.epoch) for one in found} == {
        (named(first), Kind.WITHDRAW, 3),
        (named(second), Kind.WITHDRAW, 4),
    }
    single = operations_of(sent(withdraw_call(Withdrawal(first, ()))), CHAIN)
    assert [one.op_id for one in single] == [named(first)]


def test_operations__lines_and_tips__of_no_epoch() -> None:
    payment = LinePayment(index=2, payee=CONTRACT, amount=BaseUnits(9))
    paid = operations_of(sent(pay_batch_call(LIST, ASSET, [payment])), CHAIN)
    tipped = operations_of(sent(pay_tips_call([5, 5])), CHAIN)

    line = payout_operation_id(LIST, 2, chain_id=CHAIN, contract=CONTRACT)
    assert [(one.op_id, one.kind, one.epoch) for one in paid] == [(line, Kind.PAYOUT, None)]
    tip = tip_operation_id(5, chain_id=CHAIN, contract=CONTRACT)
    assert [(one.op_id, one.kind, one.epoch) for one in tipped] == [(tip, Kind.TIP, None)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        expire_escrow_call(Withdrawal(leaf(3, 7), ())),
        withdraw_call(Withdrawal(leaf(3, 7), ()))[:-40],
        withdraw_call(Withdrawal(leaf(3, 7), ()))[:4],
    ],
)
def test_operations__no_call_of_ours__none(data: bytes) -> None:
    assert operations_of(sent(data), CHAIN) == []


def test_operations__creation_of_a_contract__none() -> None:
    made = replace(sent(pay_tips_call([1])), recipient=None)

    assert operations_of(made, CHAIN) == []
