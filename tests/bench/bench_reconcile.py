"""A million entries reconciled, line by line, in one run.

`python -m tests.bench.bench_reconcile [--entries N] [--stages]`. The books are in Postgres; the
node's answers are ready in a file, so that its speed is none of ours: parsing, decoding, replaying,
reading the books, comparing and recording are. One entry is wrong, and must be all that is found.
Exit 1 if it is not, or if it takes over a minute. `--stages` times each stage by itself as well.
"""

import argparse
import json
import os
import resource
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import orjson
import psycopg
from sqlalchemy import Engine, create_engine

from contracts.addresses import Settlement
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.events import EPOCH_FUNDED, LEAF_WITHDRAWN, PAYEE_PAID
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp, keccak
from reconciliation.adapters.books import books_of
from reconciliation.adapters.logs import LogReader
from reconciliation.adapters.store import SqlRegister
from reconciliation.chain_events import RawLog, events_of
from reconciliation.checks import Flow
from reconciliation.discrepancy import Kind
from reconciliation.overdue import Tolerances
from reconciliation.ports import Document, LogChunk, Run, Sources
from reconciliation.reading import Reading
from reconciliation.reconcile import reconcile
from reconciliation.replay import Replay
from reconciliation.snapshot import ChainState, Questions
from reconciliation.wallets import WalletHistory, WalletRecords
from scripts.bootstrap import migrate
from scripts.collector import collect_seldom
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from settlement.ledger.accounts import CASH, Book, paid_in, payable
from tests.bench.processes import cpu_s

GOAL_S, ENTRIES = 60, 1_000_000
CHAIN_ID, CONTRACT, ASSET = ChainId(8453), Address(b"\xc0" * 20), Address(b"\xa5" * 20)
BOOK = Book(chain_id=CHAIN_ID, contract=CONTRACT)
EPOCH, PER_BLOCK, FILLED_BLOCKS = Epoch(0), 50, 100
PAYEE = Address(b"\x01" * 20)
GENESIS = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Sums:
    """What the synthetic chain adds up to."""

    funded: int
    paid: int


class ReadyNode:
    """The client of an endpoint that has every answer ready; half fundings, half payments."""

    host = "ready"

    def __init__(self, blocks: int, file: Path) -> None:
        self.blocks = blocks
        self._ends = [0]
        with file.open("wb") as written:
            for number in range(1, blocks):
                written.write(orjson.dumps(list(logs_of(number)))[1:-1] + b",")
                self._ends.append(written.tell())
        self._file = file.open("rb")

    def logs(self, first: int, last: int) -> bytes:
        """The logs of blocks, as a node spells them."""
        start, end = self._ends[first - 1], self._ends[min(last, self.blocks - 1)]
        self._file.seek(start)
        return b"[" + self._file.read(max(end - start - 1, 0)) + b"]"

    def tried(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return [self._answer(method, parameters) for method, parameters in calls]

    batch = tried

    def _answer(self, method: str, parameters: Sequence[Any]) -> Any:
        if method == "eth_getLogs":
            first, last = (int(parameters[0][name], 16) for name in ("fromBlock", "toBlock"))
            return orjson.loads(self.logs(first, last))
        number = int(parameters[0], 16)
        return {"hash": str(block_hash(number)), "timestamp": hex(GENESIS + number)}


class ReadyChain:
    """`ports.Chain` over such a client; its state agrees with its logs."""

    host = "ready"

    def __init__(self, node: ReadyNode, sums: Sums) -> None:
        self.node, self.sums = node, sums
        self.head = block_ref(node.blocks - 1)

    def finalized(self) -> BlockRef:
        return self.head

    def block(self, number: int) -> BlockRef:
        return block_ref(number)

    def hashes(self, numbers: Collection[int]) -> Mapping[int, Hash32]:
        return {number: block_hash(number) for number in numbers}

    def money_logs(self, at: BlockRef) -> Iterator[LogChunk]:
        return LogReader(self.node).chunks((CONTRACT,), [], 1, at)  # type: ignore[arg-type]

    def state(self, at: BlockRef, questions: Questions) -> ChainState:
        held, key = self.sums.funded - self.sums.paid, (EPOCH, ASSET)
        return ChainState(
            block=at,
            balances={ASSET: Reading(value=held, is_proven=True, evidence="ready")},
            accounted={ASSET: held},
            paid_in={key: self.sums.funded},
            remaining={key: -self.sums.paid},
            escrowed={},
            unallocated={},
            announced={},
            unclaimed={},
            paid_lines=dict.fromkeys(questions.leaves, 1),
            holds={},
            committed={},
            escrow_expiry_s=0,
        )

    def payment_logs(self, *_: object) -> Iterator[LogChunk]:
        raise AssertionError("there are no payment contracts")

    def reading(self, at: BlockRef, asset: Address, holder: Address) -> Reading:
        raise AssertionError("there are no payment contracts")

    def flows(self, *_: object) -> list[Flow]:
        return []

    def balances(self, at: BlockRef, pairs: Collection[Any]) -> dict[Any, int]:
        return {}

    def wallet(self, records: WalletRecords, at: BlockRef, *, proven_upto: int) -> WalletHistory:
        raise AssertionError("there are no wallets")

    def log_at(self, block_number: int, log_index: int) -> RawLog | None:
        return None


class NoDocuments:
    def of(self, manifest_digests: Collection[Hash32]) -> dict[Hash32, Document]:
        return {}


def block_hash(number: int) -> Hash32:
    return keccak(number.to_bytes(8, "big"))


def block_ref(number: int) -> BlockRef:
    return BlockRef(
        number=BlockNumber(number),
        hash=block_hash(number),
        parent_hash=block_hash(number - 1),
        timestamp=Timestamp(GENESIS + number),
    )


def work(number: int, place: int) -> Hash32:
    return Hash32.from_int(number * PER_BLOCK + place)


def amount(number: int, place: int) -> int:
    return 1_000 + (number * 7 + place) % 900


def logs_of(number: int) -> Iterator[dict[str, object]]:
    """Fundings, then payments of one-line leaves with their withdrawals."""
    for place in range(PER_BLOCK):
        units = amount(number, place)
        word = units.to_bytes(32, "big")
        common = {
            "blockNumber": hex(number),
            "blockHash": str(block_hash(number)),
            "transactionHash": str(Hash32.from_int(number << 32 | place)),
            "address": str(CONTRACT),
        }
        op_id, asset = str(work(number, place)), "0x" + ASSET.rjust(32, b"\0").hex()
        epoch, payee = str(Hash32.from_int(EPOCH)), "0x" + PAYEE.rjust(32, b"\0").hex()
        if place % 2 == 0:
            topics = [str(EPOCH_FUNDED.topic0), epoch, asset, asset]
            yield common | entry(2 * place, topics, word)
            continue
        paid = [str(PAYEE_PAID.topic0), op_id, payee, asset]
        yield common | entry(2 * place, paid, word + bytes(32))
        withdrawn = [str(LEAF_WITHDRAWN.topic0), op_id, epoch, op_id]
        yield common | entry(2 * place + 1, withdrawn, bytes(32) + ASSET.rjust(32, b"\0") + word)


def entry(index: int, topics: list[str], data: bytes) -> dict[str, object]:
    return {"logIndex": hex(index), "topics": topics, "data": "0x" + data.hex()}


def fill(url: str, blocks: int) -> Sums:
    """The books of these logs, of which the middle entry is wrong by one unit."""
    funded = paid = 0
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        with connection.cursor() as cursor:
            shared: list[tuple[Any, ...]] = [(BOOK.account_id(CASH), "cash", *[None] * 4)]
            shared.append((BOOK.account_id(paid_in(EPOCH)), "paid_in", EPOCH, None, None, None))
            _copy_accounts(cursor, shared)
            for start in range(1, blocks, FILLED_BLOCKS):
                numbers = range(start, min(start + FILLED_BLOCKS, blocks))
                accounts, entries = _booked(numbers, blocks >> 1)
                _copy_accounts(cursor, accounts)
                _copy_entries(cursor, entries)
                _copy_postings(cursor, entries)
        head = block_ref(blocks - 1)
        connection.execute(
            "INSERT INTO ledger_cursor (chain_id, contract, version, block_number, block_hash,"
            " parent_hash, timestamp) VALUES (%s, %s, 0, %s, %s, %s, %s)",
            (
                *(CHAIN_ID, bytes(CONTRACT), head.number, bytes(head.hash)),
                *(bytes(head.parent_hash), head.timestamp),
            ),
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE")
    for number in range(1, blocks):
        units = [amount(number, place) for place in range(PER_BLOCK)]
        funded, paid = funded + sum(units[::2]), paid + sum(units[1::2])
    return Sums(funded, paid)


def _booked(numbers: range, wrong: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Accounts and entries of some blocks."""
    cash, pot = BOOK.account_id(CASH), BOOK.account_id(paid_in(EPOCH))
    accounts: list[tuple[Any, ...]] = []
    entries: list[tuple[Any, ...]] = []
    for number in numbers:
        for place in range(PER_BLOCK):
            debit, credit = cash, pot
            if place % 2:
                one = payable(epoch=EPOCH, work_id=work(number, place), part=0, payee=PAYEE)
                debit, credit = BOOK.account_id(one), cash
                accounts.append((debit, "payable", EPOCH, one.work_id, 0, PAYEE))
            units = amount(number, place) + ((number, place) == (wrong, 0))
            entries.append((number, 2 * place, units, debit, credit))
    return accounts, entries


def _copy_accounts(cursor: psycopg.Cursor[Any], rows: Sequence[tuple[Any, ...]]) -> None:
    columns = "id, chain_id, contract, kind, epoch, work_id, part, payee"
    with cursor.copy(f"COPY ledger_account ({columns}) FROM STDIN") as copy:
        for account, kind, epoch, work_id, part, payee in rows:
            place = (CHAIN_ID, bytes(CONTRACT), kind, epoch)
            attributes = (work_id and bytes(work_id), part, payee and bytes(payee))
            copy.write_row((bytes(account), *place, *attributes))


def _source(number: int, index: int) -> bytes:
    return b"".join(word.to_bytes(8, "big") for word in (CHAIN_ID, number, index))


def _copy_entries(cursor: psycopg.Cursor[Any], rows: list[tuple[Any, ...]]) -> None:
    columns = (
        "id, chain_id, contract, source_kind, source_id, leg, version, status, effective_at,"
        " block_number, block_hash, posting_count, content_digest, effective_block, booked_at,"
        " period"
    )
    with cursor.copy(f"COPY journal_entry ({columns}) FROM STDIN") as copy:
        for number, index, *_ in rows:
            source = _source(number, index)
            head = (bytes(keccak(source)), CHAIN_ID, bytes(CONTRACT), "log", source, 0, 0, "posted")
            at = GENESIS + number
            block = (at, number, bytes(block_hash(number)), 1, bytes(32), number, at, 202611)
            copy.write_row((*head, *block))


def _copy_postings(cursor: psycopg.Cursor[Any], rows: list[tuple[Any, ...]]) -> None:
    columns = (
        "entry_id, ordinal, version, status, posting_count, asset, amount, debit_account,"
        " credit_account, effective_block, is_late"
    )
    with cursor.copy(f"COPY posting ({columns}) FROM STDIN") as copy:
        for number, index, units, debit, credit in rows:
            entry_id = bytes(keccak(_source(number, index)))
            sides = (bytes(debit), bytes(credit))
            copy.write_row(
                (entry_id, 0, 0, "posted", 1, bytes(ASSET), units, *sides, number, False)
            )


def stages(engine: Engine, chain: ReadyChain, settlement: Settlement) -> dict[str, Any]:
    """CPU seconds of our process by stage, each alone; what one makes is thrown away at once."""
    took: dict[str, Any] = {}

    def timed(name: str, work: Iterable[object]) -> None:
        began = process_time()
        deque(work, maxlen=0)
        took[name] = round(process_time() - began, 2)

    blocks = range(1, chain.node.blocks, FILLED_BLOCKS)
    spans = [(first, min(first + FILLED_BLOCKS, chain.node.blocks) - 1) for first in blocks]
    timed("json", (orjson.loads(chain.node.logs(*span)) for span in spans))
    timed("and raw logs", chain.money_logs(chain.head))
    sources = settlement.sources()
    events = (
        one for chunk in chain.money_logs(chain.head) for one in events_of(chunk.logs, sources)
    )
    timed("and events", events)
    replay = Replay(settlement.chain_id, settlement.payouts)
    chunks = chain.money_logs(chain.head)
    expected = (
        one
        for chunk in chunks
        for one in replay.entries(events_of(chunk.logs, sources), chunk.times)
    )
    timed("and replay", expected)
    with books_of(engine, settlement) as books:
        timed("entries of the books", books.entries("log"))
        timed("sums of the books", books.misstated())
    return took


def run_once(engine: Engine, chain: ReadyChain, settlement: Settlement) -> Run:
    """One reconciliation."""
    with books_of(engine, settlement) as books:
        sources = Sources(
            chain=chain, witnesses=(), books=books, documents=NoDocuments(), facts=None
        )
        register = SqlRegister(engine, CHAIN_ID, CONTRACT)
        run = reconcile(sources, register, settlement=settlement, tolerances=Tolerances())
    if run is None:
        raise SystemExit("nothing is posted")
    return run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--stages", action="store_true")
    arguments = parser.parse_args()
    blocks = arguments.entries // PER_BLOCK + 1
    contracts = dict.fromkeys(ROYALTY_CONTRACTS, Address(b"\xfe" * 20))
    settlement = Settlement(
        name="bench",
        chain_id=CHAIN_ID,
        start_block=BlockNumber(1),
        contracts=contracts | {ContractName.EPOCH_PAYOUTS: CONTRACT},
        tokens=(ASSET,),
    )
    with scratch_directory() as directory, running_postgres(directory / "postgres") as server:
        url = server.url("bench")
        migrate(url)
        sums = fill(url, blocks)
        chain = ReadyChain(ReadyNode(blocks, directory / "answers"), sums)
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
        collect_seldom()  # as every command does
        before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        began, ours, all_cpu = perf_counter(), process_time(), cpu_s(os.getpid())
        run = run_once(engine, chain, settlement)
        took_s, own_cpu_s = perf_counter() - began, process_time() - ours
        postgres_cpu_s = cpu_s(os.getpid()) - all_cpu - own_cpu_s
        by_stage = stages(engine, chain, settlement) if arguments.stages else None
        engine.dispose()
    kinds = [one.kind for one in run.discrepancies]
    result = {
        "entries": (blocks - 1) * PER_BLOCK,
        "agreeing": run.lines,
        "found": [kind.value for kind in kinds],
        "took_s": round(took_s, 1),
        "own_cpu_s": round(own_cpu_s, 1),
        "postgres_cpu_s": round(postgres_cpu_s, 1),
        "entries_per_s": round((blocks - 1) * PER_BLOCK / took_s),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "before_mb": before_mb,
        "load": os.getloadavg()[0],
    }
    result |= {} if by_stage is None else {"own_cpu_s_by_stage": by_stage}
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0 if kinds == [Kind.AMOUNT] and took_s <= GOAL_S else 1


if __name__ == "__main__":
    sys.exit(main())
