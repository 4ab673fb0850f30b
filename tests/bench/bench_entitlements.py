"""Entitlements beside a bare route with one look-up, over HTTP: requests a second, p50 and p99.

`python -m tests.bench.bench_entitlements [SECONDS [AT_ONCE]]`. Two servers of one uvicorn worker
each: the product's app with all that is around its routes, and the bare app, which has nothing
around it. One process keeps requests in the air, and both use one Postgres. The routes are asked in
turns, a second each, so that all meet the same machine; only one server is asked at a time. Nearly
every request is about another wallet and content.

What is asked together is answered by one statement, so the fewer requests are in the air (AT_ONCE,
32 unless told), the more each costs: with one the bare route is ahead.

On a busy machine the rates say little; the processor time of one request still does.
"""

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import psycopg
import uvicorn
from fastapi import FastAPI
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Connection, create_engine, text

from api.app import create_app
from api.auth_access import Access
from api.context import Deps, Limits
from api.rate_limits import Rates
from contracts.evm import Timestamp
from scripts.bootstrap import migrate
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from tests.bench.processes import cpu_s
from tests.entitlement_world import NFT, SETTLEMENT, SPLITTER, TICKETS

ROOT = Path(__file__).resolve().parents[2]
WALLETS, CONTENTS, BLOCKS = 20_000, 500, 5_000
SLICE_S = 1.0
CHAIN = SETTLEMENT.chain_id

TICKETS_FROM, GATES_FROM, GATE_IDS_FROM, ARCHIVES_FROM = 10**6, 2 * 10**6, 3 * 10**6, 4 * 10**6
"""Where the numbers of contents of each kind begin; the hash of the number is the id."""

_TOLD = (
    """
    INSERT INTO block SELECT 31337, n, sha256(int8send(n)), sha256(int8send(n - 1)), 1000 + 12 * n,
        '', sha256(int8send(n)), 2 FROM generate_series(0, %(blocks)s) n
    """,
    "INSERT INTO cursor VALUES (31337, %(blocks)s, sha256(int8send(%(blocks)s)), sha256('s'))",
    "INSERT INTO chain_finality VALUES (31337, %(blocks)s - 64, sha256(int8send(%(blocks)s - 64)))",
    # Every wallet paid for three contents, and has three tickets of three others.
    """
    INSERT INTO fact_content_paid (chain_id, block_number, log_index, address, order_id, payer,
        creator, content_id, asset, price, fee)
    SELECT 31337, w %% %(blocks)s, 3 * w + k, %(splitter)s, sha256(int8send(3 * w + k)),
        substr(sha256(int8send(w)), 1, 20), substr(sha256('c'), 1, 20),
        sha256(int8send((w + k) %% %(contents)s)), substr(sha256('u'), 1, 20), 10, 1
    FROM generate_series(1, %(wallets)s) w, generate_series(0, 2) k
    """,
    """
    INSERT INTO fact_ticket_issued
        (chain_id, block_number, log_index, address, ticket_id, event_id, tier_id, number)
    SELECT 31337, w %% %(blocks)s, 6 * w + k, %(tickets)s, 3 * w + k,
        sha256(int8send((w + k) %% %(contents)s + %(tickets_from)s)), 1, w
    FROM generate_series(1, %(wallets)s) w, generate_series(0, 2) k
    """,
    """
    INSERT INTO fact_ticket_transfer
        (chain_id, block_number, log_index, address, source, target, token_id)
    SELECT 31337, w %% %(blocks)s, 6 * w + k + 3, %(tickets)s, substr(sha256('0'), 1, 20),
        substr(sha256(int8send(w)), 1, 20), 3 * w + k
    FROM generate_series(1, %(wallets)s) w, generate_series(0, 2) k
    """,
    # A gate of every content of a third kind, and a reading of every wallet at one of them.
    """
    INSERT INTO content_gate
        (chain_id, contract, content_id, gate_id, kind, token, minimum, action)
    SELECT 31337, %(payouts)s, sha256(int8send(c + %(gates_from)s)),
        sha256(int8send(c + %(gate_ids_from)s)), 'erc721', %(nft)s, 1, 'add'
    FROM generate_series(0, %(contents)s - 1) c
    """,
    """
    INSERT INTO gate_reading (chain_id, wallet, gate_id, block_number, token, balance)
    SELECT 31337, substr(sha256(int8send(w)), 1, 20),
        sha256(int8send(w %% %(contents)s + %(gate_ids_from)s)), %(blocks)s - 5, %(nft)s, 2
    FROM generate_series(1, %(wallets)s) w
    """,
    # Every content that is paid for is offered at that price.
    """
    INSERT INTO content_offer (chain_id, contract, content_id, creator, price, from_block)
    SELECT 31337, %(payouts)s, sha256(int8send(c)), substr(sha256('c'), 1, 20), 10, 0
    FROM generate_series(0, %(contents)s - 1) c
    """,
    # An archive of every content that is paid for.
    """
    INSERT INTO content_alias (chain_id, contract, content_id, source_id, action)
    SELECT 31337, %(payouts)s, sha256(int8send(c + %(archives_from)s)), sha256(int8send(c)), 'add'
    FROM generate_series(0, %(contents)s - 1) c
    """,
)


def main(duration_s: float = 5.0, at_once: int = 32) -> None:
    """Measure, and print a line for each route."""
    with scratch_directory() as directory, running_postgres(directory / "postgres") as server:
        url = server.url("bench")
        migrate(url)
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        with engine.begin() as connection:
            _tell(connection)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        engine.dispose()
        with psycopg.connect(url) as connection:
            database = _parent(connection.info.backend_pid)
        with _served("serve", url) as product, _served("serve-bare", url) as bare:
            servers = {route: bare if route == "bare" else product for route in ROUTES}
            measured = _measured(servers, database, duration_s, at_once)
            sys.stdout.write(f"{os.cpu_count()} processors, {at_once} requests at once\n")
            _report(measured)


def _tell(connection: Connection) -> None:
    values = {
        "blocks": BLOCKS,
        "wallets": WALLETS,
        "contents": CONTENTS,
        "splitter": bytes(SPLITTER),
        "tickets": bytes(TICKETS),
        "payouts": bytes(SETTLEMENT.payouts),
        "nft": bytes(NFT),
        "tickets_from": TICKETS_FROM,
        "gates_from": GATES_FROM,
        "gate_ids_from": GATE_IDS_FROM,
        "archives_from": ARCHIVES_FROM,
    }
    for statement in _TOLD:
        connection.exec_driver_sql(statement, values)


def serve(url: str, port: int) -> None:
    """The product's process."""
    deps = Deps(
        database_url=url,
        chain_ids=(CHAIN,),
        settlements=(SETTLEMENT,),
        now=lambda: Timestamp(0),
        head_of=None,
        limits=Limits(),
        access=Access(rates=Rates(reads=None)),
    )
    _run(create_app(deps), port)


def serve_bare(url: str, port: int) -> None:
    """The other server's process: what anybody would write who only has to look something up.

    FastAPI, psycopg's pool, and a statement that is prepared; nothing of the product is around it.
    """
    pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
        url, min_size=10, max_size=10, kwargs={"autocommit": True}, open=False
    )
    query = "SELECT block_number FROM fact_content_paid WHERE chain_id = %s AND payer = %s LIMIT 1"

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/bare/{address}")
    async def bare(address: str) -> dict[str, int]:
        values = (CHAIN, bytes.fromhex(address[2:]))
        async with pool.connection() as connection:
            cursor = await connection.execute(query, values, prepare=True)
            (number,) = await cursor.fetchone() or (0,)
        return {"number": number}

    _run(app, port)


def _run(app: FastAPI, port: int) -> None:
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False)


@contextmanager
def _served(how: str, url: str) -> Iterator[tuple[int, int]]:
    """A server's process and port, while it runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.bench.bench_entitlements", how, url, str(port)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            asyncio.run(_until_up(port))
            yield process.pid, port
        finally:
            process.terminate()


def _parent(process_id: int) -> int:
    """The postmaster, of which every connection's process is a child."""
    return int(Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[1])


async def _until_up(port: int) -> None:
    for _ in range(1200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError("the server did not start")


def _path(route: str, wallet: int) -> str:
    """What a request of this route asks; the answer is the one that the route is named after."""
    address = "0x" + _hash(wallet)[:20].hex()
    first = {
        "paid": wallet % CONTENTS,
        "ticket": wallet % CONTENTS + TICKETS_FROM,
        "gate": wallet % CONTENTS + GATES_FROM,
        "archive": wallet % CONTENTS + ARCHIVES_FROM,
        "denied": (wallet + CONTENTS // 2) % CONTENTS,
    }
    if route == "bare":
        return f"/bare/{address}"
    return f"/v1/entitlements/{address}/0x{_hash(first[route]).hex()}"


def _hash(number: int) -> bytes:
    return sha256(number.to_bytes(8, "big")).digest()


ROUTES = {
    "bare": '"number":',
    "paid": '"reason":"paid"',
    "ticket": '"reason":"ticket_held"',
    "gate": '"reason":"gate_met"',
    "archive": '"reason":"paid"',
    "denied": '"reason":"nothing_found"',
}
"""What is asked, and what each answer must say."""


@dataclass(slots=True)
class Measured:
    """All slices of one route together: seconds of each request, and processor seconds spent."""

    took_s: list[float] = field(default_factory=list)
    slices: int = 0
    server_s: float = 0
    database_s: float = 0


def _measured(
    servers: dict[str, tuple[int, int]], database: int, duration_s: float, at_once: int
) -> dict[str, Measured]:
    """Each route in turns; the first round warms up and does not count."""
    measured = {route: Measured() for route in ROUTES}
    wallets = list(range(1, WALLETS + 1))
    random.Random(0).shuffle(wallets)
    for number in range(max(1, round(duration_s / SLICE_S)) + 1):
        for route, expected in ROUTES.items():
            server, port = servers[route]
            order = {
                "port": port,
                "paths": [_path(route, wallet) for wallet in wallets[number * 997 :]],
                "expected": expected,
                "at_once": at_once,
                "duration_s": SLICE_S,
            }
            command = [sys.executable, "-m", "tests.bench.http_load"]
            data = json.dumps(order).encode()
            before = cpu_s(server), cpu_s(database)
            took = json.loads(subprocess.check_output(command, cwd=ROOT, input=data))
            if number:
                of = measured[route]
                of.took_s += took
                of.slices += 1
                of.server_s += cpu_s(server) - before[0]
                of.database_s += cpu_s(database) - before[1]
    return measured


def _report(measured: dict[str, Measured]) -> None:
    bare = measured["bare"]
    for route, one in measured.items():
        count = len(one.took_s)
        rate, p50, p99 = _rate(one), _at(one, 50), _at(one, 99)
        sys.stdout.write(
            f"{route:8} {rate:6.0f}/s ({rate / _rate(bare):.2f} of bare)   p50 {1000 * p50:5.1f} ms"
            f"   p99 {1000 * p99:5.1f} ms ({p99 / _at(bare, 99):.2f} of bare)   processor time of "
            f"one: server {1e6 * one.server_s / count:4.0f} µs, "
            f"database {1e6 * one.database_s / count:4.0f} µs\n"
        )


def _rate(one: Measured) -> float:
    return len(one.took_s) / (one.slices * SLICE_S)


def _at(one: Measured, percent: int) -> float:
    return sorted(one.took_s)[len(one.took_s) * percent // 100]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", url, port]:
            serve(url, int(port))
        case ["serve-bare", url, port]:
            serve_bare(url, int(port))
        case [seconds, at_once]:
            main(float(seconds), int(at_once))
        case [seconds]:
            main(float(seconds))
        case _:
            main()
