"""Whoever builds a tree, and however: it is the tree of the definition."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Address, ChainId, Epoch, Hash32
from contracts.leaf_packing import pack_leaves
from contracts.leaves import SPLIT_LINES_MAX, Leaf, SplitLine, leaf_hash
from contracts.packed_leaves import double_hashes
from contracts.units import BaseUnits
from settlement.royalties.tree import folded, leaf_tree
from settlement.royalties.tree_flat import (
    NODE_BYTES,
    flat_tree,
    halves,
    hashed_tree,
    heap,
    heap_of_halves,
)
from settlement.royalties.tree_profiles import QUITTANCE_V1

words = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20).map(Address)
lines = st.builds(
    lambda payee, amount: SplitLine(payee=payee, amount=BaseUnits(amount)),
    addresses,
    st.integers(0, 2**250),
)
leaves = st.builds(
    lambda epoch, work_id, part, asset, lines: Leaf(
        epoch=Epoch(epoch), work_id=Hash32(work_id), part=part, asset=asset, lines=tuple(lines)
    ),
    st.integers(0, 2**64 - 1),
    words,
    st.integers(0, 2**32 - 1),
    addresses,
    st.lists(lines, max_size=SPLIT_LINES_MAX),
)


@given(st.lists(leaves, max_size=8), st.integers(0, 2**256 - 1), addresses)
def test_packed__any_leaves__hash_as_each_alone(
    many: list[Leaf], chain_id: int, contract: Address
) -> None:
    where = {"chain_id": ChainId(chain_id), "contract": contract}

    made = hashed_tree(pack_leaves(many, **where))  # type: ignore[arg-type]

    hashes = [leaf_hash(leaf, **where) for leaf in many]  # type: ignore[arg-type]
    assert made.hashes == hashes
    assert made.tree.root == leaf_tree(QUITTANCE_V1, hashes).root
    assert double_hashes(pack_leaves(many[1:], **where)) == hashes[1:]  # type: ignore[arg-type]


@given(st.lists(words, max_size=300))
def test_flat_tree__any_hashes__nodes_and_proofs_of_the_definition(hashes: list[bytes]) -> None:
    tree, defined = flat_tree(hashes), leaf_tree(QUITTANCE_V1, hashes)

    assert tree.nodes == b"".join(defined.nodes)
    for rank, position in enumerate(sorted(range(len(hashes)), key=hashes.__getitem__)):
        assert tree.proof(rank) == list(defined.proof(position))
        found = tree.rank(hashes[position])
        assert found is not None
        assert found <= rank
        assert folded(tree.leaf(found), tree.proof(found)) == tree.root


@given(st.lists(words, min_size=2, max_size=300))
def test_halves__any_leaves_in_any_order__same_heap(hashes: list[bytes]) -> None:
    left, right = halves(b"".join(hashes))

    assert heap_of_halves(heap(left), heap(right)) == heap(b"".join(hashes))
    assert len(right) <= len(left) <= 2 * len(right) or len(hashes) * NODE_BYTES < 4 * NODE_BYTES
