import json
from pathlib import Path
from typing import Any

import pytest

from contracts.evm import ZERO_HASH, Hash32
from settlement.errors import BadValue, UnknownName
from settlement.royalties.tree import (
    build_tree,
    folded,
    is_consistent,
    is_proof,
    leaf_tree,
    profiles_of_root,
)
from settlement.royalties.tree_profiles import (
    CWE_SORTED_V1,
    OZ_STANDARD,
    OZ_UNSORTED,
    PROFILES,
    QUITTANCE_V1,
    UNISWAP_V1,
    Profile,
    Shape,
    profile_named,
)

_SOLIDITY = Path(__file__).parents[3] / "vectors" / "solidity_tree.json"
CWE_TYPES = ("bytes32", "uint256")
UNISWAP_TYPES = ("uint256", "address", "uint256")


def works(count: int) -> list[list[Any]]:
    """Work i is byte i repeated, with amount (i + 1) · 1000."""
    return [["0x" + bytes([i] * 32).hex(), (i + 1) * 1000] for i in range(count)]


def claims(count: int) -> list[list[Any]]:
    return [[i, "0x" + bytes([i + 1] * 20).hex(), 100 + i] for i in range(count)]


CASES: tuple[tuple[Profile, tuple[str, ...], Any], ...] = (
    (CWE_SORTED_V1, CWE_TYPES, works),
    (OZ_STANDARD, CWE_TYPES, works),
    (UNISWAP_V1, UNISWAP_TYPES, claims),
    (OZ_UNSORTED, CWE_TYPES, works),
)


@pytest.mark.parametrize(
    ("count", "root", "lengths"),
    [
        (1, "0x3073cd91efdf927777e011347f6ee8e8cc18f5c62a6a548b156a0dc4a657d456", [0]),
        (2, "0x865539c4afdd639bc604b932d910225b84f382c41f5d2cdcecbae2cd04f4d63f", [1, 1]),
        (3, "0xa2a5c1cce770d397a035e094d551d7827297f009af0aeb88f11771f229aa631f", [2, 2, 1]),
        (
            5,
            "0x1f67751fd0c6185a4eaa08257952fc91aeeb0089570cb472b031386c24663004",
            [3, 3, 3, 3, 1],
        ),
        (8, "0x93568751cbd925a7e5d243eb33dd33ea58645675cb88ca30c6f1f73c02662a24", [3] * 8),
    ],
)
def test_cwe_sorted__golden_values__golden_root(count: int, root: str, lengths: list[int]) -> None:
    tree = build_tree(CWE_SORTED_V1, CWE_TYPES, works(count))

    assert str(tree.root) == root
    assert [len(tree.proof(position)) for position in range(count)] == lengths


def test_cwe_sorted__two_works__golden_leaves() -> None:
    values = [["0x" + "bb" * 32, 250_000], ["0x" + "aa" * 32, 750_000]]

    tree = build_tree(CWE_SORTED_V1, CWE_TYPES, values)

    assert [str(tree.leaf(position)) for position in (1, 0)] == [
        "0xb0a06b4b44e65535daf43f58685c597e071cf96a8914bd3907d5f41219ba77df",
        "0x7ae988bb60353664be40884efb83928d7e52a4db63ad66316b3cd8ee4d30aaaf",
    ]
    assert str(tree.root) == "0xa776fa8b7484b3316a50f0129f6c129d2c542727607cc42a2b54d84672b51a7b"


def test_uniswap__three_claims_of_its_own_tests__same_proofs() -> None:
    """Claims and proofs as in the tests of Uniswap/merkle-distributor (`parseBalanceMap`)."""
    values = [
        [0, "0x17ec8597ff92C3F44523bDc65BF0f1bE632917ff", 200],
        [1, "0x63FC2aD3d021a4D7e64323529a55a9442C444dA0", 300],
        [2, "0xD1D84F0e28D6fedF03c73151f98dF95139700aa7", 250],
    ]
    shared = "0xd31de46890d4a77baeebddbd77bf73b5c626397b73ee8c69b51efe4c9a5a72fa"

    tree = build_tree(UNISWAP_V1, UNISWAP_TYPES, values)

    assert [[str(node) for node in tree.proof(position)] for position in range(3)] == [
        ["0x2a411ed78501edb696adca9e41e78d8256b61cfac45612fa0434d7cf87d916c6"],
        ["0xbfeb956a3b705056020a3b64c540bff700c0f6c96c55c0a5fcab57124cb36f7b", shared],
        ["0xceaacce7533111e902cc548e961d77b23a4d8cd073c6b68ccf55c62bd47fc36b", shared],
    ]


@pytest.mark.parametrize(("profile", "types", "values"), CASES)
@pytest.mark.parametrize("count", [*range(1, 18), 33])
def test_proof__every_leaf__verifies(
    profile: Profile, types: tuple[str, ...], values: Any, count: int
) -> None:
    tree = build_tree(profile, types, values(count))

    for position, value in enumerate(values(count)):
        proof = tree.proof(position)
        assert is_proof(profile, types, value, proof=proof, root=tree.root)
        assert not is_proof(profile, types, value, proof=(*proof, ZERO_HASH), root=tree.root)
        assert folded(tree.leaf(position), proof) == tree.root


def test_oz_unsorted__input_order__another_root() -> None:
    forward = build_tree(OZ_UNSORTED, CWE_TYPES, works(7))

    assert [bytes(forward.leaf(position)) for position in range(7)] == forward.nodes[:5:-1]
    assert build_tree(OZ_UNSORTED, CWE_TYPES, works(7)[::-1]).root != forward.root


def test_build_tree__input_order__root_unchanged() -> None:
    for profile, types, values in CASES[:-1]:
        forward = build_tree(profile, types, values(7)).root
        assert build_tree(profile, types, values(7)[::-1]).root == forward


def test_leaf_tree__solidity_vectors__same_root_and_proofs() -> None:
    """The tests of the contracts use these roots and proofs."""
    vectors = json.loads(_SOLIDITY.read_text())
    leaves = [Hash32.from_hex(leaf) for leaf in vectors["leaves"]]

    tree = leaf_tree(QUITTANCE_V1, leaves)

    assert str(tree.root) == vectors["root"]
    for position, proof in enumerate(vectors["proofs"]):
        assert [str(node) for node in tree.proof(position)] == proof


@pytest.mark.parametrize("profile", [QUITTANCE_V1, CWE_SORTED_V1])
def test_empty_tree__profile_with_zero_root__zero(profile: Profile) -> None:
    assert build_tree(profile, profile.types or (), []).root == ZERO_HASH


@pytest.mark.parametrize("profile", [OZ_STANDARD, OZ_UNSORTED, UNISWAP_V1])
def test_empty_tree__profile_without__refused(profile: Profile) -> None:
    with pytest.raises(BadValue, match=f"values: .* which profile {profile.name} needs"):
        build_tree(profile, UNISWAP_TYPES, [])


def test_build_tree__one_work_twice__refused() -> None:
    with pytest.raises(
        BadValue, match=r"values\[2\]\[0\]: '0x0000.*' is not another work than all"
    ):
        build_tree(CWE_SORTED_V1, CWE_TYPES, [*works(2), works(1)[0]])


def test_build_tree__one_index_twice__refused() -> None:
    with pytest.raises(BadValue, match=r"values\[2\]\[0\]: 0 is not another index"):
        build_tree(UNISWAP_V1, UNISWAP_TYPES, [*claims(2), claims(1)[0]])


def test_build_tree__types_of_another_profile__refused() -> None:
    with pytest.raises(BadValue, match=r"types: .* which profile uniswap-v1 needs"):
        build_tree(UNISWAP_V1, CWE_TYPES, works(1))


def test_is_proof__inner_node_shown_as_cwe_leaf__refused() -> None:
    """The 64 bytes under an inner node have the form of a leaf: work ‖ amount."""
    tree = build_tree(CWE_SORTED_V1, CWE_TYPES, works(4))
    left, right = sorted((tree.leaf(0), tree.leaf(1)))
    forged = [str(left), str(int.from_bytes(right, "big"))]
    proof = tree.proof(0)[1:]

    leaf = CWE_SORTED_V1.leaf(CWE_TYPES, (bytes(left), int.from_bytes(right, "big")), "")

    assert folded(leaf, proof) == tree.root
    assert not is_proof(CWE_SORTED_V1, CWE_TYPES, forged, proof=proof, root=tree.root)


@pytest.mark.parametrize(("amount", "is_valid"), [(2**128 - 1, True), (2**128, False)])
def test_is_proof__cwe_amount_at_the_limit_of_credits__refused_from_there(
    amount: int, is_valid: bool
) -> None:
    values = [*works(2), ["0x" + "77" * 32, amount]]
    tree = build_tree(CWE_SORTED_V1, CWE_TYPES, values)

    proof = tree.proof(2)

    assert folded(tree.leaf(2), proof) == tree.root
    assert is_proof(CWE_SORTED_V1, CWE_TYPES, values[2], proof=proof, root=tree.root) is is_valid


@pytest.mark.parametrize(("profile", "types", "values"), CASES)
def test_profiles_of_root__built_under_one__that_one_only(
    profile: Profile, types: tuple[str, ...], values: Any
) -> None:
    root = build_tree(profile, types, values(5)).root

    assert profiles_of_root(types, values(5), root) == (profile.name,)


def test_profiles_of_root__our_leaves__ours_and_openzeppelin() -> None:
    types = QUITTANCE_V1.types or ()
    who, word = "0x" + "11" * 20, "0x" + "22" * 32
    values = [[1, who, 3, word, 0, who, amount, word] for amount in (5, 6, 7)]
    root = build_tree(QUITTANCE_V1, types, values).root

    assert profiles_of_root(types, values, root) == ("quittance-v1", "oz-standard")


def test_profiles_of_root__same_root_sorted_or_not__sorted_alone() -> None:
    """One value, two values, or values in the order of their hashes."""
    tree = build_tree(OZ_STANDARD, CWE_TYPES, works(5))
    in_order = sorted(works(5), key=lambda value: tree.leaf(works(5).index(value)))

    for values in (works(1), works(2), works(2)[::-1], in_order):
        root = build_tree(OZ_UNSORTED, CWE_TYPES, values).root
        assert root == build_tree(OZ_STANDARD, CWE_TYPES, values).root
        assert profiles_of_root(CWE_TYPES, values, root) == ("oz-standard",)


def test_profiles_of_root__another_root__none() -> None:
    assert profiles_of_root(CWE_TYPES, works(3), ZERO_HASH) == ()


def test_is_consistent__any_changed_node__false() -> None:
    for profile, types, values in CASES:
        nodes = build_tree(profile, types, values(5)).nodes
        assert is_consistent(profile, nodes, 5)
        inner = 0 if profile.shape is Shape.HEAP else len(nodes) - 1
        changed = [*nodes]
        changed[inner] = ZERO_HASH
        assert not is_consistent(profile, changed, 5)


def test_profile_named__each__found() -> None:
    assert [profile_named(profile.name) for profile in PROFILES] == list(PROFILES)


def test_profile_named__unknown__names_the_known() -> None:
    with pytest.raises(UnknownName, match="no tree profile is named 'merkl'; known: quittance"):
        profile_named("merkl")
