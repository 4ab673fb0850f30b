"""Payouts: everything that is known about one op-id."""

from fastapi import APIRouter, Request, Response

from api.adapters.leaves import read_settled_lines
from api.adapters.payouts import (
    OperationRow,
    OutcomeRow,
    is_committed,
    read_listed_line,
    read_operation,
    read_outcomes,
    read_remainders,
    read_transactions,
)
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.conditional import answer_at_block
from api.context import ViewOf
from api.errors import NotFound
from api.fields import HashIn
from api.payout_state import payout_state
from api.schemas.payouts import LineOnChain, PayoutAnswer, PayoutOperation, PayoutOutcome
from contracts.calls import Refusal, SkipReason
from contracts.evm import Hash32
from settlement.payouts.operation import Fate

router = APIRouter(tags=["payouts"])


@router.get("/payouts/{op_id}", response_model=PayoutAnswer)
async def show_payout(request: Request, view: ViewOf, op_id: HashIn) -> Response:
    """One operation: what we planned and signed, and what the chain says up to its head."""
    async with view.standpoint() as (reads, at):
        operation = await read_operation(reads, at, op_id)
        leaf_op_id = op_id if operation is None else Hash32(operation.event_op_id)
        lines = await read_settled_lines(reads, at, [leaf_op_id], upto=at.head.number)
        lines += await read_listed_line(reads, at, op_id)
        remainders = await read_remainders(reads, at, op_id)
        transactions = await read_transactions(reads, op_id) if operation else []
        outcomes = await read_outcomes(reads, op_id) if operation else []
        settled_before = operation.settled if operation else 0
        is_line_on_chain = any(not settled_before >> one.line & 1 for one in lines)
        is_on_chain = is_line_on_chain or await _is_commit_on_chain(reads, at, operation)
    if operation is None and not lines:
        raise NotFound(f"no payout has the op-id {op_id}", field="op_id", value=op_id)
    state = payout_state(
        [Fate(one.fate) for one in outcomes],
        nonces_signed=len({(one.sender, one.nonce) for one in transactions}),
        is_on_chain=is_on_chain,
    )
    answer = PayoutAnswer(
        **at.envelope,
        op_id=op_id,
        state=state,
        head=at.head,
        operation=None if operation is None else _operation(operation),
        transactions=transactions,
        outcomes=[_outcome(one, operation) for one in outcomes],
        lines=[
            LineOnChain.model_validate(
                {
                    "line": one.line,
                    "payee": one.payee,
                    "amount": one.amount,
                    "outcome": one.outcome,
                    "block_number": one.block_number,
                    "tx_hash": one.tx_hash,
                    "is_final": one.block_number <= at.finalized.number,
                }
            )
            for one in lines
        ],
        remainders=remainders,
    )
    return answer_at_block(request, answer, at.finalized.hash)


async def _is_commit_on_chain(
    reads: Snapshot, at: Standpoint, operation: OperationRow | None
) -> bool:
    if operation is None or operation.attempt is None or operation.epoch is None:
        return False
    return await is_committed(reads, at, operation.epoch, operation.attempt)


def _operation(row: OperationRow) -> PayoutOperation:
    return PayoutOperation.model_validate(row, from_attributes=True)


def _outcome(row: OutcomeRow, operation: OperationRow | None) -> PayoutOutcome:
    """What the refusal says depends on whose it is: a line of a list is skipped."""
    reasons = SkipReason if operation is not None and operation.payee is not None else Refusal
    refusal = None if row.refusal is None else reasons(row.refusal).name.lower()
    return PayoutOutcome.model_validate(
        {
            "fate": row.fate,
            "refusal": refusal,
            "sender": row.sender,
            "nonce": row.nonce,
            "tx_hash": row.tx_hash,
            "block_number": row.block_number,
            "block_hash": row.block_hash,
        }
    )
