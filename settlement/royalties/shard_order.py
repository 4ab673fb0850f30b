"""What there is to allocate in shards: an epoch that no later block can change, and its rules.

Only facts that stay few in a large epoch are read here: blocks, parameters, works, split accounts
and verdicts. Usage and subscriptions are for the shards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.addresses import Settlement
from contracts.batches import (
    ParametersColumns,
    SplitTermsColumns,
    VerdictColumns,
    WorkTermsColumns,
)
from contracts.event_spec import ContractName
from contracts.evm import BlockNumber, BlockRef, Epoch, Timestamp
from contracts.money_events import EpochCommitted, EpochVetoed
from settlement.errors import InputsDisagree
from settlement.royalties.allocate_shards import ShardOrder, shard_key
from settlement.royalties.compute_epoch import ClockReading, last_before_start
from settlement.royalties.epoch import Timeline
from settlement.royalties.frame import EpochFrame
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import parameters_in_force, row_in_force
from settlement.royalties.registry import Registry, registry_in_force


class RuleSource(Protocol):
    """Facts of one settlement that rules depend on; every read ends at the given block."""

    def clock(self) -> ClockReading | None:
        """The clock, once its event is indexed."""

    def finalized(self) -> BlockRef | None:
        """The finalized block that the facts reach."""

    def block(self, number: BlockNumber, /) -> BlockRef | None:
        """The block of this number."""

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef, /) -> BlockRef | None:
        """The highest block with an earlier timestamp."""

    def commitments(
        self, epoch: Epoch, upto: BlockRef, /
    ) -> Sequence[EpochCommitted | EpochVetoed]:
        """Commits and vetoes of the epoch, in chain order."""

    def parameters(self, upto: BlockRef, effective_epoch_max: Epoch, /) -> ParametersColumns:
        """Parameters that take effect up to and in the epoch."""

    def work_terms(self, upto: BlockRef, effective_epoch_max: Epoch, /) -> WorkTermsColumns:
        """Terms of works that take effect up to and in the epoch."""

    def split_terms(self, upto: BlockRef, effective_epoch_max: Epoch, /) -> SplitTermsColumns:
        """Terms of split accounts that take effect up to and in the epoch."""

    def verdicts(self, upto: BlockRef, /) -> VerdictColumns:
        """All verdicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedEpoch:
    """An epoch to allocate, and the blocks that its subscriptions and its usage end at."""

    order: ShardOrder
    boundary: BlockRef
    reference: BlockRef


def shard_order(
    epoch: Epoch, *, settlement: Settlement, source: RuleSource, shard_count: int
) -> OrderedEpoch | None:
    """The current attempt at an epoch; None before nothing of it can change.

    Raises:
        InputsDisagree: a block that must be there is not.
        NoParametersInForce, BadParameters: governance set no usable parameters.
    """
    reading, upto = source.clock(), source.finalized()
    if reading is None or upto is None:
        return None
    clock = Timeline(genesis=Timestamp(reading.genesis), length=reading.length, grace=reading.grace)
    if not clock.is_computable(epoch, upto):
        return None
    boundary = source.highest_block_before(clock.end_of(epoch), upto)
    reference = source.highest_block_before(clock.grace_end_of(epoch), upto)
    if boundary is None or reference is None:
        raise InputsDisagree(epoch, "a border block is not indexed")
    columns = source.parameters(reference, epoch)
    before = last_before_start(
        epoch, clock=clock, upto=upto, source=source, start_block=settlement.start_block
    )
    row = row_in_force(columns, epoch)
    scope = EpochScope(
        epoch=epoch,
        epoch_length_seconds=clock.length,
        last_before_start=None if before is None else before.number,
        reference_at=reference.timestamp,
        parameters_block=columns.block_number[row],
        parameters_log=columns.log_index[row],
        payouts=settlement.payouts,
        split_accounts=settlement.contracts[ContractName.SPLIT_ACCOUNTS],
    )
    parameters, registry = parameters_in_force(columns, epoch), _registry(scope, reference, source)
    vetoes = [event for event in source.commitments(epoch, upto) if isinstance(event, EpochVetoed)]
    key = shard_key(
        chain_id=settlement.chain_id,
        attempt=1 + len(vetoes),
        boundary=boundary,
        reference=reference,
        parameters=parameters,
        registry=registry,
        scope=scope,
    )
    order = ShardOrder(
        key=key, shard_count=shard_count, parameters=parameters, registry=registry, scope=scope
    )
    return OrderedEpoch(order=order, boundary=boundary, reference=reference)


def order_in(frame: EpochFrame, registry: Registry) -> ShardOrder:
    """The order of an attempt that can be computed, uncut; its key is that of `shard_order`.

    Raises:
        NoParametersInForce, BadParameters: governance set no usable parameters.
    """
    scope, parameters = frame.scope, parameters_in_force(frame.parameters, frame.epoch)
    key = shard_key(
        chain_id=frame.chain_id,
        attempt=frame.attempt,
        boundary=frame.boundary,
        reference=frame.reference,
        parameters=parameters,
        registry=registry,
        scope=scope,
    )
    return ShardOrder(key=key, shard_count=1, parameters=parameters, registry=registry, scope=scope)


def _registry(scope: EpochScope, reference: BlockRef, source: RuleSource) -> Registry:
    terms = source.work_terms(reference, scope.epoch)
    return registry_in_force(
        terms,
        source.verdicts(reference),
        source.split_terms(reference, scope.epoch),
        epoch=scope.epoch,
        last_before_start=scope.last_before_start,
        timestamps=_timestamps(scope.epoch, terms, source),
    )


def _timestamps(
    epoch: Epoch, terms: WorkTermsColumns, source: RuleSource
) -> dict[BlockNumber, Timestamp]:
    found = {}
    for number in sorted(set(terms.block_number)):
        block = source.block(number)
        if block is None:
            raise InputsDisagree(epoch, f"block {number} is not indexed")
        found[number] = block.timestamp
    return found
