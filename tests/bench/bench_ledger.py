"""How fast the books take entries, and how fast they say a balance of the past.

    python -m tests.bench.bench_ledger [--entries N] [--writers N] [--kind K] [--postings N]

**Entries.** Each writer is a process with a book of its own, as the worker posts them. `tips`, as
the relay receives them, are the dearest kind: two postings (amount and fee), an account and a line
of its own for each; `floats` are the cheapest, one posting between two busy accounts. They go
through the ordinary posting step with all that it does: ids and digests, comparison with what is
stored, COPY, constraints, triggers, lines, totals drawn, cursor, commit. The yardstick, in the same
run: the same rows by bare COPY into tables without any index, constraint or trigger.

**Balances.** So many postings on one busy account are copied in, totals drawn as the books draw
them, and balances of random blocks asked; each is compared with the sum that made it.
"""

import argparse
import json
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import psycopg
from sqlalchemy import Engine

from contracts.evm import (
    ZERO_ADDRESS,
    Address,
    BlockNumber,
    BlockRef,
    Hash32,
    LogIndex,
    LogRef,
    Timestamp,
    keccak,
)
from contracts.operations import tip_operation_id
from contracts.payment_events import FloatReceived, TipReceived
from contracts.units import BaseUnits
from scripts.bootstrap import migrate, open_database
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from settlement.ledger.accounts import CASH, FLOAT, Book
from settlement.ledger.adapters.checkpoints import Drawing, draw_totals
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.seals import SealStore
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.post_payments import post_payments_step
from settlement.ledger.sealing import seal_step
from tests.ledger_builders import CHAIN_ID

BUSY = Book(chain_id=CHAIN_ID, contract=Address(b"\xe2" * 20))
TIPS_PER_BLOCK = 100
POSTINGS_PER_BLOCK = 200
START = 1_780_000_000
BLOCK_TIME = 12
ASKED = 300


class Tips:
    """Blocks of a hundred tips; serves `post_payments.PaymentFacts`."""

    def __init__(self, count: int, book: Book, kind: str) -> None:
        self._book = book
        self.tips: list[TipReceived | FloatReceived] = [
            self._tip(number) if kind == "tips" else self._float(number) for number in range(count)
        ]
        self._last = BlockNumber(count // TIPS_PER_BLOCK)

    def finalized(self) -> BlockRef | None:
        """The last block."""
        return block(self._last)

    def block(self, number: BlockNumber) -> BlockRef | None:
        """A block by number."""
        return block(number)

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        """By the constant block time."""
        return block(BlockNumber(min(upto.number, (timestamp - START - 1) // BLOCK_TIME)))

    def events(self, after: BlockNumber, upto: BlockRef) -> Sequence[TipReceived | FloatReceived]:
        """Events of blocks (after, upto]."""
        return self.tips[after * TIPS_PER_BLOCK : upto.number * TIPS_PER_BLOCK]

    def _float(self, number: int) -> FloatReceived:
        place, at = self._place(number)
        return FloatReceived(
            ref=place,
            block_hash=at.hash,
            timestamp=at.timestamp,
            sender=Address(bytes(20)),
            amount=BaseUnits(10**15 + number),
        )

    def _place(self, number: int) -> tuple[LogRef, BlockRef]:
        """Writers share a chain, but no log."""
        at = block(BlockNumber(number // TIPS_PER_BLOCK + 1))
        index = number % TIPS_PER_BLOCK + self._book.contract[0] * TIPS_PER_BLOCK
        return LogRef(CHAIN_ID, at.number, LogIndex(index)), at

    def _tip(self, number: int) -> TipReceived:
        place, at = self._place(number)
        return TipReceived(
            ref=place,
            block_hash=at.hash,
            timestamp=at.timestamp,
            order_id=Hash32.from_int(number),
            creator=Address(keccak(b"creator %d" % (number % 5_000))[:20]),
            payer=Address(keccak(b"payer %d" % number)[:20]),
            op_id=tip_operation_id(number, chain_id=CHAIN_ID, contract=self._book.contract),
            number=number,
            amount=BaseUnits(10**15 + number),
            fee=BaseUnits(5 * 10**14),
        )


def block(number: BlockNumber) -> BlockRef:
    """A made-up block."""
    return BlockRef(
        number=number,
        hash=keccak(b"block %d" % number),
        parent_hash=keccak(b"block %d" % (number - 1)),
        timestamp=Timestamp(START + number * BLOCK_TIME),
    )


def book_of(writer: int) -> Book:
    """The book of a writer."""
    return Book(chain_id=CHAIN_ID, contract=Address(bytes([writer]) * 20))


def recorded(url: str, options: argparse.Namespace) -> float:
    """Seconds from a common start until all writers have posted their share."""
    context = multiprocessing.get_context("spawn")
    ready, spent = context.Barrier(options.writers), context.SimpleQueue()
    writers = [
        context.Process(target=_write, args=(url, writer, options, ready, spent))
        for writer in range(1, options.writers + 1)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    if any(each.exitcode for each in writers):
        raise RuntimeError("a writer failed")
    times: list[float] = [spent.get() for _ in writers]
    return max(times)


def _write(url: str, writer: int, options: argparse.Namespace, ready: Any, spent: Any) -> None:
    book, engine = book_of(writer), open_database(url)
    tips = Tips(options.entries // options.writers, book, options.kind)
    ready.wait()
    started = time.perf_counter()
    post(engine, tips, book, batch=options.batch)
    spent.put(time.perf_counter() - started)
    engine.dispose()


def post(engine: Engine, tips: Tips, book: Book, *, batch: int) -> None:
    """Post all tips."""
    is_caught_up = False
    while not is_caught_up:
        with engine.begin() as connection:
            is_caught_up = post_payments_step(
                tips,
                (),
                LedgerStore(connection, book),
                start_block=BlockNumber(1),
                blocks_max=batch // TIPS_PER_BLOCK,
            ).is_caught_up


def copied(url: str) -> float:
    """Seconds to COPY the same rows into tables that check nothing."""
    with psycopg.connect(url) as connection:
        tables = ("journal_entry", "posting", "ledger_line", "ledger_account")
        rows = {table: _rows(connection, table) for table in tables}
        for table in tables:
            columns = f"LIKE {table}"
            connection.execute(f"CREATE TABLE bare_{table} ({columns})")
        connection.commit()
        started = time.perf_counter()
        for table, data in rows.items():
            with connection.cursor().copy(f"COPY bare_{table} FROM STDIN") as copy:
                copy.write(data)
        connection.commit()
        taken = time.perf_counter() - started
        for table in tables:
            connection.execute(f"DROP TABLE bare_{table}")
    return taken


def sealed(engine: Engine) -> tuple[int, float]:
    """Entries that were numbered, chained and sealed, and the seconds that took."""
    started, count, is_caught_up = time.perf_counter(), 0, False
    while not is_caught_up:
        with engine.begin() as connection:
            step = seal_step(SealStore(connection, book_of(1)), Epochs(), entries_max=5_000)
        count, is_caught_up = count + step.numbered, step.is_caught_up
    return count, time.perf_counter() - started


class Epochs:
    """Epochs of a day."""

    genesis = START
    length = 86_400


def busy_account(url: str, postings: int) -> list[int]:
    """Copy a journal with one busy account, and draw its totals; its balance after each block."""
    units = [number % 97 + 1 for number in range(postings)]
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        _copy(connection, "ledger_account (id, chain_id, contract, kind)", _accounts())
        _copy(connection, _ENTRY, _entries(postings))
        _copy(connection, _POSTING, _postings(units))
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE posting")
        connection.execute("VACUUM ANALYZE journal_entry")
    blocks = range(0, postings, POSTINGS_PER_BLOCK)
    return list(accumulate(sum(units[start : start + POSTINGS_PER_BLOCK]) for start in blocks))


_ENTRY = (
    "journal_entry (id, chain_id, contract, source_kind, source_id, leg, version, status,"
    " effective_at, posting_count, content_digest, effective_block, booked_at, period)"
)
_POSTING = (
    "posting (entry_id, ordinal, version, status, posting_count, asset, amount, debit_account,"
    " credit_account, effective_block, is_late)"
)


def _accounts() -> Iterator[str]:
    for account in (CASH, FLOAT):
        place = f"{CHAIN_ID}\t\\\\x{BUSY.contract.hex()}"
        yield f"\\\\x{BUSY.account_id(account).hex()}\t{place}\t{account.kind}"


def _entries(postings: int) -> Iterator[str]:
    place = f"{CHAIN_ID}\t\\\\x{BUSY.contract.hex()}"
    for number in range(postings // POSTINGS_PER_BLOCK):
        name, at = keccak(b"entry %d" % number).hex(), START + number * BLOCK_TIME
        yield (
            f"\\\\x{name}\t{place}\tlog\t\\\\x{name}\t0\t0\tposted\t{at}\t{POSTINGS_PER_BLOCK}"
            f"\t\\\\x{name}\t{number}\t{at}\t202606"
        )


def _postings(units: list[int]) -> Iterator[str]:
    accounts = (BUSY.account_id(CASH).hex(), BUSY.account_id(FLOAT).hex())
    tail = f"\\\\x{accounts[0]}\t\\\\x{accounts[1]}"
    asset = f"\\\\x{ZERO_ADDRESS.hex()}"
    for number, amount in enumerate(units):
        entry, ordinal = divmod(number, POSTINGS_PER_BLOCK)
        if not ordinal:
            name = keccak(b"entry %d" % entry).hex()
        yield (
            f"\\\\x{name}\t{ordinal}\t0\tposted\t{POSTINGS_PER_BLOCK}\t{asset}\t{amount}"
            f"\t{tail}\t{entry}\tf"
        )


def _copy(
    connection: psycopg.Connection[tuple[object, ...]], into: str, rows: Iterator[str]
) -> None:
    with connection.cursor().copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write(row + "\n")


def _rows(connection: psycopg.Connection[tuple[object, ...]], table: str) -> bytes:
    with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
        return b"".join(bytes(part) for part in copy)


def asked(engine: Engine, balances: list[int]) -> dict[str, float]:
    """Draw totals, then ask for the balance at random blocks; milliseconds."""
    with engine.begin() as connection:
        started = time.perf_counter()
        last = BlockNumber(len(balances) - 1)
        marks = draw_totals(connection, BUSY, Drawing(), version=0, upto=last)
        drawn_s = time.perf_counter() - started
    chosen = random.Random(7).choices(range(len(balances)), k=ASKED)
    times = []
    with engine.connect() as connection:
        reads = LedgerReads(connection, BUSY)
        for number in chosen:
            started = time.perf_counter()
            debits, credits = reads.balances_at(CASH, BlockNumber(number))[ZERO_ADDRESS]
            times.append((time.perf_counter() - started) * 1_000)
            if debits - credits != balances[number]:
                raise AssertionError(f"block {number}: {debits - credits}, not {balances[number]}")
    ordered = sorted(times)
    return {
        "marks": marks,
        "drawing_s": round(drawn_s, 2),
        "median_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[int(ASKED * 0.99) - 1], 2),
        "max_ms": round(ordered[-1], 2),
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--kind", choices=("tips", "floats"), default="tips")
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--postings", type=int, default=1_000_000)
    options = parser.parse_args()
    report: dict[str, object] = {}
    with scratch_directory() as directory, running_postgres(directory / "postgres") as server:
        url = server.url("ledger")
        migrate(url)
        engine = open_database(url)
        if options.entries:
            taken = recorded(url, options)
            bare = copied(url)
            numbered, sealing = sealed(engine)
            report["entries"] = {
                "entries": options.entries,
                "kind": options.kind,
                "writers": options.writers,
                "per_second": round(options.entries / taken),
                "bare_copy_per_second": round(options.entries / bare),
                "share_of_bare_copy": round(bare / taken, 3),
                "sealed_per_second": round(numbered / sealing),
            }
        if options.postings:
            report["balances"] = {"postings": options.postings} | asked(
                engine, busy_account(url, options.postings)
            )
        engine.dispose()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
