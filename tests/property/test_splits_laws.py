from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Address
from contracts.leaves import SPLIT_LINES_MAX
from contracts.units import UINT256_MAX, BaseUnits
from settlement.royalties.splits import parts, split_lines

addresses = st.binary(min_size=20, max_size=20).map(Address)
shares = st.dictionaries(addresses, st.integers(1, 10**6), min_size=1, max_size=70)
amounts = st.one_of(st.integers(0, 100), st.integers(0, UINT256_MAX))


@given(amounts, shares)
def test_split__any__conserves_and_each_within_one_unit(
    amount: int, weights: dict[Address, int]
) -> None:
    lines = split_lines(BaseUnits(amount), payees=list(weights), shares_ppm=list(weights.values()))

    got = {line.payee: line.amount for line in lines}
    assert sum(got.values()) == amount
    for payee, weight in weights.items():
        exact = Fraction(amount * weight, sum(weights.values()))
        assert abs(got.get(payee, 0) - exact) < 1


@given(amounts, shares, st.randoms(use_true_random=False))
def test_split__payees_in_another_order__same_lines(
    amount: int, weights: dict[Address, int], random: Random
) -> None:
    payees = list(weights)
    random.shuffle(payees)

    turned = split_lines(
        BaseUnits(amount), payees=payees, shares_ppm=[weights[payee] for payee in payees]
    )

    assert turned == split_lines(
        BaseUnits(amount), payees=list(weights), shares_ppm=list(weights.values())
    )


@given(amounts, shares)
def test_parts__any_lines__fit_the_contract(amount: int, weights: dict[Address, int]) -> None:
    lines = split_lines(BaseUnits(amount), payees=list(weights), shares_ppm=list(weights.values()))

    cut = parts(lines)

    assert tuple(line for part in cut for line in part) == lines
    for part in cut:
        payees = [line.payee for line in part]
        assert 1 <= len(part) <= SPLIT_LINES_MAX
        assert payees == sorted(set(payees))
        assert all(line.amount > 0 for line in part)
