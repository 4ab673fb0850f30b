"""Identity and content of operations."""

from contracts.calls import commit_epoch_call, withdraw_call
from contracts.evm import Epoch, Hash32
from contracts.leaves import leaf_hash
from contracts.operations import (
    commit_operation_id,
    remainder_operation_id,
    withdraw_operation_id,
)
from settlement.payouts.obligations import commit_operation, withdraw_operation
from settlement.payouts.operation import (
    Kind,
    Operation,
)
from tests.fakes_payout_chain import (
    ASSET,
    CHAIN_ID,
    CONTRACT,
    approved_commit,
    operation,
    withdrawal,
)


def commit(**changes: int) -> Operation:
    approved = approved_commit(3, **changes)
    return commit_operation(
        approved.approval, approved.signatures, chain_id=CHAIN_ID, contract=CONTRACT
    )


def test_withdraw_operation__leaf__id_content_and_call() -> None:
    item = withdrawal(4, lines=2, epoch=6)

    one = withdraw_operation(item, chain_id=CHAIN_ID, contract=CONTRACT)

    assert one.op_id == withdraw_operation_id(
        Epoch(6), Hash32.from_int(5), 0, ASSET, chain_id=CHAIN_ID, contract=CONTRACT
    )
    assert one.content_digest == leaf_hash(item.leaf, chain_id=CHAIN_ID, contract=CONTRACT)
    assert one.call == withdraw_call(item)
    assert one.kind is Kind.WITHDRAW


def test_withdraw_operation__remainder__id_of_its_own_and_the_leaf_of_the_first() -> None:
    first, second = operation(3, lines=3), operation(3, lines=3, settled=0b010)

    assert second.op_id == remainder_operation_id(
        first.op_id, 0b010, chain_id=CHAIN_ID, contract=CONTRACT
    )
    assert (second.list_id, second.index) == (first.op_id, 0b010)
    assert first.event_op_id == second.event_op_id == first.op_id
    assert (second.call, second.content_digest) == (first.call, first.content_digest)
    assert sorted([second, first], key=lambda one: one.order) == [first, second]


def test_withdraw_operation__other_lines_settled_or_other_leaf__other_id() -> None:
    made = [
        operation(index, lines=3, epoch=epoch, settled=settled)
        for index in (0, 1)
        for epoch in (1, 2)
        for settled in range(7)
    ]

    assert len({one.op_id for one in made}) == len(made)
    assert len({one.event_op_id for one in made}) == 4


def test_event_op_id__commit__its_own() -> None:
    assert commit().event_op_id == commit().op_id


def test_commit_operation__approval__id_content_and_call() -> None:
    approved = approved_commit(3)
    one = commit()

    assert one.op_id == commit_operation_id(Epoch(3), 1, chain_id=CHAIN_ID, contract=CONTRACT)
    assert one.call == commit_epoch_call(approved.approval, approved.signatures)
    assert one.kind is Kind.COMMIT


def test_commit_operation__approval_given_again_later__same_content() -> None:
    assert commit(deadline=10**10 + 1).content_digest == commit().content_digest
    assert commit(deadline=10**10 + 1).call != commit().call


def test_commit_operation__other_manifest__same_id_other_content() -> None:
    other = commit(manifest=99)

    assert other.op_id == commit().op_id
    assert other.content_digest != commit().content_digest


def test_order__mixed_operations__commits_then_leaves() -> None:
    mixed = [operation(1, epoch=2), operation(0, epoch=2), operation(5, epoch=1), commit()]

    ordered = sorted(mixed, key=lambda one: one.order)

    assert ordered == [mixed[3], mixed[2], mixed[1], mixed[0]]
