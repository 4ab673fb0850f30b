"""Fees under caps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.payouts.gas import (
    TRANSACTION_GAS_MAX,
    Fee,
    FeeAboveCap,
    FeeCaps,
    FeeQuote,
    fee_for,
    gas_limit,
)

CAPS = FeeCaps(max_fee_wei=100, tip_wei=5)


@pytest.mark.parametrize(
    ("base_fee", "tip", "expected"),
    [
        (10, 2, Fee(max_fee_wei=22, tip_wei=2)),
        (10, 50, Fee(max_fee_wei=25, tip_wei=5)),
        (60, 2, Fee(max_fee_wei=100, tip_wei=2)),
        (98, 2, Fee(max_fee_wei=100, tip_wei=2)),
        (99, 2, FeeAboveCap(needed_wei=101, cap_wei=100)),
        (0, 0, Fee(max_fee_wei=0, tip_wei=0)),
    ],
)
def test_fee_for__quote__fee_or_stop(base_fee: int, tip: int, expected: object) -> None:
    assert fee_for(FeeQuote(base_fee_wei=base_fee, tip_wei=tip), CAPS) == expected


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_fee_for__any__never_above_cap_always_includable(
    base_fee: int, tip: int, cap: int, tip_cap: int
) -> None:
    caps = FeeCaps(max_fee_wei=cap, tip_wei=tip_cap)
    fee = fee_for(FeeQuote(base_fee_wei=base_fee, tip_wei=tip), caps)

    if isinstance(fee, Fee):
        assert base_fee + fee.tip_wei <= fee.max_fee_wei <= cap
        assert fee.tip_wei <= tip_cap
    else:
        assert fee.needed_wei > cap


def test_gas_limit__estimate__a_quarter_more_up_to_the_protocol_cap() -> None:
    assert gas_limit(100_000) == 125_000
    assert gas_limit(16_000_000) == TRANSACTION_GAS_MAX
