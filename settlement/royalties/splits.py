"""One list of payees: whether it can be shared out, sharing it, and cutting lines into leaves.

The contract never divides: it pays the lines that the leaf commits to. Largest remainder, ties to
the lower address; zero lines are dropped before hashing; more than `SPLIT_LINES_MAX` lines become
several leaves, told apart by `part`. Payees that are lists themselves: `split_graph.py`.

Invariant: the lines sum to the amount, and each is within one unit of exact.
"""

from collections.abc import Sequence
from itertools import pairwise

from contracts.evm import Address
from contracts.leaves import SPLIT_LINES_MAX, SplitLine
from contracts.units import PPM_ONE, BaseUnits, allot


def is_well_formed(payees: Sequence[Address], shares_ppm: Sequence[int]) -> bool:
    """Whether payees are strictly ascending, with positive shares that sum to one."""
    return (
        len(payees) == len(shares_ppm)
        and all(lower < higher for lower, higher in pairwise(payees))
        and all(share > 0 for share in shares_ppm)
        and sum(shares_ppm) == PPM_ONE
    )


def split_lines(
    amount: BaseUnits, *, payees: Sequence[Address], shares_ppm: Sequence[int]
) -> tuple[SplitLine, ...]:
    """Share an amount among payees: lines ascending by payee, none of them zero.

    Raises:
        NothingToAllot: no share is positive.
    """
    shares = allot(amount, dict(zip(payees, shares_ppm, strict=True)))
    return tuple(
        SplitLine(payee=payee, amount=share) for payee, share in shares.items() if share > 0
    )


def parts(lines: Sequence[SplitLine]) -> tuple[tuple[SplitLine, ...], ...]:
    """Cut lines into leaves of at most `SPLIT_LINES_MAX`, in their order; part 0 comes first."""
    starts = range(0, len(lines), SPLIT_LINES_MAX)
    return tuple(tuple(lines[start : start + SPLIT_LINES_MAX]) for start in starts)
