"""What every pairing back end must do; the generators and their multiples are py-ecc's."""

from py_ecc.optimized_bn128.optimized_curve import G2, multiply, normalize

from settlement.royalties.zk.curve import (
    G1_GENERATOR,
    G1Point,
    G2Point,
    g1_negative,
    g1_sum_of_products,
)
from settlement.royalties.zk.field import SCALAR_ORDER
from settlement.royalties.zk.groth16 import PairingBackend


def g1(factor: int) -> G1Point:
    return g1_sum_of_products([G1_GENERATOR], [factor])


def g2(factor: int) -> G2Point:
    x, y = normalize(multiply(G2, factor))
    return (int(x.coeffs[0]), int(x.coeffs[1])), (int(y.coeffs[0]), int(y.coeffs[1]))


def check_pairing_is_bilinear(backend: PairingBackend) -> None:
    """e(aP, bQ) · e(-abP, Q) = 1, and not so for another product."""
    assert backend.is_one([(g1(6), g2(7)), (g1_negative(g1(42)), g2(1))])
    assert not backend.is_one([(g1(6), g2(7)), (g1_negative(g1(43)), g2(1))])


def check_infinite_points_are_neutral(backend: PairingBackend) -> None:
    assert backend.is_one([])
    assert backend.is_one([(None, g2(1)), (g1(1), None), (None, None)])
    assert not backend.is_one([(None, g2(1)), (g1(1), g2(1))])


def check_sums_of_products(backend: PairingBackend) -> None:
    """Equal to plain integer arithmetic, also where the sum or an addend is infinite."""
    cases: tuple[tuple[list[G1Point], list[int]], ...] = (
        ([], []),
        ([None], [7]),
        ([g1(1), g1(5)], [0, 0]),
        ([g1(1), g1(5)], [10, SCALAR_ORDER - 2]),
        ([g1(1), None, g1(5)], [3, 9, 4]),
        ([g1(2), g1(2)], [SCALAR_ORDER + 1, 2**128 - 1]),
        ([g1(3)] * 40, [factor**9 for factor in range(40)]),
    )
    for points, factors in cases:
        expected = g1_sum_of_products(points, factors)
        assert backend.sum_of_products(points, factors) == expected
