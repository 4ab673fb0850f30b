"""A store of facts in memory; obeys the Protocol of `indexer.ports` as the real one does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from contracts.events import ERC20_TRANSFER
from contracts.evm import ZERO_HASH, Address, BlockNumber, BlockRef, ChainId, Hash32
from indexer.agreement import Asked, Statement, Verdict
from indexer.blocks import BlockBatch, Proof, hash_rows
from indexer.chain import LocalChain
from indexer.decode import FactColumns
from indexer.errors import IndexDamaged, SourcesChanged
from indexer.fetch_range import RangesHere
from indexer.levels import Level
from indexer.logs import RawLog
from indexer.movements import Movements
from indexer.opening import open_indexer
from indexer.plan import IndexedChain
from indexer.ports import Extension, FactStore, Replacement, WitnessedChain
from indexer.rows_digest import range_digest
from indexer.sync import Indexer
from tests.fakes_chain import CHAIN_ID, Snapshot, frozen

Rows = dict[tuple[int, int], tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBlock:
    """A row of `block`."""

    ref: BlockRef
    header: bytes
    proof: Proof
    rows_digest: Hash32


def indexer_of(of: IndexedChain, chain: WitnessedChain, store: FactStore) -> Indexer:
    """An indexer that fetches in this process, with a clock that stands still."""
    return Indexer(of, chain, store, ranges=RangesHere(chain, of.question), now_ms=lambda: 0)


def opened(of: IndexedChain, chain: WitnessedChain, store: FactStore) -> Indexer:
    """The same, after what is checked when an index is opened."""
    ranges = RangesHere(chain, of.question)
    return open_indexer(of, chain, store, ranges=ranges, now_ms=lambda: 0)


@dataclass
class MemoryFacts:
    """A store in memory; a write happens whole or not at all."""

    chain_id: ChainId = CHAIN_ID
    sources_digest: Hash32 | None = None
    finalized: BlockRef | None = None
    blocks: dict[int, HeldBlock] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)
    reorgs: list[tuple[Replacement, Mapping[str, int]]] = field(default_factory=list)
    balances: dict[tuple[Address, Address], int] = field(default_factory=dict)
    balances_number: int = -1
    statements: list[Statement] = field(default_factory=list)

    @property
    def cursor(self) -> BlockRef | None:
        return self.blocks[max(self.blocks)].ref if self.blocks else None

    def check_sources(self, digest: Hash32) -> None:
        if self.sources_digest not in {None, digest}:
            assert self.sources_digest is not None
            raise SourcesChanged(self.chain_id, stored=self.sources_digest, configured=digest)

    def local_chain(self) -> LocalChain:
        above = -1 if self.finalized is None else self.finalized.number
        ordered = [self.blocks[number].ref for number in sorted(self.blocks) if number > above]
        return LocalChain(self.finalized, tuple(ordered))

    def block(self, number: BlockNumber) -> BlockRef | None:
        held = self.blocks.get(number)
        return None if held is None else held.ref

    def extend(self, extension: Extension) -> None:
        self._require(self.cursor == extension.expected_head)
        self._require(self.sources_digest in {None, extension.sources_digest})
        new = _rows_of(extension)
        taken = [place for table, rows in new.items() for place in rows if place in self._of(table)]
        self._require(not taken)
        self._check_finalized(extension.finalized)
        for table, rows in new.items():
            self._of(table).update(rows)
        self.blocks |= _held(extension.blocks)
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

    def has_events_of(self, address: Address) -> bool:
        return any(
            row[0] == address
            for table, rows in self.rows.items()
            if table != "log"
            for row in rows.values()
        )

    def fold_balances(self, finalized: BlockRef) -> bool:
        was_behind = self.balances_number < finalized.number
        for place, row in self._of(ERC20_TRANSFER.table).items():
            if self.balances_number < place[0] <= finalized.number:
                token, source, target, amount = row[0], *row[-3:]
                self._add(token, source, -amount)
                self._add(token, target, amount)
        self.balances_number = max(self.balances_number, finalized.number)
        return was_behind

    def add_movements(self, moved: Movements) -> bool:
        self._require(self.finalized is not None and moved.upto <= self.finalized.number)
        if moved.above != self.balances_number:
            return False
        for token, account, change in zip(moved.token, moved.account, moved.change, strict=True):
            self._add(Address(token.tobytes()), Address(account.tobytes()), change)
        self.balances_number = moved.upto
        return True

    def unproved(self, level: Level, *, blocks_max: int) -> BlockBatch | None:
        top = -1 if self.finalized is None else self.finalized.number
        lacking = [
            number
            for number, one in self.blocks.items()
            if number <= top and one.proof not in level.proofs
        ]
        if not lacking:
            return None
        start = min(lacking)
        return _batch([self.blocks[at] for at in range(start, min(start + blocks_max, top + 1))])

    def prove(self, blocks: BlockBatch) -> None:
        strength = (Proof.STATED, Proof.CORROBORATED, Proof.RECEIPTS, Proof.EMPTY)
        given = _held(blocks)
        for number, block in given.items():
            held = self.blocks.get(number)
            self._require(held is not None)
            assert held is not None
            self._require((held.ref, held.rows_digest) == (block.ref, block.rows_digest))
        for number, block in given.items():
            proof = max(self.blocks[number].proof, block.proof, key=strength.index)
            self.blocks[number] = replace(self.blocks[number], proof=proof)

    def add_statements(self, statements: Sequence[Statement]) -> None:
        self.statements.extend(statements)

    def open_dispute(self) -> tuple[BlockNumber, Asked] | None:
        verdicts = {(one.number, one.asked): one.verdict for one in self.statements}
        disputed = [place for place, one in verdicts.items() if one is Verdict.DISPUTED]
        return min(disputed, default=None)

    def snapshot(self) -> Snapshot:
        """Every fact, by table, in chain order."""
        facts = {
            table: [(*place, *rows[place]) for place in sorted(rows)]
            for table, rows in self.rows.items()
            if rows
        }
        refs = [self.blocks[number].ref for number in sorted(self.blocks)]
        return facts | {
            "block": [(one.number, one.hash, one.parent_hash, one.timestamp) for one in refs]
        }

    def digest(self) -> Hash32:
        """The rows digest of all blocks."""
        if not self.blocks:
            return ZERO_HASH
        batch = _batch([self.blocks[number] for number in sorted(self.blocks)])
        return range_digest(batch.start, batch.hash, batch.rows_digest)

    def proofs(self) -> dict[int, Proof]:
        """The proof of every block, by number."""
        return {number: one.proof for number, one in sorted(self.blocks.items())}

    def _of(self, table: str) -> Rows:
        return self.rows.setdefault(table, {})

    def _add(self, token: Address, account: Address, units: int) -> None:
        balance = self.balances.get((token, account), 0) + units
        self.balances[token, account] = balance
        if not balance:
            del self.balances[token, account]

    def _check_finalized(self, block: BlockRef | None) -> None:
        if block is not None and self.finalized is not None:
            self._require(block == self.finalized or block.number > self.finalized.number)

    def _require(self, holds: bool) -> None:
        if not holds:
            raise IndexDamaged(self.chain_id, "a write on another head")


def _held(blocks: BlockBatch) -> dict[int, HeldBlock]:
    return {
        ref.number: HeldBlock(
            ref=ref,
            header=blocks.header[row],
            proof=Proof(int(blocks.proof[row])),
            rows_digest=Hash32(blocks.rows_digest[row].tobytes()),
        )
        for row, ref in enumerate(blocks.refs())
    }


def _batch(held: Sequence[HeldBlock]) -> BlockBatch:
    return BlockBatch(
        start=held[0].ref.number,
        hash=hash_rows([one.ref.hash for one in held]),
        parent_hash=hash_rows([one.ref.parent_hash for one in held]),
        timestamp=np.array([one.ref.timestamp for one in held], dtype=np.int64),
        header=tuple(one.header for one in held),
        proof=np.array([one.proof for one in held], dtype=np.uint8),
        rows_digest=hash_rows([one.rows_digest for one in held]),
    )


def _rows_of(extension: Extension) -> dict[str, Rows]:
    tables: dict[str, Rows] = {
        "log": {
            (log.block_number, log.log_index): _log_row(log) for log in extension.decoded.raw.rows()
        }
    }
    for facts in extension.decoded.facts:
        places = zip(facts.block_number.tolist(), facts.log_index.tolist(), strict=True)
        tables[facts.spec.table] = dict(zip(places, _fact_rows(facts), strict=True))
    return tables


def _log_row(log: RawLog) -> tuple[Any, ...]:
    return (log.address, log.topics, log.data, log.transaction_hash, log.transaction_index)


def _fact_rows(facts: FactColumns) -> list[tuple[Any, ...]]:
    """Rows as the table of the event has them; a bulk event names its transaction."""
    columns: list[list[Any]] = [[Address(row.tobytes()) for row in facts.address]]
    if facts.spec.is_bulk:
        columns.append([Hash32(row.tobytes()) for row in facts.transaction_hash])
        columns.append(facts.transaction_index.tolist())
    columns += [facts.cells(place) for place in range(len(facts.spec.columns))]
    return [tuple(map(frozen, row)) for row in zip(*columns, strict=True)]
