import copy
from typing import Any

import pytest

from settlement.errors import BadValue, UnknownName
from settlement.royalties.tree import build_tree
from settlement.royalties.tree_dump import dump_document, dump_from_document, is_whole
from settlement.royalties.tree_profiles import CWE_SORTED_V1, OZ_STANDARD, Profile

TYPES = ("bytes32", "uint256")
VALUES = [["0x" + bytes([i] * 32).hex(), i] for i in range(5)]


def dump(profile: Profile) -> dict[str, Any]:
    return dump_document(build_tree(profile, TYPES, VALUES), TYPES, VALUES)


def test_dump__openzeppelin__standard_v1_without_numbers() -> None:
    document = dump(OZ_STANDARD)

    assert document["format"] == "standard-v1"
    assert document["leafEncoding"] == ["bytes32", "uint256"]
    assert [item["value"][1] for item in document["values"]] == ["0", "1", "2", "3", "4"]
    assert sorted(item["treeIndex"] for item in document["values"]) == [4, 5, 6, 7, 8]


@pytest.mark.parametrize("profile", [OZ_STANDARD, CWE_SORTED_V1])
def test_dump__read_back__whole_with_its_root(profile: Profile) -> None:
    read = dump_from_document(dump(profile))

    assert is_whole(read)
    assert read.profile is profile
    assert read.root == build_tree(profile, TYPES, VALUES).root


@pytest.mark.parametrize("profile", [OZ_STANDARD, CWE_SORTED_V1])
def test_dump__any_changed_node__not_whole(profile: Profile) -> None:
    document = dump(profile)
    for at in range(len(document["tree"])):
        changed = copy.deepcopy(document)
        changed["tree"][at] = "0x" + "00" * 32
        assert not is_whole(dump_from_document(changed))


def test_dump__two_values_at_one_place__not_whole() -> None:
    document = dump(OZ_STANDARD)
    document["values"][0] = document["values"][1]

    assert not is_whole(dump_from_document(document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "simple-v1"}, "format: 'simple-v1'"),
        ({"tree": None}, "tree: None is not a list"),
        ({"values": {}}, r"values: \{\} is not a list"),
        ({"tree": ["0x12"], "values": []}, r"tree\[0\]: '0x12' is not a hash"),
        ({"values": [7]}, "values: 7 is not a list of objects"),
        ({"values": [{"value": [], "treeIndex": 99}]}, "treeIndex: 99 is not a place below 9"),
        ({"leafEncoding": ["foo"]}, r"types\[0\]: 'foo'"),
    ],
)
def test_dump__malformed__named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        dump_from_document(dump(OZ_STANDARD) | change)


def test_dump__levels_of_unknown_profile__refused() -> None:
    with pytest.raises(UnknownName, match="'other'"):
        dump_from_document(dump(CWE_SORTED_V1) | {"profile": "other"})
