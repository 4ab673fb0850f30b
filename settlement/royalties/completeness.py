"""Which certificate an epoch needs, and the chain of certificates that it continues.

The chain begins at the settlement's start block. It is continued from the last certificate that is
stored; where none is, it is computed again from the first epoch on, so that a new database comes to
the same digests.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.addresses import Settlement
from contracts.batches import BlockEvidence, ParametersColumns
from contracts.evm import ZERO_HASH, BlockNumber, BlockRef, Epoch, Hash32, Timestamp
from contracts.money_events import EpochCommitted, EpochVetoed
from settlement.errors import InputsDisagree
from settlement.royalties.certificate import (
    CertifiedRange,
    MissingBlocks,
    Scope,
    certify,
    settlement_filter,
)
from settlement.royalties.epoch import Timeline
from settlement.royalties.parameters import parameters_in_force


class BlockSource(Protocol):
    """Blocks of one chain, and what decides about the level; reads end at the given block."""

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef, /) -> BlockRef | None:
        """The highest block with an earlier timestamp."""

    def block_evidence(self, start: BlockNumber, end: BlockNumber, /) -> Iterable[BlockEvidence]:
        """The indexed blocks in [start, end), ascending; what is not indexed is left out."""

    def parameters(self, upto: BlockRef, effective_epoch_max: Epoch, /) -> ParametersColumns:
        """Parameters that take effect up to and in the epoch."""

    def commitments(
        self, epoch: Epoch, upto: BlockRef, /
    ) -> Sequence[EpochCommitted | EpochVetoed]:
        """Commits and vetoes of the epoch, in chain order."""


class CertificateStore(Protocol):
    """Certificates of computed epochs."""

    def certificate_digest(self, manifest_digest: Hash32, /) -> Hash32 | None:
        """The digest of the certificate that a stored manifest names; None if it is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateChain:
    """The certificates of a settlement, from its first epoch on, as of the block `upto`."""

    settlement: Settlement
    clock: Timeline
    first: Epoch
    upto: BlockRef
    source: BlockSource
    store: CertificateStore

    def of(self, epoch: Epoch) -> CertifiedRange | MissingBlocks:
        """The certificate of an epoch, or what is missing for it or for one before it.

        Raises:
            InputsDisagree: a header is not that of its block, or they do not link.
            NoParametersInForce, BadParameters: governance set no usable parameters.
        """
        start, previous = self._last_stored(epoch)
        while True:
            certified = self._certified(start, previous)
            if start == epoch or isinstance(certified, MissingBlocks):
                return certified
            start, previous = Epoch(start + 1), certified.certificate.digest

    def _last_stored(self, epoch: Epoch) -> tuple[Epoch, Hash32]:
        """The epoch to certify first, and the digest that it continues."""
        while epoch > self.first:
            before = Epoch(epoch - 1)
            digest = self._stored(before)
            if digest is not None:
                return epoch, digest
            epoch = before
        return epoch, ZERO_HASH

    def _stored(self, epoch: Epoch) -> Hash32 | None:
        """The digest of the certificate of the committed epoch, if it was computed here."""
        events = self.source.commitments(epoch, self.upto)
        if not events or isinstance(events[-1], EpochVetoed):
            return None
        return self.store.certificate_digest(events[-1].manifest_digest)

    def _certified(self, epoch: Epoch, previous: Hash32) -> CertifiedRange | MissingBlocks:
        reference = self._reference(epoch)
        start = self.settlement.start_block
        if epoch > self.first:
            start = BlockNumber(self._reference(Epoch(epoch - 1)).number + 1)
        parameters = parameters_in_force(self.source.parameters(reference, epoch), epoch)
        scope = Scope(
            epoch=epoch,
            chain_id=self.settlement.chain_id,
            wanted=settlement_filter(self.settlement.contracts),
            level=parameters.completeness,
            start=start,
            end=BlockNumber(reference.number + 1),
            previous=previous,
        )
        return certify(scope, self.source.block_evidence(scope.first, scope.end))

    def _reference(self, epoch: Epoch) -> BlockRef:
        block = self.source.highest_block_before(self.clock.grace_end_of(epoch), self.upto)
        if block is None:
            raise InputsDisagree(epoch, "its reference block is not indexed")
        return block
