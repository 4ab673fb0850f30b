"""Every proof verifies, and nothing else does."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.units import UINT256_MAX
from settlement.royalties.tree import build_tree, folded, is_proof, profiles_of_root
from settlement.royalties.tree_profiles import (
    CWE_SORTED_V1,
    OZ_STANDARD,
    OZ_UNSORTED,
    QUITTANCE_V1,
    UNISWAP_V1,
    Profile,
)

words = st.binary(min_size=32, max_size=32).map(lambda data: "0x" + data.hex())
owners = st.binary(min_size=20, max_size=20).map(lambda data: "0x" + data.hex())
amounts = st.integers(0, UINT256_MAX)
credits_ = st.integers(0, 2**128 - 1)


def unique_lists(members: Any) -> Any:
    return st.lists(members, min_size=1, max_size=20, unique_by=lambda value: value[0])


cwe_values = unique_lists(st.tuples(words, credits_).map(list))
uniswap_values = unique_lists(st.tuples(st.integers(0, 2**64), owners, amounts).map(list))
our_values = unique_lists(
    st.tuples(
        amounts,
        owners,
        st.integers(0, 2**64 - 1),
        words,
        st.integers(0, 2**32 - 1),
        owners,
        amounts,
        words,
    ).map(list)
)
CWE, UNISWAP, OURS = (
    CWE_SORTED_V1.types or (),
    UNISWAP_V1.types or (),
    QUITTANCE_V1.types or (),
)
trees = st.one_of(
    st.tuples(st.just(CWE_SORTED_V1), st.just(CWE), cwe_values),
    st.tuples(st.just(OZ_STANDARD), st.just(CWE), cwe_values),
    st.tuples(st.just(UNISWAP_V1), st.just(UNISWAP), uniswap_values),
    st.tuples(st.just(QUITTANCE_V1), st.just(OURS), our_values),
)
Case = tuple[Profile, tuple[str, ...], list[list[Any]]]


@given(trees)
def test_tree__every_value__its_proof_verifies(case: Case) -> None:
    profile, types, values = case
    tree = build_tree(profile, types, values)

    for position, value in enumerate(values):
        assert is_proof(profile, types, value, proof=tree.proof(position), root=tree.root)


@given(trees, st.data())
def test_tree__one_bit_changed__proof_fails(case: Case, data: st.DataObject) -> None:
    profile, types, values = case
    tree = build_tree(profile, types, values)
    position = data.draw(st.integers(0, len(values) - 1))
    hashes = [bytes(tree.leaf(position)), *map(bytes, tree.proof(position))]

    changed = data.draw(st.integers(0, len(hashes) - 1))
    bit = data.draw(st.integers(0, 255))
    hashes[changed] = (int.from_bytes(hashes[changed], "big") ^ (1 << bit)).to_bytes(32, "big")

    assert folded(hashes[0], hashes[1:]) != tree.root


@given(trees, st.data())
def test_tree__value_of_another_leaf__proof_fails(case: Case, data: st.DataObject) -> None:
    profile, types, values = case
    tree = build_tree(profile, types, values)
    position = data.draw(st.integers(0, len(values) - 1))
    other = data.draw(st.sampled_from(values))

    holds = is_proof(profile, types, other, proof=tree.proof(position), root=tree.root)

    assert holds == (other == values[position])


@given(trees, st.randoms(use_true_random=False))
def test_tree__values_in_another_order__same_root(case: Case, random: Random) -> None:
    profile, types, values = case
    shuffled = list(values)
    random.shuffle(shuffled)

    assert build_tree(profile, types, shuffled).root == build_tree(profile, types, values).root


@given(trees)
def test_tree__root_without_profile__told_from_the_others(case: Case) -> None:
    profile, types, values = case

    names = profiles_of_root(types, values, build_tree(profile, types, values).root)

    expected = {profile.name, OZ_STANDARD.name} if profile is QUITTANCE_V1 else {profile.name}
    assert set(names) == expected


@given(trees)
def test_tree__leaves_as_given__told_from_sorted_ones(case: Case) -> None:
    _, types, values = case
    tree = build_tree(OZ_UNSORTED, types, values)
    is_sorted_tree = tree.root == build_tree(OZ_STANDARD, types, values).root

    names = profiles_of_root(types, values, tree.root)

    assert (OZ_STANDARD.name in names) == is_sorted_tree
    assert (OZ_UNSORTED.name in names) == (not is_sorted_tree)
    for position, value in enumerate(values):
        assert is_proof(OZ_UNSORTED, types, value, proof=tree.proof(position), root=tree.root)
