"""The hot reads beside a bare route with one look-up: requests a second, and our own CPU time.

`python -m tests.bench.bench_api [SECONDS]`. One event loop, 32 requests at once, straight into the
application (no sockets), Postgres in its own processes. On a busy machine the rates say little; the
CPU time of one request still does.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from itertools import cycle
from time import perf_counter, process_time

from fastapi import FastAPI
from sqlalchemy import create_engine

import scripts.tables
from api.app import create_app
from api.auth_access import Access
from api.context import Context, Deps, Limits
from api.rate_limits import Rate, Rates
from contracts.evm import Timestamp, keccak
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from settlement.ledger.adapters.trigger_functions import NEWEST_ENTRY
from tests.api_world import ALICE, World, leaf

WORKS = 2_000
AT_ONCE = 32


def main(duration_s: float) -> None:
    with scratch_directory() as directory, running_postgres(directory / "postgres") as server:
        url = server.url("bench")
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        scripts.tables.METADATA.create_all(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql(NEWEST_ENTRY)
        world = World(engine)
        works = _tell(world)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
        app = create_app(
            Deps(
                database_url=url,
                chain_ids=(world.settlement.chain_id,),
                settlements=(world.settlement,),
                now=lambda: Timestamp(2000),
                head_of=None,
                limits=Limits(),
                access=Access(rates=Rates(reads=Rate(10**9))),  # counted, never refused
            )
        )
        _add_bare_route(app)
        paths = {
            "bare": ["/bare"],
            "balances": [f"/v1/accounts/0x{bytes(payee).hex()}/balances" for _, payee in works],
            "proofs": [f"/v1/proofs/0/0x{bytes(work).hex()}" for work, _ in works],
        }
        asyncio.run(_measure(app, paths, duration_s))


def _tell(world: World) -> list[tuple[bytes, bytes]]:
    """One active epoch of many works, each with a payee of its own."""
    names = [keccak(number.to_bytes(4, "big")) for number in range(WORKS)]
    payees = [type(ALICE)(name[:20]) for name in names]
    leaves = [
        leaf(0, name, {ALICE: 1, payee: 2}) for name, payee in zip(names, payees, strict=True)
    ]
    world.mine(1)
    world.start()
    world.fund(0, 3 * WORKS)
    world.mine(13)
    digest = world.compute(0, 1, leaves, paid_in=3 * WORKS)
    world.commit(0, 1, digest, paid_in=3 * WORKS)
    world.mine(30)
    world.finalize(25)
    world.post_books()
    return list(zip(names, payees, strict=True))


def _add_bare_route(app: FastAPI) -> None:
    context: Context = app.state.context

    @app.get("/bare")
    async def bare() -> dict[str, int]:
        async with context.pool.connection() as connection:
            cursor = await connection.execute("SELECT number FROM cursor")
            (number,) = await cursor.fetchone() or (0,)
        return {"number": number}


async def _measure(app: FastAPI, paths: dict[str, list[str]], duration_s: float) -> None:
    async with app.router.lifespan_context(app):
        rates = {}
        for name, targets in paths.items():
            await _requests(app, targets[:1], 0.2)  # warm: connections, tree
            rates[name] = await _requests(app, targets, duration_s)
    bare_rate, bare_cpu_s = rates["bare"]
    for name, (rate, cpu_s) in rates.items():
        sys.stdout.write(
            f"{name:10} {rate:7.0f}/s ({rate / bare_rate:.2f} of bare)"
            f"   {1000 * cpu_s:6.2f} ms CPU ({cpu_s / bare_cpu_s:.1f} times bare)\n"
        )


async def _requests(app: FastAPI, targets: list[str], duration_s: float) -> tuple[float, float]:
    """Keep `AT_ONCE` requests in the air; requests a second, and CPU seconds of one."""
    ends = perf_counter() + duration_s
    following = cycle(targets)
    started, cpu_started = perf_counter(), process_time()

    async def worker() -> int:
        count = 0
        while perf_counter() < ends:
            await _request(app, next(following))
            count += 1
        return count

    counts = await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    count = sum(counts)
    return count / (perf_counter() - started), (process_time() - cpu_started) / count


async def _request(app: Callable[..., Awaitable[None]], path: str) -> None:
    scope: dict[str, object] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": None,
        "server": None,
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path}: {message['status']}")

    await app(scope, receive, send)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
