"""Laws of the fee on top of a price."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Address
from contracts.units import UINT256_MAX, BaseUnits
from settlement.payments.fees import BPS_ONE, FEE_BPS_MAX, FeeTerms, fee_of

AMOUNTS = st.integers(0, UINT256_MAX // BPS_ONE).map(BaseUnits)
TERMS = st.builds(
    FeeTerms,
    treasury=st.just(Address(b"\x01" * 20)),
    minimum=st.integers(0, 2**80 - 1).map(BaseUnits),
    bps=st.integers(0, FEE_BPS_MAX),
)


@given(AMOUNTS, TERMS)
def test_fee__any_amount__is_the_floor_of_the_rate_or_the_minimum(
    amount: BaseUnits, terms: FeeTerms
) -> None:
    fee = fee_of(amount, terms)

    assert fee >= terms.minimum
    assert fee * BPS_ONE > amount * terms.bps - BPS_ONE
    assert fee == terms.minimum or fee * BPS_ONE <= amount * terms.bps


@given(AMOUNTS, AMOUNTS, TERMS)
def test_fee__greater_amount__is_not_less(
    left: BaseUnits, right: BaseUnits, terms: FeeTerms
) -> None:
    lower, higher = sorted((left, right))

    assert fee_of(lower, terms) <= fee_of(higher, terms)


@given(AMOUNTS, AMOUNTS, TERMS)
def test_fee__payment_split_in_two__saves_at_most_one_unit(
    left: BaseUnits, right: BaseUnits, terms: FeeTerms
) -> None:
    whole = fee_of(BaseUnits(left + right), terms)

    assert fee_of(left, terms) + fee_of(right, terms) >= whole - 1
