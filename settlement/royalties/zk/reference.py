"""The reference back end: py-ecc, in pure Python, about half a second a proof.

Source: py-ecc is the pairing that Ethereum's execution specification uses.
"""

from collections.abc import Sequence

from py_ecc.fields import optimized_bn128_FQ as FQ
from py_ecc.fields import optimized_bn128_FQ2 as FQ2
from py_ecc.fields import optimized_bn128_FQ12 as FQ12
from py_ecc.optimized_bn128.optimized_pairing import final_exponentiate, pairing

from settlement.royalties.zk.curve import G1Point, G2Point, g1_sum_of_products


class ReferenceBackend:
    """`groth16.PairingBackend` by py-ecc."""

    def sum_of_products(self, points: Sequence[G1Point], factors: Sequence[int]) -> G1Point:
        """Σ factor · point in G1."""
        return g1_sum_of_products(points, factors)

    def is_one(self, pairs: Sequence[tuple[G1Point, G2Point]]) -> bool:
        """Whether the product of the pairings is the neutral element."""
        product = FQ12.one()
        for left, right in pairs:
            if left is None or right is None:
                continue  # a pairing with an infinite point is the neutral element
            g1 = (FQ(left[0]), FQ(left[1]), FQ.one())
            g2 = (FQ2(right[0]), FQ2(right[1]), FQ2.one())
            product *= pairing(g2, g1, final_exponentiate=False)
        return bool(final_exponentiate(product) == FQ12.one())
