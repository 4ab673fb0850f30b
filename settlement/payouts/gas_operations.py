"""What a transaction of a payout wallet was for: the operations that its calldata names.

The bytes of a transaction say it by themselves, whether it succeeded, reverted or was replaced, and
whoever sent it: so a database that knows nothing but the chain comes to the same operations. What
is no call of ours (a no-op that closes a nonce, a transaction of somebody else) was for none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError

from contracts.calls import (
    COMMIT_EPOCH,
    PAY_BATCH,
    PAY_TIPS,
    WITHDRAW,
    WITHDRAW_BATCH,
    Function,
    NotThisCall,
)
from contracts.evm import Address, ChainId, Epoch, Hash32
from contracts.operations import (
    commit_operation_id,
    payout_operation_id,
    tip_operation_id,
    withdraw_operation_id,
)
from settlement.payouts.operation import Kind
from settlement.payouts.record_gas import MinedTransaction

_Arguments = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidFor:
    """One operation that a transaction carries, as the contract's events name it.

    `epoch` is None for tips and lines of documents, which belong to none.
    """

    op_id: Hash32
    kind: Kind
    epoch: Epoch | None


def operations_of(transaction: MinedTransaction, chain_id: ChainId) -> list[PaidFor]:
    """The operations of a transaction, each once, ascending by op-id."""
    function = _KNOWN.get(transaction.data[:4])
    if function is None or transaction.recipient is None:
        return []
    try:
        arguments = function.decode(transaction.data)
        found = list(_READERS[function](arguments, chain_id, transaction.recipient))
    except (DecodingError, NotThisCall, ValueError, OverflowError):
        return []
    return [one for _, one in sorted({one.op_id: one for one in found}.items())]


def _of_commit(arguments: _Arguments, chain_id: ChainId, contract: Address) -> Iterator[PaidFor]:
    epoch, attempt = Epoch(arguments[0][0]), arguments[0][1]
    op_id = commit_operation_id(epoch, attempt, chain_id=chain_id, contract=contract)
    yield PaidFor(op_id=op_id, kind=Kind.COMMIT, epoch=epoch)


def _of_withdrawals(
    arguments: _Arguments, chain_id: ChainId, contract: Address
) -> Iterator[PaidFor]:
    for epoch, work_id, part, asset, *_ in arguments:
        op_id = withdraw_operation_id(
            Epoch(epoch),
            Hash32(work_id),
            part,
            Address.from_hex(asset),
            chain_id=chain_id,
            contract=contract,
        )
        yield PaidFor(op_id=op_id, kind=Kind.WITHDRAW, epoch=Epoch(epoch))


def _of_batch(arguments: _Arguments, chain_id: ChainId, contract: Address) -> Iterator[PaidFor]:
    return _of_withdrawals(arguments[0], chain_id, contract)


def _of_payments(arguments: _Arguments, chain_id: ChainId, contract: Address) -> Iterator[PaidFor]:
    list_id, _, payments = arguments
    for index, *_ in payments:
        op_id = payout_operation_id(Hash32(list_id), index, chain_id=chain_id, contract=contract)
        yield PaidFor(op_id=op_id, kind=Kind.PAYOUT, epoch=None)


def _of_tips(arguments: _Arguments, chain_id: ChainId, contract: Address) -> Iterator[PaidFor]:
    for number in arguments[0]:
        op_id = tip_operation_id(number, chain_id=chain_id, contract=contract)
        yield PaidFor(op_id=op_id, kind=Kind.TIP, epoch=None)


_READERS: Mapping[Function, Callable[[_Arguments, ChainId, Address], Iterator[PaidFor]]] = {
    COMMIT_EPOCH: _of_commit,
    WITHDRAW: _of_withdrawals,
    WITHDRAW_BATCH: _of_batch,
    PAY_BATCH: _of_payments,
    PAY_TIPS: _of_tips,
}
_KNOWN = {function.selector: function for function in _READERS}
