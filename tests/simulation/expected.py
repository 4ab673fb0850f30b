"""The books of each contract as the chain has them after a block, worked out from its state."""

from collections import Counter
from collections.abc import Collection

from contracts.calls import EpochState, EpochStatus
from contracts.evm import Hash32, Timestamp
from contracts.leaves import Leaf
from settlement.ledger.accounts import (
    CASH,
    FLOAT,
    PLATFORM_FEES,
    UNEXPLAINED,
    Account,
    AssetAccount,
    committed,
    documents,
    fees,
    owed,
    paid_in,
    unallocated,
    unclaimed,
)
from settlement.ledger.activation import line_account
from tests.ledger_builders import ASSET
from tests.simulation.calls import BATCH, NATIVE, RELAY, op_id_of
from tests.simulation.chain import Block, State
from tests.simulation.lines import line_op_id, tip_op_id
from tests.simulation.papers import Papers
from tests.simulation.settlement import Royalties

Balances = dict[AssetAccount, int]


def is_of_owner(account: Account) -> bool:
    """Whether a balance is on the debit side: money, or why there is less of it."""
    return account.kind.is_debit_normal


def settlement_balances(block: Block, royalties: Royalties) -> Balances:
    """Those of `EpochPayouts`."""
    state, found = block.state, Counter[Account]()
    found[CASH] = state.cash
    for payee, units in state.unclaimed.items():
        found[unclaimed(payee)] += units
    for epoch, units in state.paid_in.items():
        one = state.epoch(epoch)
        if one.status is EpochStatus.NONE:
            found[paid_in(epoch)] += units
            continue
        leaves = royalties.distribution(epoch, one.attempt).leaves
        found[unallocated(epoch)] += units - sum(leaf.amount for leaf in leaves)
        for leaf in leaves:
            found.update(_of_leaf(leaf, state, one, block.ref.timestamp))
    return {(account, ASSET): units for account, units in found.items() if units}


def relay_balances(block: Block) -> Balances:
    """Those of `TipRelay`."""
    state, found = block.state, Counter[AssetAccount]()
    found[CASH, NATIVE] = state.holdings[RELAY, NATIVE]
    found[PLATFORM_FEES, NATIVE] = state.fees
    for number, tip in enumerate(state.tips):
        if not state.lines.get(tip_op_id(number)):
            found[owed(tip_op_id(number), tip.payee), NATIVE] = tip.amount
    found.update(_waiting(state, RELAY))
    return {key: units for key, units in found.items() if units}


def batch_balances(block: Block, papers: Papers, booked: Collection[Hash32]) -> Balances:
    """Those of `PayoutBatch`, with the documents that are booked.

    What left for a line that no booked document has is unexplained: it is what is missing.
    """
    state, found = block.state, Counter[AssetAccount]()
    for asset in (ASSET, NATIVE):
        found[CASH, asset] = state.holdings[BATCH, asset]
        found[FLOAT, asset] = state.floats[asset]
    for document in papers.accepted():
        is_owed = document.list_id in booked and document.accepted_at <= block.ref.timestamp
        for line in document.lines if is_owed else ():
            op_id = line_op_id(document.list_id, line.index)
            found[documents(document.list_id), line.asset] += line.amount
            if not state.lines.get(op_id):
                found[owed(op_id, line.payee), line.asset] += line.amount
    found.update(_waiting(state, BATCH))
    for asset in (ASSET, NATIVE):
        signed = [
            -units if is_of_owner(account) else units
            for (account, of), units in found.items()
            if of == asset
        ]
        found[UNEXPLAINED, asset] = sum(signed)
    return {key: units for key, units in found.items() if units}


def _waiting(state: State, contract: bytes) -> Balances:
    return {
        (unclaimed(payee), asset): units
        for (whose, asset, payee), units in state.waiting.items()
        if whose == contract
    }


def _of_leaf(leaf: Leaf, state: State, epoch: EpochState, now: Timestamp) -> dict[Account, int]:
    if now < epoch.active_at:
        waiting = fees(leaf.epoch) if leaf.work_id[0] else committed(leaf.epoch)
        return {waiting: leaf.amount}
    bits = state.lines.get(op_id_of(leaf), 0)
    return {
        line_account(leaf, line): line.amount
        for number, line in enumerate(leaf.lines)
        if not bits >> number & 1
    }
