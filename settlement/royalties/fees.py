"""Fees that parameters put on what subscribers paid: a list of payees, each with its own rate.

Every entry is charged on the whole fee of a (subscriber, asset), rounded down, in favour of
creators; what is left is shared. Money that is no subscriber's pays no fee.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from contracts.evm import Address
from contracts.leaves import SplitLine
from contracts.units import PPM_ONE, BaseUnits, mul_div_down

ENTRIES_MAX = 8
SUM_PPM_MAX = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeEntry:
    """One fee of the parameters; `payee` is never zero."""

    name: str
    payee: Address
    rate_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeShare:
    """What one entry came to in one asset; `position` is its place in the parameters."""

    position: int
    payee: Address
    amount: BaseUnits


def charge(fee: int, rates_ppm: Sequence[int]) -> tuple[BaseUnits, ...]:
    """What each entry takes of one subscriber's fee in one asset.

    Their sum is at most the fee, because the rates sum to at most one.
    """
    return tuple(BaseUnits(mul_div_down(fee, rate, PPM_ONE)) for rate in rates_ppm)


def charge_column(fees: Sequence[int], rate_ppm: int) -> list[int]:
    """What one entry takes of each of many fees."""
    return [mul_div_down(fee, rate_ppm, PPM_ONE) for fee in fees]


def charge_all(
    fees: Mapping[Address, BaseUnits], entries: Sequence[FeeEntry]
) -> dict[Address, tuple[BaseUnits, ...]]:
    """What each entry takes of each subscriber's fee in one asset."""
    rates = [entry.rate_ppm for entry in entries]
    return {subscriber: charge(fee, rates) for subscriber, fee in fees.items()}


def fee_shares(
    charged: Collection[Sequence[BaseUnits]], entries: Sequence[FeeEntry]
) -> Iterator[FeeShare]:
    """What each entry came to over all subscribers, in the order of the parameters."""
    for position, entry in enumerate(entries):
        amount = BaseUnits(sum(of_one[position] for of_one in charged))
        yield FeeShare(position=position, payee=entry.payee, amount=amount)


def fee_lines(shares: Sequence[FeeShare]) -> tuple[SplitLine, ...]:
    """The lines of the fee leaf: entries of one payee together, ascending by payee, none zero."""
    amounts: dict[Address, int] = {}
    for share in shares:
        amounts[share.payee] = amounts.get(share.payee, 0) + share.amount
    return tuple(
        SplitLine(payee=payee, amount=BaseUnits(amount))
        for payee, amount in sorted(amounts.items())
        if amount > 0
    )
