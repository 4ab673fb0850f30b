"""Computing and exporting an epoch, in one piece or from its shards, as its size asks for."""

from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from contracts.evm import Epoch
from indexer.adapters.reads import FactReads
from scripts.sharding import ShardedAllocation
from settlement.royalties.adapters.bundle_directory import BundleDirectory
from settlement.royalties.adapters.shard_store import SqlShards
from settlement.royalties.adapters.store import ComputedEpochs
from settlement.royalties.adapters.tree_processes import hashed_tree_by_two
from settlement.royalties.compute_epoch import NotYetComputable, compute_epoch
from settlement.royalties.compute_large_epoch import LargeEpoch, compute_large_epoch
from settlement.royalties.derivation import ComputedEpoch
from settlement.royalties.export import export_bundle, export_large_bundle


def computed_in(
    connection: Connection, epoch: Epoch, shards: ShardedAllocation
) -> ComputedEpoch | LargeEpoch | NotYetComputable:
    """Compute an epoch's current attempt and store it, in a REPEATABLE READ transaction.

    A large epoch is not computed before its shards are done.

    Raises:
        Exception: whatever `compute_epoch` and `compute_large_epoch` raise.
    """
    settlement, store = shards.settlement, ComputedEpochs(connection)
    source = FactReads(connection, settlement)
    if not shards.is_large(epoch):
        return compute_epoch(
            epoch, settlement=settlement, source=source, store=store, make_tree=hashed_tree_by_two
        )
    return compute_large_epoch(
        epoch,
        settlement=settlement,
        source=source,
        usage=partial(shards.usage, connection, epoch, purpose="storing shares"),
        shards=SqlShards(shards.engine),
        store=store,
        make_tree=hashed_tree_by_two,
    )


def compute_now(
    epoch: Epoch, *, shards: ShardedAllocation, directory: Path | None = None
) -> ComputedEpoch | LargeEpoch | NotYetComputable:
    """Compute an epoch's current attempt by hand, its shards included; store and maybe export it.

    Raises:
        BundleExists: another bundle is in the directory.
        Exception: as `computed_in`.
    """
    if shards.is_large(epoch):
        shards.allocate(epoch)
    isolated = shards.engine.execution_options(isolation_level="REPEATABLE READ")
    with isolated.begin() as connection:
        computed = computed_in(connection, epoch, shards)
        if directory is not None and not isinstance(computed, NotYetComputable):
            _export(connection, computed, shards, BundleDirectory(directory))
    return computed


def _export(
    connection: Connection,
    computed: ComputedEpoch | LargeEpoch,
    shards: ShardedAllocation,
    writer: BundleDirectory,
) -> None:
    if isinstance(computed, ComputedEpoch):
        export_bundle(computed, writer)
        return
    frame = computed.frame
    facts = shards.usage(
        connection, frame.epoch, frame.boundary, frame.reference, purpose="writing allocations"
    )
    source = FactReads(connection, shards.settlement)
    export_large_bundle(computed, writer, source=source, facts=facts)
