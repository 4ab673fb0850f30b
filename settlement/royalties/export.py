"""Use case: publish the bundle of an epoch's current attempt.

A bundle is a function of the facts, so exporting is computing again: what is written is equal to
what is stored, or `ConflictingComputation` is raised and nothing is written. The files of a large
epoch are written as they come, and never held.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import groupby, islice
from operator import attrgetter
from typing import Protocol

from contracts.evm import BlockRef, Hash32
from settlement.royalties import bundle
from settlement.royalties.allocate_shards import ShardFacts, allocation_file
from settlement.royalties.compute_large_epoch import LargeEpoch, LargeSource
from settlement.royalties.derivation import ComputedEpoch, bundle_files
from settlement.royalties.manifest import block_point

_BLOCKS_PER_PIECE = 1_000


class BundleWriter(Protocol):
    """A place for one bundle."""

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write all files or none; the same files again change nothing.

        Raises:
            BundleExists: something else is there.
        """


class LargeBundleWriter(Protocol):
    """A place for one bundle whose files are too large to hold."""

    def write_pieces(self, pieces: Mapping[str, Iterable[bytes]], manifest_digest: Hash32) -> None:
        """Write all files and their index or none, as `write`; every file comes in pieces.

        Raises:
            BundleExists: something else is there.
        """


def export_bundle(computed: ComputedEpoch, writer: BundleWriter) -> None:
    """Write the bundle of an epoch that was just computed.

    Raises:
        BundleExists: another bundle is at that place.
    """
    writer.write(bundle_files(computed))


def export_large_bundle(
    computed: LargeEpoch, writer: LargeBundleWriter, *, source: LargeSource, facts: ShardFacts
) -> None:
    """Write the bundle of a large epoch that was just computed from these facts.

    Raises:
        BundleExists: another bundle is at that place.
    """
    writer.write_pieces(_pieces(computed, source, facts), computed.manifest_digest)


def _pieces(
    computed: LargeEpoch, source: LargeSource, facts: ShardFacts
) -> dict[str, Iterable[bytes]]:
    """Every file of the bundle but its index; pieces are read from the facts as they are asked."""
    frame, distribution = computed.frame, computed.distribution
    epoch, reference, registry = frame.epoch, frame.reference, computed.order.registry
    logs = source.input_log_batches(epoch, reference)
    blocks = source.input_blocks(epoch, reference)
    return {
        "logs.jsonl": map(bundle.logs_file, logs),
        "blocks.jsonl": _block_pieces(blocks, frame.borders),
        "headers.jsonl": bundle.header_pieces(frame.certified),
        "works.jsonl": [bundle.works_file(registry)],
        "splits.jsonl": [bundle.splits_file(registry)],
        "quarantine.jsonl": [bundle.quarantine_file(distribution.quarantine)],
        "allocations.jsonl": allocation_file(computed.order, computed.coupled, facts=facts),
        "leaves.jsonl": [bundle.leaves_file(distribution.leaves, computed.leaf_hashes)],
        "manifest.json": [computed.manifest_bytes],
    }


def _block_pieces(blocks: Iterable[BlockRef], borders: Iterable[BlockRef]) -> Iterator[bytes]:
    """`blocks.jsonl` of blocks and borders, both ascending; a block that is in both is one."""
    number = attrgetter("number")
    every = (next(same) for _, same in groupby(merge(blocks, borders, key=number), key=number))
    while piece := [block_point(block) for block in islice(every, _BLOCKS_PER_PIECE)]:
        yield bundle.blocks_file(piece)
