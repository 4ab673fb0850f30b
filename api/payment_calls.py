"""The call that pays an intent, ready to be sent by its payer's wallet.

An order is bound to what the intent says: no more fee than was quoted, and no later than the last
second in which the payment is in time. So a wallet that sends the call unchanged pays the intent,
or nothing.
"""

from dataclasses import dataclass

from contracts.evm import ZERO_HASH, Address, Hash32, Timestamp
from contracts.orders import Order, pay_call, tip_call, transfer_call
from contracts.units import BaseUnits
from settlement.payments.families import AssetSource, family_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an intent asks for; `fee` is the one that was quoted."""

    family_name: str
    contract: Address
    payer: Address | None
    payee: Address
    subject: Hash32 | None
    tier_id: int | None
    amount: BaseUnits
    fee: BaseUnits | None
    order_id: Hash32 | None
    until: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class PayingCall:
    """A transaction: whom to call with what; `allowance` is what `to` must be allowed to take."""

    to: Address
    data: bytes
    value: BaseUnits
    allowance: BaseUnits


def paying_call(asked: Asked) -> PayingCall | None:
    """The call that pays; None where the payer or the fee is not known."""
    nothing = BaseUnits(0)
    if asked.order_id is None:
        data = transfer_call(asked.payee, asked.amount)
        return PayingCall(to=asked.contract, data=data, value=nothing, allowance=nothing)
    if asked.fee is None:
        return None
    total = BaseUnits(asked.amount + asked.fee)
    if family_named(asked.family_name).asset is AssetSource.NATIVE:
        if asked.amount >> 96:  # as much as there is of no coin
            return None
        data = tip_call(asked.payee, asked.order_id, asked.amount)
        return PayingCall(to=asked.contract, data=data, value=total, allowance=nothing)
    if asked.payer is None:
        return None
    order = Order(
        order_id=asked.order_id,
        payer=asked.payer,
        creator=asked.payee,
        subject=asked.subject or ZERO_HASH,
        tier_id=asked.tier_id or 0,
        price=asked.amount,
        max_fee=asked.fee,
        deadline=Timestamp(asked.until - 1),
    )
    return PayingCall(to=asked.contract, data=pay_call(order), value=nothing, allowance=total)
