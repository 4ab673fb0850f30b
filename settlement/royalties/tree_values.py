"""Typed values of tree leaves: from JSON to the EVM, standard and packed encoding.

A value is a list of JSON values, one for each Solidity type. Integers may be JSON numbers, decimal
strings or `0x…` strings; bytes and addresses are `0x…` strings; tuples and arrays are lists. An
address in mixed case must be a right EIP-55 checksum. `uint` and `int` are those of 256 bits.
"""

import re
from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import ABITypeError, EncodingError, ParseError
from eth_abi.grammar import ABIType, BasicType, TupleType, normalize, parse
from eth_abi.packed import encode_packed

from contracts.evm import Address
from settlement.errors import BadValue

_BASES = frozenset({"uint", "int", "address", "bytes", "bool", "string"})
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,77})|0x[0-9a-fA-F]{1,64}", re.ASCII)
_HEX = re.compile(r"0x([0-9a-fA-F]{2})*", re.ASCII)


def abi_types(types: Sequence[object]) -> tuple[str, ...]:
    """Check a list of Solidity types, and spell them in full.

    Raises:
        BadValue: an entry is no type, or the list is empty.
    """
    if not types:
        raise BadValue("types", list(types), "a list of one type or more")
    return tuple(_spelled_type(name, f"types[{at}]") for at, name in enumerate(types))


def evm_value(types: Sequence[str], value: object, field: str) -> tuple[Any, ...]:
    """Read one leaf's value.

    Raises:
        BadValue: naming the member and what its type needs.
    """
    if not isinstance(value, list | tuple) or len(value) != len(types):
        raise BadValue(field, value, f"a list of {len(types)} values")
    members = zip(types, value, strict=True)
    return tuple(
        _from_json(parse(name), member, f"{field}[{position}]")
        for position, (name, member) in enumerate(members)
    )


def encoded(types: Sequence[str], value: Sequence[Any], field: str) -> bytes:
    """abi.encode(value).

    Raises:
        BadValue: a member is out of its type's range.
    """
    try:
        return encode(types, value)
    except EncodingError as error:
        raise BadValue(field, list(value), f"encodable as {list(types)} ({error})") from error


def packed(types: Sequence[str], value: Sequence[Any], field: str) -> bytes:
    """abi.encodePacked(value).

    Raises:
        BadValue: a member is out of its type's range.
    """
    try:
        return encode_packed(types, value)
    except EncodingError as error:
        raise BadValue(field, list(value), f"encodable as {list(types)} ({error})") from error


def portable(value: object) -> object:
    """Spell a JSON value without numbers, as JavaScript readers of dumps need it."""
    if isinstance(value, bool) or not isinstance(value, int | list | tuple):
        return value
    if isinstance(value, int):
        return str(value)
    return [portable(member) for member in value]


def _spelled_type(name: object, field: str) -> str:
    full = str(normalize(name)) if isinstance(name, str) else ""  # type: ignore[no-untyped-call]
    try:
        kind = parse(full)
        kind.validate()
    except (ABITypeError, ParseError):
        raise BadValue(field, name, "a Solidity type") from None
    if full != _spelled(kind) or not _has_known_bases(kind):
        raise BadValue(field, name, "a Solidity type that a leaf may hold")
    return full


def _has_known_bases(kind: ABIType) -> bool:
    if isinstance(kind, TupleType):
        return all(_has_known_bases(component) for component in kind.components)
    return isinstance(kind, BasicType) and kind.base in _BASES


def _spelled(kind: ABIType) -> str:
    return str(kind.to_type_str())  # type: ignore[no-untyped-call]


def _from_json(kind: ABIType, value: object, field: str) -> Any:  # noqa: ANN401
    if kind.is_array:
        if not isinstance(value, list | tuple):
            raise BadValue(field, value, f"a list for {_spelled(kind)}")
        return [
            _from_json(kind.item_type, item, f"{field}[{position}]")
            for position, item in enumerate(value)
        ]
    if isinstance(kind, TupleType):
        names = [_spelled(component) for component in kind.components]
        return evm_value(names, value, field)
    return _basic_from_json(kind, value, field)


def _basic_from_json(kind: Any, value: object, field: str) -> Any:  # noqa: ANN401
    wanted = f"a value of {_spelled(kind)}"
    if kind.base in ("uint", "int"):
        return _integer(value, field, wanted)
    if kind.base == "address":
        return _address(value, field, wanted)
    if kind.base == "bytes":
        data = _bytes(value, field, wanted)
        if kind.sub is not None and len(data) != kind.sub:
            raise BadValue(field, value, wanted)
        return data
    if isinstance(value, {"bool": bool, "string": str}.get(kind.base, ())):
        return value
    raise BadValue(field, value, wanted)


def _address(value: object, field: str, wanted: str) -> bytes:
    data = _bytes(value, field, wanted)
    if len(data) != 20:
        raise BadValue(field, value, wanted)
    digits, checksummed = str(value)[2:], str(Address(data))
    if digits not in (digits.lower(), digits.upper()) and value != checksummed:
        raise BadValue(field, value, f"checksummed; did you mean {checksummed}")
    return data


def _integer(value: object, field: str, wanted: str) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value, 16 if value.startswith("0x") else 10)
    raise BadValue(field, value, wanted)


def _bytes(value: object, field: str, wanted: str) -> bytes:
    if isinstance(value, str) and _HEX.fullmatch(value):
        return bytes.fromhex(value[2:])
    raise BadValue(field, value, wanted)
