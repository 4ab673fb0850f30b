"""Operations put into calls that the node says would pay, under a gas budget.

A group that the node refuses, or that needs more gas than the budget, is halved until the item that
spoils it stands alone; that one is held, and the others go on. The same happens to a group that the
signing policy refuses for its size. What a node says of a call is what payees make of it who run in
it (`batch`): it is asked, and not relied upon.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from contracts.calls import withdraw_batch_call, withdrawal_from_call
from contracts.evm import Address, BlockRef, Hash32
from settlement.payouts.batch import by_company, halves, least_gas
from settlement.payouts.gas import gas_limit
from settlement.payouts.obligations import lines_call
from settlement.payouts.operation import EpochSubject, Kind, LineSubject, Operation
from settlement.payouts.protocols import PayoutChain
from settlement.payouts.signing_policy import Refusal, RefusalKind
from settlement.payouts.view import Backing, Fund, Objection, OwnCheck

_OF_SIZE = (
    RefusalKind.TRANSACTION_LIMIT,
    RefusalKind.DAY_LIMIT,
    RefusalKind.NO_LIMIT,
    RefusalKind.GAS_ABOVE_CAP,
)
"""Refusals that a part of the batch may not meet."""


@dataclass(frozen=True, slots=True)
class Held:
    """An operation that is not signed: it would not be paid now, never fits, or may not be."""

    op_id: Hash32
    objection: Objection


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A call that would pay these operations after the head, with its gas limit."""

    operations: tuple[Operation, ...]
    data: bytes
    gas: int

    @property
    def contract(self) -> Address:
        """What pays all of them."""
        return self.operations[0].contract

    @property
    def op_ids(self) -> tuple[Hash32, ...]:
        """The ids of the operations, in the order of the call."""
        return tuple(one.op_id for one in self.operations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembler:
    """Asks one node, for one sender, at one head.

    `underway` are operations that the head has not paid yet, but something signed may; `reverts`
    says by op-id how many transactions with it reverted as a whole.
    """

    chain: PayoutChain
    sender: Address
    head: BlockRef
    gas_max: int
    underway: Sequence[Operation]
    reverts: Mapping[Hash32, int]
    _queue: deque[tuple[Operation, ...]] = field(default_factory=deque)

    def assembled(self, due: Sequence[Operation]) -> Iterator[Assembled | Held]:
        """Call after call, in canonical order, asking the node only for what is taken.

        Raises:
            ChainUnavailable: the node does not have the head any more, or did not answer.
        """
        backed, unbacked = self._backed(due)
        yield from unbacked
        self._queue.extend(by_company(backed, self.reverts, gas_max=self.gas_max))
        while self._queue:
            ready, held = self._without_objection(self._queue.popleft())
            yield from held
            if not ready:
                continue
            data = calldata(ready)
            estimate = self._estimate(ready[0].contract, data)
            if isinstance(estimate, int):
                gas = max(gas_limit(estimate), min(least_gas(ready), self.gas_max))
                yield Assembled(operations=tuple(ready), data=data, gas=gas)
            elif len(ready) > 1:
                self._queue.extendleft(reversed(halves(ready)))
            else:
                yield Held(ready[0].op_id, estimate)

    def refused(self, one: Assembled, refusal: Refusal) -> list[Held]:
        """Put the halves of what the signing policy refuses back, or hold what cannot be halved."""
        if refusal.kind in _OF_SIZE and len(one.operations) > 1:
            self._queue.extendleft(reversed(halves(one.operations)))
            return []
        reason = f"signing policy: {refusal.kind.value}: {refusal.detail}"
        objection = Objection(None, reason, OwnCheck.SIGNING_POLICY)
        return [Held(op_id, objection) for op_id in one.op_ids]

    def _backed(self, due: Sequence[Operation]) -> tuple[list[Operation], list[Held]]:
        """Those for which the contract has the money, in canonical order, and the others."""
        ordered = sorted(due, key=lambda one: one.order)
        funds = list(dict.fromkeys(fund for one in ordered if (fund := fund_of(one)) is not None))
        found = self.chain.backing(funds, self.head) if funds else []
        backings = dict(zip(funds, found, strict=True))
        promised: Counter[Fund] = Counter()
        for one in self.underway:
            _promise(promised, one)
        backed: list[Operation] = []
        held: list[Held] = []
        for one in ordered:
            fund = fund_of(one)
            lack = None if fund is None else _lacks(one, backings[fund], promised[fund])
            if lack is None:
                _promise(promised, one)
                backed.append(one)
            else:
                held.append(Held(one.op_id, lack))
        return backed, held

    def _without_objection(self, group: Sequence[Operation]) -> tuple[list[Operation], list[Held]]:
        """Those of a group that the contract would pay now, and the others."""
        objections = self.chain.objections(group, sender=self.sender, at=self.head)
        ready: list[Operation] = []
        held: list[Held] = []
        for operation, objection in zip(group, objections, strict=True):
            if objection is None:
                ready.append(operation)
            else:
                held.append(Held(operation.op_id, objection))
        return ready, held

    def _estimate(self, contract: Address, data: bytes) -> int | Objection:
        """The node's estimate; an estimate above the budget is an objection."""
        estimate = self.chain.estimate_gas(contract, data, sender=self.sender, at=self.head)
        if isinstance(estimate, int) and estimate > self.gas_max:
            return Objection(None, f"needs {estimate} gas, budget {self.gas_max}")
        return estimate


def fund_of(operation: Operation) -> Fund | None:
    """The money that pays it; a commit moves none."""
    if isinstance(operation.subject, EpochSubject):
        return None
    return Fund(operation.kind, operation.contract, operation.subject.asset)


def calldata(group: Sequence[Operation]) -> bytes:
    """One call for a group: a commit's own, or a batch, which reports refusals one by one."""
    match group[0].kind:
        case Kind.COMMIT:
            return group[0].call
        case Kind.WITHDRAW:
            return withdraw_batch_call([withdrawal_from_call(one.call) for one in group])
        case Kind.TIP | Kind.PAYOUT:
            subjects = (one.subject for one in group)
            return lines_call([one for one in subjects if isinstance(one, LineSubject)])
        case _:
            assert_never(group[0].kind)


def _promise(promised: Counter[Fund], operation: Operation) -> None:
    """Count what an operation takes out of a float; what else is paid is accounted for."""
    fund = fund_of(operation)
    if fund is not None and isinstance(operation.subject, LineSubject):
        promised[fund] += operation.subject.amount


def _lacks(operation: Operation, backing: Backing | Objection, promised: int) -> Objection | None:
    """What the contract lacks to pay it; None if it has enough."""
    if isinstance(backing, Objection):
        return backing
    if backing.shortfall:
        reason = f"the contract holds {backing.shortfall} less than it accounts for"
        return Objection(None, reason, OwnCheck.BACKING)
    if not isinstance(operation.subject, LineSubject) or operation.kind is not Kind.PAYOUT:
        return None
    left = backing.float_units - promised
    if operation.subject.amount <= left:
        return None
    reason = f"the float has {max(left, 0)} units left of {operation.subject.asset}"
    return Objection(None, reason, OwnCheck.FLOAT)
