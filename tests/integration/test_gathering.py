"""Questions that are put together: who is answered with whom, and what a failure takes along.

Subjects: api.adapters.gathering, api.adapters.direct, api.adapters.entitlement_queries.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from api.adapters.direct import direct_rows, new_direct_pool
from api.adapters.entitlement_queries import WHOLE
from api.adapters.gathering import PATIENCE_S, TOGETHER_MAX, Gathering
from api.adapters.snapshot import Pool
from api.errors import DatabaseUnavailable
from scripts.embedded.postgres import PostgresServer


class Statements:
    """Statements that answer every question with itself, and wait until they are let go."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.connections: list[AsyncConnection[Any]] = []
        self.is_free = asyncio.Event()

    async def answer(self, connection: AsyncConnection[Any], asked: Sequence[str]) -> list[str]:
        self.asked.append(list(asked))
        self.connections.append(connection)
        await self.is_free.wait()
        await direct_rows(connection, "SELECT 1", ())
        return [f"of {one}" for one in asked]

    async def begun(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.asked) < count:
                await asyncio.sleep(0.001)


@pytest.fixture
def server_url(postgres_server: PostgresServer) -> str:
    """A database without a schema."""
    return postgres_server.url("postgres")


@asynccontextmanager
async def direct_pool(url: str, timeout_ms: int = 5_000) -> AsyncIterator[Pool]:
    pool = new_direct_pool(url, connections_max=10, wait_s=2, statement_timeout_ms=timeout_ms)
    async with pool:
        yield pool


def on_statements(
    url: str, work: Callable[[Statements, Gathering[str, list[str]]], Awaitable[None]]
) -> None:
    async def run() -> None:
        statements = Statements()
        async with direct_pool(url) as pool:
            await work(statements, Gathering(pool, statements.answer))

    asyncio.run(run())


async def answer_to(gathering: Gathering[str, list[str]], question: str) -> str:
    place, answers = await gathering.ask(question)
    return answers[place]


def test_gathering__asked_while_one_is_under_way__next_statement_answers_all(
    server_url: str,
) -> None:
    async def work(statements: Statements, gathering: Gathering[str, list[str]]) -> None:
        first = asyncio.create_task(answer_to(gathering, "a"))
        await statements.begun(1)
        others = asyncio.gather(*(answer_to(gathering, one) for one in "bcd"))
        await asyncio.sleep(0)
        statements.is_free.set()

        assert await first == "of a"
        assert await others == ["of b", "of c", "of d"]
        assert statements.asked == [["a"], ["b", "c", "d"]]

    on_statements(server_url, work)


def test_gathering__statement_takes_long__next_one_goes_another_way(server_url: str) -> None:
    async def work(statements: Statements, gathering: Gathering[str, list[str]]) -> None:
        loop = asyncio.get_running_loop()
        first = asyncio.create_task(answer_to(gathering, "a"))
        await statements.begun(1)
        asked_at = loop.time()
        second = asyncio.create_task(answer_to(gathering, "b"))
        await statements.begun(2)
        waited_s = loop.time() - asked_at
        statements.is_free.set()

        assert (await first, await second) == ("of a", "of b")
        assert statements.connections[0] is not statements.connections[1]
        assert waited_s >= PATIENCE_S * 0.9

    on_statements(server_url, work)


def test_gathering__more_than_fit_together__asked_by_several(server_url: str) -> None:
    async def work(statements: Statements, gathering: Gathering[str, list[str]]) -> None:
        questions = [str(number) for number in range(2 * TOGETHER_MAX + 1)]
        statements.is_free.set()

        answers = await asyncio.gather(*(answer_to(gathering, one) for one in questions))

        assert answers == [f"of {one}" for one in questions]
        assert [len(one) for one in statements.asked] == [TOGETHER_MAX, TOGETHER_MAX, 1]

    on_statements(server_url, work)


def test_gathering__one_goes_away__others_are_answered(server_url: str) -> None:
    async def work(statements: Statements, gathering: Gathering[str, list[str]]) -> None:
        gone, stays = (asyncio.create_task(answer_to(gathering, one)) for one in "ab")
        await statements.begun(1)
        gone.cancel()
        await asyncio.sleep(0)
        statements.is_free.set()

        assert await stays == "of b"
        assert gone.cancelled()

    on_statements(server_url, work)


def test_gathering__no_connection__fails_for_all_and_is_tried_again(server_url: str) -> None:
    async def work() -> None:
        statements = Statements()
        statements.is_free.set()
        pool = new_direct_pool(server_url, connections_max=1, wait_s=2, statement_timeout_ms=1_000)
        gathering = Gathering(pool, statements.answer)

        asks = (answer_to(gathering, one) for one in "ab")
        failed = await asyncio.gather(*asks, return_exceptions=True)
        async with pool:
            answer = await answer_to(gathering, "c")

        assert [type(one) for one in failed] == [DatabaseUnavailable] * 2
        assert answer == "of c"
        assert statements.asked == [["c"]]

    asyncio.run(work())


def test_gathering__statement_too_slow__who_asks_next_is_answered(server_url: str) -> None:
    slow = {"SELECT pg_sleep(5)"}

    async def answer(connection: AsyncConnection[Any], asked: Sequence[str]) -> list[str]:
        for _ in asked:
            await direct_rows(connection, slow.pop() if slow else "SELECT 1", ())
        return list(asked)

    async def work() -> None:
        async with direct_pool(server_url, timeout_ms=50) as pool:
            gathering = Gathering(pool, answer)
            with pytest.raises(DatabaseUnavailable):
                await answer_to(gathering, "a")
            assert await answer_to(gathering, "b") == "b"

    asyncio.run(work())


def test_gathering__one_question_spoils_the_statement__its_neighbours_are_answered(
    server_url: str,
) -> None:
    """Of those who asked together only the poisonous one is told that there is no answer."""

    async def answer(connection: AsyncConnection[Any], asked: Sequence[str]) -> list[str]:
        for one in asked:
            query = {"slow": "SELECT pg_sleep(5)", "wrong": "SELECT 1 / 0"}.get(one, "SELECT 1")
            await direct_rows(connection, query, ())
        return [f"of {one}" for one in asked]

    async def work() -> None:
        async with direct_pool(server_url, timeout_ms=50) as pool:
            gathering = Gathering(pool, answer)
            asks = (answer_to(gathering, one) for one in ("a", "slow", "b", "wrong", "c"))
            found = await asyncio.gather(*asks, return_exceptions=True)

        assert [one for one in found if isinstance(one, str)] == ["of a", "of b", "of c"]
        assert isinstance(found[1], DatabaseUnavailable)
        assert isinstance(found[3], psycopg.errors.DivisionByZero)

    asyncio.run(work())


def test_statement__plan__index_look_ups_alone(database: str) -> None:
    async def plan() -> str:
        async with direct_pool(database) as pool, pool.connection() as connection:
            cursor = connection.cursor()
            await cursor.execute(f"EXPLAIN (GENERIC_PLAN) {WHOLE}".encode(), prepare=False)
            return "\n".join(line for (line,) in await cursor.fetchall())

    with psycopg.connect(database) as connection:
        connection.execute("ANALYZE cursor, content_gate, payment_intent")  # empty, it now knows
    found = asyncio.run(plan())

    assert "Index Cond" in found
    assert not [one for one in ("Seq Scan", "Hash", "Merge") if one in found]
