"""What a node's answers say about operations: receipts with their events, flags, reverts."""

from collections.abc import Collection, Iterator, Sequence

from contracts.calls import (
    EpochState,
    Refusal,
    SkipReason,
    epoch_of_call,
    paid_lines_call,
    refusal_from_revert,
    settled_lines_call,
    uint_from_answer,
)
from contracts.events import EPOCH_COMMITTED, LEAF_WITHDRAWN, WITHDRAW_REFUSED
from contracts.evm import Address, BlockNumber, ChainId, Epoch, Hash32, bytes_from_hex
from contracts.operations import commit_operation_id
from contracts.payment_event_specs import (
    BATCH_LINE_PAID,
    BATCH_LINE_SKIPPED,
    BATCH_LINE_UNCLAIMED,
)
from contracts.storage import line_place
from settlement.errors import ChainUnavailable
from settlement.node_answers import quantity
from settlement.payouts.adapters.endpoint import Json
from settlement.payouts.operation import EpochSubject, LeafSubject, LineSubject, Operation
from settlement.payouts.view import (
    Objection,
    Receipt,
    Usage,
    commit_usage,
    leaf_usage,
    line_usage,
)

_REVERT_CODE = 3
_WORD_BYTES = 32
_SETTLING = (LEAF_WITHDRAWN.topic0, BATCH_LINE_PAID.topic0, BATCH_LINE_UNCLAIMED.topic0)
"""The relay declares the events of lines exactly as the batch does."""


def receipt_of(
    receipt: Json, tx_hash: Hash32, *, chain_id: ChainId, contracts: Collection[Address]
) -> Receipt:
    """What the events of the contracts that pay say in a receipt."""
    settled: set[Hash32] = set()
    refused: dict[Hash32, Refusal | SkipReason] = {}
    for log in receipt["logs"]:
        contract = Address.from_hex(log["address"])
        topics = [Hash32.from_hex(topic) for topic in log["topics"]]
        if contract not in contracts or not topics:
            continue
        if topics[0] in _SETTLING:
            settled.add(topics[1])
        elif topics[0] == WITHDRAW_REFUSED.topic0:
            refused[topics[1]] = Refusal(bytes_from_hex(log["data"])[-1])
        elif topics[0] == BATCH_LINE_SKIPPED.topic0:
            refused[topics[1]] = SkipReason(bytes_from_hex(log["data"])[-1])
        elif topics[0] == EPOCH_COMMITTED.topic0:
            settled.add(_commit_id(topics, chain_id=chain_id, contract=contract))
    return Receipt(
        tx_hash=tx_hash,
        block_number=BlockNumber(quantity(receipt["blockNumber"])),
        block_hash=Hash32.from_hex(receipt["blockHash"]),
        is_success=quantity(receipt["status"]) == 1,
        settled=frozenset(settled),
        refused=refused,
    )


def usage_call(operation: Operation) -> tuple[Address, bytes]:
    """The view that says whether an operation is used; lines of one word have the same."""
    match operation.subject:
        case LeafSubject() as leaf:
            call = paid_lines_call(leaf.epoch, leaf.work_id, leaf.part, leaf.asset)
        case EpochSubject() as epoch:
            call = epoch_of_call(epoch.epoch)
        case LineSubject() as line:
            call = settled_lines_call(line.list_id, line_place(line.index)[0])
    return operation.contract, call


def usage_of(operation: Operation, answer: bytes) -> Usage:
    """Read that view's answer.

    Raises:
        UnknownLines: more lines of a leaf are settled than it has.
    """
    match operation.subject:
        case LeafSubject() as leaf:
            return leaf_usage(operation.op_id, leaf, uint_from_answer(answer))
        case EpochSubject() as epoch:
            return commit_usage(epoch, EpochState.from_answer(answer))
        case LineSubject() as line:
            return line_usage(uint_from_answer(answer), line_place(line.index)[1])


def objection_of(method: str, response: Json) -> Objection | None:
    """A revert is an answer; every other error means that the node did not answer."""
    if "error" not in response:
        return None
    error = response["error"]
    data = error.get("data")
    is_revert = error["code"] == _REVERT_CODE or "revert" in str(error["message"]).lower()
    if not is_revert:
        raise ChainUnavailable(method, str(error["message"]))
    raw = bytes_from_hex(data) if isinstance(data, str) and data.startswith("0x") else b""
    refusal = refusal_from_revert(raw)
    reason = refusal.name.lower() if refusal is not None else f"reverts with 0x{raw.hex()}"
    return Objection(refusal, reason)


def balance_of(asset: Address, response: Json) -> int | Objection:
    """The answer of a token's `balanceOf`; an objection if nothing like a token stands there."""
    reverts = objection_of("eth_call", response)
    answer = b"" if reverts else bytes_from_hex(response["result"])
    if len(answer) != _WORD_BYTES:
        return Objection(None, f"asset {asset} is no token: it tells no balance")
    return uint_from_answer(answer)


def held_payees(operations: Sequence[Operation]) -> Iterator[tuple[Address, Address]]:
    """Contract and payee of each line, which the contract would skip rather than refuse."""
    for operation in operations:
        if isinstance(operation.subject, LineSubject):
            yield operation.contract, operation.subject.payee


def _commit_id(topics: Sequence[Hash32], *, chain_id: ChainId, contract: Address) -> Hash32:
    return commit_operation_id(
        Epoch(int.from_bytes(topics[1], "big")),
        int.from_bytes(topics[2], "big"),
        chain_id=chain_id,
        contract=contract,
    )
