"""What our own signatures say: each asks for what its nonce was stored to carry, and could be paid.

The contracts would refuse much of what is wrong here; every refusal is a nonce and its gas for
nothing, and what the batch is asked to pay, it pays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from contracts.evm import Address, Hash32, Timestamp
from settlement.payouts.operation import Operation, SignedTransaction
from tests.fakes_payout_chain import MemoryStore
from tests.simulation.calls import (
    Call,
    Commit,
    PayLines,
    PayTips,
    Withdrawals,
    call_to,
    decoded,
    gas_of,
    op_id_of,
)
from tests.simulation.chain import BLOCK_TIME, Block
from tests.simulation.contract import Executor
from tests.simulation.lines import (
    float_of,
    line_op_id,
    lines_of,
    skip_reason,
    tip_op_id,
)
from tests.simulation.network import Network
from tests.simulation.signer import transaction_from_raw
from tests.simulation.violation import require


class SignedCalls:
    """Checks what was signed since the last time, against blocks that the signer may have seen."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def check(
        self, new: Iterable[SignedTransaction], store: MemoryStore, heads: Sequence[Block]
    ) -> None:
        """Every transaction that was signed since, by who was told of one of these heads."""
        for one in new:
            is_late = all(one.nonce < head.state.counts[one.sender] for head in heads)
            require(not is_late, f"nonce {one.nonce} was signed again after it was mined")
            if one.is_noop:
                _gives_up_nothing(one, store, heads)
                continue
            data = transaction_from_raw(one.raw).data
            call, named = decoded(data), f"nonce {one.nonce}"
            require(
                call == call_to(one.to, data), f"{named} calls {one.to}, which has no such call"
            )
            assert call is not None
            is_open = any(one.to not in head.state.paused for head in heads)
            require(is_open, f"{named} calls {one.to}, which is paused")
            require(gas_of(data) <= one.gas, f"{named} has less gas than its call needs")
            carried = {
                store.operations[op_id].event_op_id: store.operations[op_id]
                for op_id, sender, nonce in store.inclusions
                if (sender, nonce) == (one.sender, one.nonce)
            }
            asked = _asked(call, carried)
            is_first = _versions(one, store)[0] is one
            if is_first:
                require(asked == carried.keys(), f"{named} does not ask for what it carries")
                _money_covers(store, one.sender, named, heads)
                self._could_be_paid(call, asked, named, heads)
                if isinstance(call, PayLines):
                    _float_covers(call.asset, store, named, heads)
            else:
                lost = carried.keys() - asked - _closed(carried, store)
                require(asked <= carried.keys(), f"{named} asks for more than it carries")
                require(not lost, f"the replacement of {named} has lost {len(lost)} operations")

    def _could_be_paid(
        self, call: Call, asked: Iterable[Hash32], named: str, heads: Sequence[Block]
    ) -> None:
        """After one of the heads each item would have been paid."""
        left = set(asked)
        for head in heads:
            left -= _payable(call, left, head, self._network)
        require(not left, f"{named} was signed for {len(left)} operations that nothing would pay")


def _gives_up_nothing(noop: SignedTransaction, store: MemoryStore, heads: Sequence[Block]) -> None:
    """No payment that may go on gives way to a no-op."""
    versions = _versions(noop, store)
    place = versions.index(noop)
    if not place or versions[place - 1].is_noop:
        return
    over = {one.op_id for one in store.outcomes if one.is_closing}
    is_paused = any(versions[0].to in head.state.paused for head in heads)
    carried = {
        op_id
        for op_id, sender, nonce in store.inclusions
        if (sender, nonce) == (noop.sender, noop.nonce)
    }
    require(is_paused or carried <= over, f"nonce {noop.nonce} gave up what is owed")


def _versions(one: SignedTransaction, store: MemoryStore) -> list[SignedTransaction]:
    """All that was signed for the same nonce, oldest first."""
    name = (one.sender, one.nonce)
    return [each for each in store.transactions if (each.sender, each.nonce) == name]


def _money_covers(store: MemoryStore, key: Address, named: str, heads: Sequence[Block]) -> None:
    """At one of the heads the key had the money for all that waited then, at its most."""
    newest = {one.nonce: one for one in store.transactions if one.sender == key}
    for head in heads:
        waiting = [one for nonce, one in newest.items() if nonce >= head.state.counts[key]]
        if sum(one.gas * one.max_fee_wei for one in waiting) <= head.state.funds[key]:
            return
    require(False, f"{named} was signed without the money for its gas")


def _float_covers(asset: Address, store: MemoryStore, named: str, heads: Sequence[Block]) -> None:
    """One of the heads had the float for all that was under way then, of every key."""
    newest = {(one.sender, one.nonce): one for one in store.transactions if not one.is_noop}
    for head in heads:
        waiting = [
            call
            for (sender, nonce), one in newest.items()
            if nonce >= head.state.counts[sender]
            and isinstance(call := decoded(transaction_from_raw(one.raw).data), PayLines)
            and call.asset == asset
        ]
        # What somebody else has settled meanwhile is skipped, and takes nothing from the float.
        due = sum(
            line.amount
            for call in waiting
            for line in call.payments
            if not head.state.lines.get(line_op_id(call.list_id, line.index))
        )
        if due <= float_of(head.state, asset):
            return
    require(False, f"{named} was signed beyond the float of {asset}")


def _asked(call: Call, carried: dict[Hash32, Operation]) -> set[Hash32]:
    match call:
        case Commit():
            return set(carried)
        case Withdrawals(items):
            return {op_id_of(item.leaf) for item in items}
        case PayTips(numbers):
            return {tip_op_id(number) for number in numbers}
        case PayLines():
            return {line_op_id(call.list_id, one.index) for one in call.payments}


def _payable(call: Call, asked: set[Hash32], block: Block, network: Network) -> set[Hash32]:
    """What of a call the contract would do after a block."""
    at = replace(block.ref, timestamp=Timestamp(block.ref.timestamp + BLOCK_TIME))
    executor = Executor(at, block.state, network.chain.distributions)
    match call:
        case Commit():
            return set(asked) if executor.commit_objection(call) is None else set()
        case Withdrawals(items):
            leaves = (item.leaf for item in items)
            return {op_id_of(leaf) for leaf in leaves if executor.refusal(leaf) is None}
        case PayTips() | PayLines():
            lines = lines_of(call, block.state)
            return {one.op_id for one in lines if skip_reason(one, block.state) is None}


def _closed(carried: dict[Hash32, Operation], store: MemoryStore) -> set[Hash32]:
    over = {one.op_id for one in store.outcomes if one.is_closing}
    return {event_id for event_id, one in carried.items() if one.op_id in over}
