"""Money as integers, and every rounding by name.

Amounts are base units of one asset (the smallest indivisible unit, uint256 on chain). There is no
division operator near money: `mul_div_down` and the two `allot` functions are the only places that
divide, so that every rounding has a name and a direction.
"""

from collections.abc import Mapping, Sequence
from typing import NewType

from contracts.evm import Address

BaseUnits = NewType("BaseUnits", int)
"""Smallest unit of one asset; not negative unless the name says delta."""

Ppm = NewType("Ppm", int)
"""Parts per million: 1_000_000 is one."""

PPM_ONE = 1_000_000
UINT256_MAX = 2**256 - 1


class NothingToAllot(ValueError):
    """Weights that sum to zero cannot share anything."""

    def __init__(self, total: int) -> None:
        super().__init__(f"no positive weight to share {total} units by")
        self.total = total


def mul_div_down(x: int, numerator: int, denominator: int) -> int:
    """Multiply, then divide, rounded toward zero; all three are not negative."""
    return x * numerator // denominator


def allot_rows(total: int, weights: Sequence[int]) -> list[int]:
    """Share `total` in proportion to `weights`, to the last unit (largest remainder).

    Ties of the remainder go to the lower index.

    Invariants: the shares sum to `total`; a zero weight gets zero; each share is within one unit
    of exact.

    Raises:
        NothingToAllot: no weight is positive.
    """
    denominator = sum(weights)
    if denominator <= 0:
        raise NothingToAllot(total)
    products = [total * weight for weight in weights]
    shares = [product // denominator for product in products]
    dust = total - sum(shares)
    if dust:
        by_remainder = sorted(
            range(len(weights)), key=lambda index: (-(products[index] % denominator), index)
        )
        for index in by_remainder[:dust]:
            shares[index] += 1
    return shares


def allot(total: int, weights: Mapping[Address, int]) -> dict[Address, BaseUnits]:
    """Share `total` among addresses, to the last unit; ties go to the lower address.

    The result does not depend on the order of `weights`; it is in ascending order of address.

    Raises:
        NothingToAllot: no weight is positive.
    """
    addresses = sorted(weights)
    shares = allot_rows(total, [weights[address] for address in addresses])
    return {address: BaseUnits(share) for address, share in zip(addresses, shares, strict=True)}
