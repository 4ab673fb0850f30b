"""The fee on top of a price: the worked examples, the contract's vectors, and what always holds."""

import json
from pathlib import Path

import pytest

from contracts.evm import Address
from contracts.units import BaseUnits
from settlement.payments.fees import FEE_BPS_MAX, FeeTerms, fee_of

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "orders.json").read_text("utf-8"))
USDC, ETH = 10**6, 10**18


def terms(minimum: int, bps: int) -> FeeTerms:
    return FeeTerms(treasury=Address(b"\x01" * 20), minimum=BaseUnits(minimum), bps=bps)


@pytest.mark.parametrize(
    ("amount", "minimum", "bps", "total"),
    [
        pytest.param(10 * USDC, USDC, 1_000, 11 * USDC, id="10 of content cost 11"),
        pytest.param(20 * USDC, USDC, 500, 21 * USDC, id="a tip of 20 costs 21"),
        pytest.param(5 * USDC, USDC, 1_000, 6 * USDC, id="5 of content cost 6"),
        pytest.param(30 * USDC, 0, 1_000, 33 * USDC, id="a ticket of 30 costs 33"),
        pytest.param(
            ETH // 1_000, ETH // 2_000, 500, ETH // 1_000 + ETH // 2_000, id="0.0005 ETH at least"
        ),
    ],
)
def test_fee__worked_examples__agree(amount: int, minimum: int, bps: int, total: int) -> None:
    assert amount + fee_of(BaseUnits(amount), terms(minimum, bps)) == total


@pytest.mark.parametrize("vector", VECTORS["fees"])
def test_fee__solidity__agrees(vector: dict[str, str]) -> None:
    fee = fee_of(
        BaseUnits(int(vector["amount"])), terms(int(vector["minimum"]), int(vector["bps"]))
    )

    assert fee == int(vector["fee"])


def test_fee_bps_max__solidity__agrees() -> None:
    source = Path(__file__).parents[4] / "contracts" / "src" / "payouts" / "FeeSchedule.sol"

    assert f"FEE_BPS_MAX = {FEE_BPS_MAX:_};" in source.read_text("utf-8")
