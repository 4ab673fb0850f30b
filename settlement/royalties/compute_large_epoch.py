"""Use case: compute one attempt at an epoch of millions of rows, and store it.

The same epoch as `compute_epoch`, byte for byte: manifest, leaves, tree, and what every row earned.
What differs is what is held. Fees were shared in shards (`allocate_shards.py`), of which only the
sums by work are needed for the leaves; logs pass by once as a stream; and the rows that the store
keeps are made again, a range of subscribers at a time. So memory grows with works, leaves and
blocks, and not with rows.

    logs ─► rolling hash ┐
    total of the shards ─┴► leaves ─► tree, manifest ─► stored, with the rows of every shard
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from contracts.addresses import Settlement
from contracts.batches import LogColumns
from contracts.evm import Address, BlockRef, Epoch, Hash32
from contracts.units import BaseUnits
from settlement.royalties.allocate_shards import (
    SHARDS_MAX,
    ShardFacts,
    ShardKey,
    ShardOrder,
    credited_shares,
)
from settlement.royalties.completeness import CertificateStore
from settlement.royalties.compute_epoch import (
    EpochStore,
    FrameSource,
    NotYetComputable,
    Wait,
    open_attempt,
    require_stored_root,
)
from settlement.royalties.derivation import publish
from settlement.royalties.distribution import Distribution
from settlement.royalties.errors import ShardsDisagree
from settlement.royalties.frame import EpochFrame
from settlement.royalties.input_digest import InputDigest
from settlement.royalties.large_inputs import Place, read_inputs
from settlement.royalties.manifest import Manifest
from settlement.royalties.shard_distribution import settle_shards
from settlement.royalties.shard_judging import Coupled
from settlement.royalties.shard_order import order_in
from settlement.royalties.shard_result import ShardResult
from settlement.royalties.shares import ShareBatch
from settlement.royalties.tree_flat import FlatTree, TreeMaker, hashed_tree


class LargeSource(FrameSource, Protocol):
    """Facts of one settlement, as streams where they are many; none is read twice at a time."""

    def funded_sums(self, epoch: Epoch, upto: BlockRef, /) -> Mapping[Address, BaseUnits]:
        """Money received for the epoch by asset, ascending."""

    def input_log_batches(self, epoch: Epoch, upto: BlockRef, /) -> Iterable[LogColumns]:
        """The raw logs that the epoch depends on, in chain order."""

    def input_places(
        self, epoch: Epoch, /, *, boundary: BlockRef, reference: BlockRef
    ) -> Iterable[Place]:
        """Where the decoded events of these logs stand, in chain order.

        Subscriptions and funding up to the boundary block, all else up to the reference block.
        """

    def input_blocks(self, epoch: Epoch, upto: BlockRef, /) -> Iterable[BlockRef]:
        """The blocks of these logs, ascending."""


class AllocatedShards(Protocol):
    """Allocations that are done."""

    def couplings(self, key: ShardKey, /) -> tuple[Coupled, ...] | None:
        """The coupled rows, once they are known."""

    def total(self, key: ShardKey, /) -> ShardResult | None:
        """The allocation of the epoch, once it is known."""


ROWS_PER_SHARD = 1_000_000
"""Rows that are read together when they are made again; how they are cut changes nothing."""

Allocator = Callable[
    [ShardOrder, BlockRef, BlockRef], tuple[ShardResult, tuple[Coupled, ...]] | None
]
"""Gives the allocation of an order, with usage up to the second block, and what is coupled."""

UsageReader = Callable[[BlockRef, BlockRef], ShardFacts]
"""Subscriptions up to one block and usage up to another, read as `allocate_shards` wants them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeEpoch:
    """One attempt at an epoch, computed; its distribution has no allocations.

    Those, and the rows under them, are what `order` and `coupled` make of the facts.
    """

    frame: EpochFrame
    order: ShardOrder
    coupled: tuple[Coupled, ...]
    total: ShardResult
    distribution: Distribution
    leaf_hashes: tuple[Hash32, ...]
    tree: FlatTree
    manifest: Manifest
    manifest_bytes: bytes
    manifest_digest: Hash32


class LargeStore(EpochStore, Protocol):
    """What was computed, for ever; all calls of one use case are one transaction."""

    def record_large(self, computed: LargeEpoch, shares: Iterable[ShareBatch], /) -> None:
        """Keep an attempt and how its fees were shared; the same attempt again must be equal.

        Raises:
            ConflictingComputation: another result is stored for this attempt.
        """


def compute_large_epoch(
    epoch: Epoch,
    *,
    settlement: Settlement,
    source: LargeSource,
    usage: UsageReader,
    shards: AllocatedShards,
    store: LargeStore,
    make_tree: TreeMaker = hashed_tree,
) -> LargeEpoch | NotYetComputable:
    """Compute the current attempt at an epoch from its shards, and store it.

    Raises:
        ShardsDisagree: the rows of the shards do not sum to their total.
        Exception: whatever `compute_epoch` raises.
    """
    computed = derive_large(
        epoch,
        settlement=settlement,
        source=source,
        store=store,
        allocated=lambda order, _boundary, _reference: _stored(order, shards),
        make_tree=make_tree,
    )
    if isinstance(computed, NotYetComputable):
        return computed
    facts = usage(computed.frame.boundary, computed.frame.reference)
    shares = credited_shares(computed.order, computed.coupled, facts=facts)
    store.record_large(computed, _summing_to(computed.total, shares, epoch))
    require_stored_root(computed.manifest, store.leaves(computed.manifest_digest), make_tree)
    return computed


def derive_large(
    epoch: Epoch,
    *,
    settlement: Settlement,
    source: LargeSource,
    store: CertificateStore,
    allocated: Allocator,
    make_tree: TreeMaker = hashed_tree,
) -> LargeEpoch | NotYetComputable:
    """Compute the current attempt at an epoch from the sums of its shards; nothing is stored.

    Raises:
        Exception: whatever `compute_epoch` raises.
    """
    frame = open_attempt(epoch, settlement=settlement, source=source, store=store)
    if isinstance(frame, NotYetComputable):
        return frame
    inputs = read_inputs(
        frame,
        logs=source.input_log_batches(epoch, frame.reference),
        places=source.input_places(epoch, boundary=frame.boundary, reference=frame.reference),
        blocks=source.input_blocks(epoch, frame.reference),
    )
    order = order_in(frame, frame.registry(inputs.timestamps))
    known = allocated(order, frame.boundary, frame.reference)
    if known is None:
        return NotYetComputable(Wait.SHARDS_OPEN, None)
    total, coupled = known
    order = replace(order, shard_count=min(SHARDS_MAX, 1 + total.rows // ROWS_PER_SHARD))
    return _derived(
        frame,
        order,
        coupled=coupled,
        total=total,
        funded=source.funded_sums(epoch, frame.boundary),
        inputs=inputs.digest,
        make_tree=make_tree,
    )


def _stored(
    order: ShardOrder, shards: AllocatedShards
) -> tuple[ShardResult, tuple[Coupled, ...]] | None:
    total, coupled = shards.total(order.key), shards.couplings(order.key)
    return None if total is None or coupled is None else (total, coupled)


def _derived(
    frame: EpochFrame,
    order: ShardOrder,
    *,
    coupled: tuple[Coupled, ...],
    total: ShardResult,
    funded: Mapping[Address, BaseUnits],
    inputs: InputDigest,
    make_tree: TreeMaker,
) -> LargeEpoch:
    distribution = settle_shards(
        total,
        funded=funded,
        parameters=order.parameters,
        registry=order.registry,
        scope=order.scope,
    )
    published = publish(frame, order.registry, distribution, inputs=inputs, make_tree=make_tree)
    return LargeEpoch(
        frame=frame,
        order=order,
        coupled=coupled,
        total=total,
        distribution=distribution,
        leaf_hashes=published.leaf_hashes,
        tree=published.tree,
        manifest=published.manifest,
        manifest_bytes=published.manifest_bytes,
        manifest_digest=published.manifest_digest,
    )


def _summing_to(
    total: ShardResult, batches: Iterable[ShareBatch], epoch: Epoch
) -> Iterator[ShareBatch]:
    """The batches as they are; at their end, what their rows earned must be what leaves pay.

    Raises:
        ShardsDisagree: it is not.
    """
    earned: dict[Address, dict[bytes, int]] = {sums.asset: {} for sums in total.assets}
    unallocated = dict.fromkeys(earned, 0)
    for batch in batches:
        for fee in batch.fees:
            unallocated[fee.asset] += fee.unallocated
        for row in batch.rows:
            of_asset = earned[row.asset]
            of_asset[row.work_id] = of_asset.get(row.work_id, 0) + row.credited
        yield batch
    for sums in total.assets:
        rows = {work: units for work, units in earned[sums.asset].items() if units}
        if rows != {work: units for work, units in sums.per_work.items() if units}:
            raise ShardsDisagree(epoch, "credited rows")
        if unallocated[sums.asset] != sums.unallocated:
            raise ShardsDisagree(epoch, "unallocated fees")
