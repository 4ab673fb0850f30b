"""What an attempt at an epoch is made under: all that it depends on but the events of its money.

Everything here is small beside an epoch of millions of rows, so both ways of computing begin with
it: the one that gathers all events (`derivation.py`), and the one that reads them as streams
(`large_epoch.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.batches import (
    ParametersColumns,
    SplitTermsColumns,
    VerdictColumns,
    WorkTermsColumns,
)
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp
from contracts.leaves import LeafKind
from settlement.errors import InputsDisagree
from settlement.royalties.certificate import CertifiedRange
from settlement.royalties.epoch import Timeline
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import row_in_force
from settlement.royalties.registry import Registry, registry_in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFrame:
    """One attempt at an epoch: where, when, under which rules, and why its logs are all the logs.

    `last_before_start` is the highest block before the epoch, from the start block on; None if
    there is none.
    """

    settlement_name: str
    chain_id: ChainId
    start_block: BlockNumber
    contracts: Mapping[ContractName, Address]
    epoch: Epoch
    attempt: int
    previous_manifest_digest: Hash32
    clock: Timeline
    boundary: BlockRef
    reference: BlockRef
    last_before_start: BlockRef | None
    certified: CertifiedRange
    parameters: ParametersColumns
    work_terms: WorkTermsColumns
    split_terms: SplitTermsColumns
    verdicts: VerdictColumns

    @property
    def payouts(self) -> Address:
        """The `EpochPayouts` contract of the settlement."""
        return self.contracts[ContractName.EPOCH_PAYOUTS]

    @property
    def borders(self) -> tuple[BlockRef, ...]:
        """The blocks that the epoch begins after and ends with, ascending."""
        before = self.last_before_start
        return (
            (self.boundary, self.reference)
            if before is None
            else (before, self.boundary, self.reference)
        )

    @property
    def scope(self) -> EpochScope:
        """Where and when the epoch is.

        Raises:
            NoParametersInForce: governance set no parameters.
        """
        row = row_in_force(self.parameters, self.epoch)
        before = self.last_before_start
        return EpochScope(
            epoch=self.epoch,
            epoch_length_seconds=self.clock.length,
            last_before_start=None if before is None else before.number,
            reference_at=self.reference.timestamp,
            parameters_block=self.parameters.block_number[row],
            parameters_log=self.parameters.log_index[row],
            payouts=self.payouts,
            split_accounts=self.contracts[ContractName.SPLIT_ACCOUNTS],
        )

    def registry(self, timestamps: Mapping[BlockNumber, Timestamp]) -> Registry:
        """Works and split accounts, as they stood for the epoch; by the times of their blocks.

        Raises:
            InputsDisagree: a work has an id that works cannot have.
        """
        for work_id in self.work_terms.work_id:
            if work_id[0] != LeafKind.WORK:  # it could be that of a leaf of fees or escrow
                raise InputsDisagree(self.epoch, f"no registered work can have the id {work_id}")
        before = self.last_before_start
        return registry_in_force(
            self.work_terms,
            self.verdicts,
            self.split_terms,
            epoch=self.epoch,
            last_before_start=None if before is None else before.number,
            timestamps=timestamps,
        )
