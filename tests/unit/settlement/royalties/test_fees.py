"""Fees by hand. Subjects: settlement.royalties.fees, settlement.royalties.charging."""

import pytest

from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address
from contracts.leaves import FEES_ID, SplitLine
from contracts.units import BaseUnits
from settlement.royalties.charging import ChargedFees, charge_fees
from settlement.royalties.fees import (
    FeeEntry,
    FeeShare,
    charge,
    charge_column,
    fee_lines,
    fee_shares,
)
from settlement.royalties.parameters import parameters_from_bytes
from settlement.royalties.reasons import Reason
from settlement.royalties.registry import Registry
from settlement.royalties.split_graph import SplitTerms
from tests.royalties_builders import (
    ANN,
    BOB,
    CAT,
    DUSD,
    EURT,
    FIRST_EPOCH,
    SETTLEMENT,
    START_BLOCK,
    ScriptedChain,
    fee_json,
    parameters_json,
    scope_of,
)

ACCOUNT = Address(b"\x0a" * 20)
SPLIT_ACCOUNTS = SETTLEMENT.contracts[ContractName.SPLIT_ACCOUNTS]
CHAIN = ScriptedChain()


def registry(*accounts: Address) -> Registry:
    terms = {
        account: SplitTerms(
            account=account,
            owner=ANN,
            version=1,
            payees=(BOB,),
            shares_ppm=(1_000_000,),
            block_number=START_BLOCK,
            log_index=CHAIN.events[0].log_index,
        )
        for account in accounts
    }
    return Registry(works={}, held=frozenset(), accounts=terms)


def charged(
    fees: dict[Address, int], *entries: dict[str, str], accounts: tuple[Address, ...] = ()
) -> ChargedFees:
    data = parameters_json(fees=list(entries)) if entries else parameters_json()
    return charge_fees(
        DUSD,
        {subscriber: BaseUnits(fee) for subscriber, fee in fees.items()},
        parameters_from_bytes(data),
        registry=registry(*accounts),
        scope=scope_of(CHAIN),
    )


@pytest.mark.parametrize(
    ("fee", "rates", "expected"),
    [
        (1_000_000, [25_000, 1], (25_000, 1)),
        (999_999, [25_000, 1], (24_999, 0)),  # 24,999.975 and 0.999999
        (39, [25_000], (0,)),
        (40, [25_000], (1,)),
        (3, [250_000, 250_000], (0, 0)),  # each 0.75: rounded apart, both for the creators
        (10**60 + 1, [500_000], (5 * 10**59,)),
        (0, [500_000], (0,)),
        (7, [], ()),
    ],
)
def test_charge__one_subscriber__rounded_down(
    fee: int, rates: list[int], expected: tuple[int, ...]
) -> None:
    assert charge(fee, rates) == expected


def test_fee_shares__two_subscribers__rounded_for_each() -> None:
    entries = (
        FeeEntry(name="one", payee=ANN, rate_ppm=25_000),
        FeeEntry(name="two", payee=BOB, rate_ppm=100_000),
    )
    charges = [charge(fee, [25_000, 100_000]) for fee in (79, 79)]

    shares = list(fee_shares(charges, entries))

    # 1.975 and 7.9 of each: 1 + 1 and 7 + 7, not 3.95 and 15.8
    assert [(one.position, one.payee, one.amount) for one in shares] == [(0, ANN, 2), (1, BOB, 14)]


def test_fee_lines__one_payee_twice__one_line() -> None:
    shares = [
        FeeShare(position=at, payee=payee, amount=BaseUnits(amount))
        for at, (payee, amount) in enumerate([(CAT, 5), (ANN, 1), (CAT, 2), (BOB, 0)])
    ]

    assert fee_lines(shares) == (
        SplitLine(payee=ANN, amount=BaseUnits(1)),
        SplitLine(payee=CAT, amount=BaseUnits(7)),
    )


def test_charge_fees__none_in_the_parameters__nothing_changes() -> None:
    result = charged({ANN: 100, BOB: 7})

    assert result.of_subscriber == {ANN: (), BOB: ()}
    assert result.shareable == {ANN: 100, BOB: 7}
    assert (result.leaves, result.unpaid) == ((), ())


def test_charge_fees__two_entries__one_leaf_and_the_rest_shareable() -> None:
    result = charged({ANN: 101, BOB: 40}, fee_json("protocol", CAT, 25_000), fee_json("b", ANN, 10))

    assert result.of_subscriber == {ANN: (2, 0), BOB: (1, 0)}
    assert result.shareable == {ANN: 99, BOB: 39}
    (leaf,) = result.leaves
    assert (leaf.work_id, leaf.part, leaf.asset, leaf.epoch) == (FEES_ID, 0, DUSD, FIRST_EPOCH)
    assert leaf.lines == (SplitLine(payee=CAT, amount=BaseUnits(3)),)


@pytest.mark.parametrize("never", [DUSD, SETTLEMENT.payouts, SPLIT_ACCOUNTS, ACCOUNT])
def test_charge_fees__payee_that_cannot_be_paid__listed_and_not_in_the_leaf(never: Address) -> None:
    result = charged(
        {ANN: 1_000, BOB: 1_000},
        fee_json("one", CAT, 1_000),
        fee_json("two", never, 2_000),
        fee_json("three", never, 3_000),
        fee_json("four", never, 1),
        accounts=(ACCOUNT,),
    )

    assert [line.payee for leaf in result.leaves for line in leaf.lines] == [CAT]
    assert result.shareable == {ANN: 994, BOB: 994}
    assert [(one.position, one.amount) for one in result.unpaid] == [(1, 4), (2, 6)]
    one = result.unpaid[0]
    assert (one.reason, one.work_id, one.submitter) == (
        Reason.UNPAYABLE_PAYEE,
        FEES_ID,
        ZERO_ADDRESS,
    )
    assert (one.block_number, one.log_index, one.asset) == (START_BLOCK, 1, DUSD)


def test_charge_fees__one_unit_or_none_for_a_payee_that_cannot_be_paid__the_unit_is_listed() -> (
    None
):
    result = charged({ANN: 1_000}, fee_json("one", DUSD, 1_000), fee_json("none", DUSD, 999))

    assert result.shareable == {ANN: 999}
    assert [(one.position, one.amount) for one in result.unpaid] == [(0, 1)]


def test_charge_fees__asset_of_another_leaf__can_be_paid_here() -> None:
    assert charged({ANN: 1_000}, fee_json("one", EURT, 1_000)).unpaid == ()


def test_charge_column__many_fees__each_as_if_alone() -> None:
    fees, rates = [0, 1, 39, 40, 2**200 + 1], [25_000, 1, 500_000]

    columns = [charge_column(fees, rate) for rate in rates]

    assert list(zip(*columns, strict=True)) == [charge(fee, rates) for fee in fees]
