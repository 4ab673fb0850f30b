"""Flat trees against `tree.py`, which is the definition."""

import mmap
from pathlib import Path

import pytest

from contracts.evm import ZERO_HASH, keccak
from contracts.packed_leaves import PackedLeaves
from settlement.errors import BadValue
from settlement.royalties.tree import Tree, folded, leaf_tree
from settlement.royalties.tree_flat import (
    FlatTree,
    flat_tree,
    halves,
    hashed_tree,
    heap,
    heap_of_halves,
    split_nodes,
)
from settlement.royalties.tree_profiles import QUITTANCE_V1

COUNTS = [*range(1, 70), 127, 128, 129, 1000]


def hashes_of(count: int) -> list[bytes]:
    return [keccak(number.to_bytes(4, "big")) for number in range(count)]


def defined(hashes: list[bytes]) -> Tree:
    return leaf_tree(QUITTANCE_V1, hashes)


@pytest.mark.parametrize("count", [0, *COUNTS])
def test_flat_tree__any_count__nodes_of_the_definition(count: int) -> None:
    hashes = hashes_of(count)

    tree = flat_tree(hashes)

    assert tree.nodes == b"".join(defined(hashes).nodes)
    assert (tree.root, tree.leaf_count) == (defined(hashes).root, count)


@pytest.mark.parametrize("count", COUNTS)
def test_proof__every_leaf__proof_of_the_definition(count: int) -> None:
    hashes = hashes_of(count)
    tree = flat_tree(hashes)

    for rank, leaf in enumerate(sorted(hashes)):
        assert tree.leaf(rank) == leaf
        assert tree.rank(leaf) == rank
        assert tree.proof(rank) == list(defined(hashes).proof(hashes.index(leaf)))


def test_rank__leaf_that_is_not_there__none() -> None:
    for count in (0, 1, 2, 5):
        tree = flat_tree(hashes_of(count))
        for stranger in (bytes(32), b"\xff" * 32, keccak(b"stranger")):
            assert tree.rank(stranger) is None


def test_rank__inner_node__none() -> None:
    """An inner node is no leaf, be it above all of them."""
    for count in COUNTS[:-1]:
        tree = flat_tree(hashes_of(count))

        assert [tree.rank(node) for node in split_nodes(tree.nodes[: -32 * count])] == [None] * (
            count - 1
        )


def test_flat_tree__equal_leaves__each_has_a_proof() -> None:
    hashes = [*hashes_of(5), hashes_of(5)[3]]
    tree = flat_tree(hashes)

    assert tree.nodes == b"".join(defined(hashes).nodes)
    rank = tree.rank(hashes[3])
    assert rank is not None
    assert tree.leaf(rank) == tree.leaf(rank + 1)
    for place in (rank, rank + 1):
        assert folded(hashes[3], tree.proof(place)) == tree.root


def test_flat_tree__no_leaves__root_zero() -> None:
    assert FlatTree(b"").root == ZERO_HASH
    assert FlatTree(b"").leaf_count == 0


@pytest.mark.parametrize("length", [1, 31, 33, 64, 95, 128])
def test_flat_tree__bytes_that_are_no_tree__refused(length: int) -> None:
    with pytest.raises(BadValue, match=f"nodes: '{length} bytes' is not 2n - 1 nodes"):
        FlatTree(bytes(length))


@pytest.mark.parametrize("count", COUNTS[1:])
def test_halves__any_count__put_together_the_same_heap(count: int) -> None:
    leaves = b"".join(sorted(hashes_of(count), reverse=True))

    left, right = halves(leaves)

    assert sorted(split_nodes(left) + split_nodes(right)) == sorted(split_nodes(leaves))
    assert heap_of_halves(heap(left), heap(right)) == heap(leaves)


@pytest.mark.parametrize("count", [0, 1, 3, 10])
def test_hashed_tree__packed_leaves__hashes_in_their_order(count: int) -> None:
    rows = b"".join(hashes_of(count))

    made = hashed_tree(PackedLeaves(prefix=b"", rows=rows, width=32))

    assert made.hashes == [keccak(keccak(one)) for one in split_nodes(rows)]
    assert made.tree == flat_tree(made.hashes)


def test_flat_tree__file_mapped_into_memory__same_proofs(tmp_path: Path) -> None:
    tree = flat_tree(hashes_of(100))
    path = tmp_path / "tree"
    path.write_bytes(tree.nodes[:])

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        stored = FlatTree(mapped)
        assert (stored.root, stored.leaf_count) == (tree.root, 100)
        assert [stored.proof(rank) for rank in range(100)] == [
            tree.proof(rank) for rank in range(100)
        ]
        assert [stored.rank(leaf) for leaf in sorted(hashes_of(100))] == list(range(100))
