from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from api.fields import (
    AddressIn,
    AddressOut,
    AmountIn,
    AmountOut,
    BytesOut,
    DeltaOut,
    HashIn,
    HashOut,
    NumberIn,
    SmallNumber,
)
from contracts.evm import Address, Hash32
from contracts.units import UINT256_MAX

CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # EIP-55


class Out(BaseModel):
    address: AddressOut
    hash: HashOut
    data: BytesOut
    amount: AmountOut
    delta: DeltaOut


class In(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    address: AddressIn = Address(bytes(20))
    hash: HashIn = Hash32(bytes(32))
    amount: AmountIn = 0
    number: NumberIn = 0
    small: SmallNumber = 0


def test_answer__database_values__wire_spelling() -> None:
    out = Out.model_validate(
        {
            "address": bytes.fromhex(CHECKSUMMED[2:]),
            "hash": b"\xab" * 32,
            "data": b"\x00\xff",
            "amount": UINT256_MAX,
            "delta": -5,
        }
    )

    assert out.model_dump(mode="json") == {
        "address": CHECKSUMMED,
        "hash": "0x" + "ab" * 32,
        "data": "0x00ff",
        "amount": str(UINT256_MAX),
        "delta": "-5",
    }


@pytest.mark.parametrize("amount", [-1, UINT256_MAX + 1, 1.0, True, "1", None])
def test_answer__amount_that_is_none__never_leaves(amount: Any) -> None:
    fine = {"address": bytes(20), "hash": bytes(32), "data": b"", "delta": 0}

    with pytest.raises(ValidationError):
        Out.model_validate(fine | {"amount": amount})


@pytest.mark.parametrize("length", [19, 21])
def test_answer__bytes_of_wrong_length__never_leave(length: int) -> None:
    with pytest.raises(ValidationError):
        Out.model_validate(
            {"address": bytes(length), "hash": bytes(32), "data": b"", "amount": 0, "delta": 0}
        )


def test_request__wire_spelling__read() -> None:
    read = In.model_validate(
        {"address": CHECKSUMMED, "hash": "0x" + "AB" * 32, "amount": "7", "number": "12"}
    )

    assert read.address == Address.from_hex(CHECKSUMMED)
    assert read.hash == Hash32(b"\xab" * 32)
    assert (read.amount, read.number) == (7, 12)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", CHECKSUMMED.replace("5aA", "5AA")),
        ("address", CHECKSUMMED[2:]),
        ("address", CHECKSUMMED + "\n"),
        ("hash", "0x12"),
        ("amount", "01"),
        ("amount", "-1"),
        ("amount", "1e3"),
        ("amount", 1),
        ("amount", str(UINT256_MAX + 1)),
        ("number", "+1"),
        ("number", " 1"),
        ("number", "01"),
        ("number", "\u0661"),  # an Arabic-Indic one: `int` would read it
        ("number", str(2**63)),
        ("small", "1"),
        ("small", 1.0),
        ("small", True),
        ("small", -1),
    ],
)
def test_request__sloppy_value__refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        In.model_validate({field: value})
