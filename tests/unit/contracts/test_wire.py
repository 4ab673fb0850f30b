import pytest

from contracts.evm import Address, Hash32
from contracts.units import UINT256_MAX
from contracts.wire import (
    BadWireValue,
    address_from_wire,
    amount_from_wire,
    hash_from_wire,
    wire_amount,
)


@pytest.mark.parametrize("amount", [0, 1, UINT256_MAX])
def test_amount__text__round_trips(amount: int) -> None:
    assert amount_from_wire(wire_amount(amount), "amount") == amount


@pytest.mark.parametrize(
    "value", [1, 1.0, "", "-1", "01", "1e3", "0x1", "1 ", "\u0661", str(UINT256_MAX + 1), None]
)
def test_amount__anything_else__refused_by_name(value: object) -> None:
    with pytest.raises(BadWireValue, match="amount: "):
        amount_from_wire(value, "amount")


def test_address__right_checksum_or_one_case__accepted() -> None:
    text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

    assert address_from_wire(text, "to") == address_from_wire(text.lower(), "to")
    assert address_from_wire(text, "to") == Address.from_hex(text)


@pytest.mark.parametrize(
    "value",
    ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", 5],
)
def test_address__wrong_checksum_or_shape__refused_by_name(value: object) -> None:
    with pytest.raises(BadWireValue, match="to: "):
        address_from_wire(value, "to")


def test_hash__text__round_trips() -> None:
    value = Hash32(bytes(range(32)))

    assert hash_from_wire(str(value), "root") == value
    with pytest.raises(BadWireValue, match="root: "):
        hash_from_wire(str(value)[:-1], "root")
