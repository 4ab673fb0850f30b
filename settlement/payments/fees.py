"""The fee on top of a price.

The one pure function, equal to `feeOf` of every payment contract (`src/payouts/FeeSchedule.sol`).
Whose terms were in force at a block is the caller's knowledge.
"""

from dataclasses import dataclass

from contracts.evm import Address
from contracts.units import BaseUnits, mul_div_down

BPS_ONE = 10_000
"""Basis points in one."""

FEE_BPS_MAX = 1_000
"""The greatest rate that the contracts accept: 10 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTerms:
    """Who receives fees, and how they are computed; `minimum` in units of the asset paid."""

    treasury: Address
    minimum: BaseUnits
    bps: int


def fee_of(amount: BaseUnits, terms: FeeTerms) -> BaseUnits:
    """max(minimum, floor(amount · bps / 10,000)).

    Args:
        amount: What the creator gets, whole; the fee is on top of it.
        terms: Those in force.
    """
    return BaseUnits(max(terms.minimum, mul_div_down(amount, terms.bps, BPS_ONE)))
