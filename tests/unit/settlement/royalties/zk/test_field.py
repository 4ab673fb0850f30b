from hypothesis import given
from hypothesis import strategies as st

from settlement.royalties.zk.field import (
    FIELD_MODULUS,
    FQ2_ONE,
    fq2_conjugate,
    fq2_inverse,
    fq2_mul,
    fq2_power,
    fq2_root,
    fq2_square,
    fq_root,
)

ELEMENTS = st.integers(0, FIELD_MODULUS - 1)
PAIRS = st.tuples(ELEMENTS, ELEMENTS)


@given(PAIRS.filter(any))
def test_inverse__times_value__is_one(value: tuple[int, int]) -> None:
    assert fq2_mul(value, fq2_inverse(value)) == FQ2_ONE


@given(PAIRS)
def test_root__of_a_square__is_one_of_two(value: tuple[int, int]) -> None:
    root = fq2_root(fq2_square(value))

    assert root in (value, (-value[0] % FIELD_MODULUS, -value[1] % FIELD_MODULUS))


def test_root__of_real_and_imaginary_squares__found() -> None:
    assert fq2_root((4, 0)) in ((2, 0), (FIELD_MODULUS - 2, 0))
    assert fq2_root((FIELD_MODULUS - 4, 0)) in ((0, 2), (0, FIELD_MODULUS - 2))
    assert fq2_root((0, 0)) == (0, 0)


def test_root__of_a_non_residue__none() -> None:
    assert fq_root(FIELD_MODULUS - 1) is None
    assert fq2_root((9, 1)) is None  # the twist's constant is no square


@given(PAIRS)
def test_conjugate__is_the_frobenius(value: tuple[int, int]) -> None:
    assert fq2_conjugate(value) == fq2_power(value, FIELD_MODULUS)
