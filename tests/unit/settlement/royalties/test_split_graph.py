"""Splits of splits by hand: every level to the unit, every refusal, and the bounds."""

import pytest

from contracts.evm import Address, BlockNumber, LogIndex
from contracts.units import BaseUnits
from settlement.royalties.reasons import Reason
from settlement.royalties.split_graph import (
    DEPTH_MAX,
    VISITS_MAX,
    Expansion,
    Payability,
    SplitTerms,
    expand,
)

ANN, BOB, CAT, DAN = (Address(bytes([number]) * 20) for number in (1, 2, 3, 4))
BAND, LABEL, CHOIR = (Address(bytes([number]) * 20) for number in (0xA, 0xB, 0xC))
NEVER = Address(b"\xff" * 20)


def terms(account: Address, shares: dict[Address, int]) -> SplitTerms:
    return SplitTerms(
        account=account,
        owner=DAN,
        version=1,
        payees=tuple(shares),
        shares_ppm=tuple(shares.values()),
        block_number=BlockNumber(1),
        log_index=LogIndex(0),
    )


def expanded(amount: int, shares: dict[Address, int], **accounts: dict[Address, int]) -> Expansion:
    named = {"band": BAND, "label": LABEL, "choir": CHOIR}
    graph = {named[name]: terms(named[name], inner) for name, inner in accounts.items()}
    return expand(
        BaseUnits(amount),
        payees=tuple(shares),
        shares_ppm=tuple(shares.values()),
        payability=Payability(never_paid={NEVER}, accounts=graph),
    )


def lines(result: Expansion) -> dict[Address, int]:
    assert list(result.lines) == sorted(result.lines, key=lambda line: line.payee)
    return {line.payee: line.amount for line in result.lines}


def refused(result: Expansion) -> list[tuple[int, Reason, int]]:
    return [(one.position, one.reason, one.amount) for one in result.refused]


def test_expand__no_accounts__largest_remainder() -> None:
    result = expanded(101, {ANN: 333_333, BOB: 333_333, CAT: 333_334})

    # 33.666633, 33.666633, 33.666734: two left, to Cat and to the lower of the two that tie
    assert lines(result) == {ANN: 34, BOB: 33, CAT: 34}
    assert result.refused == ()


def test_expand__one_level__rounded_at_each() -> None:
    result = expanded(101, {ANN: 500_000, BAND: 500_000}, band={BOB: 500_000, CAT: 500_000})

    # 50.5 each: the odd unit to Ann, the lower; 50 to the band: 25 each
    assert lines(result) == {ANN: 51, BOB: 25, CAT: 25}


def test_expand__same_payee_by_three_ways__one_line_merged_after_rounding() -> None:
    result = expanded(
        100,
        {ANN: 333_333, BAND: 333_333, LABEL: 333_334},
        band={ANN: 500_000, BOB: 500_000},
        label={ANN: 500_000, BOB: 500_000},
    )

    # 33, 33, 34; the band's 33: Ann 17, Bob 16; the label's 34: 17 each
    assert lines(result) == {ANN: 33 + 17 + 17, BOB: 16 + 17}


def test_expand__account_by_two_ways__is_no_cycle() -> None:
    result = expanded(
        80,
        {BAND: 500_000, LABEL: 500_000},
        band={CHOIR: 1_000_000},
        label={CHOIR: 1_000_000},
        choir={CAT: 1_000_000},
    )

    assert lines(result) == {CAT: 80}


def test_expand__cycle_of_two__what_would_go_round_is_refused() -> None:
    result = expanded(
        100,
        {ANN: 200_000, BAND: 800_000},
        band={BOB: 500_000, LABEL: 500_000},
        label={CAT: 250_000, BAND: 750_000},
    )

    # the band's 80: Bob 40, the label's 40: Cat 10 and 30 back to the band
    assert lines(result) == {ANN: 20, BOB: 40, CAT: 10}
    assert refused(result) == [(1, Reason.SPLIT_CYCLE, 30)]


def test_expand__account_of_itself__refused() -> None:
    result = expanded(9, {BAND: 1_000_000}, band={BAND: 1_000_000})

    assert (lines(result), refused(result)) == ({}, [(0, Reason.SPLIT_CYCLE, 9)])


def chain_of(length: int) -> tuple[dict[Address, SplitTerms], Address]:
    """Accounts that each pay the next, the last one Ann."""
    row = [Address(bytes([0x20 + place]) * 20) for place in range(length)]
    targets = [*row[1:], ANN]
    graph = {
        account: terms(account, {target: 1_000_000})
        for account, target in zip(row, targets, strict=True)
    }
    return graph, row[0]


@pytest.mark.parametrize(("length", "is_paid"), [(DEPTH_MAX, True), (DEPTH_MAX + 1, False)])
def test_expand__accounts_in_a_row__eight_and_no_more(length: int, is_paid: bool) -> None:
    graph, first = chain_of(length)

    result = expand(
        BaseUnits(5),
        payees=(first,),
        shares_ppm=(1_000_000,),
        payability=Payability(never_paid=frozenset(), accounts=graph),
    )

    assert lines(result) == ({ANN: 5} if is_paid else {})
    assert refused(result) == ([] if is_paid else [(0, Reason.SPLIT_TOO_DEEP, 5)])


@pytest.mark.parametrize(
    "shares",
    [
        {},
        {ANN: 999_999},
        {ANN: 1_000_001},
        {ANN: 0, BOB: 1_000_000},
        {BOB: 500_000, ANN: 500_000},
    ],
    ids=["empty", "less", "more", "zero share", "not ascending"],
)
def test_expand__account_with_malformed_terms__suspended(shares: dict[Address, int]) -> None:
    result = expanded(10, {CAT: 500_000, BAND: 500_000}, band=shares)

    assert lines(result) == {CAT: 5}
    assert refused(result) == [(1, Reason.SPLIT_MALFORMED, 5)]


def test_expand__payee_that_cannot_be_paid_at_two_levels__summed_by_first_place() -> None:
    result = expanded(
        100,
        {ANN: 400_000, BAND: 400_000, NEVER: 200_000},
        band={BOB: 500_000, LABEL: 250_000, NEVER: 250_000},
        label={NEVER: 1_000_000},
    )

    assert lines(result) == {ANN: 40, BOB: 20}
    assert refused(result) == [
        (1, Reason.UNPAYABLE_PAYEE, 20),
        (2, Reason.UNPAYABLE_PAYEE, 20),
    ]


def test_expand__account_that_can_never_be_paid__unpayable_comes_first() -> None:
    graph = {NEVER: terms(NEVER, {ANN: 1_000_000})}

    result = expand(
        BaseUnits(3),
        payees=(NEVER,),
        shares_ppm=(1_000_000,),
        payability=Payability(never_paid={NEVER}, accounts=graph),
    )

    assert refused(result) == [(0, Reason.UNPAYABLE_PAYEE, 3)]


def test_expand__no_units_for_an_account__not_entered() -> None:
    result = expanded(1, {ANN: 999_999, BAND: 1}, band={})

    assert (lines(result), refused(result)) == ({ANN: 1}, [])


def test_expand__nothing__nothing() -> None:
    result = expanded(0, {BAND: 1_000_000}, band={BAND: 1_000_000})

    assert (result.lines, result.refused) == ((), ())


def wide(count: int) -> dict[Address, int]:
    """So many payees, of equal shares but the last."""
    share = 1_000_000 // count
    payees = [Address(number.to_bytes(20, "big")) for number in range(1, count + 1)]
    return dict.fromkeys(payees, share) | {payees[-1]: 1_000_000 - share * (count - 1)}


@pytest.mark.parametrize(("beside", "is_paid"), [(VISITS_MAX - 3, True), (VISITS_MAX - 2, False)])
def test_expand__long_lists__4096_visits_and_no_more(beside: int, is_paid: bool) -> None:
    amount = 10**9

    result = expanded(
        amount, {BAND: 500_000, LABEL: 500_000}, band=wide(beside), label={ANN: 10**6}
    )

    # two visits of the work's list, one of the label's
    assert (sum(lines(result).values()) == amount) is is_paid
    assert refused(result) == ([] if is_paid else [(0, Reason.SPLIT_TOO_LARGE, amount)])


def test_expand__too_large__other_refusals_are_not_told() -> None:
    shares = {ANN: 250_000, BAND: 250_000, LABEL: 250_000, NEVER: 250_000}

    result = expanded(10**9, shares, band={BAND: 10**6}, label=wide(VISITS_MAX))

    assert refused(result) == [(0, Reason.SPLIT_TOO_LARGE, 10**9)]
