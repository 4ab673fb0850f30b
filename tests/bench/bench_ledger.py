"""How fast the books take entries, and how fast they say a balance of the past.

    python -m tests.bench.bench_ledger [--entries N] [--writers N] [--kind K…] [--postings N…]
    python -m tests.bench.bench_ledger --entries 1000000 --kind mixed --postings

**Entries.** Each writer is a process with a book of its own, as the worker posts them, and seals
them afterwards. They go through the ordinary steps with all that these do: ids and digests,
comparison with what is stored, COPY, constraints, triggers, numbers and links, lines, totals drawn,
cursor, commit; then each quarter of an hour of chain time is sealed. Facts are in memory.

    tips       received by the relay: two postings, an account and a line of its own for each
    payouts    tips, and the lines that pay them
    sales      passed on by a splitter: four postings
    floats     one posting between two busy accounts
    gas        of a payout wallet: one posting
    royalties  leaves that become payable, and each of their two lines paid
    mixed      a fifth royalties, in a second book; else tips, their payouts, sales and gas in turn

`total` is CPU of the writers and of Postgres for one entry, posted and sealed: two cores have
200 µs for it at 10,000 entries a second. The yardstick, in the same run: the same rows by bare COPY
into tables without any index, constraint or trigger.

**Balances.** A journal with so many postings on one busy account is made by Postgres itself, past
the triggers; totals are drawn as the books draw them, and balances of random blocks asked; each is
compared with the sum that made it.
"""

import argparse
import json
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from sqlalchemy import Connection, Engine, text

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber
from scripts.bootstrap import migrate, open_database
from scripts.collector import collect_seldom
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from settlement.ledger.accounts import CASH, FLOAT, PLATFORM_FEES, Account, Book
from settlement.ledger.adapters.checkpoints import Drawing, draw_totals, totals_statement
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.seals import SealStore
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.post import post_step
from settlement.ledger.post_payments import post_payments_step
from settlement.ledger.sealing import seal_step
from tests.bench.ledger_events import BLOCK_TIME, EVENTS_PER_BLOCK, START, Events, Royalties
from tests.bench.processes import cpu_s
from tests.ledger_builders import CHAIN_ID

KINDS = ("tips", "payouts", "sales", "floats", "gas", "royalties", "mixed")
BUSY = Book(chain_id=CHAIN_ID, contract=Address(b"\xe2" * 20))
POSTINGS_PER_BLOCK = 200
SELDOM = 500
ASKED = 300


@dataclass(frozen=True, slots=True)
class Share:
    """What one writer posts, and how many at a time."""

    kind: str
    entries: int
    batch: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds until all writers were done, CPU seconds of writers and of Postgres; entries."""

    wall: float
    ours: float
    postgres: float
    entries: int

    def of_entry(self) -> dict[str, int]:
        """What one entry took."""
        return {
            "per_second": round(self.entries / self.wall),
            "writers_us": round(self.ours / self.entries * 1e6),
            "postgres_us": round(self.postgres / self.entries * 1e6),
        }


def book_of(writer: int) -> Book:
    """The book of a writer."""
    return Book(chain_id=CHAIN_ID, contract=Address(bytes([writer]) * 20))


def recorded(
    url: str, postgres: int, kind: str, options: argparse.Namespace
) -> tuple[Spent, Spent]:
    """What posting and then sealing took; all writers post, and then all of them seal."""
    context = multiprocessing.get_context("spawn")
    share = Share(kind, options.entries // options.writers, options.batch)
    ready, spent = context.Barrier(options.writers + 1), context.SimpleQueue()
    writers = [
        context.Process(target=_write, args=(url, writer, share, ready, spent))
        for writer in range(1, options.writers + 1)
    ]
    for each in writers:
        each.start()
    marks: list[tuple[float, float]] = []
    for _ in range(3):  # before, between, and after
        ready.wait()
        marks.append((time.perf_counter(), cpu_s(postgres)))
    for each in writers:
        each.join()
    if any(each.exitcode for each in writers):
        raise RuntimeError("a writer failed")
    answers: list[tuple[int, float, float]] = [spent.get() for _ in writers]
    entries = sum(each[0] for each in answers)
    posted, sealed = (
        Spent(
            wall=after[0] - before[0],
            ours=sum(each[phase] for each in answers),
            postgres=after[1] - before[1],
            entries=entries,
        )
        for phase, (before, after) in enumerate(pairwise(marks), start=1)
    )
    return posted, sealed


def _write(url: str, writer: int, share: Share, ready: Any, spent: Any) -> None:
    try:
        spent.put(_written(url, writer, share, ready))
    except BaseException:
        ready.abort()  # nobody waits for a writer that failed
        raise


def _written(url: str, writer: int, share: Share, ready: Any) -> tuple[int, float, float]:
    engine, sources = open_database(url), made(writer, share)
    collect_seldom()  # as every process does; what is posted from is not the poster's garbage
    ready.wait()
    started = time.process_time()
    count = sum(post(engine, events, book, batch=share.batch) for book, events in sources)
    between = time.process_time()
    ready.wait()
    for book, _ in sources:
        seal(engine, book)
    ended = time.process_time()
    ready.wait()
    engine.dispose()
    return count, between - started, ended - between


def made(writer: int, share: Share) -> list[tuple[Book, Events | Royalties]]:
    """The books of a writer, and what happens in each."""
    first, second = book_of(writer), book_of(writer + 100)
    royalties = {"royalties": share.entries, "mixed": share.entries // 5}.get(share.kind, 0)
    sources: list[tuple[Book, Events | Royalties]] = []
    if royalties < share.entries:
        sources.append((first, Events(share.entries - royalties, first, share.kind)))
    if royalties:
        sources.append((second, Royalties(royalties, second)))
    return sources


def post(engine: Engine, events: Events | Royalties, book: Book, *, batch: int) -> int:
    """Post all events; how many entries they made."""
    place: dict[str, Any] = {"start_block": BlockNumber(1), "blocks_max": batch // EVENTS_PER_BLOCK}
    count, is_caught_up = 0, False
    while not is_caught_up:
        with engine.begin() as connection:
            books = LedgerStore(connection, book)
            if isinstance(events, Royalties):
                step = post_step(events, events, books, **place)
            else:
                step = post_payments_step(events, (), books, **place)
        count, is_caught_up = count + step.entries, step.is_caught_up
    return count


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


def seal(engine: Engine, book: Book) -> None:
    """Seal all epochs that are over."""
    is_caught_up = False
    while not is_caught_up:
        with engine.begin() as connection:
            step = seal_step(SealStore(connection, book), Epochs(), entries_max=5_000)
        is_caught_up = step.is_caught_up


class Epochs:
    """Epochs of a quarter of an hour, or 7,500 entries, so that a short run seals some."""

    genesis = START
    length = 900


def loaded(url: str, postings: int) -> float:
    """Seconds to make a journal of one busy account, one seldom one, and a third between them.

    Postgres makes the rows itself, with the triggers off and the indexes made at the end: what is
    measured is the asking. Every 500th posting is of the seldom account, which has too small a
    share in every mark to be drawn there.
    """
    started = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        _copy(connection, "ledger_account (id, chain_id, contract, kind)", _accounts())
        indexes = connection.execute(_INDEXES).fetchall()
        for drop, _ in indexes:
            connection.execute(drop)
        values = {
            "postings": postings,
            "per_block": POSTINGS_PER_BLOCK,
            "chain_id": CHAIN_ID,
            "contract": bytes(BUSY.contract),
            "start": START,
            "block_time": BLOCK_TIME,
            "asset": bytes(ZERO_ADDRESS),
            "cash": bytes(BUSY.account_id(CASH)),
            "float": bytes(BUSY.account_id(FLOAT)),
            "seldom": bytes(BUSY.account_id(PLATFORM_FEES)),
            "each": SELDOM,
        }
        connection.execute(_MAKE_ENTRIES, values)
        half = postings // POSTINGS_PER_BLOCK // 2 * POSTINGS_PER_BLOCK
        parts = ({"first": 0, "end": half}, {"first": half, "end": postings})
        made = [(_MAKE_POSTINGS, values | part) for part in parts]
        with ThreadPoolExecutor(max_workers=2) as both:
            list(both.map(partial(_run, url), made))
            list(both.map(partial(_run, url), [(make, None) for _, make in indexes]))
        for table in ("posting", "journal_entry", "ledger_account"):
            connection.execute(f"VACUUM ANALYZE {table}")
    return time.perf_counter() - started


_INDEXES: LiteralString = """
    SELECT 'ALTER TABLE posting DROP CONSTRAINT ' || conname,
           'ALTER TABLE posting ADD CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conrelid = 'posting'::regclass AND contype = 'p'
    UNION ALL
    SELECT 'DROP INDEX ' || indexname, indexdef FROM pg_indexes
    WHERE tablename = 'posting' AND indexname <> 'posting_pkey'
"""
_MAKE_ENTRIES: LiteralString = """
    INSERT INTO journal_entry (id, chain_id, contract, source_kind, source_id, leg, version, status,
        effective_at, posting_count, content_digest, effective_block, booked_at, period)
    SELECT h, %(chain_id)s, %(contract)s, 'log', h, 0, 0, 'posted', %(start)s + n * %(block_time)s,
           %(per_block)s, h, n, %(start)s + n * %(block_time)s, 202606
    FROM generate_series(0, %(postings)s::bigint / %(per_block)s - 1) n, sha256(int8send(n)) h
"""
_MAKE_POSTINGS: LiteralString = """
    INSERT INTO posting (entry_id, ordinal, version, status, posting_count, asset, amount,
        debit_account, credit_account, effective_block, is_late)
    SELECT sha256(int8send(p / %(per_block)s)), p %% %(per_block)s, 0, 'posted', %(per_block)s,
           %(asset)s, p %% 97 + 1, %(cash)s,
           CASE WHEN p %% %(each)s = 0 THEN %(seldom)s::bytea ELSE %(float)s::bytea END,
           p / %(per_block)s, false
    FROM generate_series(%(first)s::bigint, %(end)s::bigint - 1) p
"""


def _run(url: str, statement: tuple[LiteralString, Mapping[str, object] | None]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(*statement)


def balances_after(postings: int, each: int) -> list[int]:
    """The balance after every block of an account that has every so many-th posting."""
    sums = [0] * (postings // POSTINGS_PER_BLOCK)
    for number in range(0, postings, each):
        sums[number // POSTINGS_PER_BLOCK] += number % 97 + 1
    return list(accumulate(sums))


def _accounts() -> Iterator[str]:
    for account in (CASH, FLOAT, PLATFORM_FEES):
        place = f"{CHAIN_ID}\t\\\\x{BUSY.contract.hex()}"
        yield f"\\\\x{BUSY.account_id(account).hex()}\t{place}\t{account.kind}"


def _copy(
    connection: psycopg.Connection[tuple[object, ...]], into: LiteralString, rows: Iterator[str]
) -> None:
    with connection.cursor().copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write(row + "\n")


def _rows(connection: psycopg.Connection[tuple[object, ...]], table: str) -> bytes:
    with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
        return b"".join(bytes(part) for part in copy)


def drawn(engine: Engine, postings: int) -> dict[str, object]:
    """Draw all totals that are due, as posting does little by little."""
    started = time.perf_counter()
    with engine.begin() as connection:
        last = BlockNumber(postings // POSTINGS_PER_BLOCK - 1)
        marks = draw_totals(connection, BUSY, Drawing(), version=0, upto=last)
    with engine.connect() as connection:
        rows = connection.scalar(text("SELECT count(*) FROM ledger_checkpoint"))
    return {"marks": marks, "totals": rows, "drawing_s": round(time.perf_counter() - started, 2)}


def asked(engine: Engine, account: Account, balances: Sequence[int]) -> dict[str, float]:
    """Ask for the balance at random blocks; milliseconds, and the pages that Postgres looked at."""
    chosen = random.Random(7).choices(range(len(balances)), k=ASKED)
    times: list[float] = []
    with engine.connect() as connection:
        reads = LedgerReads(connection, BUSY)
        for number in (*chosen[:20], *chosen):  # the first few warm up the caches
            started = time.perf_counter()
            totals = reads.balances_at(account, BlockNumber(number)).get(ZERO_ADDRESS, (0, 0))
            times.append((time.perf_counter() - started) * 1_000)
            if account.balance(debits=totals[0], credits=totals[1]) != balances[number]:
                raise AssertionError(f"{account.path} at {number}: {totals}, {balances[number]}")
        touched = max(_pages(connection, account, number) for number in chosen[:50])
    ordered = sorted(times[20:])
    return {
        "median_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[int(ASKED * 0.99) - 1], 2),
        "max_ms": round(ordered[-1], 2),
        "pages_max": touched,
    }


def _pages(connection: Connection, account: Account, number: int) -> int:
    """Pages of 8 KiB, cached or not, that one answer needs."""
    values = {"ids": [BUSY.account_id(account)], "assets": [ZERO_ADDRESS], "version": 0}
    query = totals_statement("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ")
    (plan,) = connection.execute(query, values | {"block": number, "late": number}).scalar_one()
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


def measured_entries(url: str, postgres: int, kind: str, options: argparse.Namespace) -> Any:
    """Post and seal entries of one kind in an empty database."""
    migrate(url)
    posted, sealed_too = recorded(url, postgres, kind, options)
    bare = copied(url)
    whole = Spent(
        wall=posted.wall + sealed_too.wall,
        ours=posted.ours + sealed_too.ours,
        postgres=posted.postgres + sealed_too.postgres,
        entries=posted.entries,
    )
    return {
        "entries": whole.entries,
        "writers": options.writers,
        "load": os.getloadavg()[0],
        "per_second": round(whole.entries / whole.wall),
        "total_cpu_us": round((whole.ours + whole.postgres) / whole.entries * 1e6),
        "posted": posted.of_entry(),
        "sealed": sealed_too.of_entry(),
        "bare_copy_per_second": round(whole.entries / bare),
        "posted_share_of_bare_copy": round(bare / posted.wall, 3),
    }


def measured_balances(url: str, postings: int) -> Any:
    """Make a journal in an empty database, and ask."""
    migrate(url)
    engine = open_database(url)
    answer: dict[str, Any] = {"postings": postings, "load_s": round(loaded(url, postings), 1)}
    answer |= drawn(engine, postings)
    answer["busy"] = asked(engine, CASH, balances_after(postings, 1))
    answer["seldom"] = asked(engine, PLATFORM_FEES, balances_after(postings, SELDOM))
    engine.dispose()
    return answer


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--kind", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--postings", type=int, nargs="*", default=[1_000_000])
    options = parser.parse_args()
    report: dict[str, Any] = {"load": os.getloadavg()[0], "entries": {}, "balances": []}
    with scratch_directory() as directory, running_postgres(directory / "postgres") as server:
        postgres = _postmaster(directory / "postgres")
        for kind in options.kind if options.entries else ():
            url = server.url(f"ledger_{kind}")
            report["entries"][kind] = measured_entries(url, postgres, kind, options)
        for postings in options.postings:
            url = server.url(f"ledger_{postings}")
            report["balances"].append(measured_balances(url, postings))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


def _postmaster(directory: Path) -> int:
    return int((directory / "data" / "postmaster.pid").read_text().partition("\n")[0])


if __name__ == "__main__":
    main()
