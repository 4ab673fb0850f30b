"""What is indexed of one chain, how far it is proved, and how much one step may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, ChainId, Hash32, keccak
from indexer.chain_profiles import ChainProfile
from indexer.completeness import LogFilter
from indexer.decode import filter_of
from indexer.finality import FinalityRule
from indexer.levels import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncLimits:
    """How much one step asks for: at most so many blocks, at least one.

    A range is made so small that it has at most `range_logs_max` logs, ours and others, if it is as
    dense as the range before: they are in memory, in several forms.
    """

    window_blocks_max: int
    range_logs_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about each range of blocks; it can be sent to another process.

    `wanted` finds every event of `sources`. The answers are proved to `level`, on a chain that is
    like Ethereum but for what `profile` says.
    """

    wanted: LogFilter
    sources: Mapping[Address, ContractName]
    level: Level
    profile: ChainProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedChain:
    """What is indexed of one chain.

    `sources` are all contracts whose events are facts; none of them has an event below
    `start_block`. Indexing stops below `end_block`, or follows the head if that is None.
    """

    chain_id: ChainId
    start_block: BlockNumber
    end_block: BlockNumber | None
    sources: Mapping[Address, ContractName]
    finality: FinalityRule
    limits: SyncLimits
    level: Level
    profile: ChainProfile

    @property
    def sources_digest(self) -> Hash32:
        """Digest of what decides which facts an index holds: its start block and its sources."""
        return sources_digest(self.start_block, self.sources)

    @property
    def question(self) -> Question:
        """What to ask about each range."""
        return Question(
            wanted=filter_of(self.sources),
            sources=dict(self.sources),
            level=self.level,
            profile=self.profile,
        )


def sources_digest(start_block: BlockNumber, sources: Mapping[Address, ContractName]) -> Hash32:
    """Digest of a start block and of the contracts that are indexed from it on."""
    lines = [f"{address} {sources[address].value}" for address in sorted(sources)]
    return keccak("\n".join((str(start_block), *lines)).encode())
