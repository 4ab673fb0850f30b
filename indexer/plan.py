"""What is indexed of one chain, and how much one step may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.events import ContractName
from contracts.evm import Address, BlockNumber, ChainId, Hash32, keccak
from indexer.finality import FinalityRule


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncLimits:
    """How many blocks one step asks for at most; at least one."""

    window_blocks_max: int


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

    @property
    def sources_digest(self) -> Hash32:
        """Digest of what decides which facts an index holds: its start block and its sources."""
        lines = [f"{address} {self.sources[address].value}" for address in sorted(self.sources)]
        return keccak("\n".join((str(self.start_block), *lines)).encode())
