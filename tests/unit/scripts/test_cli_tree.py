"""`quittance tree`: what it says about trees of others, and that it believes no forged leaf.

Subject: scripts.cli.tree.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import sha3
from typer.testing import CliRunner

from scripts.cli.app import app
from settlement.royalties.tree import build_tree, folded
from settlement.royalties.tree_dump import dump_document
from settlement.royalties.tree_profiles import (
    CWE_SORTED_V1,
    OZ_STANDARD,
    OZ_UNSORTED,
    PROFILES,
    QUITTANCE_V1,
    UNISWAP_V1,
    Profile,
)
from tests.unit.settlement.royalties.test_tree_claims import distribution

PAIR = ("bytes32", "uint256")
WHO, WORD = "0x" + "11" * 20, "0x" + "22" * 32


def values_for(profile: Profile, count: int) -> tuple[tuple[str, ...], list[list[Any]]]:
    """Values that this profile holds; more than one of them, out of the order of their hashes."""
    words = ["0x" + bytes([index] * 32).hex() for index in range(count)]
    if profile is UNISWAP_V1:
        values = [[index, WHO, 100 + index] for index in range(count)]
    elif profile is QUITTANCE_V1:
        values = [[1, WHO, 3, word, 0, WHO, 5, WORD] for word in words]
    else:
        values = [[word, 1000 + index] for index, word in enumerate(words)]
    return profile.types or PAIR, values


def run(tmp_path: Path, document: object, *arguments: str) -> tuple[int, Any]:
    """The exit code, and what was printed as JSON; None if it was no JSON."""
    path = tmp_path / "given.json"
    path.write_text(json.dumps(document))
    command, *options = arguments
    done = CliRunner().invoke(app, ["tree", command, str(path), "--json", *options])
    try:
        return done.exit_code, json.loads(done.stdout)
    except ValueError:
        return done.exit_code, None


FOREIGN = [
    (QUITTANCE_V1, ["quittance-v1", "oz-standard"]),
    (CWE_SORTED_V1, ["cwe-sorted-v1"]),
    (UNISWAP_V1, ["uniswap-v1"]),
    (OZ_STANDARD, ["oz-standard"]),
    (OZ_UNSORTED, ["oz-unsorted"]),
]


def test_foreign__every_profile__is_tried() -> None:
    assert [profile for profile, _ in FOREIGN] == list(PROFILES)


@pytest.mark.parametrize(("profile", "names"), FOREIGN, ids=[one.name for one, _ in FOREIGN])
@pytest.mark.parametrize("count", [5, 8])
def test_detect__values_and_root__names_the_profile(
    tmp_path: Path, profile: Profile, names: list[str], count: int
) -> None:
    types, values = values_for(profile, count)
    tree = build_tree(profile, types, values)
    document = {"types": types, "values": values}

    by_root = run(tmp_path, document, "detect", "--root", str(tree.root))
    of_dump = run(tmp_path, dump_document(tree, types, values), "detect")

    found = {"profiles": names, "root": str(tree.root)}
    assert by_root == of_dump == (0, found)


def test_detect__openzeppelin_readme__standard(tmp_path: Path) -> None:
    """Values of OpenZeppelin's example; its library builds this root from them."""
    document = {
        "types": ["address", "uint256"],
        "values": [
            ["0x" + "1" * 40, "5000000000000000000"],
            ["0x" + "2" * 40, "2500000000000000000"],
        ],
    }
    root = "0xd4dee0beab2d53f2cc83e567171bd2820e49898130a22622b10ead383e90bd77"

    code, answer = run(tmp_path, document, "detect", "--root", root)

    assert (code, answer) == (0, {"profiles": ["oz-standard"], "root": root})


@pytest.mark.parametrize("count", [1, 2])
def test_detect__same_root_sorted_or_not__sorted(tmp_path: Path, count: int) -> None:
    types, values = values_for(OZ_UNSORTED, count)
    tree = build_tree(OZ_UNSORTED, types, values)

    code, answer = run(tmp_path, dump_document(tree, types, values), "detect")

    assert (code, answer["profiles"]) == (0, ["oz-standard"])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_claims__of_a_distributor__detected_verified_and_proved(tmp_path: Path, count: int) -> None:
    claims = distribution(count)
    root = claims["merkleRoot"]

    assert run(tmp_path, claims, "detect") == (0, {"profiles": ["uniswap-v1"], "root": root})
    assert run(tmp_path, claims, "verify") == (0, {"valid": True})
    assert run(tmp_path, claims, "verify", "--root", WORD) == (1, {"valid": False})
    _, proved = run(tmp_path, claims, "prove", "--profile", "uniswap-v1", "--index", "0")
    assert proved["root"] == root
    assert run(tmp_path, proved, "verify") == (0, {"valid": True})
    claims["tokenTotal"] = "0x01"
    assert run(tmp_path, claims, "verify") == (1, {"valid": False})


def test_detect__leaf_hashed_once__unknown(tmp_path: Path) -> None:
    """The encoding of Merkl's distributor, which we do not know: keccak(abi.encode(…)), once."""
    hashed = sha3.keccak_256(bytes(12) + b"\x11" * 20 + bytes(31) + b"\x05").hexdigest()
    document = {"types": ["address", "uint256"], "values": [[WHO, "5"]]}

    code, answer = run(tmp_path, document, "detect", "--root", "0x" + hashed)

    assert (code, answer["profiles"]) == (1, [])


def test_detect__one_value_changed__unknown(tmp_path: Path) -> None:
    for profile, _ in FOREIGN:
        types, values = values_for(profile, 3)
        root = str(build_tree(profile, types, values).root)
        values[1][-2 if profile is QUITTANCE_V1 else -1] = 7

        code, answer = run(tmp_path, {"types": types, "values": values}, "detect", "--root", root)

        assert (code, answer["profiles"]) == (1, [])


def test_detect__dump_of_a_simple_tree__refused_by_its_name(tmp_path: Path) -> None:
    dump = {"format": "simple-v1", "tree": [WORD], "values": [{"value": WORD, "treeIndex": 0}]}

    assert run(tmp_path, dump, "detect") == (2, None)


@pytest.mark.parametrize("count", [3, 4, 5, 8, 9])
def test_verify__inner_node_shown_as_cwe_leaf__refused(tmp_path: Path, count: int) -> None:
    """Every inner node above two leaves, with the rest of their proof, against the true root.

    The 64 bytes under an inner node have the form of a leaf of this profile, work ‖ amount, which
    is hashed once: folding alone believes it.
    """
    types, values = values_for(CWE_SORTED_V1, count)
    tree = build_tree(CWE_SORTED_V1, types, values)

    for position in range(0, count - count % 2, 2):
        low, high = sorted((tree.leaf(position), tree.leaf(position + 1)))
        forged = [str(low), str(int.from_bytes(high, "big"))]
        rest = tree.proof(position)[1:]
        document = {
            "profile": "cwe-sorted-v1",
            "types": types,
            "value": forged,
            "proof": [str(node) for node in rest],
        }

        assert folded(sha3.keccak_256(low + high).digest(), rest) == tree.root  # the naive check
        outcome = run(tmp_path, document, "verify", "--root", str(tree.root))
        assert outcome == (1, {"valid": False})
        honest = document | {
            "value": values[position],
            "proof": [str(node) for node in tree.proof(position)],
        }
        assert run(tmp_path, honest, "verify", "--root", str(tree.root)) == (0, {"valid": True})


@pytest.mark.parametrize("profile", [OZ_STANDARD, OZ_UNSORTED])
def test_verify__inner_node_shown_as_standard_leaf__refused(
    tmp_path: Path, profile: Profile
) -> None:
    """The same attempt at a tree that hashes its leaves twice."""
    types, values = values_for(profile, 4)
    tree = build_tree(profile, types, values)
    low, high = sorted(tree.nodes[-2:])  # the deepest pair: both children of one node
    document = {
        "profile": profile.name,
        "types": types,
        "value": ["0x" + low.hex(), str(int.from_bytes(high, "big"))],
        "proof": [str(node) for node in tree.proof(tree.place_of.index(6))[1:]],
        "root": str(tree.root),
    }

    assert folded(sha3.keccak_256(low + high).digest(), tree.proof(tree.place_of.index(6))[1:]) == (
        tree.root
    )
    assert run(tmp_path, document, "verify") == (1, {"valid": False})
