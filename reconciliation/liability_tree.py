"""Sum-Merkle tree of what is owed in one asset: the root commits to every line and to their total.

    leaf    keccak(0x00 ‖ account id ‖ amount)                                 sum: the amount
    node    keccak(0x01 ‖ left hash ‖ left sum ‖ right hash ‖ right sum)       sum: left + right

Both sums stand beside both hashes in what a node hashes. (With only their total there, as in
Maxwell's first sketch, an operator can give every customer a valid proof and still show a total
that covers a single account.) Amounts and sums are 32 bytes, unsigned, and no sum may pass 2²⁵⁶: so
there is no way to write a negative balance, or a total that wraps around.

Leaves are ascending by account id, and no id stands twice. The tree has the shape of RFC 9162: the
last node of an odd level goes up as it is, and never is a node paired with itself. Where a leaf
stands, and among how many, decides which siblings its proof has and on which side: that is checked,
so one leaf cannot be shown to two accounts as two lines.

Nothing is blinded: what is owed to whom follows from public events, and whoever has them can build
this tree again, which is worth more to a creator than a secret that they could not check.

Source: Chalkias, Lewi, Mohassel, Nikolaenko, "Distributed Auditing Proofs of Liabilities" (IACR
eprint 2020/468); Hu, Zhang, Guo, "A Note on Proof of Liabilities" (IACR eprint 2018/1139).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from contracts.evm import Hash32, keccak
from contracts.units import UINT256_MAX
from reconciliation.errors import BadLiabilities

_LEAF, _NODE = b"\x00", b"\x01"


@dataclass(frozen=True, slots=True)
class SumNode:
    """A node: its hash, and the sum of all leaves below it."""

    hash: Hash32
    sum: int

    def __post_init__(self) -> None:
        """Refuse a sum that 32 bytes cannot say."""
        if type(self.sum) is not int or not 0 <= self.sum <= UINT256_MAX:
            raise BadLiabilities(f"a sum of {self.sum!r} is not in [0, 2^256)")

    def encoded(self) -> bytes:
        """Hash and sum, 64 bytes."""
        return self.hash + self.sum.to_bytes(32, "big")


EMPTY = SumNode(keccak(b""), 0)
"""The root where nothing is owed."""


@dataclass(frozen=True, slots=True)
class LiabilityLeaf:
    """What one account is owed."""

    account_id: Hash32
    amount: int


@dataclass(frozen=True, slots=True)
class LiabilityTree:
    """All levels, leaves first; the last one is the root alone. Without leaves there are none."""

    levels: tuple[tuple[SumNode, ...], ...]

    @property
    def root(self) -> SumNode:
        """Hash and total."""
        return self.levels[-1][0] if self.levels else EMPTY


def liability_tree(leaves: Sequence[LiabilityLeaf]) -> LiabilityTree:
    """Build the tree.

    Raises:
        BadLiabilities: account ids are not strictly ascending, an amount is out of range, or the
            total is.
    """
    for one, following in pairwise(leaves):
        if one.account_id >= following.account_id:
            raise BadLiabilities(f"account id {following.account_id} is out of order")
    level = tuple(_leaf_node(leaf) for leaf in leaves)
    levels = [level] if level else []
    while len(level) > 1:
        level = _above(level)
        levels.append(level)
    return LiabilityTree(tuple(levels))


def sibling_places(index: int, count: int) -> list[tuple[int, int]]:
    """Level and place of each sibling of a leaf, in a tree of `count` leaves."""
    places: list[tuple[int, int]] = []
    level = 0
    while count > 1:
        if index ^ 1 < count:
            places.append((level, index ^ 1))
        index, count, level = index >> 1, count + 1 >> 1, level + 1
    return places


def _leaf_node(leaf: LiabilityLeaf) -> SumNode:
    plain = SumNode(leaf.account_id, leaf.amount)
    return SumNode(keccak(_LEAF + plain.encoded()), plain.sum)


def _above(level: tuple[SumNode, ...]) -> tuple[SumNode, ...]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = tuple(
        SumNode(keccak(_NODE + left.encoded() + right.encoded()), left.sum + right.sum)
        for left, right in pairs
    )
    return above + level[-1:] if len(level) & 1 else above
