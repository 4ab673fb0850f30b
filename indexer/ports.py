"""What the indexer needs of the outside: a node to read, and a place to keep facts.

The use case declares it here; `adapters/rpc.py` and `adapters/store.py` are the real ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import BlockNumber, BlockRef, ChainId, Hash32
from indexer.chain import Header, LocalChain, LogBatch
from indexer.completeness import LogFilter
from indexer.decode import Decoded
from indexer.ranges import BlockRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """Blocks to add on top of `expected_head` (None: on nothing), with all that they hold.

    `finalized` is the finalized block afterwards; None while no block is.
    """

    expected_head: BlockRef | None
    sources_digest: Hash32
    blocks: Sequence[BlockRef]
    logs: LogBatch
    decoded: Decoded
    finalized: BlockRef | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """Blocks to take back: all above `ancestor` (None: all), because of `new_head`."""

    expected_head: BlockRef
    ancestor: BlockRef | None
    new_head: BlockRef
    depth_blocks: int


class ChainReader(Protocol):
    """What the indexer asks a node. It believes no answer unchecked.

    Every method may raise `Transient`.
    """

    def chain_id(self) -> ChainId:
        """The chain that the node serves."""

    def head(self) -> Header:
        """The newest block."""

    def head_and_finalized(self) -> tuple[Header, Header | None]:
        """The newest block, and the newest that the chain itself calls finalized."""

    def header(self, number: BlockNumber) -> Header | None:
        """The block of this number, if there is one."""

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        """The block of this hash, if the node knows it."""

    def headers(self, blocks: BlockRange) -> list[Header]:
        """The blocks of these numbers, ascending."""

    def logs_in_range(self, blocks: BlockRange, wanted: LogFilter) -> LogBatch:
        """The wanted logs of these numbers, in chain order."""

    def logs_of_blocks(self, hashes: Sequence[Hash32], wanted: LogFilter) -> LogBatch:
        """The wanted logs of exactly these blocks, in chain order."""


class FactStore(Protocol):
    """What the indexer keeps of one chain.

    Every write is one transaction, and refuses a head that is not the one it is based on.
    """

    def check_sources(self, digest: Hash32) -> None:
        """Refuse (`SourcesChanged`) an index that was built from other sources."""

    def local_chain(self) -> LocalChain:
        """The blocks from the finalized one up to the cursor."""

    def block(self, number: BlockNumber) -> BlockRef | None:
        """A block that we hold."""

    def extend(self, extension: Extension) -> None:
        """Add blocks, logs and facts; move cursor and finalized block."""

    def replace(self, replacement: Replacement) -> Mapping[str, int]:
        """Delete everything above the ancestor and append one `reorg` row.

        Returns the number of deleted rows of each table that lost any.
        """

    def finalize(self, block: BlockRef) -> None:
        """Move the finalized block up to one that we hold."""
