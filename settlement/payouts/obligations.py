"""What is owed, as operations: leaves, commits, and lines of lists, each under its op-id.

Whoever plans the same obligation twice comes to the same id and the same content; other content
under one id is an error wherever it is stored.

Source: `contracts.operations` (op-ids), `contracts.calls` (calldata).
"""

from collections.abc import Sequence

from eth_abi.abi import encode

from contracts.approvals import Approval
from contracts.calls import (
    GuardianSignature,
    LinePayment,
    Withdrawal,
    commit_epoch_call,
    pay_batch_call,
    pay_tips_call,
    withdraw_call,
)
from contracts.evm import ZERO_ADDRESS, Address, ChainId, keccak
from contracts.leaves import leaf_hash
from contracts.operations import (
    TIP_LIST,
    commit_operation_id,
    leaf_index,
    leaf_list_id,
    payout_operation_id,
    remainder_operation_id,
    tip_operation_id,
    withdraw_operation_id,
)
from contracts.units import BaseUnits
from settlement.payouts.operation import EpochSubject, Kind, LeafSubject, LineSubject, Operation


def withdraw_operation(
    withdrawal: Withdrawal, *, settled: int = 0, chain_id: ChainId, contract: Address
) -> Operation:
    """The operation that pays what is open of one leaf; its content is the leaf hash.

    With lines settled before (bitmap `settled`), it pays the remainder, under an id of its own.
    """
    leaf = withdrawal.leaf
    op_id = withdraw_operation_id(
        leaf.epoch, leaf.work_id, leaf.part, leaf.asset, chain_id=chain_id, contract=contract
    )
    list_id = leaf_list_id(leaf.epoch)
    index = leaf_index(leaf.work_id, leaf.part, leaf.asset)
    if settled:
        list_id, index = op_id, settled
        op_id = remainder_operation_id(op_id, settled, chain_id=chain_id, contract=contract)
    return Operation(
        op_id=op_id,
        chain_id=chain_id,
        contract=contract,
        list_id=list_id,
        index=index,
        content_digest=leaf_hash(leaf, chain_id=chain_id, contract=contract),
        call=withdraw_call(withdrawal),
        subject=LeafSubject(
            epoch=leaf.epoch,
            work_id=leaf.work_id,
            part=leaf.part,
            asset=leaf.asset,
            amount=leaf.amount,
            settled=settled,
            lines=len(leaf.lines),
            proof_nodes=len(withdrawal.proof),
        ),
    )


def commit_operation(
    approval: Approval,
    signatures: tuple[GuardianSignature, ...],
    *,
    chain_id: ChainId,
    contract: Address,
) -> Operation:
    """The operation that commits one attempt at an epoch.

    Its content is what the chain will hold: manifest, root and totals. Deadline, guardian set and
    signatures are not part of it: a lapsed approval is given again for the same content.
    """
    totals = [line.words() for line in approval.totals]
    content = encode(
        ("bytes32", "bytes32", "(address,uint256,uint256,uint256,uint256,uint256,uint256)[]"),
        (bytes(approval.manifest_digest), bytes(approval.root), totals),
    )
    return Operation(
        op_id=commit_operation_id(
            approval.epoch, approval.attempt, chain_id=chain_id, contract=contract
        ),
        chain_id=chain_id,
        contract=contract,
        list_id=leaf_list_id(approval.epoch),
        index=approval.attempt,
        content_digest=keccak(content),
        call=commit_epoch_call(approval, signatures),
        subject=EpochSubject(
            epoch=approval.epoch,
            attempt=approval.attempt,
            manifest_digest=approval.manifest_digest,
        ),
    )


def line_operation(line: LineSubject, *, chain_id: ChainId, contract: Address) -> Operation:
    """The operation that pays one line of a list; its content is payee, asset and amount."""
    content = encode(
        ("address", "address", "uint256"), (bytes(line.payee), bytes(line.asset), line.amount)
    )
    if line.kind is Kind.TIP:
        op_id = tip_operation_id(line.index, chain_id=chain_id, contract=contract)
    else:
        op_id = payout_operation_id(line.list_id, line.index, chain_id=chain_id, contract=contract)
    return Operation(
        op_id=op_id,
        chain_id=chain_id,
        contract=contract,
        list_id=line.list_id,
        index=line.index,
        content_digest=keccak(content),
        call=lines_call((line,)),
        subject=line,
    )


def lines_call(lines: Sequence[LineSubject]) -> bytes:
    """One call for lines of one route: tips by their numbers, others with what they say."""
    first = lines[0]
    if first.kind is Kind.TIP:
        return pay_tips_call([line.index for line in lines])
    payments = [
        LinePayment(index=line.index, payee=line.payee, amount=line.amount) for line in lines
    ]
    return pay_batch_call(first.list_id, first.asset, payments)


def tip_line(number: int, *, payee: Address, amount: BaseUnits) -> LineSubject:
    """Tip `number` of a relay, which is owed in the native coin."""
    return LineSubject(
        kind=Kind.TIP,
        list_id=TIP_LIST,
        index=number,
        payee=payee,
        asset=ZERO_ADDRESS,
        amount=amount,
    )
