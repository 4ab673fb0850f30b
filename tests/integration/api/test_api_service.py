"""What holds for every route: one snapshot, one settlement, a database that goes away, numbers.

Subjects: api.routes.status, api.routes.settlements, api.routes.operations, api.adapters.chains,
api.adapters.snapshot, api.readings, api.context,
api.schemas.service,
api.schemas.envelope, api.routes.
"""

import re
from dataclasses import replace

import pytest
from sqlalchemy import insert

import indexer.adapters.tables
from api.context import Deps, Limits
from contracts.evm import BlockNumber, ChainId
from indexer.status import State
from scripts.embedded.postgres import PostgresServer
from settlement.payouts.adapters.standing import SqlPayoutStanding
from settlement.payouts.needs import Need, NeedKind
from tests.api_client import APIClient, problem_of, running_api
from tests.api_world import (
    CAROL,
    CHAIN_ID,
    FILM,
    FILM_0,
    PAID_IN_DIFFERS,
    SONG,
    World,
    block_hash,
    timestamp,
)


def test_status__indexed_chain__names_head_cursor_finality_and_lag(
    shared: APIClient, story: World
) -> None:
    (chain,) = shared.get("/v1/status").json()["chains"]

    assert chain["chain_id"] == CHAIN_ID
    assert chain["head"] == 33
    assert chain["indexed"] == {
        "number": 30,
        "hash": str(block_hash(30)),
        "timestamp": timestamp(30),
    }
    assert chain["finalized"]["number"] == 25
    assert (chain["lag_blocks"], chain["lag_s"]) == (3, 10)
    assert (chain["reorgs"], chain["deepest_reorg_blocks"], chain["last_reorg"]) == (0, 0, None)


def test_status__indexer_reported__state_level_and_proofs(shared: APIClient) -> None:
    (chain,) = shared.get("/v1/status").json()["chains"]

    assert (chain["state"], chain["reason"], chain["level"]) == ("synced", None, "receipts")
    assert 0 <= chain["reported_s_ago"] < 60
    assert chain["disputed_blocks"] == []
    assert chain["blocks_by_proof"] == {
        "end_block": 26,
        "receipts": 5,
        "empty": 20,
        "corroborated": 0,
        "stated": 0,
    }


def test_status__endpoint_not_asked_by_us__head_that_the_indexer_saw(
    deps: Deps, world: World
) -> None:
    world.report(State.SYNCING, head=44)

    with running_api(replace(deps, head_of=None)) as api:
        (chain,) = api.get("/v1/status").json()["chains"]

    assert (chain["state"], chain["head"], chain["lag_blocks"]) == ("syncing", 44, 14)


def test_status__dispute__blocks_and_who_said_what(api: APIClient, world: World) -> None:
    world.report(State.DISPUTED, "a says 1, b says 2", disputed=(BlockNumber(31),))

    (chain,) = api.get("/v1/status").json()["chains"]

    assert (chain["state"], chain["disputed_blocks"]) == ("disputed", [31])
    assert chain["reason"] == "a says 1, b says 2"


def test_status__chain_without_settlement__shown_too(deps: Deps) -> None:
    other = ChainId(5)
    with running_api(replace(deps, chain_ids=(*deps.chain_ids, other))) as api:
        first, second = api.get("/v1/status").json()["chains"]
        ready = api.get("/readyz")

    assert (first["chain_id"], first["state"], first["indexed"]) == (5, "absent", None)
    assert first["reported_s_ago"] is None
    assert second["chain_id"] == CHAIN_ID
    assert problem_of(ready)[:2] == (503, "not-ready")
    assert "the indexer of chain 5 is absent: no indexer has reported" in ready.json()["detail"]


def test_status__after_reorg__tells_of_the_last(api: APIClient, world: World) -> None:
    with world.engine.begin() as connection:
        for depth in (1, 2):
            connection.execute(
                insert(indexer.adapters.tables.REORG).values(
                    chain_id=CHAIN_ID,
                    ancestor_number=30 - depth,
                    ancestor_hash=block_hash(30 - depth),
                    old_head_number=30,
                    old_head_hash=block_hash(30, "old"),
                    new_head_number=31,
                    new_head_hash=block_hash(31),
                    depth_blocks=depth,
                    removed={},
                )
            )

    (chain,) = api.get("/v1/status").json()["chains"]

    assert (chain["reorgs"], chain["deepest_reorg_blocks"]) == (2, 2)
    seen = chain["last_reorg"]
    assert (seen["depth_blocks"], seen["ancestor"], seen["old_head"]) == (2, 28, 30)
    assert seen["detected_at"].endswith("+00:00")


def test_settlements__two__short_forms_ask_for_the_name(deps: Deps, world: World) -> None:
    second = World(world.engine, "second").settlement
    two = replace(deps, settlements=(world.settlement, second))
    with running_api(two) as api:
        named = api.get("/v1/settlements/main/epochs/0")
        short = api.get("/v1/epochs/0")
        unknown = api.get("/v1/settlements/third/epochs/0")
        not_started = api.get("/v1/settlements/second/epochs/0")
        listed = api.get("/v1/settlements").json()["items"]

    assert named.json()["settlement"] == "main"
    assert problem_of(short) == (404, "not-found", ["settlement"])
    assert "main, second" in short.json()["detail"]
    assert problem_of(unknown) == (404, "not-found", ["settlement"])
    assert problem_of(not_started) == (503, "not-indexed", [])
    assert [one["name"] for one in listed] == ["main", "second"]
    assert listed[0]["contracts"]["EpochPayouts"] == str(world.settlement.payouts)


def test_settlements__events_of_another_contract__never_mixed_in(
    api: APIClient, world: World
) -> None:
    paths = (
        "/v1/epochs/0",
        f"/v1/proofs/0/{FILM}",
        f"/v1/accounts/{CAROL}/balances",
        f"/v1/works/{FILM}",
    )
    world.finalize(30)
    before = [api.get(path).json() for path in paths]
    second = World(world.engine, "second")
    second.head, second.log_index = world.head, 100
    second.start()
    second.fund(0, 5)
    second.veto(0, 1)
    second.withdraw(FILM_0)
    second.set_terms(FILM, {CAROL: 1}, version=9, effective_epoch=0)
    second.place_verdict(FILM)

    after = [api.get(path).json() for path in paths]

    assert after == before


def test_snapshot__writer_between_two_reads__answer_is_of_one_moment(
    api: APIClient, world: World
) -> None:
    """All reads of a request see the database of its first read."""
    import asyncio

    from api.adapters.epochs import read_epoch_row
    from api.adapters.snapshot import snapshot
    from api.adapters.standpoint import read_standpoint

    async def read() -> tuple[int, int]:
        async with snapshot(api.app.state.context.pool) as reads:
            at = await read_standpoint(reads, world.settlement)
            await asyncio.to_thread(_veto_and_finalize, world)
            row = await read_epoch_row(reads, at, 1)
            again = await read_standpoint(reads, world.settlement)
        return row.vetoes, again.finalized.number

    assert api.run(read()) == (1, 25)
    assert api.get("/v1/epochs/1").json()["vetoes"] == 2


def test_snapshot__write__refused(shared: APIClient) -> None:
    from psycopg.errors import ReadOnlySqlTransaction

    from api.adapters.snapshot import snapshot

    async def write() -> None:
        async with snapshot(shared.app.state.context.pool) as reads:
            await reads.connection.execute("DELETE FROM cursor")

    with pytest.raises(ReadOnlySqlTransaction):
        shared.run(write())


def test_readiness__index_within_bounds__ready(shared: APIClient) -> None:
    assert shared.get("/healthz").json() == {"status": "ok"}
    assert shared.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(lag_blocks_max=2), "lags 3 blocks, more than 2"),
        (Limits(lag_s_max=9), "lags 10 seconds, more than 9"),
    ],
)
def test_readiness__index_lags__503_with_the_reason(
    deps: Deps, limits: Limits, reason: str
) -> None:
    with running_api(replace(deps, limits=limits)) as api:
        response = api.get("/readyz")

    assert problem_of(response)[:2] == (503, "not-ready")
    assert reason in response.json()["detail"]
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("state", [State.SYNCING, State.SYNCED, State.WAITING, State.LAGGING])
def test_readiness__indexer_at_work__ready(api: APIClient, world: World, state: State) -> None:
    world.report(state, "it will pass")

    assert api.get("/readyz").status_code == 200


@pytest.mark.parametrize("state", [State.DISPUTED, State.STALLED, State.HALTED])
def test_readiness__indexer_stuck__503_with_its_reason(
    api: APIClient, world: World, state: State
) -> None:
    world.report(state, "this is why")

    response = api.get("/readyz")

    assert problem_of(response)[:2] == (503, "not-ready")
    stuck = f"the indexer of chain {CHAIN_ID} is {state}: this is why"
    assert stuck in response.json()["detail"]


def test_readiness__no_report_for_a_minute__silent(api: APIClient, world: World) -> None:
    world.report(State.WAITING, "no answer", age_s=58)
    in_time = api.get("/readyz")
    world.report(State.WAITING, "no answer", age_s=61)

    (chain,) = api.get("/v1/status").json()["chains"]
    late = api.get("/readyz")

    assert in_time.status_code == 200
    assert problem_of(late)[:2] == (503, "not-ready")
    assert f"chain {CHAIN_ID} is silent" in late.json()["detail"]
    assert chain["state"] == "silent"
    assert re.fullmatch(
        r"the last report is 6\d seconds old \(waiting: no answer\)", chain["reason"]
    )


def test_status__halted_long_ago__still_says_why(api: APIClient, world: World) -> None:
    world.report(State.HALTED, "facts differ", age_s=3_600)

    (chain,) = api.get("/v1/status").json()["chains"]

    assert (chain["state"], chain["reason"]) == ("halted", "facts differ")


def test_nothing_indexed__every_answer__503(deps: Deps, world: World) -> None:
    with world.engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE cursor, chain_finality")
    with running_api(deps) as api:
        for path in ("/v1/epochs", f"/v1/proofs/0/{SONG}", "/readyz"):
            assert api.get(path).status_code == 503
        (chain,) = api.get("/v1/status").json()["chains"]
        assert chain["indexed"] is None
        assert api.get("/metrics").status_code == 200


def test_database_away__chain_answers_503__health_still_ok(deps: Deps) -> None:
    away = replace(
        deps,
        database_url="postgresql:///none?host=/nonexistent",
        limits=Limits(pool_wait_s=0.2),
    )
    with running_api(away) as api:
        responses = [api.get(path) for path in ("/v1/epochs/0", "/v1/status", "/readyz")]
        health = api.get("/healthz")
        metrics = api.get("/metrics").text

    for response in responses:
        assert problem_of(response)[:2] == (503, "database-unavailable")
        assert "nonexistent" not in response.text
        assert response.headers["cache-control"] == "no-store"
    assert health.status_code == 200
    assert "quittance_database_up 0.0" in metrics


def test_database_without_schema__503(deps: Deps, postgres_server: PostgresServer) -> None:
    bare = replace(deps, database_url=postgres_server.url("api_bare"))
    with running_api(bare) as api:
        assert problem_of(api.get("/v1/status"))[:2] == (503, "database-unavailable")


def test_database__too_slow__503(deps: Deps, world: World) -> None:
    impatient = replace(deps, limits=Limits(statement_timeout_ms=50))
    with running_api(impatient) as api, world.engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE cursor IN ACCESS EXCLUSIVE MODE")

        assert problem_of(api.get("/v1/status"))[:2] == (503, "database-unavailable")


def test_database__connections_killed__served_again(api: APIClient, world: World) -> None:
    assert api.get("/v1/status").status_code == 200
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'quittance-api' AND datname = current_database()"
        )

    statuses = [api.get("/v1/status").status_code for _ in range(3)]

    assert statuses == [503, 200, 200]


def test_database__created_after_the_start__served(
    deps: Deps, world: World, postgres_server: PostgresServer, template: World
) -> None:
    name = world.engine.url.database or ""
    address = deps.database_url.replace(name, "api_later")
    early = replace(deps, database_url=address, limits=Limits(pool_wait_s=0.2))
    with running_api(early) as api:
        before = api.get("/v1/epochs/0").status_code
        postgres_server.url("api_later", template=template.engine.url.database or "")
        after = api.get("/v1/epochs/0").status_code

    assert (before, after) == (503, 200)


def test_metrics__scrape__numbers_of_the_facts(api: APIClient, world: World) -> None:
    world.reconcile(PAID_IN_DIFFERS)
    one = world.settlement
    standing = SqlPayoutStanding(world.engine, one.chain_id, one.payouts)
    standing.write(None, (Need(kind=NeedKind.FLOAT, detail="4 left", count=2),))
    api.get("/v1/epochs/0")

    lines = set(api.get("/metrics").text.splitlines())

    assert lines >= {
        "quittance_database_up 1.0",
        'quittance_indexer_head{chain_id="31337"} 33.0',
        'quittance_indexer_height{chain_id="31337"} 30.0',
        'quittance_indexer_finalized{chain_id="31337"} 25.0',
        'quittance_indexer_lag_blocks{chain_id="31337"} 3.0',
        'quittance_indexer_lag_seconds{chain_id="31337"} 10.0',
        'quittance_indexer_reorgs_total{chain_id="31337"} 0.0',
        'quittance_indexer_state{chain_id="31337",state="synced"} 1.0',
        'quittance_indexer_range_blocks{chain_id="31337"} 50.0',
        'quittance_indexer_requests_total{chain_id="31337",endpoint="node.example"} 9.0',
        'quittance_indexer_errors_total{chain_id="31337",class="limited",endpoint="node.example"}'
        " 2.0",
        'quittance_indexer_stalled_seconds_total{chain_id="31337",on="fetch"} 1.5',
        'quittance_indexer_blocks{chain_id="31337",proof="receipts"} 5.0',
        'quittance_request_duration_seconds_count{route="/epochs/{epoch}",status="200"} 1.0',
        'quittance_discrepancies{kind="payee",settlement="main"} 0.0',
        'quittance_discrepancies{kind="amount",settlement="main"} 1.0',
        'quittance_epochs{settlement="main",state="active"} 1.0',
        'quittance_epochs{settlement="main",state="approved"} 1.0',
        'quittance_payout_needs{need="float",settlement="main"} 2.0',
        'quittance_payout_operations_open{settlement="main"} 0.0',
        'quittance_payout_oldest_open_seconds{settlement="main"} 0.0',
    }


def _veto_and_finalize(world: World) -> None:
    world.veto(1, 2)
    world.finalize(30)
