"""Operations put into calls that the node says would pay, under a gas budget.

A group that the node refuses, or that needs more gas than the budget, is halved until the item that
spoils it stands alone; that one is held, and the others go on.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.calls import withdraw_batch_call, withdrawal_from_call
from contracts.evm import Address, BlockRef, Hash32
from settlement.payouts.batch import grouped, halves
from settlement.payouts.gas import gas_limit
from settlement.payouts.operation import Kind, LeafSubject, Operation
from settlement.payouts.protocols import PayoutChain
from settlement.payouts.view import Objection


@dataclass(frozen=True, slots=True)
class Held:
    """An operation that is not signed because its call would revert now, or never fits."""

    op_id: Hash32
    objection: Objection


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A call that would pay these operations after the head, with its gas limit."""

    op_ids: tuple[Hash32, ...]
    data: bytes
    gas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembler:
    """Asks one node, for one sender, at one head."""

    chain: PayoutChain
    sender: Address
    head: BlockRef
    gas_max: int

    def assembled(self, due: Sequence[Operation]) -> Iterator[Assembled | Held]:
        """Call after call, in canonical order, asking the node only for what is taken.

        Raises:
            ChainUnavailable: the node does not have the head any more, or did not answer.
        """
        backed, unbacked = self._backed(due)
        yield from unbacked
        queue = deque(grouped(backed, gas_max=self.gas_max))
        while queue:
            ready, held = self._without_objection(queue.popleft())
            yield from held
            if not ready:
                continue
            data = calldata(ready)
            estimate = self._estimate(data)
            if isinstance(estimate, int):
                op_ids = tuple(one.op_id for one in ready)
                yield Assembled(op_ids=op_ids, data=data, gas=gas_limit(estimate))
            elif len(ready) > 1:
                queue.extendleft(reversed(halves(ready)))
            else:
                yield Held(ready[0].op_id, estimate)

    def _backed(self, due: Sequence[Operation]) -> tuple[list[Operation], list[Held]]:
        """Those in whose asset the contract holds what it accounts for, and the others."""
        assets = sorted({one.subject.asset for one in due if isinstance(one.subject, LeafSubject)})
        backings = self.chain.backing(assets, self.head) if assets else []
        missing = {
            asset: backing.shortfall
            for asset, backing in zip(assets, backings, strict=True)
            if backing.shortfall
        }
        backed: list[Operation] = []
        held: list[Held] = []
        for one in due:
            shortfall = (
                missing.get(one.subject.asset) if isinstance(one.subject, LeafSubject) else None
            )
            if shortfall is None:
                backed.append(one)
            else:
                reason = f"the contract holds {shortfall} less than it accounts for"
                held.append(Held(one.op_id, Objection(None, reason)))
        return backed, held

    def _without_objection(self, group: Sequence[Operation]) -> tuple[list[Operation], list[Held]]:
        """Those of a group that the contract would pay now, and the others."""
        objections = self.chain.objections(
            [one.call for one in group], sender=self.sender, at=self.head
        )
        ready: list[Operation] = []
        held: list[Held] = []
        for operation, objection in zip(group, objections, strict=True):
            if objection is None:
                ready.append(operation)
            else:
                held.append(Held(operation.op_id, objection))
        return ready, held

    def _estimate(self, data: bytes) -> int | Objection:
        """The node's estimate; an estimate above the budget is an objection."""
        estimate = self.chain.estimate_gas(data, sender=self.sender, at=self.head)
        if isinstance(estimate, int) and estimate > self.gas_max:
            return Objection(None, f"needs {estimate} gas, budget {self.gas_max}")
        return estimate


def calldata(group: Sequence[Operation]) -> bytes:
    """One call for a group: a commit's own, or a batch, which reports refusals one by one."""
    if group[0].kind is Kind.COMMIT:
        return group[0].call
    return withdraw_batch_call([withdrawal_from_call(one.call) for one in group])
