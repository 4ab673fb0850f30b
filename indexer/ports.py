"""What the indexer needs of the outside: a node to read, ranges of it, a place to keep facts.

The use cases declare it here. The real ones are `adapters/rpc.py` (one endpoint),
`adapters/endpoints.py` (several), `adapters/workers.py` and `adapters/store.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32
from indexer.agreement import Agreement, Asked, Statement
from indexer.blocks import Block, BlockBatch
from indexer.chain import Header, LocalChain
from indexer.completeness import LogFilter
from indexer.decode import Decoded
from indexer.endpoint_health import EndpointHealth
from indexer.errors import IndexerError
from indexer.fetched import FetchedRange
from indexer.levels import Level
from indexer.logs import LogBatch
from indexer.movements import Movements
from indexer.ranges import BlockRange
from indexer.receipt_batch import ReceiptBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """Blocks to add on top of `expected_head` (None: on nothing), with all that they hold.

    `finalized` is the finalized block afterwards; None while no block is.
    """

    expected_head: BlockRef | None
    sources_digest: Hash32
    blocks: BlockBatch
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

    def blocks(self, blocks: BlockRange) -> list[Block]:
        """The blocks of these numbers, ascending, with the transactions that they list."""

    def logs_in_range(self, blocks: BlockRange, wanted: LogFilter) -> LogBatch:
        """The wanted logs of these numbers, in chain order."""

    def logs_of_blocks(self, hashes: Sequence[Hash32], wanted: LogFilter) -> LogBatch:
        """The wanted logs of exactly these blocks, in chain order."""

    def receipts(self, blocks: Sequence[Block]) -> ReceiptBatch:
        """All receipts of these blocks, in their order."""


class WitnessedChain(ChainReader, Protocol):
    """One chain as one or more endpoints show it, which can be held against each other."""

    @property
    def agreement(self) -> Agreement | None:
        """What the endpoints agreed upon at the last look; None before it, and after a dispute."""

    def health(self) -> tuple[EndpointHealth, ...]:
        """How each endpoint has served so far."""

    def blame(self, error: IndexerError) -> bool:
        """Put down that the last answers were refused; whether there is another endpoint to ask."""

    def confirmed_by(self, block: BlockRef) -> int:
        """How many endpoints name this block at its number; raises if one names another."""

    def corroborated_by(
        self, ask: Callable[[ChainReader], LogBatch], logs: LogBatch, blocks: BlockRange
    ) -> int:
        """How many endpoints gave these logs of the blocks; raises if one gives others.

        `ask` puts the question to an endpoint and checks the answer.
        """

    def ask_again(
        self, number: BlockNumber, asked: Asked, wanted: LogFilter
    ) -> tuple[Statement, ...]:
        """What all endpoints now say of a block that they did not agree about."""


class RangeSource(Protocol):
    """Where a step gets its range from: fetched now, or fetched ahead by other processes."""

    def take(self, blocks: BlockRange, *, is_final: bool, ahead_end: BlockNumber) -> FetchedRange:
        """The range that begins where `blocks` does.

        It is shorter or longer than asked for if it was fetched ahead under an older window.
        Whether it stands on our head is for the caller to check.

        Args:
            blocks: what is wanted now.
            is_final: whether no block of it can change any more.
            ahead_end: blocks below it may be fetched ahead; they are final.

        Raises:
            IndexerError: what fetching the range raised, wherever it was fetched.
        """

    def close(self) -> None:
        """End what runs in the background; the source cannot be used any more."""


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

    def has_events_of(self, address: Address) -> bool:
        """Whether we hold a decoded event of this contract."""

    def fold_balances(self, finalized: BlockRef) -> bool:
        """Bring the balances of tokens up to this block; returns whether they were behind."""

    def add_movements(self, moved: Movements) -> bool:
        """Do the same with what is summed already.

        Returns False, and does nothing, if balances do not stand at the block where it begins.
        """

    def unproved(self, level: Level, *, blocks_max: int) -> BlockBatch | None:
        """The lowest finalized block that lacks a proof which the level needs, and those above.

        They follow each other, are all finalized, and at most `blocks_max`; None if every finalized
        block has one.
        """

    def prove(self, blocks: BlockBatch) -> None:
        """Give blocks that we hold the proofs in `blocks`; hashes and rows digests are equal."""

    def add_statements(self, statements: Sequence[Statement]) -> None:
        """Keep what endpoints said of a block that they do not, or did not, agree about."""

    def open_dispute(self) -> tuple[BlockNumber, Asked] | None:
        """The lowest block about which endpoints do not agree, and what they were asked of it."""
