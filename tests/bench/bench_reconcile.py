"""A million entries reconciled, line by line, in one run.

`python -m tests.bench.bench_reconcile [--entries N]`. The books are in Postgres; the node's answers
are ready as bytes, so that its speed is none of ours: parsing, decoding, replaying, reading the
books, comparing and recording are. One entry is wrong, and must be all that is found. Exit 1 if it
is not, or if it takes over a minute.
"""

import argparse
import json
import resource
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

import orjson
import psycopg
from sqlalchemy import create_engine

from contracts.addresses import Settlement
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.events import EPOCH_FUNDED, LEAF_WITHDRAWN, PAYEE_PAID
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp, keccak
from reconciliation.adapters.books import books_of
from reconciliation.adapters.logs import LogReader
from reconciliation.adapters.store import SqlRegister
from reconciliation.chain_events import RawLog
from reconciliation.checks import Flow
from reconciliation.discrepancy import Kind
from reconciliation.overdue import Tolerances
from reconciliation.ports import Document, LogChunk, Sources
from reconciliation.reading import Reading
from reconciliation.reconcile import reconcile
from reconciliation.snapshot import ChainState, Questions
from reconciliation.wallets import WalletHistory, WalletRecords
from scripts.bootstrap import migrate
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from settlement.ledger.accounts import CASH, Book, paid_in, payable

GOAL_S, ENTRIES = 60, 1_000_000
CHAIN_ID, CONTRACT, ASSET = ChainId(8453), Address(b"\xc0" * 20), Address(b"\xa5" * 20)
BOOK = Book(chain_id=CHAIN_ID, contract=CONTRACT)
EPOCH, PER_BLOCK, RANGE = Epoch(0), 50, 2_000
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

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.ranges = {start: orjson.dumps(self._range(start)) for start in range(1, blocks, RANGE)}

    def tried(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return [self._answer(method, parameters) for method, parameters in calls]

    batch = tried

    def _answer(self, method: str, parameters: Sequence[Any]) -> Any:
        if method == "eth_getLogs":
            return orjson.loads(self.ranges[int(parameters[0]["fromBlock"], 16)])
        number = int(parameters[0], 16)
        return {"hash": str(block_hash(number)), "timestamp": hex(GENESIS + number)}

    def _range(self, start: int) -> list[dict[str, object]]:
        end = min(start + RANGE, self.blocks)
        return [log for number in range(start, end) for log in logs_of(number)]


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

    def flows(self, at: BlockRef, assets: Collection[Address], explained: object) -> list[Flow]:
        return []

    def balances(self, at: BlockRef, pairs: Collection[Any]) -> dict[Any, int]:
        return {}

    def wallet(self, records: WalletRecords, at: BlockRef) -> WalletHistory:
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
    wrong = blocks >> 1
    cash, pot = BOOK.account_id(CASH), BOOK.account_id(paid_in(EPOCH))
    funded = paid = 0
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        with connection.cursor() as cursor:
            accounts: list[tuple[Any, ...]] = [(cash, "cash", None, None, None, None)]
            accounts.append((pot, "paid_in", EPOCH, None, None, None))
            entries: list[tuple[Any, ...]] = []
            for number in range(1, blocks):
                for place in range(PER_BLOCK):
                    units = amount(number, place)
                    debit, credit = cash, pot
                    if place % 2:
                        one = payable(epoch=EPOCH, work_id=work(number, place), part=0, payee=PAYEE)
                        debit, credit = BOOK.account_id(one), cash
                        accounts.append((debit, "payable", EPOCH, one.work_id, 0, PAYEE))
                        paid += units
                    else:
                        funded += units
                    is_wrong = (number, place) == (wrong, 0)
                    entries.append((number, 2 * place, units + is_wrong, debit, credit))
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
    return Sums(funded, paid)


def _copy_accounts(cursor: psycopg.Cursor[Any], rows: list[tuple[Any, ...]]) -> None:
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    blocks = parser.parse_args().entries // PER_BLOCK + 1
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
        chain = ReadyChain(ReadyNode(blocks), sums)
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
        began, began_cpu = perf_counter(), process_time()
        with books_of(engine, settlement) as books:
            sources = Sources(
                chain=chain, witnesses=(), books=books, documents=NoDocuments(), facts=None
            )
            register = SqlRegister(engine, CHAIN_ID, CONTRACT)
            run = reconcile(sources, register, settlement=settlement, tolerances=Tolerances())
        took_s, cpu_s = perf_counter() - began, process_time() - began_cpu
        engine.dispose()
    if run is None:
        raise SystemExit("nothing is posted")
    kinds = [one.kind for one in run.discrepancies]
    result = {
        "entries": (blocks - 1) * PER_BLOCK,
        "agreeing": run.lines,
        "found": [kind.value for kind in kinds],
        "took_s": round(took_s, 1),
        "own_cpu_s": round(cpu_s, 1),
        "entries_per_s": round((blocks - 1) * PER_BLOCK / took_s),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0 if kinds == [Kind.AMOUNT] and took_s <= GOAL_S else 1


if __name__ == "__main__":
    sys.exit(main())
