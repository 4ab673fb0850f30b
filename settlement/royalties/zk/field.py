"""The two prime fields of BN254 (alt_bn128), and arithmetic in the quadratic extension.

An element of Fq2 is a pair (c0, c1) that stands for c0 + c1·u, with u² = -1.

Source: EIP-196, EIP-197.
"""

from typing import TypeAlias

FIELD_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""q: coordinates of points are below it."""

SCALAR_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""r: the order of the groups; public inputs and Poseidon's elements are below it."""

Fq2: TypeAlias = tuple[int, int]

FQ2_ZERO: Fq2 = (0, 0)
FQ2_ONE: Fq2 = (1, 0)


def fq2_add(left: Fq2, right: Fq2) -> Fq2:
    """Sum in Fq2."""
    return (left[0] + right[0]) % FIELD_MODULUS, (left[1] + right[1]) % FIELD_MODULUS


def fq2_sub(left: Fq2, right: Fq2) -> Fq2:
    """Difference in Fq2."""
    return (left[0] - right[0]) % FIELD_MODULUS, (left[1] - right[1]) % FIELD_MODULUS


def fq2_mul(left: Fq2, right: Fq2) -> Fq2:
    """Product in Fq2, with three multiplications (Karatsuba)."""
    low, high = left[0] * right[0], left[1] * right[1]
    cross = (left[0] + left[1]) * (right[0] + right[1]) - low - high
    return (low - high) % FIELD_MODULUS, cross % FIELD_MODULUS


def fq2_square(value: Fq2) -> Fq2:
    """Square in Fq2."""
    c0, c1 = value
    return (c0 + c1) * (c0 - c1) % FIELD_MODULUS, 2 * c0 * c1 % FIELD_MODULUS


def fq2_times(value: Fq2, factor: int) -> Fq2:
    """Product with an integer."""
    return value[0] * factor % FIELD_MODULUS, value[1] * factor % FIELD_MODULUS


def fq2_conjugate(value: Fq2) -> Fq2:
    """c0 - c1·u, which is also the q-th power."""
    return value[0], -value[1] % FIELD_MODULUS


def fq2_inverse(value: Fq2) -> Fq2:
    """Inverse in Fq2; of zero there is none.

    Raises:
        ValueError: the value is zero.
    """
    c0, c1 = value
    norm = pow(c0 * c0 + c1 * c1, -1, FIELD_MODULUS)
    return c0 * norm % FIELD_MODULUS, -c1 * norm % FIELD_MODULUS


def fq2_power(value: Fq2, exponent: int) -> Fq2:
    """Power with an exponent that is not negative."""
    result = FQ2_ONE
    for bit in bin(exponent)[2:]:
        result = fq2_square(result)
        if bit == "1":
            result = fq2_mul(result, value)
    return result


def fq_root(value: int) -> int | None:
    """A square root in Fq, or None; q is 3 modulo 4."""
    root = pow(value, (FIELD_MODULUS + 1) >> 2, FIELD_MODULUS)
    return root if root * root % FIELD_MODULUS == value % FIELD_MODULUS else None


def fq2_root(value: Fq2) -> Fq2 | None:
    """A square root in Fq2, or None.

    Source: the complex method. For √(a + bu) = x + yu: x² = (a ± √(a² + b²)) · 2⁻¹, y = b · (2x)⁻¹.
    """
    a, b = value
    norm = fq_root(a * a + b * b)
    if norm is None:
        return None
    half = (FIELD_MODULUS + 1) >> 1
    for sign in (norm, -norm):
        x = fq_root((a + sign) * half % FIELD_MODULUS)
        if x is None:
            continue
        # x = 0 leaves y² = -a, with b = 0.
        y = b * pow(2 * x, -1, FIELD_MODULUS) % FIELD_MODULUS if x else fq_root(-a)
        if y is not None and fq2_square((x, y)) == (a % FIELD_MODULUS, b % FIELD_MODULUS):
            return x, y
    return None
