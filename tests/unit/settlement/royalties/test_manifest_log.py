"""The log of manifests against the published reference vectors, and the proofs' edges."""

import pytest

from contracts.evm import Hash32
from settlement.errors import BadValue
from settlement.royalties.manifest_log import (
    consistency_proof,
    entry_hash,
    inclusion_proof,
    is_consistent,
    is_included,
    log_root,
)

ENTRIES = (
    *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
    "606162636465666768696a6b6c6d6e6f",
)
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Entries, roots and paths of the reference implementation of RFC 6962."""

NODES = {
    "n01": "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "n03": "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "n1": "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "n23": "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "n4": "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "n45": "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "n47": "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    "n67": "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
}
LEAVES = [entry_hash(bytes.fromhex(entry)) for entry in ENTRIES]


def hashes(*names: str) -> tuple[Hash32, ...]:
    return tuple(Hash32(bytes.fromhex(NODES[name])) for name in names)


@pytest.mark.parametrize("size", range(9))
def test_log_root__reference_tree__published_root(size: int) -> None:
    assert log_root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, ()),
        (0, 8, ("n1", "n23", "n47")),
        (5, 8, ("n4", "n67", "n03")),
        (2, 3, ("n01",)),
    ],
)
def test_inclusion__reference_tree__published_path(
    index: int, size: int, path: tuple[str, ...]
) -> None:
    proof = inclusion_proof(LEAVES[:size], index)

    assert proof == hashes(*path)
    root = log_root(LEAVES[:size])
    assert is_included(LEAVES[index], proof, index=index, size=size, root=root)


@pytest.mark.parametrize(
    ("old", "size", "path"),
    [
        (1, 1, ()),
        (1, 8, ("n1", "n23", "n47")),
        (6, 8, ("n45", "n67", "n03")),
        (2, 5, ("n23", "n4")),
    ],
)
def test_consistency__reference_tree__published_path(
    old: int, size: int, path: tuple[str, ...]
) -> None:
    assert consistency_proof(LEAVES[:size], old) == hashes(*path)


@pytest.mark.parametrize("index", [-1, 8])
def test_inclusion__no_such_leaf__refused(index: int) -> None:
    with pytest.raises(BadValue, match=r"index: -?\d is not in \[0, 8\)"):
        inclusion_proof(LEAVES, index)
    root = log_root(LEAVES)
    assert not is_included(LEAVES[0], (), index=index, size=8, root=root)


@pytest.mark.parametrize("old", [0, 9])
def test_consistency__no_such_size__refused(old: int) -> None:
    with pytest.raises(BadValue, match=r"size: \d is not in \[1, 8\]"):
        consistency_proof(LEAVES, old)
    root = log_root(LEAVES)
    assert not is_consistent((), old_size=old, size=8, old_root=root, root=root)


def test_inclusion__path_too_long_or_too_short__refused() -> None:
    root, proof = log_root(LEAVES), inclusion_proof(LEAVES, 3)

    for wrong in (proof[:-1], (*proof, proof[0]), ()):
        assert not is_included(LEAVES[3], wrong, index=3, size=8, root=root)


def test_inclusion__node_shown_as_a_leaf__refused() -> None:
    """The prefixes keep a node from passing as an entry."""
    left, right = LEAVES[0], LEAVES[1]

    assert entry_hash(bytes(left) + bytes(right)) != log_root(LEAVES[:2])


def test_consistency__same_size__only_without_path_and_with_the_same_root() -> None:
    root, other = log_root(LEAVES), log_root(LEAVES[:7])

    assert is_consistent((), old_size=8, size=8, old_root=root, root=root)
    assert not is_consistent((), old_size=8, size=8, old_root=other, root=root)
    assert not is_consistent((root,), old_size=8, size=8, old_root=root, root=root)


def test_consistency__empty_path_for_a_larger_log__refused() -> None:
    old_root, root = log_root(LEAVES[:6]), log_root(LEAVES)

    assert not is_consistent((), old_size=6, size=8, old_root=old_root, root=root)
