"""Identity and content of operations."""

from contracts.calls import commit_epoch_call, withdraw_call
from contracts.evm import Epoch, Hash32
from contracts.leaves import leaf_hash
from contracts.operations import commit_operation_id, withdraw_operation_id
from settlement.payouts.operation import Kind, Operation, commit_operation, withdraw_operation
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
