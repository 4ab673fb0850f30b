"""A chain that can be mined, reorganised, cut short and made to fail, and a store in memory.

Both obey the Protocols of `indexer.ports`. The headers are real: their hashes are keccak256 of
their RLP, and their blooms hold their logs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth_abi.abi import encode

from contracts.events import ContractName, EventSpec
from contracts.evm import (
    ZERO_ADDRESS,
    ZERO_HASH,
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Hash32,
    LogIndex,
    Timestamp,
    keccak,
)
from indexer.chain import BLOOM_BYTES, Header, LocalChain, LogBatch, header_hash
from indexer.completeness import LogFilter, bloom_mask
from indexer.errors import IndexDamaged, RPCFailed, SourcesChanged
from indexer.finality import FinalityRule, FinalityTag
from indexer.plan import IndexedChain, SyncLimits
from indexer.ports import Extension, Replacement
from indexer.ranges import BlockRange

CHAIN_ID = ChainId(31337)
TOKEN = Address(b"\x11" * 20)
TIERS = Address(b"\x22" * 20)
PAYOUTS = Address(b"\x33" * 20)
STRANGER = Address(b"\x99" * 20)
SOURCES: Mapping[Address, ContractName] = {
    TOKEN: ContractName.ERC20,
    TIERS: ContractName.SUBSCRIPTION_TIERS,
    PAYOUTS: ContractName.EPOCH_PAYOUTS,
}

Snapshot = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class FakeLog:
    """What a contract emitted."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class FakeBlock:
    """A header and what its block emitted."""

    header: Header
    logs: tuple[FakeLog, ...]


def plan(
    *,
    start_block: int = 0,
    end_block: int | None = None,
    depth_blocks: int = 8,
    tag: FinalityTag = FinalityTag.NONE,
    window_blocks_max: int = 16,
) -> IndexedChain:
    return IndexedChain(
        chain_id=CHAIN_ID,
        start_block=BlockNumber(start_block),
        end_block=None if end_block is None else BlockNumber(end_block),
        sources=SOURCES,
        finality=FinalityRule(tag=tag, depth_blocks=depth_blocks),
        limits=SyncLimits(window_blocks_max=window_blocks_max),
    )


def log_of(spec: EventSpec, address: Address, values: Sequence[Any]) -> FakeLog:
    """The log of an event with these values, one per `spec.fields`; encoded by eth_abi."""
    pairs = list(zip(spec.fields, values, strict=True))
    topics = [encode([one.canonical_type], [value]) for one, value in pairs if one.indexed]
    plain = [(one.canonical_type, value) for one, value in pairs if not one.indexed]
    data = encode([kind for kind, _ in plain], [value for _, value in plain])
    return FakeLog(address, (spec.topic0, *topics), data)


def sealed_header(
    parent: Header | None, *, timestamp: int, salt: int, logs: Sequence[FakeLog]
) -> Header:
    """A child of `parent` with a true hash and bloom; `salt` tells twins apart."""
    bloom = 0
    for log in logs:
        for value in (log.address, *log.topics):
            bloom |= bloom_mask(value)
    header = Header(
        hash=ZERO_HASH,
        parent_hash=ZERO_HASH if parent is None else parent.hash,
        uncles_hash=keccak(b"\xc0"),
        miner=ZERO_ADDRESS,
        state_root=keccak(b"state"),
        transactions_root=keccak(b"transactions"),
        receipts_root=keccak(repr(logs).encode()),
        logs_bloom=bloom.to_bytes(BLOOM_BYTES, "big"),
        difficulty=0,
        number=BlockNumber(0 if parent is None else parent.number + 1),
        gas_limit=30_000_000,
        gas_used=21_000 * len(logs),
        timestamp=Timestamp(timestamp),
        extra_data=salt.to_bytes(8, "big"),
        mix_hash=keccak(b"mix"),
        nonce=bytes(8),
        base_fee_wei=7,
        withdrawals_root=keccak(b"withdrawals"),
        blob_gas_used=None,
        excess_blob_gas=None,
        parent_beacon_block_root=None,
        requests_hash=None,
    )
    return replace(header, hash=header_hash(header))


class FakeChain:
    """One node. It knows every block that ever was, and says which ones are the chain now."""

    def __init__(self) -> None:
        self._salt = 0
        genesis = FakeBlock(sealed_header(None, timestamp=1_000, salt=0, logs=()), ())
        self.blocks: list[FakeBlock] = [genesis]
        self._known = {genesis.header.hash: genesis}
        self.finalized_number: int | None = None
        self.range_blocks_max: int | None = None
        self.before_call: Callable[[str], None] = lambda method: None
        self.calls: list[str] = []
        self.alter_logs: Callable[[LogBatch], LogBatch] = lambda logs: logs
        self.alter_header: Callable[[Header], Header] = lambda header: header
        self.served_chain_id = CHAIN_ID

    def mine(self, *contents: Sequence[FakeLog], seconds: int = 1) -> None:
        """Add one block per sequence of logs; `seconds` 0 repeats the timestamp."""
        for logs in contents:
            self._salt += 1
            parent = self.blocks[-1].header
            header = sealed_header(
                parent, timestamp=parent.timestamp + seconds, salt=self._salt, logs=logs
            )
            block = FakeBlock(header, tuple(logs))
            self.blocks.append(block)
            self._known[header.hash] = block

    def reorg(self, depth: int, *contents: Sequence[FakeLog], seconds: int = 1) -> None:
        """Replace the last `depth` blocks by new ones, of any number."""
        self.rewind(depth)
        self.mine(*contents, seconds=seconds)

    def rewind(self, depth: int) -> None:
        """The head moves back."""
        del self.blocks[len(self.blocks) - depth :]

    def switch_to(self, blocks: Sequence[FakeBlock]) -> None:
        """The chain becomes one that it was before."""
        self.blocks = list(blocks)

    @property
    def head_number(self) -> int:
        return self.blocks[-1].header.number

    def chain_id(self) -> ChainId:
        self._called("chain_id")
        return self.served_chain_id

    def head(self) -> Header:
        self._called("head")
        return self.alter_header(self.blocks[-1].header)

    def head_and_finalized(self) -> tuple[Header, Header | None]:
        self._called("head_and_finalized")
        number = self.finalized_number
        tagged = None if number is None else self._header(number)
        return self.alter_header(self.blocks[-1].header), tagged

    def header(self, number: BlockNumber) -> Header | None:
        self._called("header")
        return self._header(number)

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        self._called("header_by_hash")
        block = self._known.get(block_hash)
        return None if block is None else self.alter_header(block.header)

    def headers(self, blocks: BlockRange) -> list[Header]:
        self._called("headers")
        found = [self._header(number) for number in range(blocks.start, blocks.end)]
        return [header for header in found if header is not None]

    def logs_in_range(self, blocks: BlockRange, wanted: LogFilter) -> LogBatch:
        self._called("logs_in_range")
        if self.range_blocks_max is not None and len(blocks) > self.range_blocks_max:
            raise RPCFailed("fake", "eth_getLogs", code=-32005, message="response too large")
        return self.alter_logs(_batch(self.blocks[blocks.start : blocks.end], wanted))

    def logs_of_blocks(self, hashes: Sequence[Hash32], wanted: LogFilter) -> LogBatch:
        self._called("logs_of_blocks")
        return self.alter_logs(_batch([self._known[one] for one in hashes], wanted))

    def _header(self, number: int) -> Header | None:
        if not 0 <= number < len(self.blocks):
            return None
        return self.alter_header(self.blocks[number].header)

    def _called(self, method: str) -> None:
        self.calls.append(method)
        self.before_call(method)


def _batch(blocks: Sequence[FakeBlock], wanted: LogFilter) -> LogBatch:
    rows = [
        (block.header, index, log)
        for block in blocks
        for index, log in enumerate(block.logs)
        if log.address in wanted.addresses and log.topics and log.topics[0] in wanted.topics0
    ]
    return LogBatch(
        block_number=[header.number for header, _, _ in rows],
        block_hash=[header.hash for header, _, _ in rows],
        log_index=[LogIndex(index) for _, index, _ in rows],
        address=[log.address for _, _, log in rows],
        topics=[list(log.topics) for _, _, log in rows],
        data=[log.data for _, _, log in rows],
        transaction_hash=[keccak(header.hash + bytes((index,))) for header, index, _ in rows],
        transaction_index=[index for _, index, _ in rows],
    )


@dataclass
class MemoryFacts:
    """A store in memory; a write happens whole or not at all."""

    chain_id: ChainId = CHAIN_ID
    sources_digest: Hash32 | None = None
    finalized: BlockRef | None = None
    blocks: dict[int, BlockRef] = field(default_factory=dict)
    rows: dict[str, dict[tuple[int, int], tuple[Any, ...]]] = field(default_factory=dict)
    reorgs: list[tuple[Replacement, Mapping[str, int]]] = field(default_factory=list)

    @property
    def cursor(self) -> BlockRef | None:
        return self.blocks[max(self.blocks)] if self.blocks else None

    def check_sources(self, digest: Hash32) -> None:
        if self.sources_digest not in {None, digest}:
            assert self.sources_digest is not None
            raise SourcesChanged(self.chain_id, stored=self.sources_digest, configured=digest)

    def local_chain(self) -> LocalChain:
        above = -1 if self.finalized is None else self.finalized.number
        ordered = [self.blocks[number] for number in sorted(self.blocks) if number > above]
        return LocalChain(self.finalized, tuple(ordered))

    def block(self, number: BlockNumber) -> BlockRef | None:
        return self.blocks.get(number)

    def extend(self, extension: Extension) -> None:
        self._require(self.cursor == extension.expected_head)
        self._require(self.sources_digest in {None, extension.sources_digest})
        new = _rows_of(extension)
        taken = [place for table, rows in new.items() for place in rows if place in self._of(table)]
        self._require(not taken)
        self._check_finalized(extension.finalized)
        for table, rows in new.items():
            self._of(table).update(rows)
        self.blocks |= {block.number: block for block in extension.blocks}
        self.sources_digest = extension.sources_digest
        self.finalized = extension.finalized or self.finalized

    def replace(self, replacement: Replacement) -> Mapping[str, int]:
        self._require(self.cursor == replacement.expected_head)
        above = -1 if replacement.ancestor is None else replacement.ancestor.number
        self._require(self.finalized is None or above >= self.finalized.number)
        removed = {"block": sum(number > above for number in self.blocks)}
        self.blocks = {number: one for number, one in self.blocks.items() if number <= above}
        for table, rows in self.rows.items():
            gone = [place for place in rows if place[0] > above]
            for place in gone:
                del rows[place]
            if gone:
                removed[table] = len(gone)
        if not self.blocks:
            self.sources_digest = None
        self.reorgs.append((replacement, removed))
        return removed

    def finalize(self, block: BlockRef) -> None:
        self._check_finalized(block)
        self.finalized = block

    def snapshot(self) -> Snapshot:
        """Every fact, by table, in chain order."""
        facts = {
            table: [(*place, *rows[place]) for place in sorted(rows)]
            for table, rows in self.rows.items()
            if rows
        }
        blocks = [self.blocks[number] for number in sorted(self.blocks)]
        return facts | {
            "block": [(one.number, one.hash, one.parent_hash, one.timestamp) for one in blocks]
        }

    def _of(self, table: str) -> dict[tuple[int, int], tuple[Any, ...]]:
        return self.rows.setdefault(table, {})

    def _check_finalized(self, block: BlockRef | None) -> None:
        if block is not None and self.finalized is not None:
            self._require(block == self.finalized or block.number > self.finalized.number)

    def _require(self, holds: bool) -> None:
        if not holds:
            raise IndexDamaged(self.chain_id, "a write on another head")


def _rows_of(extension: Extension) -> dict[str, dict[tuple[int, int], tuple[Any, ...]]]:
    logs = extension.logs
    places: list[tuple[int, int]] = list(zip(logs.block_number, logs.log_index, strict=True))
    contents = zip(
        logs.address,
        map(tuple, logs.topics),
        logs.data,
        logs.transaction_hash,
        logs.transaction_index,
        strict=True,
    )
    tables: dict[str, dict[tuple[int, int], tuple[Any, ...]]] = {
        "log": dict(zip(places, contents, strict=True))
    }
    for facts in extension.decoded.facts:
        columns = [[frozen(value) for value in column] for column in facts.values]
        tables[facts.spec.table] = {
            (facts.block_number[row], facts.log_index[row]): (
                facts.address[row],
                *(column[row] for column in columns),
            )
            for row in range(len(facts))
        }
    return tables


def frozen(value: Any) -> Any:
    """Lists as tuples, so that rows compare and hash."""
    return tuple(value) if isinstance(value, list) else value
