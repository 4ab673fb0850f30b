from decimal import Decimal

import pytest
from sqlalchemy.engine.default import DefaultDialect

from contracts.columns import AddressColumn, Hash32Column, NotUint256, SumColumn, Uint256Column
from contracts.evm import Address, Hash32, NotBytesOfLength
from contracts.units import UINT256_MAX

POSTGRES = DefaultDialect()


@pytest.mark.parametrize("value", [True, 1.0, "1", -1, UINT256_MAX + 1, Decimal(1)])
def test_uint256_column__anything_but_a_uint256__refused(value: object) -> None:
    with pytest.raises(NotUint256):
        Uint256Column().process_bind_param(value, POSTGRES)


def test_uint256_column__largest_value__kept() -> None:
    column = Uint256Column()
    bound = column.process_bind_param(UINT256_MAX, POSTGRES)

    assert column.process_result_value(bound, POSTGRES) == UINT256_MAX
    assert column.process_bind_param(None, POSTGRES) is None
    assert column.process_result_value(None, POSTGRES) is None


@pytest.mark.parametrize("value", [-(200 * UINT256_MAX), 0, 2**76 * UINT256_MAX])
def test_sum_column__any_sign_and_size__kept(value: int) -> None:
    column = SumColumn()
    bound = column.process_bind_param(value, POSTGRES)

    assert column.process_result_value(bound, POSTGRES) == value
    assert abs(value) < 10**100  # what the column holds


@pytest.mark.parametrize("value", [True, 1.0, "1", Decimal(1)])
def test_sum_column__no_integer__refused(value: object) -> None:
    with pytest.raises(TypeError, match="not an integer"):
        SumColumn().process_bind_param(value, POSTGRES)


def test_bytes_columns__other_length__refused() -> None:
    with pytest.raises(NotBytesOfLength):
        AddressColumn().process_bind_param(bytes(32), POSTGRES)
    with pytest.raises(NotBytesOfLength):
        Hash32Column().process_bind_param(bytes(20), POSTGRES)


def test_bytes_columns__values__come_back_typed() -> None:
    address = AddressColumn().process_result_value(bytes(20), POSTGRES)
    word = Hash32Column().process_result_value(bytes(32), POSTGRES)

    assert isinstance(address, Address)
    assert isinstance(word, Hash32)
