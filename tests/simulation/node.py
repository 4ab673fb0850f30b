"""The node as the submitter sees it: `PayoutChain`, with every fault of a real endpoint.

What is pinned to a block is answered from that block or not at all. Everything else may lie: the
head, receipts, the mempool, objections, estimates, and the answer to a broadcast.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from contracts.calls import Refusal
from contracts.evm import Address, BlockRef, Hash32, Timestamp
from settlement.errors import ChainUnavailable
from settlement.payouts.broadcast import Answer, SendResult, read_error
from settlement.payouts.gas import FeeQuote
from settlement.payouts.operation import (
    EpochSubject,
    Kind,
    LeafSubject,
    LineSubject,
    Operation,
)
from settlement.payouts.view import (
    Backing,
    Fund,
    Objection,
    Receipt,
    Usage,
    commit_usage,
    leaf_usage,
    line_usage,
)
from tests.simulation.calls import (
    GAS_OF_TRANSACTION,
    Commit,
    PayLines,
    PayTips,
    Withdrawals,
    decoded,
    gas_of,
    items_of,
)
from tests.simulation.chain import BLOCK_TIME, Block, State
from tests.simulation.contract import Executor
from tests.simulation.error_texts import CLASSES, ERROR_TEXTS
from tests.simulation.faults import Fault, Faults, Kill
from tests.simulation.lines import lines_objection, lines_of, skip_reason, waiting_in
from tests.simulation.mempool import Verdict
from tests.simulation.network import Network

TIP_WEI = 10**8
LAG_MAX = 6
ITEMS_MAX = 100
"""More than any call has: such a node estimates every call as it is."""


class Misread(AssertionError):
    """The words of a client were taken for something else."""


class Node:
    """One endpoint. `border` is what may happen at any call before the node is asked.

    `heads` are those that it told of since somebody looked. Of calls with more than `items_max`
    items it always says that they need far more gas than they do.
    """

    def __init__(self, network: Network, faults: Faults, border: Callable[[str], None]) -> None:
        self.network, self._faults, self._border = network, faults, border
        self.is_honest = True
        self.heads: list[Block] = []
        self.items_max = faults.random.choice((1, 2, 3, ITEMS_MAX))

    def head(self) -> BlockRef:
        self.heads.append(self._ask("head"))
        return self.heads[-1].ref

    def paused(self, contracts: Collection[Address], at: BlockRef) -> frozenset[Address]:
        paused = self._state("paused", at).paused
        return frozenset(one for one in contracts if one in paused)

    def nonce_count(self, sender: Address, at: BlockRef) -> int:
        return self._state("nonce_count", at).counts[sender]

    def pending_count(self, sender: Address) -> int:
        count = self._ask("pending_count").state.counts[sender]
        return self.network.pool.count(sender, count)

    def balance(self, sender: Address, at: BlockRef) -> int:
        return self._state("balance", at).funds[sender]

    def backing(self, funds: Sequence[Fund], at: BlockRef) -> list[Backing | Objection]:
        state = self._state("backing", at)
        return [_backing(fund, state) for fund in funds]

    def data_fee(self, data: bytes, at: BlockRef) -> int:
        self._ask("data_fee")
        return 0

    def usages(self, operations: Sequence[Operation], at: BlockRef) -> list[Usage]:
        state = self._state("usages", at)
        return [usage_in(state, one) for one in operations]

    def receipts(self, hashes: Sequence[Hash32]) -> Mapping[Hash32, Receipt]:
        shown = self._ask("receipts").state.receipts
        found: dict[Hash32, Receipt] = {}
        for one in hashes:
            if one not in shown or self._lies(Fault.NULL_RECEIPT):
                continue
            found[one] = shown[one]
            if self._lies(Fault.FALSE_RECEIPT):
                found[one] = self._false(shown[one])
        return found

    def known(self, hashes: Sequence[Hash32]) -> frozenset[Hash32]:
        state = self._ask("known").state
        found: set[Hash32] = set()
        for one in hashes:
            is_known = self.network.pool.holds(one) or one in state.receipts
            is_lie = self._lies(Fault.HIDDEN_TRANSACTION if is_known else Fault.FALSE_TRANSACTION)
            if is_known != is_lie:
                found.add(one)
        return frozenset(found)

    def objections(
        self, operations: Sequence[Operation], *, sender: Address, at: BlockRef
    ) -> list[Objection | None]:
        state = self._state("objections", at)
        return [self._objection(one.call, state, at) for one in operations]

    def estimate_gas(
        self, contract: Address, call: bytes, *, sender: Address, at: BlockRef
    ) -> int | Objection:
        state = self._state("estimate_gas", at)
        is_spoilt = self._faults.strikes(Fault.SPOILT_ESTIMATE)
        gas = gas_of(call) - GAS_OF_TRANSACTION + self.network.pool.intrinsic_gas
        if is_spoilt or items_of(call) > self.items_max:
            return gas * 50
        reason = self._revert(call, state, at)
        return gas if reason is None else Objection(None, reason)

    def fees(self, at: BlockRef) -> FeeQuote:
        view = self._ask("fees")
        if not view.holds(at):
            raise ChainUnavailable("eth_getBlockByHash", f"no block {at.hash}")
        return FeeQuote(base_fee_wei=view.ancestor(at.number).base_fee_wei, tip_wei=TIP_WEI)

    def send_raw(self, raw: bytes) -> SendResult:
        self._border("send_raw")
        faults, network = self._faults, self.network
        if faults.strikes(Fault.SEND_NEVER_ARRIVES):
            return SendResult(Answer.UNCLEAR, "ReadTimeout")
        if faults.strikes(Fault.SEND_ARRIVES_LATE):
            network.late.append(raw)
            return SendResult(Answer.UNCLEAR, "ReadTimeout")
        verdict = network.receive(raw)
        if faults.strikes(Fault.KILL_AFTER_ARRIVAL):
            raise Kill("send_raw")
        if faults.strikes(Fault.SEND_FORGOTTEN):
            network.pool.waiting.clear()
        if faults.strikes(Fault.SEND_UNANSWERED):
            return SendResult(Answer.UNCLEAR, "ReadTimeout")
        if faults.strikes(Fault.SEND_WRONG_WORDS):
            verdict = faults.random.choice(list(ERROR_TEXTS))
        return SendResult(Answer.ACCEPTED, "") if verdict is Verdict.ADDED else self._said(verdict)

    def _said(self, verdict: Verdict) -> SendResult:
        client, code, words = self._faults.random.choice(ERROR_TEXTS[verdict])
        result = read_error(code, words)
        if result.answer is not CLASSES[verdict]:
            raise Misread(f"{client}: {code} {words!r} was read as {result.answer}")
        return result

    def _ask(self, call: str) -> Block:
        """What happens before the answer, and the chain that the node then has."""
        self._border(call)
        faults, chain = self._faults, self.network.chain
        if faults.strikes(Fault.UNAVAILABLE, call):
            raise ChainUnavailable(call, faults.random.choice(("timeout", "429", "502")))
        if faults.strikes(Fault.LAG, call):
            self.is_honest = False
            behind = faults.random.randint(1, LAG_MAX)
            return chain.tip.ancestor(max(0, chain.tip.ref.number - behind))
        if chain.orphan is not None and faults.strikes(Fault.OTHER_FORK, call):
            self.is_honest = False
            return chain.orphan
        return chain.tip

    def _state(self, call: str, at: BlockRef) -> State:
        view = self._ask(call)
        if not view.holds(at):
            raise ChainUnavailable(call, f"no canonical block {at.hash}")
        return view.ancestor(at.number).state

    def _lies(self, fault: Fault) -> bool:
        is_lie = self._faults.strikes(fault)
        self.is_honest &= not is_lie
        return is_lie

    def _false(self, receipt: Receipt) -> Receipt:
        """The opposite of what happened, or another place for it."""
        kind = self._faults.random.randrange(3)
        if kind == 0:
            return replace(receipt, is_success=not receipt.is_success, settled=frozenset())
        if kind == 1:
            everything = receipt.settled | receipt.refused.keys()
            return replace(receipt, is_success=True, settled=frozenset(everything), refused={})
        return replace(receipt, block_number=self.network.chain.tip.ref.number)

    def _objection(self, call: bytes, state: State, at: BlockRef) -> Objection | None:
        if self._faults.strikes(Fault.WRONG_OBJECTION):
            return Objection(Refusal.BAD_PROOF, "bad_proof")
        reason, what = self._revert(call, state, at), decoded(call)
        if reason is not None:
            return Objection(None, reason)
        if isinstance(what, Withdrawals):
            refusal = self._executor(state, at).refusal(what.items[0].leaf)
            return None if refusal is None else Objection(refusal, refusal.name.lower())
        if isinstance(what, PayTips | PayLines):
            (line,) = lines_of(what, state)
            skip = skip_reason(line, state)
            return Objection(skip, skip.name.lower()) if skip else None
        return None

    def _revert(self, call: bytes, state: State, at: BlockRef) -> str | None:
        """Why a whole call would revert."""
        match decoded(call):
            case Commit() as commit:
                return self._executor(state, at).commit_objection(commit)
            case PayTips() | PayLines() as lines:
                return lines_objection(lines, state)
        return None

    def _executor(self, state: State, at: BlockRef) -> Executor:
        after = replace(at, timestamp=Timestamp(at.timestamp + BLOCK_TIME))
        return Executor(after, state, self.network.chain.distributions)


def usage_in(state: State, operation: Operation) -> Usage:
    """What the contract says of an operation, as the product reads it."""
    subject = operation.subject
    if isinstance(subject, LeafSubject):
        lines = state.lines.get(operation.event_op_id, 0)
        return leaf_usage(operation.op_id, subject, lines)
    if isinstance(subject, LineSubject):
        return line_usage(state.lines.get(operation.op_id, 0), 0)
    assert isinstance(subject, EpochSubject)
    return commit_usage(subject, state.epoch(subject.epoch))


def _backing(fund: Fund, state: State) -> Backing:
    if fund.kind not in (Kind.TIP, Kind.PAYOUT):
        return Backing(held=state.cash, accounted=state.cash)
    held = state.holdings[fund.contract, fund.asset]
    waiting = waiting_in(state, fund.contract, fund.asset)
    return Backing(held=held, accounted=held if fund.kind is Kind.TIP else waiting)
