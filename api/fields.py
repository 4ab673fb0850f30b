"""The types of fields in requests and answers: EVM types inside, their JSON spelling outside.

Answers take what the database holds (bytes, integers) and print what `contracts.wire` reads: money
as decimal strings, addresses in EIP-55, hashes in lower case. Requests are read by `contracts.wire`
itself, so that a wrong checksum or a sloppy number is refused with its field and value.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from contracts.evm import Address, Hash32
from contracts.units import UINT256_MAX
from contracts.wire import address_from_wire, amount_from_wire, hash_from_wire, wire_amount

UINT64_MAX = 2**63 - 1
"""Largest uint64 that a BIGINT holds; the indexer refuses larger ones."""

NUMBER_MAX = 2**53 - 1
"""The largest whole number that every reader of JSON holds exactly (RFC 8259 §6)."""

_ADDRESS = {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$", "description": "EIP-55 address"}
_HASH = {"type": "string", "pattern": "^0x[0-9a-f]{64}$", "description": "32 bytes"}
_BYTES = {"type": "string", "pattern": "^0x([0-9a-f]{2})*$", "description": "bytes"}
_AMOUNT = {
    "type": "string",
    "pattern": "^(0|[1-9][0-9]{0,77})$",
    "description": "base units of one asset, as a decimal string",
}
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


def _units(value: object) -> int:
    if type(value) is not int or not 0 <= value <= UINT256_MAX:
        raise ValueError(f"{value!r} is not an integer in [0, 2^256)")
    return value


def number_from_text(value: object) -> int:
    """A number in a path or a query."""
    if isinstance(value, str) and _NUMBER.fullmatch(value) and int(value) <= NUMBER_MAX:
        return int(value)
    raise ValueError(f"{value!r} is not a whole number of at most {NUMBER_MAX}")


def _reader(read: Callable[[object, str], Any], kind: str) -> PlainValidator:
    return PlainValidator(lambda value: read(value, kind))


AddressOut = Annotated[
    Address,
    PlainValidator(Address),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(_ADDRESS),
]
HashOut = Annotated[
    Hash32,
    PlainValidator(Hash32),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(_HASH),
]
BytesOut = Annotated[
    bytes,
    PlainValidator(bytes),
    PlainSerializer(lambda value: "0x" + value.hex(), return_type=str),
    WithJsonSchema(_BYTES),
]
AmountOut = Annotated[
    int,
    PlainValidator(_units),
    PlainSerializer(wire_amount, return_type=str),
    WithJsonSchema(_AMOUNT),
]
DeltaOut = Annotated[
    int,
    PlainValidator(int),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(0|-?[1-9][0-9]{0,77})$",
            "description": "signed base units of one asset, as a decimal string",
        }
    ),
]

AddressIn = Annotated[Address, _reader(address_from_wire, "address"), WithJsonSchema(_ADDRESS)]
HashIn = Annotated[
    Hash32,
    _reader(hash_from_wire, "hash"),
    WithJsonSchema(_HASH | {"pattern": "^0x[0-9a-fA-F]{64}$"}),
]
AmountIn = Annotated[int, _reader(amount_from_wire, "amount"), WithJsonSchema(_AMOUNT)]
NumberIn = Annotated[
    int,
    PlainValidator(number_from_text),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": NUMBER_MAX}),
]
"""A number in a path or a query: digits without sign, space or leading zero."""

SmallNumber = Annotated[int, Field(strict=True, ge=0, le=NUMBER_MAX)]
"""A number in a JSON body: an integer, never a string or a fraction."""
