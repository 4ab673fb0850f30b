"""`reconciliation.adapters.token_units`: what a token says of itself, if it makes sense."""

from collections.abc import Sequence
from typing import Any

import pytest
from eth_abi.abi import encode

from contracts.evm import Address
from reconciliation.adapters.client import Refused, RPCClient
from reconciliation.adapters.token_units import token_units
from reconciliation.close_figures import AssetUnit

TOKEN = Address(b"\xaa" * 20)


def word(kind: str, value: object) -> str:
    return "0x" + encode((kind,), (value,)).hex()


class Client(RPCClient):
    """Answers what it is given, in order."""

    def __init__(self, *answers: object) -> None:
        super().__init__("http://127.0.0.1:1", timeout_s=1)
        self._answers = list(answers)

    def tried(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        assert [method for method, _ in calls] == ["eth_call", "eth_call"]
        return self._answers


@pytest.mark.parametrize(
    ("decimals", "symbol", "expected"),
    [
        (word("uint8", 6), word("string", "DUSD"), AssetUnit("DUSD", 6)),
        (word("uint8", 0), word("string", "N"), AssetUnit("N", 0)),
        (word("uint256", 37), word("string", "X"), None),
        (word("uint8", 6), word("string", ""), None),
        (word("uint8", 6), word("string", "a\u202eb"), None),
        (word("uint8", 6), word("string", "thirteen long"), None),
        (word("uint8", 6), word("bytes32", b"MKR".ljust(32, b"\0")), None),
        ("0x", word("string", "X"), None),
        (Refused("execution reverted"), word("string", "X"), None),
        (None, None, None),
    ],
)
def test_units__answers_of_a_token__believed_if_they_make_sense(
    decimals: object, symbol: object, expected: AssetUnit | None
) -> None:
    found = token_units(Client(decimals, symbol), [TOKEN])

    assert found == ({} if expected is None else {TOKEN: expected})


@pytest.mark.parametrize(
    ("unit", "amount", "written"),
    [
        (AssetUnit("DUSD", 6), 1_234_567, "1.234567"),
        (AssetUnit("DUSD", 6), -5, "-0.000005"),
        (AssetUnit("N", 0), 2**256 - 1, str(2**256 - 1)),
        (AssetUnit("W", 18), 10**18, "1.000000000000000000"),
    ],
)
def test_written__any_amount__every_digit_of_it(unit: AssetUnit, amount: int, written: str) -> None:
    assert unit.written(amount) == written
