"""The fast back end: zksnake, whose native code computes four pairings in one or two milliseconds.

The library ends the process on a point that it does not like, so it gets none but checked ones.
"""

from collections.abc import Sequence

from zksnake.ecc import EllipticCurve

from settlement.royalties.zk.curve import G1Point, G2Point
from settlement.royalties.zk.field import SCALAR_ORDER

_CURVE = EllipticCurve("BN254")
_ONE = _CURVE.pairing(_CURVE.G1() * 0, _CURVE.G2())


class FastBackend:
    """`groth16.PairingBackend` by zksnake."""

    def sum_of_products(self, points: Sequence[G1Point], factors: Sequence[int]) -> G1Point:
        """Σ factor · point in G1."""
        finite = [
            (_CURVE(*point), factor % SCALAR_ORDER)
            for point, factor in zip(points, factors, strict=True)
            if point is not None
        ]
        if not finite:
            return None
        total = _CURVE.multiexp([point for point, _ in finite], [factor for _, factor in finite])
        return None if total.is_zero() else (int(total.x), int(total.y))

    def is_one(self, pairs: Sequence[tuple[G1Point, G2Point]]) -> bool:
        """Whether the product of the pairings is the neutral element."""
        finite = [(left, right) for left, right in pairs if left is not None and right is not None]
        if not finite:
            return True
        product = _CURVE.multi_pairing(
            [_CURVE(*left) for left, _ in finite], [_CURVE(*right) for _, right in finite]
        )
        return bool(product == _ONE)
