from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.optimized_bn128.optimized_curve import G1, G2, multiply, normalize

from settlement.royalties.zk.curve import (
    G1_GENERATOR,
    g1_negative,
    g1_sum_of_products,
    is_on_g1,
    is_on_g2,
)
from settlement.royalties.zk.field import FIELD_MODULUS, SCALAR_ORDER, Fq2
from tests.zk_vectors import point_outside_of_g2

FACTORS = st.one_of(
    st.integers(0, SCALAR_ORDER - 1), st.sampled_from((1, 2, 3, SCALAR_ORDER - 1, SCALAR_ORDER + 1))
)


def g2_multiple(factor: int) -> tuple[Fq2, Fq2]:
    x, y = normalize(multiply(G2, factor))
    return (int(x.coeffs[0]), int(x.coeffs[1])), (int(y.coeffs[0]), int(y.coeffs[1]))


@settings(max_examples=12, deadline=None)
@given(FACTORS, FACTORS)
def test_sum_of_products__equals_reference(first: int, second: int) -> None:
    total = (first + 5 * second) % SCALAR_ORDER
    expected = None
    if total:
        x, y = normalize(multiply(G1, total))
        expected = (int(x), int(y))
    five = g1_sum_of_products([G1_GENERATOR], [5])

    assert g1_sum_of_products([G1_GENERATOR, five], [first, second]) == expected


def test_sum_of_products__nothing_or_opposites__infinite() -> None:
    assert g1_sum_of_products([], []) is None
    assert g1_sum_of_products([None], [7]) is None
    assert g1_sum_of_products([G1_GENERATOR, g1_negative(G1_GENERATOR)], [9, 9]) is None


def test_sum_of_products__same_point_twice__doubles() -> None:
    twice = g1_sum_of_products([G1_GENERATOR, G1_GENERATOR], [1, 1])

    assert twice == g1_sum_of_products([G1_GENERATOR], [2])


def test_is_on_g1__generator__only_with_canonical_coordinates() -> None:
    assert is_on_g1(1, 2)
    assert not is_on_g1(1, 3)
    assert not is_on_g1(1 + FIELD_MODULUS, 2)
    assert not is_on_g1(1, 2 - FIELD_MODULUS)
    assert not is_on_g1(0, 0)


@settings(max_examples=4, deadline=None)
@given(st.integers(1, SCALAR_ORDER - 1))
def test_is_on_g2__multiples_of_the_generator__hold(factor: int) -> None:
    assert is_on_g2(*g2_multiple(factor))


def test_is_on_g2__limbs_swapped_or_not_canonical__refused() -> None:
    x, y = g2_multiple(7)

    assert not is_on_g2((x[1], x[0]), (y[1], y[0]))
    assert not is_on_g2((x[0] + FIELD_MODULUS, x[1]), y)
    assert not is_on_g2(x, (y[0], (y[1] + 1) % FIELD_MODULUS))
    assert not is_on_g2((0, 0), (0, 0))


def test_is_on_g2__on_the_curve_outside_the_subgroup__refused() -> None:
    assert not is_on_g2(*point_outside_of_g2())
