"""The chain as the submitter sees it, with the payout policy's objections added to the contract's.

The submitter asks for objections right before it signs, and signs nothing that has one. So a list
that was accepted, a hold that was placed or a cap that was lowered after the payout was planned is
still in time; the payout stays planned, and goes once nothing objects any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.calls import NotThisCall, withdrawal_from_call
from contracts.evm import Address, BlockRef, Hash32
from contracts.operations import withdraw_operation_id
from scripts.policing import PolicyGate
from settlement.payouts.broadcast import SendResult
from settlement.payouts.gas import FeeQuote
from settlement.payouts.operation import Operation
from settlement.payouts.policy_terms import LeafVerdict
from settlement.payouts.protocols import Finality, PayoutChain
from settlement.payouts.view import Backing, Objection, Receipt, Usage

NOT_OWED = Objection(None, "policy: the books do not owe this leaf")


@dataclass(frozen=True, slots=True)
class PolicedChain:
    """`payouts.protocols.PayoutChain`; everything but objections is the chain's own."""

    chain: PayoutChain
    gate: PolicyGate
    finality: Finality

    def objections(
        self, calls: Sequence[bytes], *, sender: Address, at: BlockRef
    ) -> list[Objection | None]:
        """Why each call would revert, or is refused by the rules as they stand now, in order.

        What the contract objects to is told first. A call that is no withdrawal moves no money to
        payees, and is not judged.
        """
        found = self.chain.objections(calls, sender=sender, at=at)
        leaf_ids = [self._leaf_id(call) for call in calls]
        block = self.finality.finalized()
        if block is None or not any(leaf_ids):
            return found
        verdicts = {one.leaf.leaf_id: one for one in self.gate.verdicts(block)}
        return [
            objection or (None if leaf_id is None else policy_objection(verdicts.get(leaf_id)))
            for objection, leaf_id in zip(found, leaf_ids, strict=True)
        ]

    def head(self) -> BlockRef:
        """As the chain."""
        return self.chain.head()

    def is_paused(self, at: BlockRef) -> bool:
        """As the chain."""
        return self.chain.is_paused(at)

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

    def estimate_gas(self, call: bytes, *, sender: Address, at: BlockRef) -> int | Objection:
        """As the chain."""
        return self.chain.estimate_gas(call, sender=sender, at=at)

    def fees(self, at: BlockRef) -> FeeQuote:
        """As the chain."""
        return self.chain.fees(at)

    def balance(self, sender: Address, at: BlockRef) -> int:
        """As the chain."""
        return self.chain.balance(sender, at)

    def backing(self, assets: Sequence[Address], at: BlockRef) -> list[Backing]:
        """As the chain."""
        return self.chain.backing(assets, at)

    def data_fee(self, data: bytes, at: BlockRef) -> int:
        """As the chain."""
        return self.chain.data_fee(data, at)

    def send_raw(self, raw: bytes) -> SendResult:
        """As the chain: what is signed may execute at any time, so it is sent."""
        return self.chain.send_raw(raw)

    def _leaf_id(self, call: bytes) -> Hash32 | None:
        """The id of the leaf that a call withdraws; None for any other call."""
        try:
            leaf = withdrawal_from_call(call).leaf
        except NotThisCall:
            return None
        one = self.gate.settlement
        return withdraw_operation_id(
            leaf.epoch,
            leaf.work_id,
            leaf.part,
            leaf.asset,
            chain_id=one.chain_id,
            contract=one.payouts,
        )


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
    return Objection(None, "policy: " + "; ".join(dict.fromkeys(reasons)))
