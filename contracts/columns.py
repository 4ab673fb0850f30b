"""The Postgres spelling of EVM types.

uint256 is NUMERIC(78, 0): 2²⁵⁶ - 1 has exactly 78 digits. Addresses and hashes are BYTEA, which
sorts as Solidity does. uint64 and smaller are BIGINT, with a check on the way in (a uint64 above
2⁶³ - 1 is refused, not wrapped).
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Numeric
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from contracts.evm import Address, Hash32
from contracts.units import UINT256_MAX

_SMALL_INTEGERS = frozenset({"bool", "uint8", "uint16", "uint32", "uint64"})
_WIDE_INTEGERS = {"uint80": 80, "uint256": 256}


class NotUint256(ValueError):
    """A value that is no integer in [0, 2²⁵⁶)."""

    def __init__(self, value: object) -> None:
        super().__init__(f"not a uint256: {value!r}")


class Uint256Column(TypeDecorator[int]):
    """uint256 ↔ NUMERIC(78, 0); refuses floats, bools and other ranges before the driver."""

    impl = Numeric(78, 0)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401
        """Check, then spell as Decimal."""
        if value is None:
            return None
        if type(value) is not int or not 0 <= value <= UINT256_MAX:
            raise NotUint256(value)
        return Decimal(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ANN401
        """Read back as int."""
        return None if value is None else int(value)


class SumColumn(TypeDecorator[int]):
    """Sum of uint256 values, of any sign ↔ NUMERIC(100, 0), which holds 2⁷⁶ of the largest."""

    impl = Numeric(100, 0)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401
        """Check, then spell as Decimal."""
        if value is None:
            return None
        if type(value) is not int:
            raise TypeError(f"not an integer: {value!r}")
        return Decimal(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ANN401
        """Read back as int."""
        return None if value is None else int(value)


class AddressColumn(TypeDecorator[Address]):
    """Address ↔ BYTEA of 20 bytes."""

    impl = LargeBinary(20)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:  # noqa: ANN401
        """Check the length."""
        return None if value is None else bytes(Address(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> Address | None:  # noqa: ANN401
        """Read back as `Address`."""
        return None if value is None else Address(value)


class Hash32Column(TypeDecorator[Hash32]):
    """Hash32 ↔ BYTEA of 32 bytes."""

    impl = LargeBinary(32)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:  # noqa: ANN401
        """Check the length."""
        return None if value is None else bytes(Hash32(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> Hash32 | None:  # noqa: ANN401
        """Read back as `Hash32`."""
        return None if value is None else Hash32(value)


def column_type(abi_type: str) -> TypeEngine[Any]:
    """The column type of one ABI type.

    Raises:
        ValueError: no column is defined for it.
    """
    if abi_type.endswith("[]"):
        return ARRAY(column_type(abi_type.removesuffix("[]")))
    if abi_type in _SMALL_INTEGERS:
        return BigInteger()
    types: dict[str, TypeEngine[Any]] = {
        **dict.fromkeys(_WIDE_INTEGERS, Uint256Column()),
        "address": AddressColumn(),
        "bytes32": Hash32Column(),
        "bytes": LargeBinary(),
    }
    if abi_type not in types:
        raise ValueError(f"no column type for ABI type {abi_type!r}")
    return types[abi_type]


def binary_copy_type(abi_type: str) -> str:
    """The Postgres type that binary COPY must be told for `column_type(abi_type)`."""
    if abi_type.endswith("[]"):
        return binary_copy_type(abi_type.removesuffix("[]")) + "[]"
    if abi_type in _SMALL_INTEGERS:
        return "int8"
    return "numeric" if abi_type in _WIDE_INTEGERS else "bytea"


def range_check(column: str, abi_type: str) -> str | None:
    """The SQL condition that a stored scalar meets; None where its type needs none."""
    if abi_type in _SMALL_INTEGERS:
        return f'"{column}" >= 0'
    if abi_type in _WIDE_INTEGERS:
        return f'"{column}" >= 0 AND "{column}" <= {2 ** _WIDE_INTEGERS[abi_type] - 1}'
    lengths = {"address": 20, "bytes32": 32}
    length = lengths.get(abi_type)
    return None if length is None else f'octet_length("{column}") = {length}'
