"""`reconciliation.liability_tree`: shape, sums, and what it refuses."""

import pytest

from contracts.evm import Hash32, keccak
from contracts.units import UINT256_MAX
from reconciliation.errors import BadLiabilities
from reconciliation.liability_tree import (
    EMPTY,
    LiabilityLeaf,
    SumNode,
    liability_tree,
    sibling_places,
)


def leaf(number: int, amount: int) -> LiabilityLeaf:
    return LiabilityLeaf(Hash32.from_int(number), amount)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def test_tree__two_leaves__node_hashes_both_sums_and_both_hashes() -> None:
    tree = liability_tree([leaf(1, 30), leaf(2, 12)])

    left = keccak(b"\x00" + word(1) + word(30))
    right = keccak(b"\x00" + word(2) + word(12))
    assert tree.root == SumNode(keccak(b"\x01" + left + word(30) + right + word(12)), 42)


def test_tree__three_leaves__last_goes_up_alone() -> None:
    tree = liability_tree([leaf(1, 1), leaf(2, 2), leaf(3, 4)])

    pair = liability_tree([leaf(1, 1), leaf(2, 2)]).root
    alone = keccak(b"\x00" + word(3) + word(4))
    assert tree.root.hash == keccak(b"\x01" + pair.encoded() + alone + word(4))
    assert tree.root.sum == 7


def test_tree__nothing_owed__empty_root_without_levels() -> None:
    tree = liability_tree([])

    assert tree.root == EMPTY
    assert tree.levels == ()


@pytest.mark.parametrize(
    ("leaves", "why"),
    [
        ([leaf(2, 1), leaf(1, 1)], "out of order"),
        ([leaf(1, 1), leaf(1, 1)], "out of order"),
        ([leaf(1, -1)], "not in"),
        ([leaf(1, UINT256_MAX + 1)], "not in"),
        ([leaf(1, UINT256_MAX), leaf(2, 1)], "not in"),
        ([leaf(1, True)], "not in"),
    ],
    ids=["unsorted", "twice", "negative", "too large", "wraps", "no number"],
)
def test_tree__bad_leaves__refused(leaves: list[LiabilityLeaf], why: str) -> None:
    with pytest.raises(BadLiabilities, match=why):
        liability_tree(leaves)


@pytest.mark.parametrize(
    ("index", "count", "places"),
    [
        (0, 1, []),
        (0, 2, [(0, 1)]),
        (2, 3, [(1, 0)]),
        (4, 5, [(2, 0)]),
        (2, 5, [(0, 3), (1, 0), (2, 1)]),
        (6, 7, [(1, 2), (2, 0)]),
    ],
)
def test_places__index_and_count__decide_the_way(
    index: int, count: int, places: list[tuple[int, int]]
) -> None:
    assert sibling_places(index, count) == places
