from typing import Any

import pytest

from settlement.errors import BadValue
from settlement.royalties.tree_values import abi_types, encoded, evm_value, packed, portable


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("uint256", 7, 7),
        ("uint256", "7", 7),
        ("uint256", "0xff", 255),
        ("uint256", str(2**256 - 1), 2**256 - 1),
        ("int8", "-3", -3),
        ("address", "0x" + "ab" * 20, bytes([0xAB] * 20)),
        ("address", "0x" + "AB" * 20, bytes([0xAB] * 20)),
        (
            "address",
            "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
            bytes.fromhex("d8da6bf26964af9d7eed9e03e53415d37aa96045"),
        ),
        ("bytes32", "0x" + "01" * 32, bytes([1] * 32)),
        ("bytes", "0x", b""),
        ("bool", True, True),
        ("string", "é", "é"),
        ("uint8[2][]", [["1", 2]], [[1, 2]]),
        ("(uint8,address)", ["1", "0x" + "00" * 20], (1, bytes(20))),
        ("(uint8,bool)[]", [[1, False]], [(1, False)]),
    ],
)
def test_evm_value__spelled_for_its_type__read(kind: str, value: Any, read: Any) -> None:
    assert evm_value([kind], [value], "v") == (read,)


@pytest.mark.parametrize(
    ("kind", "value", "place"),
    [
        ("uint256", 1.5, r"v\[0\]: 1.5"),
        ("uint256", True, r"v\[0\]: True"),
        ("uint256", "1e18", r"v\[0\]: '1e18'"),
        ("uint256", "007", r"v\[0\]: '007'"),
        ("uint256", None, r"v\[0\]: None"),
        ("address", "0x" + "00" * 19, r"v\[0\]: '0x"),
        ("address", 5, r"v\[0\]: 5"),
        ("address", "ab" * 20, r"v\[0\]: 'abab"),
        (
            "address",
            "0xD8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
            r"v\[0\]: '0xD8dA.* is not checksummed; did you mean 0xd8dA6BF26964aF",
        ),
        ("uint256", "", r"v\[0\]: ''"),
        ("uint256", "0X1f", r"v\[0\]: '0X1f'"),
        ("uint256", "0x", r"v\[0\]: '0x'"),
        ("uint256", "+7", r"v\[0\]: '\+7'"),
        ("uint256", "\u0667", r"v\[0\]: '\u0667'"),
        ("uint256", "1_000", r"v\[0\]: '1_000'"),
        ("bytes32", "01" * 32, r"v\[0\]: '0101"),
        ("bytes32", "0x" + " 01" * 32, r"v\[0\]: '0x 01"),
        ("bool", "true", r"v\[0\]: 'true' is not a value of bool"),
        ("bytes32", "0x01", r"v\[0\]: '0x01' is not a value of bytes32"),
        ("bytes", "0x0", r"v\[0\]: '0x0'"),
        ("bool", 1, r"v\[0\]: 1 is not a value of bool"),
        ("string", 1, r"v\[0\]: 1 is not a value of string"),
        ("uint8[]", ["1", "x"], r"v\[0\]\[1\]: 'x'"),
        ("uint8[]", "1", r"v\[0\]: '1' is not a list"),
        ("(uint8,uint8)", [1], r"v\[0\]: \[1\] is not a list of 2 values"),
    ],
)
def test_evm_value__anything_else__named(kind: str, value: Any, place: str) -> None:
    with pytest.raises(BadValue, match=place):
        evm_value([kind], [value], "v")


@pytest.mark.parametrize("value", [[1], "ab", None, {}])
def test_evm_value__not_one_value_a_type__refused(value: Any) -> None:
    with pytest.raises(BadValue, match="is not a list of 2 values"):
        evm_value(["uint8", "uint8"], value, "v")


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("uint", "uint256"),
        ("int[2]", "int256[2]"),
        ("(uint,address)[]", "(uint256,address)[]"),
        ("byte", "bytes1"),
        ("function", "bytes24"),
        ("uint8", "uint8"),
    ],
)
def test_abi_types__short_names__spelled_in_full(given: str, full: str) -> None:
    assert abi_types([given, "bool"]) == (full, "bool")


@pytest.mark.parametrize(
    "types",
    [
        [],
        [""],
        ["uint7"],
        ["uint256 "],
        ["uint[-1]"],
        ["bytes33"],
        ["fixed"],
        ["address payable"],
        ["foo"],
        [7],
        ["(foo)"],
    ],
)
def test_abi_types__not_types__refused(types: list[Any]) -> None:
    with pytest.raises(BadValue, match="types"):
        abi_types(types)


def test_encoded__standard_and_packed__differ_in_padding() -> None:
    types, value = ("uint8", "address"), (1, bytes([2] * 20))

    assert encoded(types, value, "v") == bytes(31) + b"\x01" + bytes(12) + bytes([2] * 20)
    assert packed(types, value, "v") == b"\x01" + bytes([2] * 20)


@pytest.mark.parametrize("encode", [encoded, packed])
def test_encoded__out_of_range__named(encode: Any) -> None:
    with pytest.raises(BadValue, match=r"values\[3\]: \[256\] is not encodable"):
        encode(("uint8",), (256,), "values[3]")


def test_portable__numbers__as_text_everywhere() -> None:
    assert portable([1, "2", True, [3, ["0x"]]]) == ["1", "2", True, ["3", ["0x"]]]


@pytest.mark.parametrize(
    ("types", "sentence"),
    [
        ([], "types: [] is not a list of one type or more"),
        (["bool", "foo"], "types[1]: 'foo' is not a Solidity type that a leaf may hold"),
        (["bool", "uint7"], "types[1]: 'uint7' is not a Solidity type"),
        (["bool", 7], "types[1]: 7 is not a Solidity type"),
        (["bytes33"], "types[0]: 'bytes33' is not a Solidity type"),
        (["fixed"], "types[0]: 'fixed' is not a Solidity type that a leaf may hold"),
        (["(bool,fixed)"], "types[0]: '(bool,fixed)' is not a Solidity type that a leaf may hold"),
    ],
)
def test_abi_types__not_types__whole_sentence(types: list[Any], sentence: str) -> None:
    with pytest.raises(BadValue) as refused:
        abi_types(types)

    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("uint8", "x", "v[1]: 'x' is not a value of uint8"),
        ("address", "0x12", "v[1]: '0x12' is not a value of address"),
        ("bytes4", "0x12", "v[1]: '0x12' is not a value of bytes4"),
        ("bytes", 7, "v[1]: 7 is not a value of bytes"),
        ("string", None, "v[1]: None is not a value of string"),
        ("bool", 0, "v[1]: 0 is not a value of bool"),
        ("uint8[]", 7, "v[1]: 7 is not a list for uint8[]"),
        ("uint8[2][]", [["1", "x"]], "v[1][0][1]: 'x' is not a value of uint8"),
        ("(uint8,bool)", ["1"], "v[1]: ['1'] is not a list of 2 values"),
        ("(uint8,bool)", ["1", "x"], "v[1][1]: 'x' is not a value of bool"),
    ],
)
def test_evm_value__anything_else__whole_sentence(kind: str, value: Any, sentence: str) -> None:
    with pytest.raises(BadValue) as refused:
        evm_value(["bool", kind], [True, value], "v")

    assert str(refused.value) == sentence


@pytest.mark.parametrize("encode", [encoded, packed])
def test_encoded__out_of_range__whole_value_and_types(encode: Any) -> None:
    with pytest.raises(BadValue) as refused:
        encode(("uint8", "bool"), (256, True), "values[3]")

    said = "values[3]: [256, True] is not encodable as ['uint8', 'bool'] (Value `256` of type"
    assert str(refused.value).startswith(said)
