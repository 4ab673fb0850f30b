"""Looking at what was computed: again from the facts, and beside the epoch before.

A large epoch is computed again from shards, as it was the first time, and never held whole.
"""

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement
from contracts.evm import ZERO_HASH, Address, BlockRef, Epoch, Hash32
from contracts.leaves import LeafKind
from indexer.adapters.reads import FactReads
from scripts.errors import Rejected
from scripts.sharding import ShardedAllocation
from scripts.wiring import snapshot
from settlement.errors import ConflictingComputation
from settlement.royalties.adapters.attempts import ComputedAttempts
from settlement.royalties.adapters.store import ComputedEpochs
from settlement.royalties.allocate_shards import (
    ShardFacts,
    ShardOrder,
    allocated_here,
    credited_shares,
)
from settlement.royalties.compute_epoch import NotYetComputable, gather
from settlement.royalties.compute_large_epoch import LargeEpoch, derive_large
from settlement.royalties.derivation import ComputedEpoch, derive
from settlement.royalties.derivation_steps import AnyExplanation
from settlement.royalties.difference import Difference, StoredOutcome, difference
from settlement.royalties.explanation import (
    explain_leaf,
    explained_assets,
    kind_of_leaf,
    works_of_leaf,
)
from settlement.royalties.large_part import part_of_payers, part_of_users
from settlement.royalties.manifest import Manifest, manifest_digest
from settlement.royalties.manifest_reading import manifest_from_bytes
from settlement.royalties.parameters import Parameters, parameters_from_bytes
from settlement.royalties.reputation import reputation_of
from settlement.royalties.shadow import Shadow, announced_parameters, shadow, shadow_of_large
from settlement.royalties.shard_judging import Coupled
from settlement.royalties.shard_result import ShardResult
from settlement.royalties.shares import whole_batch
from settlement.royalties.usercentric_v1 import Reputation

_LAST_EPOCH = Epoch(2**63 - 1)


class NotComputed(Rejected):
    """The epoch was not computed here."""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"epoch {epoch} is not computed yet: run `quittance epoch compute {epoch}`"
        )


class NothingAnnounced(Rejected):
    """No parameters are announced that are not in force in the epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"no parameters are announced for after epoch {epoch}: name a file with --parameters"
        )


def recomputed(
    epoch: Epoch, connection: Connection, shards: ShardedAllocation
) -> ComputedEpoch | LargeEpoch | NotYetComputable:
    """The current attempt at an epoch, computed again from the facts; nothing is stored.

    Raises:
        NotComputed: no such attempt is stored.
        ConflictingComputation: it comes to another manifest than the stored one.
        Exception: whatever `compute_epoch` raises.
    """
    settlement, is_large = shards.settlement, shards.is_large(epoch)
    computed = (_large if is_large else _whole)(epoch, connection, shards)
    if isinstance(computed, NotYetComputable):
        return computed
    attempts = ComputedAttempts(connection).of_settlement(settlement.chain_id, settlement.payouts)
    stored = {(one.epoch, one.attempt): one.manifest_digest for one in attempts}
    digest = stored.get((epoch, computed.frame.attempt))
    if digest is None:
        raise NotComputed(epoch)
    if computed.manifest_digest != digest:
        raise ConflictingComputation(
            epoch, computed.frame.attempt, stored=digest, computed=computed.manifest_digest
        )
    return computed


def _whole(
    epoch: Epoch, connection: Connection, shards: ShardedAllocation
) -> ComputedEpoch | NotYetComputable:
    source, store = FactReads(connection, shards.settlement), ComputedEpochs(connection)
    facts = gather(epoch, settlement=shards.settlement, source=source, store=store)
    return facts if isinstance(facts, NotYetComputable) else derive(facts)


def _large(
    epoch: Epoch, connection: Connection, shards: ShardedAllocation
) -> LargeEpoch | NotYetComputable:
    """The shards are allocated again too: what is stored of them is not believed."""

    def allocated(
        order: ShardOrder, boundary: BlockRef, reference: BlockRef
    ) -> tuple[ShardResult, tuple[Coupled, ...]]:
        facts = shards.usage(connection, epoch, boundary, reference, purpose="sharing fees again")
        return allocated_here(replace(order, shard_count=shards.shard_count(epoch)), facts)

    return derive_large(
        epoch,
        settlement=shards.settlement,
        source=FactReads(connection, shards.settlement),
        store=ComputedEpochs(connection),
        allocated=allocated,
    )


def explained(
    epoch: Epoch, leaf_id: Hash32, asset: Address | None, *, shards: ShardedAllocation
) -> list[AnyExplanation] | NotYetComputable:
    """The derivations of the leaves of an id: in one asset, or in every asset that has a part.

    Raises:
        UnknownWork: nothing of this id is known in the epoch.
        Exception: as `recomputed`, and whatever `explain_leaf` raises.
    """
    with snapshot(shards.engine) as connection:
        computed = recomputed(epoch, connection, shards)
        if isinstance(computed, NotYetComputable):
            return computed
        if isinstance(computed, LargeEpoch):
            computed = _part(computed, leaf_id, connection, shards)
    assets = [one for one in explained_assets(computed, leaf_id) if asset in {None, one}]
    return [explain_leaf(computed, leaf_id, one) for one in assets]


def reputations(
    epoch: Epoch, *, shards: ShardedAllocation
) -> dict[Hash32, Reputation] | NotYetComputable:
    """What the usage of an epoch says of each work.

    Raises:
        Exception: as `recomputed`.
    """
    with snapshot(shards.engine) as connection:
        computed = recomputed(epoch, connection, shards)
        if isinstance(computed, NotYetComputable):
            return computed
        if isinstance(computed, ComputedEpoch):
            return reputation_of([whole_batch(computed.distribution.allocations)])
        facts = _facts_of(computed, connection, shards, "summing up use")
        return reputation_of(credited_shares(computed.order, computed.coupled, facts=facts))


def shadowed(
    epoch: Epoch, *, shards: ShardedAllocation, parameters: bytes | None
) -> Shadow | NotYetComputable:
    """An epoch under other parameters: the given ones, or those announced last.

    Raises:
        NothingAnnounced: none are given, and none are announced.
        BadParameters, UnknownName: they cannot be used.
        NotComputed, ConflictingComputation: as `recomputed`.
    """
    other = None if parameters is None else parameters_from_bytes(parameters)
    with snapshot(shards.engine) as connection:
        computed = recomputed(epoch, connection, shards)
        if isinstance(computed, NotYetComputable):
            return computed
        source = FactReads(connection, shards.settlement)
        other = other or _announced(epoch, source)
        if isinstance(computed, ComputedEpoch):
            return shadow(computed, other)
        return shadow_of_large(
            computed,
            other,
            facts=_facts_of(computed, connection, shards, "other parameters"),
            funded=source.funded_sums(epoch, computed.frame.boundary),
        )


def _announced(epoch: Epoch, source: FactReads) -> Parameters:
    head = source.head()
    columns = None if head is None else source.parameters(head, _LAST_EPOCH)
    announced = None if columns is None else announced_parameters(columns, epoch)
    if announced is None:
        raise NothingAnnounced(epoch)
    return announced


def _facts_of(
    computed: LargeEpoch, connection: Connection, shards: ShardedAllocation, purpose: str
) -> ShardFacts:
    frame = computed.frame
    return shards.usage(connection, frame.epoch, frame.boundary, frame.reference, purpose=purpose)


def _part(
    computed: LargeEpoch, leaf_id: Hash32, connection: Connection, shards: ShardedAllocation
) -> ComputedEpoch:
    """What explains the leaves of an id, of an epoch that is too large to be held."""
    frame, source = computed.frame, FactReads(connection, shards.settlement)
    facts = _facts_of(computed, connection, shards, "finding its users")
    blocks = partial(source.input_blocks, frame.epoch, frame.reference)
    if kind_of_leaf(leaf_id, frame.epoch) is LeafKind.FEES:
        subscribed = source.subscribed(frame.epoch, frame.boundary)
        return part_of_payers(computed, facts=facts, subscribed=subscribed, blocks=blocks)
    works = works_of_leaf(leaf_id, computed.order.registry, frame.epoch)
    return part_of_users(computed, works, facts=facts, blocks=blocks)


def difference_to_previous(
    epoch: Epoch, *, engine: Engine, settlement: Settlement
) -> tuple[Manifest, Difference]:
    """The newest attempt at an epoch beside the manifest that it follows.

    Raises:
        NotComputed: one of the two is not stored here.
        DifferenceBroken: the leaves of one do not sum to its totals.
    """
    with snapshot(engine) as connection:
        data = ComputedEpochs(connection).latest_manifest(
            epoch, chain_id=settlement.chain_id, contract=settlement.payouts
        )
        if data is None:
            raise NotComputed(epoch)
        manifest = manifest_from_bytes(data)
        now = _outcome(connection, manifest, manifest_digest(data))
        before = _before(connection, manifest)
    return manifest, difference(now, before)


def _before(connection: Connection, manifest: Manifest) -> StoredOutcome:
    digest = manifest.previous_manifest_digest
    if digest == ZERO_HASH:
        return StoredOutcome()
    data = ComputedAttempts(connection).manifest(digest)
    if data is None:
        raise NotComputed(manifest.epoch - 1)
    return _outcome(connection, manifest_from_bytes(data), digest)


def _outcome(connection: Connection, manifest: Manifest, digest: Hash32) -> StoredOutcome:
    leaves = ComputedEpochs(connection).leaves(digest)
    return StoredOutcome(totals=manifest.totals, leaves=tuple(leaves))
