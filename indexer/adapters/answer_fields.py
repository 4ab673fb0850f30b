"""Fields of raw answers, each checked against what the schema says that it holds.

Source: EIP-1474; the execution-apis specification.
"""

import re
from binascii import unhexlify
from collections.abc import Mapping

from contracts.evm import Address, Hash32

RawObject = Mapping[str, object]
"""A JSON object as it was parsed: nothing in it is checked yet."""

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_DATA = "data (0x and pairs of hexadecimal digits)"
_INT64_MAX = (1 << 63) - 1


class NotTheSchema(ValueError):
    """An answer that its method's schema rules out; never leaves the adapters."""

    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(f"{field}: {repr(value)[:100]} is not {wanted}")


def object_from(value: object, name: str) -> RawObject:
    """The value as an object."""
    if not isinstance(value, dict):
        raise NotTheSchema(name, value, "an object")
    return value


def list_from(value: object, name: str) -> list[object]:
    """The value as an array."""
    if not isinstance(value, list):
        raise NotTheSchema(name, value, "an array")
    return value


def quantity(raw: RawObject, field: str) -> int:
    """A natural number below 2**256."""
    value = raw.get(field)
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise NotTheSchema(field, value, "a quantity (0x and hexadecimal digits)")
    return int(value, 16)


def small_quantity(raw: RawObject, field: str) -> int:
    """A natural number below 2**63: a block number, or a place in a block."""
    number = quantity(raw, field)
    if number > _INT64_MAX:
        raise NotTheSchema(field, raw[field], "a quantity below 2**63")
    return number


def data(raw: RawObject, field: str, length: int | None) -> bytes:
    """A byte string, of this length if there is one."""
    value = raw.get(field)
    if not isinstance(value, str) or not value.startswith("0x"):
        raise NotTheSchema(field, value, _DATA)
    try:
        content = unhexlify(value[2:])  # unlike bytes.fromhex, it takes no white space
    except ValueError:
        raise NotTheSchema(field, value, _DATA) from None
    if length is not None and len(content) != length:
        raise NotTheSchema(field, value, f"{length} bytes of data")
    return content


def hash32(raw: RawObject, field: str) -> Hash32:
    """A hash."""
    return Hash32(data(raw, field, 32))


def address(raw: RawObject, field: str) -> Address:
    """An address."""
    return Address(data(raw, field, 20))


def quantity_if_present(raw: RawObject, field: str) -> int | None:
    """A quantity; None where the field is missing or null."""
    return None if raw.get(field) is None else quantity(raw, field)


def hash_if_present(raw: RawObject, field: str) -> Hash32 | None:
    """A hash; None where the field is missing or null."""
    return None if raw.get(field) is None else hash32(raw, field)
