"""Rate limits of several processes on a real Redis, which may die: api.adapters.rate_limits."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from api.adapters.rate_limits import AWAY_S, RedisWindows
from api.rate_limits import Rate, RateClass, Rates, Taken
from contracts.evm import Timestamp
from scripts.embedded.places import scratch_directory
from scripts.embedded.redis import RedisServer, running_redis
from tests.access_builders import NOON, Clock, access_deps
from tests.api_client import APIClient, problem_of, running_api
from tests.services import needed_service

RATE = Rate(3)
RATES = Rates(authentication=RATE, payments=RATE, reads=Rate(1_000))
WANTED = {"json": {"chain_id": 1}}  # refused after it was counted: no database is needed


@pytest.fixture
def directory() -> Iterator[Path]:
    with scratch_directory() as directory:
        yield directory / "redis"


@pytest.fixture
def redis(directory: Path) -> Iterator[RedisServer]:
    with needed_service(), running_redis(directory) as server:
        yield server


def windows_take(server: RedisServer, *moments: int) -> list[Taken | None]:
    async def answers() -> list[Taken | None]:
        windows = RedisWindows(server.url)
        taken = [
            await windows.take(RateClass.PAYMENTS, RATE, "a", Timestamp(NOON + moment))
            for moment in moments
        ]
        await windows.close()
        return taken

    return asyncio.run(answers())


def posted(api: APIClient) -> int:
    return api.post("/v1/sessions/nonce", **WANTED).status_code


def test_redis__edges_of_a_window__as_in_one_process(redis: RedisServer) -> None:
    assert windows_take(redis, 0, 20, 40, 64, 65, 66, 84, 85) == [
        Taken(is_admitted=True, remaining=2, reset_s=65),
        Taken(is_admitted=True, remaining=1, reset_s=45),
        Taken(is_admitted=True, remaining=0, reset_s=25),
        Taken(is_admitted=False, remaining=0, reset_s=1),
        Taken(is_admitted=True, remaining=0, reset_s=20),
        Taken(is_admitted=False, remaining=0, reset_s=19),
        Taken(is_admitted=False, remaining=0, reset_s=1),
        Taken(is_admitted=True, remaining=0, reset_s=20),
    ]


def test_redis__many_at_once__exactly_the_limit(redis: RedisServer) -> None:
    async def admitted() -> int:
        one, other = RedisWindows(redis.url), RedisWindows(redis.url)
        asked = [
            windows.take(RateClass.PAYMENTS, Rate(7), "a", NOON)
            for windows in (one, other)
            for _ in range(15)
        ]
        answers = await asyncio.gather(*asked)
        await one.close()
        await other.close()
        return sum(answer is not None and answer.is_admitted for answer in answers)

    assert asyncio.run(admitted()) == 7


def test_redis__two_processes__count_together_but_reads_apart(redis: RedisServer) -> None:
    deps = access_deps("host=/nonexistent", Clock(), rates=RATES, redis_url=redis.url)
    with running_api(deps) as one, running_api(deps) as other:
        statuses = [posted(api) for api in (one, other, one, other, one)]
        reads = [api.get("/v1/settlements").headers["ratelimit"] for api in (one, other)]

    assert statuses == [422, 422, 422, 429, 429]
    assert reads == ['"reads";r=999;t=65'] * 2


def test_redis__killed_midway__still_limited_and_reads_go_on(directory: Path) -> None:
    clock = Clock()
    with ExitStack() as stack:
        with needed_service():
            server = stack.enter_context(running_redis(directory))
        deps = access_deps("host=/nonexistent", clock, rates=RATES, redis_url=server.url)
        with running_api(deps) as api:
            before = [posted(api) for _ in range(2)]
            stack.close()
            after = [api.post("/v1/sessions/nonce", **WANTED) for _ in range(2)]
            reads = {api.get("/v1/settlements").status_code for _ in range(5)}
            clock.seconds += 65
            later = [posted(api) for _ in range(4)]

    assert before == [422, 422]
    assert [one.status_code for one in after] == [422, 429]
    assert problem_of(after[1]) == (429, "too-many-requests", [])
    assert reads == {200}
    assert later == [422, 422, 422, 429]


def test_redis__never_there__limited_in_the_process(directory: Path) -> None:
    deps = access_deps("host=/nonexistent", Clock(), rates=RATES)
    nowhere = replace(deps.access, redis_url=f"unix://{directory}/none.sock")
    with running_api(replace(deps, access=nowhere)) as api:
        assert [posted(api) for _ in range(4)] == [422, 422, 422, 429]


def test_redis__comes_back__asked_again_after_a_pause(directory: Path) -> None:
    seconds = [0.0]

    async def answers(url: str) -> list[bool]:
        windows = RedisWindows(url, clock=lambda: seconds[0])
        found = []
        for step in (None, "stop", None, "start", "wait"):
            if step == "stop":
                stack.close()
            if step == "start":
                stack.enter_context(running_redis(directory))
            if step == "wait":
                seconds[0] += AWAY_S
            taken = await windows.take(RateClass.PAYMENTS, RATE, "a", NOON)
            found.append(taken is not None)
        await windows.close()
        return found

    with ExitStack() as stack:
        with needed_service():
            server = stack.enter_context(running_redis(directory))
        assert asyncio.run(answers(server.url)) == [True, False, False, False, True]
