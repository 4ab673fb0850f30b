"""One raw log to the values of its event: what the declaration of an event means, row by row.

Static values are single words. Whatever has dynamic types goes through eth_abi. An integer up to
uint64 is refused above 2⁶³ - 1, which is the limit of its database column.

`decode.py` reads the columns of static events without looking at single logs; it must say of every
log what `event_values` says of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from contracts.event_spec import EventSpec, Field
from contracts.evm import Address, Hash32

COLUMN_INTEGER_MAX = 2**63 - 1
INTEGER_BITS = {
    "bool": 1,
    "uint8": 8,
    "uint16": 16,
    "uint32": 32,
    "uint64": 64,
    "uint80": 80,
    "uint256": 256,
}
WIDE_INTEGERS = frozenset({"uint80", "uint256"})
"""Integers that no machine word holds: a batch has their 32 bytes."""


class NotTheEvent(ValueError):
    """A log that is not what its event's declaration says."""


def event_values(spec: EventSpec, topics: Sequence[bytes], data: bytes) -> list[Any]:
    """The values of one event, one per `spec.columns`.

    Raises:
        NotTheEvent: the log is not what the declaration says.
    """
    indexed = [field for field in spec.fields if field.indexed]
    plain = [field for field in spec.fields if not field.indexed]
    if len(topics) != len(indexed) + 1:
        raise NotTheEvent(f"{len(topics)} topics for {len(indexed)} indexed parameters")
    topic_values = iter(
        _word(field.abi_type, topic) for field, topic in zip(indexed, topics[1:], strict=True)
    )
    data_values = iter(_data_values(plain, data))
    values: list[Any] = []
    for field in spec.fields:
        value: Any = next(topic_values) if field.indexed else next(data_values)
        values.extend(_members(field, value) if field.components else (value,))
    return values


def _data_values(fields: Sequence[Field], data: bytes) -> list[Any]:
    if any(field.is_dynamic for field in fields):
        return _dynamic_values(fields, data)
    if len(data) != 32 * len(fields):
        raise NotTheEvent(f"{len(data)} bytes of data for {len(fields)} words")
    return [
        _word(field.abi_type, data[32 * place : 32 * place + 32])
        for place, field in enumerate(fields)
    ]


def _dynamic_values(fields: Sequence[Field], data: bytes) -> list[Any]:
    # Half a second of imports, which a worker process should not wait for: few events are dynamic.
    from eth_abi.abi import decode as abi_decode  # noqa: PLC0415
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415

    try:
        values = abi_decode([field.canonical_type for field in fields], data)
    except (DecodingError, OverflowError) as error:
        raise NotTheEvent(str(error)) from error
    return [_typed(field, value) for field, value in zip(fields, values, strict=True)]


def _typed(field: Field, value: Any) -> Any:  # noqa: ANN401
    """One decoded value in our types."""
    if field.components:
        return [
            [_typed(member, part) for member, part in zip(field.components, item, strict=True)]
            for item in value
        ]
    if field.abi_type.endswith("[]"):
        element = Field(field.name, field.abi_type.removesuffix("[]"))
        return [_typed(element, item) for item in value]
    return _FROM_ABI.get(field.abi_type, _integer_in_column)(value)


def _members(field: Field, items: list[list[Any]]) -> list[list[Any]]:
    """A list of tuples, as one list per member."""
    return [[item[place] for item in items] for place in range(len(field.components))]


def _word(abi_type: str, word: bytes) -> Address | Hash32 | int:
    """One 32-byte word as a value of a static type."""
    if len(word) != 32:
        raise NotTheEvent(f"{len(word)} bytes for a word")
    if abi_type == "bytes32":
        return Hash32(word)
    if abi_type == "address":
        if any(word[:12]):
            raise NotTheEvent("an address with more than 20 bytes")
        return Address(word[12:])
    value = int.from_bytes(word, "big")
    bits = INTEGER_BITS[abi_type]
    if value >> bits:
        raise NotTheEvent(f"{value} is not a {abi_type}")
    return value if bits > 64 else _integer_in_column(value)


def _integer_in_column(value: int) -> int:
    if value > COLUMN_INTEGER_MAX:
        raise NotTheEvent(f"{value} does not fit its column")
    return value


_FROM_ABI: dict[str, Callable[[Any], Any]] = {
    "address": Address.from_hex,
    "bytes32": Hash32,
    "bytes": bytes,
    **dict.fromkeys(WIDE_INTEGERS, int),
}
