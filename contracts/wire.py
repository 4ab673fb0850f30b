"""The JSON spelling of EVM types: money as decimal strings, addresses in EIP-55, hashes in `0x…`.

Readers refuse what is not exactly that spelling, and say which field and value it was.
"""

import re

from contracts.evm import Address, Hash32
from contracts.units import UINT256_MAX, BaseUnits

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)


class BadWireValue(ValueError):
    """A JSON value that does not spell what its field needs."""

    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(f"{field}: {value!r} is not {wanted}")
        self.field = field


def wire_amount(amount: int) -> str:
    """Spell base units."""
    return str(amount)


def amount_from_wire(value: object, field: str) -> BaseUnits:
    """Read base units: a decimal string of a uint256."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or int(value) > UINT256_MAX:
        raise BadWireValue(field, value, "a decimal string below 2^256")
    return BaseUnits(int(value))


def address_from_wire(value: object, field: str) -> Address:
    """Read an address; mixed case must be a right EIP-55 checksum."""
    wanted = "an address (0x and 40 hexadecimal digits)"
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        raise BadWireValue(field, value, wanted)
    address = Address.from_hex(value)
    digits = value[2:]
    if digits not in (digits.lower(), digits.upper()) and value != str(address):
        raise BadWireValue(field, value, f"checksummed; did you mean {address}")
    return address


def hash_from_wire(value: object, field: str) -> Hash32:
    """Read a 32-byte hash or id."""
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{64}", value):
        raise BadWireValue(field, value, "a hash (0x and 64 hexadecimal digits)")
    return Hash32.from_hex(value)
