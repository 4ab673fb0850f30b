"""What a key's contracts owe now, as operations: commits, leaves, and lines of lists."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, ChainId
from settlement.payouts.obligations import (
    commit_operation,
    line_operation,
    withdraw_operation,
)
from settlement.payouts.operation import Operation
from settlement.payouts.protocols import ApprovedCommits, PayableLeaves, PayableLines


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Commits and leaves of `contract` (an `EpochPayouts`), and lines of any number of others."""

    chain_id: ChainId
    contract: Address
    leaves: PayableLeaves
    commits: ApprovedCommits
    lines: Sequence[PayableLines]

    def commitments(self, at: BlockRef, paused: Collection[Address]) -> list[Operation]:
        """Approved epochs; what was planned before may come with other signatures."""
        if self.contract in paused:
            return []
        return [
            commit_operation(
                one.approval, one.signatures, chain_id=self.chain_id, contract=self.contract
            )
            for one in self.commits.approved(at)
        ]

    def payments(self, at: BlockRef, paused: Collection[Address], *, limit: int) -> list[Operation]:
        """Leaves, then lines, up to a limit, of contracts that are not paused."""
        found = [] if self.contract in paused else self._withdrawals(at, limit=limit)
        for source in self.lines:
            room = limit - len(found)
            if source.contract not in paused and room > 0:
                found += [
                    line_operation(line, chain_id=self.chain_id, contract=source.contract)
                    for line in source.payable(at, limit=room)
                ]
        return found

    def _withdrawals(self, at: BlockRef, *, limit: int) -> list[Operation]:
        leaves = self.leaves.payable(at, limit=limit) if limit > 0 else ()
        return [
            withdraw_operation(
                one.withdrawal,
                settled=one.settled,
                chain_id=self.chain_id,
                contract=self.contract,
            )
            for one in leaves
        ]
