"""Grouping under a gas budget."""

from hypothesis import given
from hypothesis import strategies as st

from settlement.payouts.batch import (
    ISOLATION_RESERVE_GAS,
    TRANSACTION_GAS,
    by_company,
    grouped,
    halves,
    least_gas,
    operation_gas,
)
from settlement.payouts.gas import TRANSACTION_GAS_MAX
from settlement.payouts.obligations import commit_operation
from settlement.payouts.operation import (
    LeafSubject,
    Operation,
)
from tests.fakes_payout_chain import (
    CHAIN_ID,
    CONTRACT,
    approved_commit,
    line,
    operation,
    payment,
    tip,
)


def gas_of(group: tuple[Operation, ...]) -> int:
    inner = sum(operation_gas(one) for one in group if isinstance(one.subject, LeafSubject))
    return TRANSACTION_GAS + ISOLATION_RESERVE_GAS + inner


@given(
    lines=st.lists(st.integers(1, 32), max_size=30),
    gas_max=st.integers(300_000, TRANSACTION_GAS_MAX),
    data=st.data(),
)
def test_grouped__any_leaves__each_once_within_budget_in_order(
    lines: list[int], gas_max: int, data: st.DataObject
) -> None:
    operations = [operation(index, lines=count) for index, count in enumerate(lines)]

    groups = grouped(data.draw(st.permutations(operations)), gas_max=gas_max, members_max=1_000)

    assert [one for group in groups for one in group] == operations
    assert all(gas_of(group) <= gas_max for group in groups if len(group) > 1)
    assert groups == grouped(operations, gas_max=gas_max, members_max=1_000)


def test_grouped__neighbours__packed_until_full() -> None:
    operations = [operation(index) for index in range(5)]
    gas_max = gas_of(tuple(operations[:2]))

    assert [len(group) for group in grouped(operations, gas_max=gas_max, members_max=1_000)] == [
        2,
        2,
        1,
    ]


def test_grouped__measured_batch_of_fifty__estimate_above_measurement() -> None:
    """50 works with 3 fresh payees each used 6,786,615 gas at tree depth 10."""
    fifty = tuple(operation(index, lines=3) for index in range(50))

    assert 6_786_615 < gas_of(fifty) < TRANSACTION_GAS_MAX


def test_grouped__commits__travel_alone_and_first() -> None:
    approved = approved_commit(1)
    commit = commit_operation(
        approved.approval, approved.signatures, chain_id=CHAIN_ID, contract=CONTRACT
    )

    groups = grouped(
        [operation(0), commit, operation(1)], gas_max=TRANSACTION_GAS_MAX, members_max=1_000
    )

    assert groups == [(commit,), (operation(0), operation(1))]


def test_halves__odd_group__split_in_order() -> None:
    three = [operation(index) for index in range(3)]

    assert halves(three) == ((three[0], three[1]), (three[2],))


def test_by_company__reverted_before__apart_and_the_fewer_the_more_often() -> None:
    operations = [operation(index) for index in range(40)]
    reverts = {one.op_id: times for one, times in zip(operations, (0, 1, 2, 3, 9) * 8, strict=True)}

    groups = list(by_company(operations, reverts, gas_max=TRANSACTION_GAS_MAX))

    assert [len(group) for group in groups] == [8, 8, 4, 4, *[1] * 16]
    assert {one.op_id for group in groups for one in group} == reverts.keys()
    assert all(len({min(reverts[one.op_id], 3) for one in group}) == 1 for group in groups)


def test_by_company__seventeen_that_reverted_once__sixteen_at_most() -> None:
    operations = [operation(index) for index in range(17)]

    groups = by_company(
        operations, {one.op_id: 1 for one in operations}, gas_max=TRANSACTION_GAS_MAX
    )

    assert [len(group) for group in groups] == [16, 1]


def test_least_gas__lines_whose_payees_run__all_that_they_may_burn() -> None:
    """Measured: twelve that burn all and one fresh account used 1,254,234."""
    tips = [line(tip(number)) for number in range(13)]

    assert 1_254_234 < least_gas(tips) < 1_600_000
    assert least_gas([line(payment(0)), operation(0)]) == 0
