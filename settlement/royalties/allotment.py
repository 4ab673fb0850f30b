"""Largest remainder step by step: how `contracts.units.allot_rows` came to each of its shares.

It explains shares and makes none: whoever shows the steps compares them with the shares that were
made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.units import NothingToAllot


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """One share: product = floor · denominator + remainder, and amount = floor + extra.

    `rank` counts from 1, larger remainders first, ties to the lower index. The first `dust` ranks
    have the extra unit.
    """

    product: int
    floor: int
    remainder: int
    rank: int
    extra: int

    @property
    def amount(self) -> int:
        """The share."""
        return self.floor + self.extra


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """A total in proportion to weights, whose sum is the denominator; `dust` = total - Σ floor."""

    total: int
    denominator: int
    dust: int
    portions: tuple[Portion, ...]


def allotment(total: int, weights: Sequence[int]) -> Allotment:
    """The steps of sharing `total` by `weights`.

    Raises:
        NothingToAllot: no weight is positive.
    """
    denominator = sum(weights)
    if denominator <= 0:
        raise NothingToAllot(total)
    products = [total * weight for weight in weights]
    dust = total - sum(product // denominator for product in products)
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(products[at] % denominator), at))
    rank_of = {at: rank for rank, at in enumerate(by_remainder, start=1)}
    portions = tuple(
        Portion(
            product=product,
            floor=product // denominator,
            remainder=product % denominator,
            rank=rank_of[at],
            extra=int(rank_of[at] <= dust),
        )
        for at, product in enumerate(products)
    )
    return Allotment(total=total, denominator=denominator, dust=dust, portions=portions)
