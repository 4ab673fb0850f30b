"""A chain that can be mined, reorganised, cut short and made to fail.

It obeys the Protocol of `indexer.ports`. The headers are real: their hashes are keccak256 of
their RLP, their blooms hold their logs, and their receipts roots are those of their receipts. Every
log is in a transaction of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from eth_abi.abi import encode

from contracts.event_spec import ContractName, EventSpec
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
from indexer.agreement import Agreement, Asked, Statement
from indexer.blocks import Block, hash_rows
from indexer.chain import Header, header_hash
from indexer.chain_profiles import chain_profile_named
from indexer.completeness import LogFilter
from indexer.endpoint_health import EndpointHealth
from indexer.errors import AnswersDisagree, IndexerError, RPCFailed
from indexer.finality import FinalityRule, FinalityTag
from indexer.levels import Level
from indexer.logs import LogBatch, RawLog, log_batch
from indexer.plan import IndexedChain, SyncLimits
from indexer.ports import ChainReader
from indexer.ranges import BlockRange
from indexer.receipt_batch import ReceiptBatch
from indexer.receipts import Place, Receipt, ReceiptLog, block_bloom, receipts_root

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
    """What a contract emitted; mined in a transaction of its own, which it may name."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    transaction: Hash32 | None = None


@dataclass(frozen=True, slots=True)
class FakeBlock:
    """A header, what its block emitted, and the transaction of each log."""

    header: Header
    logs: tuple[FakeLog, ...]
    transactions: tuple[Hash32, ...]

    def rows(self) -> list[RawLog]:
        """Its logs, in chain order."""
        return [
            RawLog(
                self.header.number,
                self.header.hash,
                LogIndex(index),
                log.address,
                log.topics,
                log.data,
                self.transactions[index],
                index,
            )
            for index, log in enumerate(self.logs)
        ]


def plan(
    *,
    start_block: int = 0,
    end_block: int | None = None,
    depth_blocks: int = 8,
    tag: FinalityTag = FinalityTag.NONE,
    window_blocks_max: int = 16,
    range_logs_max: int = 1_000,
    level: Level = Level.RECEIPTS,
    sources: Mapping[Address, ContractName] = SOURCES,
    profile: str = "ethereum",
) -> IndexedChain:
    return IndexedChain(
        chain_id=CHAIN_ID,
        start_block=BlockNumber(start_block),
        end_block=None if end_block is None else BlockNumber(end_block),
        sources=sources,
        finality=FinalityRule(tag=tag, depth_blocks=depth_blocks),
        limits=SyncLimits(window_blocks_max=window_blocks_max, range_logs_max=range_logs_max),
        level=level,
        profile=chain_profile_named(profile),
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
    """A child of `parent` with a true hash, bloom and receipts root; `salt` tells twins apart."""
    receipts = [_receipt(log, index) for index, log in enumerate(logs)]
    header = Header(
        hash=ZERO_HASH,
        parent_hash=ZERO_HASH if parent is None else parent.hash,
        uncles_hash=keccak(b"\xc0"),
        miner=ZERO_ADDRESS,
        state_root=keccak(b"state"),
        transactions_root=keccak(b"transactions"),
        receipts_root=receipts_root(receipts),
        logs_bloom=block_bloom(receipts),
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


def _receipt(log: FakeLog, index: int) -> Receipt:
    """The receipt of a transaction that succeeded and emitted this one log."""
    nowhere = Place(
        block_hash=None,
        block_number=None,
        transaction_hash=None,
        transaction_index=None,
        log_index=None,
    )
    return Receipt(
        type=2,
        outcome=b"\x01",
        cumulative_gas_used=21_000 * (index + 1),
        logs_bloom=None,
        logs=(ReceiptLog(address=log.address, topics=log.topics, data=log.data, place=nowhere),),
        deposit=None,
        place=nowhere,
    )


class FakeChain:
    """One node. It knows every block that ever was, and says which ones are the chain now."""

    def __init__(self) -> None:
        self._salt = 0
        genesis = FakeBlock(sealed_header(None, timestamp=1_000, salt=0, logs=()), (), ())
        self.canonical: list[FakeBlock] = [genesis]
        self._known = {genesis.header.hash: genesis}
        self.finalized_number: int | None = None
        self.range_blocks_max: int | None = None
        self.before_call: Callable[[str], None] = lambda method: None
        self.calls: list[str] = []
        self.alter_logs: Callable[[LogBatch], LogBatch] = lambda logs: logs
        self.served: dict[int, FakeBlock] = {}
        self.blamed: list[IndexerError] = []
        self.statements: tuple[Statement, ...] = ()
        self.alter_header: Callable[[Header], Header] = lambda header: header
        self.served_chain_id = CHAIN_ID

    def mine(self, *contents: Sequence[FakeLog], seconds: int = 1) -> None:
        """Add one block per sequence of logs; `seconds` 0 repeats the timestamp."""
        for logs in contents:
            self._salt += 1
            parent = self.canonical[-1].header
            header = sealed_header(
                parent, timestamp=parent.timestamp + seconds, salt=self._salt, logs=logs
            )
            transactions = [
                log.transaction or keccak(self._salt.to_bytes(8, "big") + bytes((index,)))
                for index, log in enumerate(logs)
            ]
            block = FakeBlock(header, tuple(logs), tuple(transactions))
            self.canonical.append(block)
            self._known[header.hash] = block

    def reorg(self, depth: int, *contents: Sequence[FakeLog], seconds: int = 1) -> None:
        """Replace the last `depth` blocks by new ones, of any number."""
        self.rewind(depth)
        self.mine(*contents, seconds=seconds)

    def rewind(self, depth: int) -> None:
        """The head moves back."""
        del self.canonical[len(self.canonical) - depth :]

    def switch_to(self, blocks: Sequence[FakeBlock]) -> None:
        """The chain becomes one that it was before."""
        self.canonical = list(blocks)

    def forget_receipt(self, number: int) -> None:
        """From now on the node gives one receipt too few for this block."""
        whole = self.canonical[number]
        self.served[number] = replace(whole, logs=whole.logs[:-1])

    @property
    def head_number(self) -> int:
        return self.canonical[-1].header.number

    def chain_id(self) -> ChainId:
        self._called("chain_id")
        return self.served_chain_id

    def head(self) -> Header:
        self._called("head")
        return self.alter_header(self.canonical[-1].header)

    def head_and_finalized(self) -> tuple[Header, Header | None]:
        self._called("head_and_finalized")
        number = self.finalized_number
        tagged = None if number is None else self._header(number)
        return self.alter_header(self.canonical[-1].header), tagged

    def header(self, number: BlockNumber) -> Header | None:
        self._called("header")
        return self._header(number)

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        self._called("header_by_hash")
        block = self._known.get(block_hash)
        return None if block is None else self.alter_header(block.header)

    def blocks(self, blocks: BlockRange) -> list[Block]:
        self._called("blocks")
        found = self.canonical[blocks.start : blocks.end]
        return [
            Block(header=self.alter_header(one.header), transactions=hash_rows(one.transactions))
            for one in found
        ]

    def logs_in_range(self, blocks: BlockRange, wanted: LogFilter) -> LogBatch:
        self._called("logs_in_range")
        if self.range_blocks_max is not None and len(blocks) > self.range_blocks_max:
            raise RPCFailed("fake", "eth_getLogs", code=-32005, message="response too large")
        return self.alter_logs(_wanted(self.canonical[blocks.start : blocks.end], wanted))

    def logs_of_blocks(self, hashes: Sequence[Hash32], wanted: LogFilter) -> LogBatch:
        self._called("logs_of_blocks")
        return self.alter_logs(_wanted([self._known[one] for one in hashes], wanted))

    def receipts(self, blocks: Sequence[Block]) -> ReceiptBatch:
        self._called("receipts")
        if self.range_blocks_max is not None and len(blocks) > self.range_blocks_max:
            raise RPCFailed("fake", "eth_getLogs", code=-32005, message="response too large")
        numbers = [one.header.number for one in blocks]
        if max(numbers, default=0) > self.head_number:
            raise AnswersDisagree(f"block {max(numbers)} does not exist")
        return _receipts([self.served.get(one, self.canonical[one]) for one in numbers])

    agreement: Agreement | None = None

    def health(self) -> tuple[EndpointHealth, ...]:
        return (EndpointHealth(host="fake", requests=len(self.calls)),)

    def blame(self, error: IndexerError) -> bool:
        self.blamed.append(error)
        return False

    def confirmed_by(self, block: BlockRef) -> int:
        self._called("confirmed_by")
        named = self._header(block.number)
        if named is not None and named.hash != block.hash:
            raise AnswersDisagree(f"block {block.number} is not {block.hash} any more")
        return 0 if named is None else 1

    def corroborated_by(
        self, ask: Callable[[ChainReader], LogBatch], logs: LogBatch, blocks: BlockRange
    ) -> int:
        return 1

    def ask_again(
        self, number: BlockNumber, asked: Asked, wanted: LogFilter
    ) -> tuple[Statement, ...]:
        self._called("ask_again")
        return self.statements

    def _header(self, number: int) -> Header | None:
        if not 0 <= number < len(self.canonical):
            return None
        return self.alter_header(self.canonical[number].header)

    def _called(self, method: str) -> None:
        self.calls.append(method)
        self.before_call(method)


def _wanted(blocks: Sequence[FakeBlock], wanted: LogFilter) -> LogBatch:
    return log_batch(
        row
        for block in blocks
        for row in block.rows()
        if row.address in wanted.addresses and row.topics and row.topics[0] in wanted.topics0
    )


def _receipts(blocks: Sequence[FakeBlock]) -> ReceiptBatch:
    """All receipts of these blocks: one for each log, see `_receipt`."""
    logs = log_batch(row for block in blocks for row in block.rows())
    return ReceiptBatch(
        receipt_count=np.array([len(block.logs) for block in blocks], dtype=np.int64),
        type=[2] * len(logs),
        outcome=[b"\x01"] * len(logs),
        cumulative_gas_used=(21_000 * (logs.transaction_index + 1)).tolist(),
        logs_bloom=[None] * len(logs),
        deposit=[None] * len(logs),
        block_number=logs.block_number,
        block_hash=logs.block_hash,
        transaction_hash=logs.transaction_hash,
        transaction_index=logs.transaction_index,
        log_count=np.ones(len(logs), dtype=np.int64),
        logs=logs,
    )


def frozen(value: Any) -> Any:
    """Lists as tuples, so that rows compare and hash."""
    return tuple(value) if isinstance(value, list) else value
