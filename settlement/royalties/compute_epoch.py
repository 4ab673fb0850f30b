"""Use case: compute one attempt at an epoch, and store it.

Nothing here decides about money: facts are gathered, `derivation.derive` computes, the store keeps.
Which attempt it is, and whether the epoch may be computed yet, follow from finalized facts alone,
so that any number of machines may do the same at any time.

    epoch e - 1:  commit ── veto window ──► active
    epoch e:                start ──────────── end ── grace ──► finalized block: computable
                                                                 and e - 1 must be active

A veto of attempt n, once final, makes attempt n + 1 computable. The manifest names the manifest of
the epoch before, so an epoch waits until that one cannot be vetoed any more. It also waits until
its logs are certified complete at the level that its parameters demand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from contracts.addresses import Settlement
from contracts.batches import (
    ConsumptionColumns,
    FundedColumns,
    LogColumns,
    SplitTermsColumns,
    SubscribedColumns,
    VerdictColumns,
    WorkTermsColumns,
)
from contracts.evm import (
    ZERO_HASH,
    BlockNumber,
    BlockRef,
    Epoch,
    Hash32,
    Timestamp,
)
from contracts.leaf_packing import pack_leaves
from contracts.leaves import Leaf
from contracts.money_events import EpochVetoed
from settlement.errors import EpochBeforeSettlement, InputsDisagree, StoredRootDiffers
from settlement.royalties.certificate import CertifiedRange, MissingBlocks
from settlement.royalties.completeness import BlockSource, CertificateChain, CertificateStore
from settlement.royalties.derivation import ComputedEpoch, EpochFacts, derive
from settlement.royalties.epoch import Timeline
from settlement.royalties.frame import EpochFrame
from settlement.royalties.manifest import BlockPoint, Manifest, block_point
from settlement.royalties.tree_flat import TreeMaker, hashed_tree


class ClockReading(Protocol):
    """The immutable numbers of the settlement's `EpochClock`, in seconds."""

    @property
    def genesis(self) -> int:
        """First second of epoch 0."""

    @property
    def length(self) -> int:
        """Seconds in an epoch."""

    @property
    def grace(self) -> int:
        """Seconds after the end in which usage is accepted."""


class FrameSource(BlockSource, Protocol):
    """Facts that are few; every read ends at the given block, inclusive."""

    def clock(self) -> ClockReading | None:
        """The clock, once its event is indexed."""

    def finalized(self) -> BlockRef | None:
        """The finalized block that the facts reach."""

    def block(self, number: BlockNumber, /) -> BlockRef | None:
        """The block of this number."""

    def work_terms(self, upto: BlockRef, effective_epoch_max: Epoch, /) -> WorkTermsColumns:
        """Terms that take effect up to and in the epoch."""

    def split_terms(self, upto: BlockRef, effective_epoch_max: Epoch, /) -> SplitTermsColumns:
        """Terms of split accounts that take effect up to and in the epoch."""

    def verdicts(self, upto: BlockRef, /) -> VerdictColumns:
        """All verdicts."""


class EpochSource(FrameSource, Protocol):
    """Facts of one settlement; every read ends at the given block, inclusive."""

    def subscribed(self, epoch: Epoch, upto: BlockRef, /) -> SubscribedColumns:
        """Subscriptions paid for the epoch."""

    def funded(self, epoch: Epoch, upto: BlockRef, /) -> FundedColumns:
        """Money received for the epoch."""

    def consumption(self, epoch: Epoch, upto: BlockRef, /) -> ConsumptionColumns:
        """Usage submitted for the epoch."""

    def input_logs(self, epoch: Epoch, upto: BlockRef, /) -> LogColumns:
        """The raw logs of all of the above, and of the clock's start."""


class EpochStore(CertificateStore, Protocol):
    """What was computed, for ever; all calls of one use case are one transaction."""

    def record(self, computed: ComputedEpoch) -> None:
        """Keep an attempt; the same attempt again must be equal.

        Raises:
            ConflictingComputation: another result is stored for this attempt.
        """

    def leaves(self, manifest_digest: Hash32, /) -> Sequence[Leaf]:
        """The leaves of a computation, read back with their lines."""


class Wait(StrEnum):
    """Why an epoch cannot be computed yet."""

    CLOCK_NOT_INDEXED = "clock_not_indexed"
    NOTHING_FINALIZED = "nothing_finalized"
    GRACE_NOT_FINAL = "grace_not_final"
    PREVIOUS_NOT_ACTIVE = "previous_not_active"
    BELOW_COMPLETENESS = "below_completeness"
    SHARDS_OPEN = "shards_open"


@dataclass(frozen=True, slots=True)
class NotYetComputable:
    """The epoch cannot be computed before a block with timestamp `until` is final, if known.

    `missing` are the blocks whose logs are not certified complete, where that is the reason.
    """

    reason: Wait
    until: Timestamp | None
    missing: MissingBlocks | None = None


def compute_epoch(
    epoch: Epoch,
    *,
    settlement: Settlement,
    source: EpochSource,
    store: EpochStore,
    make_tree: TreeMaker = hashed_tree,
) -> ComputedEpoch | NotYetComputable:
    """Compute the current attempt at an epoch and store it; doing it again changes nothing.

    Raises:
        EpochBeforeSettlement: the epoch ended before the settlement was there.
        InputsDisagree: facts are missing, or two readings of them differ.
        ConflictingComputation: this attempt is stored with another result.
        StoredRootDiffers: what was stored does not give the computed root.
        NoParametersInForce, BadParameters, UnknownName, FundedBelowFees: as `derive`.
    """
    facts = gather(epoch, settlement=settlement, source=source, store=store)
    if isinstance(facts, NotYetComputable):
        return facts
    computed = derive(facts, make_tree=make_tree)
    store.record(computed)
    require_stored_root(computed.manifest, store.leaves(computed.manifest_digest), make_tree)
    return computed


def require_stored_root(manifest: Manifest, leaves: Iterable[Leaf], make_tree: TreeMaker) -> None:
    """Make the tree once more, from leaves that were read back.

    Raises:
        StoredRootDiffers: they do not give the root of the manifest.
    """
    packed = pack_leaves(leaves, chain_id=manifest.chain_id, contract=manifest.payouts)
    stored = make_tree(packed).tree.root
    if stored != manifest.root:
        raise StoredRootDiffers(manifest.epoch, stored=stored, computed=manifest.root)


def gather(
    epoch: Epoch, *, settlement: Settlement, source: EpochSource, store: CertificateStore
) -> EpochFacts | NotYetComputable:
    """Read all facts that the current attempt at an epoch depends on.

    Raises:
        Exception: whatever `open_attempt` raises.
    """
    frame = open_attempt(epoch, settlement=settlement, source=source, store=store)
    if isinstance(frame, NotYetComputable):
        return frame
    logs = source.input_logs(epoch, frame.reference)
    return EpochFacts(
        frame=frame,
        funded=source.funded(epoch, frame.boundary),
        subscribed=source.subscribed(epoch, frame.boundary),
        consumption=source.consumption(epoch, frame.reference),
        logs=logs,
        blocks=_blocks(epoch, logs, frame.borders, source),
    )


def open_attempt(
    epoch: Epoch, *, settlement: Settlement, source: FrameSource, store: CertificateStore
) -> EpochFrame | NotYetComputable:
    """What the current attempt at an epoch is made under, if it can be made.

    Raises:
        EpochBeforeSettlement: the epoch ended before the settlement was there.
        InputsDisagree: a block that must be there is not, or is another one.
        NoParametersInForce, BadParameters: governance set no usable parameters.
    """
    reading, finalized = source.clock(), source.finalized()
    if reading is None:
        return NotYetComputable(Wait.CLOCK_NOT_INDEXED, None)
    clock = Timeline(genesis=Timestamp(reading.genesis), length=reading.length, grace=reading.grace)
    if finalized is None:
        return NotYetComputable(Wait.NOTHING_FINALIZED, clock.grace_end_of(epoch))
    if not clock.is_computable(epoch, finalized):
        return NotYetComputable(Wait.GRACE_NOT_FINAL, clock.grace_end_of(epoch))
    first = clock.epoch_at(
        _present(source.block(settlement.start_block), epoch, "start block").timestamp
    )
    if epoch < first:
        raise EpochBeforeSettlement(epoch, first)
    previous = _previous_digest(epoch, first=first, finalized=finalized, source=source)
    if isinstance(previous, NotYetComputable):
        return previous
    certificates = CertificateChain(
        settlement=settlement,
        clock=clock,
        first=first,
        upto=finalized,
        source=source,
        store=store,
    )
    certified = certificates.of(epoch)
    if isinstance(certified, MissingBlocks):
        return NotYetComputable(Wait.BELOW_COMPLETENESS, None, certified)
    return _frame(
        epoch,
        settlement=settlement,
        source=source,
        clock=clock,
        upto=finalized,
        previous=previous,
        certified=certified,
    )


class BorderSource(Protocol):
    """Where blocks stand in time."""

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef, /) -> BlockRef | None:
        """The highest block with an earlier timestamp."""


def last_before_start(
    epoch: Epoch,
    *,
    clock: Timeline,
    upto: BlockRef,
    source: BorderSource,
    start_block: BlockNumber,
) -> BlockRef | None:
    """The highest block before an epoch, from the start block on.

    An index may begin earlier, for another settlement; whoever begins with this one lacks those
    blocks, and must come to the same files.
    """
    block = source.highest_block_before(clock.start_of(epoch), upto)
    return None if block is None or block.number < start_block else block


def _previous_digest(
    epoch: Epoch, *, first: Epoch, finalized: BlockRef, source: FrameSource
) -> Hash32 | NotYetComputable:
    """Digest of the active manifest of the epoch before; zero for the first epoch."""
    if epoch == first:
        return ZERO_HASH
    events = source.commitments(Epoch(epoch - 1), finalized)
    if not events or isinstance(events[-1], EpochVetoed):
        return NotYetComputable(Wait.PREVIOUS_NOT_ACTIVE, None)
    if events[-1].active_at > finalized.timestamp:
        return NotYetComputable(Wait.PREVIOUS_NOT_ACTIVE, events[-1].active_at)
    return events[-1].manifest_digest


def _frame(
    epoch: Epoch,
    *,
    settlement: Settlement,
    source: FrameSource,
    clock: Timeline,
    upto: BlockRef,
    previous: Hash32,
    certified: CertifiedRange,
) -> EpochFrame:
    boundary = source.highest_block_before(clock.end_of(epoch), upto)
    reference = source.highest_block_before(clock.grace_end_of(epoch), upto)
    reference = _present(reference, epoch, "reference block")
    vetoes = [event for event in source.commitments(epoch, upto) if isinstance(event, EpochVetoed)]
    return EpochFrame(
        settlement_name=settlement.name,
        chain_id=settlement.chain_id,
        start_block=settlement.start_block,
        contracts=settlement.contracts,
        epoch=epoch,
        attempt=1 + len(vetoes),
        previous_manifest_digest=previous,
        clock=clock,
        boundary=_present(boundary, epoch, "boundary block"),
        reference=reference,
        last_before_start=last_before_start(
            epoch, clock=clock, upto=upto, source=source, start_block=settlement.start_block
        ),
        certified=certified,
        parameters=source.parameters(reference, epoch),
        work_terms=source.work_terms(reference, epoch),
        split_terms=source.split_terms(reference, epoch),
        verdicts=source.verdicts(reference),
    )


def _blocks(
    epoch: Epoch, logs: LogColumns, border: Sequence[BlockRef], source: EpochSource
) -> dict[BlockNumber, BlockPoint]:
    """Every block that a log or a border names; hashes of logs must be those of their blocks."""
    blocks = {block.number: block_point(block) for block in border}
    for number, block_hash in zip(logs.block_number, logs.block_hash, strict=True):
        if number not in blocks:
            blocks[number] = block_point(_present(source.block(number), epoch, f"block {number}"))
        if blocks[number].hash != block_hash:
            raise InputsDisagree(epoch, f"a log of block {number} names hash {block_hash}")
    return blocks


def _present(block: BlockRef | None, epoch: Epoch, what: str) -> BlockRef:
    if block is None:
        raise InputsDisagree(epoch, f"{what} is not indexed")
    return block
