"""What a source shows of one transaction, and how far the chain of that source is.

There are two sources: the facts of our own index, and a node that is asked because the index is
behind. Both become the same records, so that one verifier judges both. The sender of a transaction
is left out on purpose: bundlers, relayers and smart accounts send what others pay.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, BlockRef, ChainId, Hash32


class Source(StrEnum):
    """Who says so."""

    FACTS = "facts"
    NODE = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSeen:
    """One log; `is_removed` is what a node says of a log whose block was replaced."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    log_index: int
    is_removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSeen:
    """A mined transaction: its receipt's status, its block, its logs in order.

    `is_canonical` says that the source's chain has this block at this height.
    """

    source: Source
    chain_id: ChainId
    transaction_hash: Hash32
    is_success: bool
    block: BlockRef
    is_canonical: bool
    logs: tuple[LogSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heights:
    """How far a source's chain is; `safe` is None where the source knows no such block."""

    head: BlockRef
    safe: BlockRef | None
    finalized: BlockRef | None
