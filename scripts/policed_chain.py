"""The chain as the submitter sees it, with the payout policy's objections added to the contract's.

The submitter asks for objections right before it signs, and signs nothing that has one. So a list
that was accepted, a hold that was placed or a cap that was lowered after the payout was planned is
still in time; the payout stays planned, and goes once nothing objects any more.

The same holds for an asset that does not tie out: while the reconciliation has something open that
stops it, nothing of it is signed, with or without a policy.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, Hash32
from reconciliation.adapters.stops import Stops
from scripts.policing import PolicyGate
from settlement.payouts.broadcast import SendResult
from settlement.payouts.gas import FeeQuote
from settlement.payouts.operation import EpochSubject, Kind, Operation
from settlement.payouts.policy_terms import LeafVerdict
from settlement.payouts.protocols import Finality, PayoutChain
from settlement.payouts.view import Backing, Fund, Objection, OwnCheck, Receipt, Usage

NOT_OWED = Objection(None, "policy: the books do not owe this", OwnCheck.POLICY)


@dataclass(frozen=True, slots=True)
class PolicedChain:
    """`payouts.protocols.PayoutChain`; everything but objections is the chain's own."""

    chain: PayoutChain
    gate: PolicyGate | None
    finality: Finality
    stops: Callable[[], Stops] = Stops.none

    def objections(
        self, operations: Sequence[Operation], *, sender: Address, at: BlockRef
    ) -> list[Objection | None]:
        """Why each would not be paid, or is refused by the rules as they stand now, in order.

        What the contract objects to is told first. A commit moves no money to payees, and is not
        judged.
        """
        found = self.chain.objections(operations, sender=sender, at=at)
        block = self.finality.finalized()
        if block is None or all(one.kind is Kind.COMMIT for one in operations):
            return found
        stops = self.stops()
        found = [
            objection or stop_objection(one, stops)
            for one, objection in zip(operations, found, strict=True)
        ]
        if self.gate is None:
            return found
        verdicts = {one.leaf.leaf_id: one for one in self.gate.verdicts(block)}
        return [
            objection
            or (
                None if one.kind is Kind.COMMIT else policy_objection(verdicts.get(one.event_op_id))
            )
            for one, objection in zip(operations, found, strict=True)
        ]

    def head(self) -> BlockRef:
        """As the chain."""
        return self.chain.head()

    def paused(self, contracts: Collection[Address], at: BlockRef) -> frozenset[Address]:
        """As the chain."""
        return self.chain.paused(contracts, at)

    def nonce_count(self, sender: Address, at: BlockRef) -> int:
        """As the chain."""
        return self.chain.nonce_count(sender, at)

    def pending_count(self, sender: Address) -> int:
        """As the chain."""
        return self.chain.pending_count(sender)

    def usages(self, operations: Sequence[Operation], at: BlockRef) -> list[Usage]:
        """As the chain."""
        return self.chain.usages(operations, at)

    def receipts(self, hashes: Sequence[Hash32]) -> Mapping[Hash32, Receipt]:
        """As the chain."""
        return self.chain.receipts(hashes)

    def known(self, hashes: Sequence[Hash32]) -> frozenset[Hash32]:
        """As the chain."""
        return self.chain.known(hashes)

    def estimate_gas(
        self, contract: Address, call: bytes, *, sender: Address, at: BlockRef
    ) -> int | Objection:
        """As the chain."""
        return self.chain.estimate_gas(contract, call, sender=sender, at=at)

    def fees(self, at: BlockRef) -> FeeQuote:
        """As the chain."""
        return self.chain.fees(at)

    def balance(self, sender: Address, at: BlockRef) -> int:
        """As the chain."""
        return self.chain.balance(sender, at)

    def backing(self, funds: Sequence[Fund], at: BlockRef) -> list[Backing | Objection]:
        """As the chain."""
        return self.chain.backing(funds, at)

    def data_fee(self, data: bytes, at: BlockRef) -> int:
        """As the chain."""
        return self.chain.data_fee(data, at)

    def send_raw(self, raw: bytes) -> SendResult:
        """As the chain: what is signed may execute at any time, so it is sent."""
        return self.chain.send_raw(raw)


def stop_objection(operation: Operation, stops: Stops) -> Objection | None:
    """What the submitter is told of an asset that does not tie out; None where it does."""
    subject = operation.subject
    reason = None if isinstance(subject, EpochSubject) else stops.reason(subject.asset)
    if reason is None:
        return None
    return Objection(None, f"reconciliation: {reason}", OwnCheck.RECONCILIATION)


def policy_objection(verdict: LeafVerdict | None) -> Objection | None:
    """What the submitter is told of a verdict; None where the leaf may go."""
    if verdict is None:
        return NOT_OWED
    if verdict.is_allowed:
        return None
    reasons = [
        f"{reason.rule.value}: {reason.detail}"
        for line in verdict.lines
        if not line.is_allowed
        for reason in line.reasons
    ]
    return Objection(None, "policy: " + "; ".join(dict.fromkeys(reasons)), OwnCheck.POLICY)
