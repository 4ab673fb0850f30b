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
        ("address", "0x" + "Ab" * 20, bytes([0xAB] * 20)),
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


@pytest.mark.parametrize("types", [[], ["uint"], ["uint7"], ["bytes33"], ["foo"], [7], ["(foo)"]])
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
