"""Points of BN254: G1 over Fq (y² = x³ + 3) and G2 over Fq2 (y² = x³ + 3·(9 + u)⁻¹).

A point is affine, (x, y); the point at infinity is None. G1 has no other subgroup. The curve of G2
has: a point on it may lie outside of G2, and a pairing with such a point means nothing. It lies in
G2 exactly if the twisted Frobenius ψ acts on it as multiplication by t - 1 = 6x₀², with t the trace
and x₀ the parameter of the curve: ψ² - tψ + q = 0 makes such a point's order a divisor of
q + 1 - t = r, and the points of order r over Fq2 are G2.

Source: EIP-196, EIP-197; Scott, "A note on group membership tests for G1, G2 and GT" (2021).
"""

from collections.abc import Sequence
from typing import TypeAlias

from settlement.royalties.zk.field import (
    FIELD_MODULUS,
    FQ2_ONE,
    FQ2_ZERO,
    SCALAR_ORDER,
    Fq2,
    fq2_add,
    fq2_conjugate,
    fq2_inverse,
    fq2_mul,
    fq2_power,
    fq2_square,
    fq2_sub,
    fq2_times,
)

G1Point: TypeAlias = tuple[int, int] | None
G2Point: TypeAlias = tuple[Fq2, Fq2] | None

G1_GENERATOR: tuple[int, int] = (1, 2)
G1_B = 3
_XI: Fq2 = (9, 1)
G2_B: Fq2 = fq2_times(fq2_inverse(_XI), G1_B)

_PARAMETER = 4965661367192848881
_TRACE_MINUS_ONE = 6 * _PARAMETER * _PARAMETER
_PSI_X: Fq2 = fq2_power(_XI, (FIELD_MODULUS - 1) // 3)
_PSI_Y: Fq2 = fq2_power(_XI, (FIELD_MODULUS - 1) >> 1)

_Jacobian: TypeAlias = tuple[int, int, int]
_Jacobian2: TypeAlias = tuple[Fq2, Fq2, Fq2]


def is_on_g1(x: int, y: int) -> bool:
    """Whether canonical coordinates are those of a point of G1."""
    if not (0 <= x < FIELD_MODULUS and 0 <= y < FIELD_MODULUS):
        return False
    return (y * y - x * x * x - G1_B) % FIELD_MODULUS == 0


def is_on_g2(x: Fq2, y: Fq2) -> bool:
    """Whether canonical coordinates are those of a point of G2, the subgroup included."""
    if not all(0 <= limb < FIELD_MODULUS for limb in (*x, *y)):
        return False
    if fq2_square(y) != fq2_add(fq2_mul(fq2_square(x), x), G2_B):
        return False
    return _is_same(_multiply_g2(x, y, _TRACE_MINUS_ONE), _psi(x, y))


def g1_sum_of_products(points: Sequence[G1Point], factors: Sequence[int]) -> G1Point:
    """Σ factor · point; factors are taken modulo r.

    One pass of doublings serves all points (Straus).
    """
    pairs = [
        (point, factor % SCALAR_ORDER)
        for point, factor in zip(points, factors, strict=True)
        if point is not None
    ]
    total: _Jacobian = (1, 1, 0)
    for place in reversed(range(max((factor.bit_length() for _, factor in pairs), default=0))):
        total = _double(total)
        for point, factor in pairs:
            if factor >> place & 1:
                total = _add_affine(total, point)
    return _affine(total)


def g1_negative(point: G1Point) -> G1Point:
    """-P."""
    return None if point is None else (point[0], -point[1] % FIELD_MODULUS)


def _double(point: _Jacobian) -> _Jacobian:
    """2P on a curve with a = 0 (dbl-2009-l)."""
    x, y, z = point
    if not z:
        return point
    a, b = x * x, y * y % FIELD_MODULUS
    c = b * b
    d = 2 * ((x + b) * (x + b) - a - c) % FIELD_MODULUS
    e = 3 * a % FIELD_MODULUS
    new_x = (e * e - 2 * d) % FIELD_MODULUS
    return new_x, (e * (d - new_x) - 8 * c) % FIELD_MODULUS, 2 * y * z % FIELD_MODULUS


def _add_affine(point: _Jacobian, other: tuple[int, int]) -> _Jacobian:
    """P + Q with an affine Q (madd-2007-bl, without its constant factor)."""
    x, y, z = point
    if not z:
        return other[0], other[1], 1
    zz = z * z % FIELD_MODULUS
    h = (other[0] * zz - x) % FIELD_MODULUS
    slope = (other[1] * zz * z - y) % FIELD_MODULUS
    if not h:
        return _double(point) if not slope else (1, 1, 0)
    hh = h * h % FIELD_MODULUS
    hhh = h * hh % FIELD_MODULUS
    v = x * hh % FIELD_MODULUS
    new_x = (slope * slope - hhh - 2 * v) % FIELD_MODULUS
    return new_x, (slope * (v - new_x) - y * hhh) % FIELD_MODULUS, z * h % FIELD_MODULUS


def _affine(point: _Jacobian) -> G1Point:
    x, y, z = point
    if not z:
        return None
    inverse = pow(z, -1, FIELD_MODULUS)
    square = inverse * inverse % FIELD_MODULUS
    return x * square % FIELD_MODULUS, y * square * inverse % FIELD_MODULUS


def _multiply_g2(x: Fq2, y: Fq2, factor: int) -> _Jacobian2:
    """Double and add; the point is on the curve, in whatever subgroup."""
    total: _Jacobian2 = (x, y, FQ2_ONE)
    for bit in bin(factor)[3:]:
        total = _double2(total)
        if bit == "1":
            total = _add_affine2(total, x, y)
    return total


def _double2(point: _Jacobian2) -> _Jacobian2:
    x, y, z = point
    a, b = fq2_square(x), fq2_square(y)
    c = fq2_square(b)
    d = fq2_times(fq2_sub(fq2_sub(fq2_square(fq2_add(x, b)), a), c), 2)
    e = fq2_times(a, 3)
    new_x = fq2_sub(fq2_square(e), fq2_times(d, 2))
    new_y = fq2_sub(fq2_mul(e, fq2_sub(d, new_x)), fq2_times(c, 8))
    return new_x, new_y, fq2_times(fq2_mul(y, z), 2)


def _add_affine2(point: _Jacobian2, other_x: Fq2, other_y: Fq2) -> _Jacobian2:
    x, y, z = point
    if z == FQ2_ZERO:
        return other_x, other_y, FQ2_ONE
    zz = fq2_square(z)
    h = fq2_sub(fq2_mul(other_x, zz), x)
    slope = fq2_sub(fq2_mul(other_y, fq2_mul(zz, z)), y)
    if h == FQ2_ZERO:
        return _double2(point) if slope == FQ2_ZERO else (FQ2_ONE, FQ2_ONE, FQ2_ZERO)
    hh = fq2_square(h)
    hhh = fq2_mul(h, hh)
    v = fq2_mul(x, hh)
    new_x = fq2_sub(fq2_sub(fq2_square(slope), hhh), fq2_times(v, 2))
    new_y = fq2_sub(fq2_mul(slope, fq2_sub(v, new_x)), fq2_mul(y, hhh))
    return new_x, new_y, fq2_mul(z, h)


def _psi(x: Fq2, y: Fq2) -> tuple[Fq2, Fq2]:
    """The twisted Frobenius."""
    return fq2_mul(fq2_conjugate(x), _PSI_X), fq2_mul(fq2_conjugate(y), _PSI_Y)


def _is_same(point: _Jacobian2, affine: tuple[Fq2, Fq2]) -> bool:
    x, y, z = point
    zz = fq2_square(z)
    if zz == FQ2_ZERO:
        return False
    return x == fq2_mul(affine[0], zz) and y == fq2_mul(affine[1], fq2_mul(zz, z))
