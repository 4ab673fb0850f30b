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
    noop_gas_limit,
    outbidding_fee,
    replacement_fee,
)

CAPS = FeeCaps(max_fee_wei=100, tip_wei=10)


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
        assert fee.tip_wei << 1 <= tip_cap
    else:
        assert fee.needed_wei > cap


def fee(max_fee: int, tip: int) -> Fee:
    return Fee(max_fee_wei=max_fee, tip_wei=tip)


def is_accepted_by_geth(old: Fee, new: Fee) -> bool:
    """legacypool's list.Add with a price bump of 10: strictly more, and old * 110 / 100."""
    return (
        new.max_fee_wei > old.max_fee_wei
        and new.tip_wei > old.tip_wei
        and new.max_fee_wei >= old.max_fee_wei * 110 // 100
        and new.tip_wei >= old.tip_wei * 110 // 100
    )


@pytest.mark.parametrize(
    ("old", "base_fee", "tip", "expected"),
    [
        pytest.param(fee(100, 10), 0, 0, fee(110, 11), id="a tenth"),
        pytest.param(fee(99, 9), 0, 0, fee(109, 10), id="rounded up, geth asks 109 and 10"),
        pytest.param(fee(101, 19), 0, 0, fee(112, 21), id="rounded up, geth asks 111 and 20"),
        pytest.param(fee(9, 5), 0, 0, fee(10, 6), id="small: one more, the floor is the old fee"),
        pytest.param(fee(1, 0), 0, 0, fee(2, 1), id="nothing: one more"),
        pytest.param(fee(100, 10), 40, 5, fee(110, 11), id="the chain asks less"),
        pytest.param(fee(100, 10), 200, 50, fee(450, 50), id="the chain asks more"),
        pytest.param(fee(100, 10), 600, 50, fee(1000, 50), id="room for the base fee cut by cap"),
        pytest.param(fee(100, 10), 50, 500, fee(200, 100), id="tip asked above its cap"),
        pytest.param(fee(909, 90), 900, 1, fee(1000, 99), id="exactly at the cap"),
        pytest.param(
            fee(910, 90), 1, 1, FeeAboveCap(needed_wei=1001, cap_wei=1000), id="bump above cap"
        ),
        pytest.param(
            fee(500, 91), 1, 1, FeeAboveCap(needed_wei=101, cap_wei=100), id="tip above its cap"
        ),
        pytest.param(
            fee(100, 10), 990, 11, FeeAboveCap(needed_wei=1001, cap_wei=1000), id="asked above cap"
        ),
    ],
)
def test_replacement_fee__old_fee_and_quote__table(
    old: Fee, base_fee: int, tip: int, expected: object
) -> None:
    caps = FeeCaps(max_fee_wei=1000, tip_wei=100)

    new = replacement_fee(old, FeeQuote(base_fee_wei=base_fee, tip_wei=tip), caps)

    assert new == expected
    if isinstance(new, Fee):
        assert is_accepted_by_geth(old, new)


_WEI = st.integers(0, 2**70) | st.integers(0, 300)


@given(st.tuples(_WEI, _WEI), st.tuples(_WEI, _WEI), st.tuples(_WEI, _WEI))
def test_replacement_fee__any__accepted_by_geth_and_under_caps_or_not_made(
    old: tuple[int, int], asked: tuple[int, int], most: tuple[int, int]
) -> None:
    before, caps = fee(*old), FeeCaps(max_fee_wei=most[0], tip_wei=most[1])
    quote = FeeQuote(base_fee_wei=asked[0], tip_wei=asked[1])

    new = replacement_fee(before, quote, caps)

    if isinstance(new, Fee):
        assert is_accepted_by_geth(before, new)
        assert new.max_fee_wei <= caps.max_fee_wei
        assert new.tip_wei <= caps.tip_wei
        assert new.max_fee_wei >= quote.base_fee_wei + min(quote.tip_wei, caps.tip_wei)
        assert 10 * (new.max_fee_wei - before.max_fee_wei) >= before.max_fee_wei
        assert 10 * (new.tip_wei - before.tip_wei) >= before.tip_wei
    else:
        assert new.needed_wei > new.cap_wei


def test_replacement_fee__again_and_again__seven_times_from_the_highest_first_bid() -> None:
    caps = FeeCaps(max_fee_wei=10**12, tip_wei=2 * 10**9)
    quote = FeeQuote(base_fee_wei=10**9, tip_wei=10**10)
    first = fee_for(quote, caps)
    assert isinstance(first, Fee)
    low = FeeQuote(base_fee_wei=10**9, tip_wei=0)
    bids: list[Fee | FeeAboveCap] = [first]

    while isinstance(bids[-1], Fee):
        bids.append(replacement_fee(bids[-1], low, caps))

    assert len(bids) == 1 + 7 + 1


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [(20_000, 21_000), (21_000, 21_000), (21_001, 26_251), (90_000, 112_500), (10**6, 500_000)],
)
def test_noop_gas_limit__estimate__exact_or_a_quarter_more_up_to_the_budget(
    estimate: int, expected: int
) -> None:
    assert noop_gas_limit(estimate, gas_max=500_000) == expected


def test_gas_limit__estimate__a_quarter_more_up_to_the_protocol_cap() -> None:
    assert gas_limit(100_000) == 125_000
    assert gas_limit(16_000_000) == TRANSACTION_GAS_MAX


@pytest.mark.parametrize(
    ("old", "base_fee", "tip", "expected"),
    [
        pytest.param(fee(1000, 10), 1, 1, fee(1000, 11), id="the fee at its cap, the tip grows"),
        pytest.param(fee(910, 10), 1, 50, fee(1000, 50), id="no tenth left below the cap"),
        pytest.param(fee(100, 10), 1, 1, fee(110, 11), id="a tenth left: as any replacement"),
        pytest.param(fee(2000, 10), 1, 1, fee(1000, 11), id="the cap was lowered since"),
        pytest.param(
            fee(1000, 91), 1, 1, FeeAboveCap(needed_wei=101, cap_wei=100), id="tip above its cap"
        ),
        pytest.param(
            fee(1000, 10), 990, 1, FeeAboveCap(needed_wei=1001, cap_wei=1000), id="asked above cap"
        ),
    ],
)
def test_outbidding_fee__old_fee_and_quote__table(
    old: Fee, base_fee: int, tip: int, expected: object
) -> None:
    caps = FeeCaps(max_fee_wei=1000, tip_wei=100)

    assert outbidding_fee(old, FeeQuote(base_fee_wei=base_fee, tip_wei=tip), caps) == expected
