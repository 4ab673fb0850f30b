import pytest

from contracts.evm import ZERO_HASH
from settlement.errors import ChainUnavailable
from settlement.node_answers import quantity, reading
from settlement.payouts.errors import NoBaseFee


@pytest.mark.parametrize(
    ("text", "number"), [("0x0", 0), ("0x007", 7), ("0xFf", 255), ("0x" + "f" * 64, 2**256 - 1)]
)
def test_quantity__of_a_node__its_number(text: str, number: int) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize(
    "value",
    [
        *[None, 7, True, b"0x7", ["0x7"], "", "0x", "7", "-0x7", "0x-7", "+0x7", "0x1_0"],
        *[" 0x7", "0x7\n", "0x\u0663", "0xg", "0x1" + "0" * 64],
    ],
)
def test_quantity__anything_else__refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantity(value)


@pytest.mark.parametrize(
    "error", [KeyError("key"), IndexError("key"), TypeError("key"), ValueError("key")]
)
def test_reading__what_does_not_read__unavailable_and_not_repeated(error: Exception) -> None:
    with pytest.raises(ChainUnavailable, match="does not read") as caught, reading("eth_call"):
        raise error

    assert "key" not in str(caught.value)


def test_reading__an_answer_with_a_meaning__passes() -> None:
    with pytest.raises(NoBaseFee), reading("eth_getBlockByHash"):
        raise NoBaseFee(ZERO_HASH)
