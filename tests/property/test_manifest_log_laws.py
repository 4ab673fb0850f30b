"""Laws of the log of manifests: proofs hold, no changed bit does, and the log only grows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.evm import Hash32
from settlement.royalties.manifest_log import (
    consistency_proof,
    entry_hash,
    inclusion_proof,
    is_consistent,
    is_included,
    log_root,
)

SIZE_MAX = 40
LEAVES = [entry_hash(bytes([number]) * 32) for number in range(SIZE_MAX)]
ROOTS = [log_root(LEAVES[:size]) for size in range(SIZE_MAX + 1)]


def flipped(node: Hash32, bit: int) -> Hash32:
    return Hash32.from_int(int.from_bytes(node, "big") ^ 1 << bit)


@given(
    st.integers(1, SIZE_MAX).flatmap(
        lambda size: st.tuples(st.integers(0, size - 1), st.just(size))
    )
)
def test_inclusion__any_leaf_of_any_log__holds_there_and_nowhere_else(
    place: tuple[int, int],
) -> None:
    index, size = place
    proof = inclusion_proof(LEAVES[:size], index)

    assert len(proof) <= (size - 1).bit_length()
    for other in range(size):
        holds = is_included(LEAVES[index], proof, index=other, size=size, root=ROOTS[size])
        assert holds == (other == index)


@settings(max_examples=200)
@given(st.data())
def test_inclusion__one_bit_changed__refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, SIZE_MAX))
    index = data.draw(st.integers(0, size - 1))
    proof = list(inclusion_proof(LEAVES[:size], index))
    at, bit = data.draw(st.integers(-2, len(proof) - 1)), data.draw(st.integers(0, 255))
    leaf, root = LEAVES[index], ROOTS[size]
    if at == -2:
        leaf = flipped(leaf, bit)
    elif at == -1:
        root = flipped(root, bit)
    else:
        proof[at] = flipped(proof[at], bit)

    assert not is_included(leaf, proof, index=index, size=size, root=root)


def test_consistency__every_pair_up_to_forty__holds_and_for_no_other_old_size() -> None:
    for size in range(1, SIZE_MAX + 1):
        for old in range(1, size + 1):
            proof = consistency_proof(LEAVES[:size], old)
            assert is_consistent(
                proof, old_size=old, size=size, old_root=ROOTS[old], root=ROOTS[size]
            )
            other = old % size + 1
            if other != old:
                assert not is_consistent(
                    proof, old_size=other, size=size, old_root=ROOTS[old], root=ROOTS[size]
                )


@settings(max_examples=200)
@given(st.data())
def test_consistency__one_bit_changed__refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, SIZE_MAX))
    old = data.draw(st.integers(1, size - 1))
    proof = list(consistency_proof(LEAVES[:size], old))
    at, bit = data.draw(st.integers(-2, len(proof) - 1)), data.draw(st.integers(0, 255))
    old_root, root = ROOTS[old], ROOTS[size]
    if at == -2:
        old_root = flipped(old_root, bit)
    elif at == -1:
        root = flipped(root, bit)
    else:
        proof[at] = flipped(proof[at], bit)

    assert not is_consistent(proof, old_size=old, size=size, old_root=old_root, root=root)


@given(st.data())
def test_consistency__an_entry_replaced__refused(data: st.DataObject) -> None:
    """A log that forgot or changed an entry cannot show the root that it once had."""
    size = data.draw(st.integers(2, SIZE_MAX))
    old = data.draw(st.integers(1, size - 1))
    changed = list(LEAVES[:size])
    changed[data.draw(st.integers(0, old - 1))] = entry_hash(b"another manifest")

    proof = consistency_proof(changed, old)

    assert not is_consistent(
        proof, old_size=old, size=size, old_root=ROOTS[old], root=log_root(changed)
    )
