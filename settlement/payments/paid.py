"""What an event says was paid: the fields that `families.py` names, typed.

The event of a refund has the fields of the payment, so it is read in the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.evm import ZERO_ADDRESS, Address
from contracts.units import BaseUnits
from settlement.payments.decoding import Value
from settlement.payments.families import AssetSource, Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What an event says was paid; `fee` is 0 where the family has none.

    `ticket_id` is the ticket that was bought, None where none was.
    """

    payer: Address
    payee: Address
    asset: Address
    amount: BaseUnits
    fee: BaseUnits
    ticket_id: int | None = None


def paid_of(family: Family, values: Mapping[str, Value], emitter: Address) -> Paid:
    """The money of a decoded event."""
    return Paid(
        payer=_address(values[family.payer]),
        payee=_address(values[family.payee]),
        asset=asset_of(family, values, emitter),
        amount=units_of(values[family.amount]),
        fee=BaseUnits(0) if family.fee is None else units_of(values[family.fee]),
        ticket_id=None if family.ticket is None else units_of(values[family.ticket]),
    )


def asset_of(family: Family, values: Mapping[str, Value], emitter: Address) -> Address:
    """The asset, from wherever the family has it."""
    if family.asset is AssetSource.NATIVE:
        return ZERO_ADDRESS
    if family.asset is AssetSource.EMITTER:
        return emitter
    return _address(values[family.asset])


def _address(value: Value) -> Address:
    if not isinstance(value, Address):
        raise TypeError(f"{value!r} is not an address")
    return value


def units_of(value: Value) -> BaseUnits:
    """A value that is an amount."""
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not an amount")
    return BaseUnits(value)
