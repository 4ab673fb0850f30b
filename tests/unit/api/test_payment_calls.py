"""The call that pays an intent: api.payment_calls, contracts.orders."""

from dataclasses import replace

import pytest
from eth_abi.abi import decode

from api.payment_calls import Asked, PayingCall, paying_call
from contracts.evm import Address, Hash32, Timestamp, keccak
from contracts.units import BaseUnits

CONTRACT, PAYER, PAYEE = (Address(bytes([n]) * 20) for n in (1, 2, 3))
ORDER, EVENT = Hash32(b"o" * 32), Hash32(b"e" * 32)
TICKET = Asked(
    family_name="ticket",
    contract=CONTRACT,
    payer=PAYER,
    payee=PAYEE,
    subject=EVENT,
    tier_id=7,
    amount=BaseUnits(100),
    fee=BaseUnits(10),
    order_id=ORDER,
    until=Timestamp(2_000),
)
TIP = replace(TICKET, family_name="tip_native", subject=None, tier_id=None)
SEND = replace(TIP, family_name="offramp_send", order_id=None, fee=None)


def arguments(call: PayingCall | None, signature: str) -> tuple[object, ...]:
    """What the call's data say to the function of that signature."""
    assert call is not None
    assert call.data[:4] == keccak(signature.encode())[:4]
    types = signature.partition("(")[2].removesuffix(")")
    return tuple(decode([types] if types.startswith("(") else types.split(","), call.data[4:]))


def test_call__ticket__order_with_quoted_fee_and_last_second() -> None:
    call = paying_call(TICKET)

    order = "(bytes32,address,address,bytes32,uint32,uint256,uint256,uint64)"
    assert arguments(call, f"pay({order})") == (
        (bytes(ORDER), str(PAYER), str(PAYEE), bytes(EVENT), 7, 100, 10, 1_999),
    )
    assert call is not None
    assert (call.to, call.value, call.allowance) == (CONTRACT, 0, 110)


def test_call__native_tip__amount_and_fee_are_its_value() -> None:
    call = paying_call(replace(TIP, payer=None))

    assert arguments(call, "tip(address,bytes32,uint96)") == (str(PAYEE), bytes(ORDER), 100)
    assert call is not None
    assert (call.value, call.allowance) == (110, 0)


def test_call__transfer__whole_to_the_payee() -> None:
    call = paying_call(SEND)

    assert arguments(call, "transfer(address,uint256)") == (str(PAYEE), 100)
    assert call is not None
    assert (call.to, call.value, call.allowance) == (CONTRACT, 0, 0)


@pytest.mark.parametrize(
    "asked",
    [
        replace(TICKET, payer=None),
        replace(TICKET, fee=None),
        replace(TIP, fee=None),
        replace(TIP, amount=BaseUnits(2**96)),
    ],
)
def test_call__payer_or_fee_not_known__none(asked: Asked) -> None:
    assert paying_call(asked) is None
