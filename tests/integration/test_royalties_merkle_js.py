"""Our trees against OpenZeppelin's JavaScript library."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from settlement.royalties.tree import build_tree, profiles_of_root
from settlement.royalties.tree_dump import dump_document, dump_from_document, is_whole
from settlement.royalties.tree_profiles import OZ_STANDARD, OZ_UNSORTED

_ROOT = Path(__file__).parents[2]
_LIBRARY = _ROOT / "node_modules" / "@openzeppelin" / "merkle-tree"

_SCRIPT = """
const { StandardMerkleTree } = require(process.argv[1]);
const { types, values, dump, proven, options } =
  JSON.parse(require('fs').readFileSync(0, 'utf8'));
const theirs = StandardMerkleTree.of(values, types, options);
const ours = StandardMerkleTree.load(dump);
const proofs = Object.fromEntries(proven.map((index) => [index, theirs.getProof(index)]));
const verified = proven.every((index) =>
  StandardMerkleTree.verify(theirs.root, types, values[index], ours.getProof(index)));
process.stdout.write(JSON.stringify({ dump: theirs.dump(), root: ours.root, proofs, verified }));
"""

TYPES = ["address", "uint256", "bytes32", "string", "bool", "(uint8,int16)[]"]


def value_of(number: int) -> list[Any]:
    return [
        "0x" + number.to_bytes(20, "big").hex(),
        str(10**30 + number),
        "0x" + bytes([number % 256] * 32).hex(),
        f"work № {number}",
        number % 2 == 0,
        [[str(number % 256), str(-number)]] * (number % 3),
    ]


def javascript(document: dict[str, Any]) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None or not _LIBRARY.exists():
        pytest.skip("node or node_modules/@openzeppelin/merkle-tree is missing: run npm ci")
    done = subprocess.run(
        [node, "-e", _SCRIPT, str(_LIBRARY)],
        input=json.dumps(document),
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("count", [1, 2, 3, 7, 1000])
def test_oz_standard__against_the_library__same_dump_root_and_proofs(count: int) -> None:
    values = [value_of(number) for number in range(count)]
    tree = build_tree(OZ_STANDARD, TYPES, values)
    ours = dump_document(tree, TYPES, values)

    proven = list(range(0, count, max(1, count // 20)))

    theirs = javascript({"types": TYPES, "values": values, "dump": ours, "proven": proven})

    assert theirs["dump"] == ours
    assert theirs["root"] == str(tree.root)
    assert theirs["verified"] is True
    assert theirs["proofs"] == {
        str(position): [str(node) for node in tree.proof(position)] for position in proven
    }
    assert is_whole(dump_from_document(theirs["dump"]))


def test_oz_standard__equal_values__same_dump() -> None:
    values = [value_of(5), value_of(6), value_of(5)]
    ours = dump_document(build_tree(OZ_STANDARD, TYPES, values), TYPES, values)

    theirs = javascript({"types": TYPES, "values": values, "dump": ours, "proven": [0]})

    assert theirs["dump"] == ours


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_oz_unsorted__against_the_library__same_dump_and_its_profile_is_told(count: int) -> None:
    values = [value_of(number) for number in range(count)]
    tree = build_tree(OZ_UNSORTED, TYPES, values)
    ours = dump_document(tree, TYPES, values)

    theirs = javascript(
        {
            "types": TYPES,
            "values": values,
            "dump": ours,
            "proven": list(range(count)),
            "options": {"sortLeaves": False},
        }
    )

    assert theirs["dump"] == ours
    assert theirs["verified"] is True
    assert is_whole(dump_from_document(theirs["dump"]))
    names = profiles_of_root(TYPES, values, dump_from_document(theirs["dump"]).root)
    is_sorted_tree = tree.root == build_tree(OZ_STANDARD, TYPES, values).root
    assert names == (("oz-standard",) if is_sorted_tree else ("oz-unsorted",))
    assert is_sorted_tree == (count < 4)
