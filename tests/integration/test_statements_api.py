"""Statements and solvency over HTTP, and on the command line: the same answers.

Subjects: api.statements, api.solvency, with api.adapters.statements, api.adapters.solvency,
api.routes.statements, api.routes.solvency, api.schemas.statements, api.schemas.solvency.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.context import Deps, Limits
from contracts.evm import Timestamp
from reconciliation.reading import Reading
from reconciliation.solvency import Subject, payee_holder
from reconciliation.solvency_proof_check import check_line
from scripts.bootstrap import open_database
from scripts.embedded.postgres import PostgresServer
from scripts.solvency import state_settlement
from scripts.stating import creator_statement
from tests.api_client import APIClient, running_api
from tests.ledger_builders import ALICE, ASSET, BOB, BOOK, CAROL
from tests.statement_world import FEBRUARY, JANUARY, SETTLEMENT, StatementWorld


class Exactly:
    """Reserves of what is owed at the end of the story, and no more."""

    def reserve(self, subject: Subject) -> Reading | None:
        return Reading(value=250, is_proven=True, evidence="slot 0 of the token")


@pytest.fixture(scope="module")
def story(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[StatementWorld]:
    url = postgres_server.url("statements_api", template=_migrated_template)
    engine = open_database(url)
    made = StatementWorld(engine)
    made.tell()
    state_settlement(engine, SETTLEMENT, Exactly())
    yield made
    engine.dispose()


@pytest.fixture(scope="module")
def api(story: StatementWorld) -> Iterator[APIClient]:
    with running_api(_deps(story)) as client:
        yield client


def _deps(world: StatementWorld) -> Deps:
    url = world.engine.url.render_as_string(hide_password=False)
    return Deps(
        database_url=url.replace("+psycopg", "", 1),
        chain_ids=(SETTLEMENT.chain_id,),
        settlements=(SETTLEMENT,),
        now=lambda: Timestamp(10_000_000),
        head_of=None,
        limits=Limits(),
    )


def statement(api: APIClient, account: object, period: str, **query: object) -> Any:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    response = api.get(f"/v1/accounts/{account}/statements?period={period}{more}")
    assert response.status_code == 200, response.text
    return response.json()


def test_statement__of_a_month__adds_up(api: APIClient) -> None:
    answer = statement(api, ALICE, FEBRUARY)

    usd = next(one for one in answer["assets"] if one["asset"] == str(ASSET))
    assert usd["opening"] == "50"
    assert usd["earned"] == "160"
    assert usd["paid"] == "210"
    assert usd["closing"] == "0"
    assert answer["state"] == "final"
    assert answer["period"] == {"name": FEBRUARY, "start": 31 * 86_400, "end": 59 * 86_400}


def test_statement__pages_of_moves__are_those_of_the_command_line(
    api: APIClient, story: StatementWorld
) -> None:
    whole = json.loads(
        creator_statement(
            story.engine, SETTLEMENT, payee=ALICE, period=FEBRUARY, units={}
        ).model_dump_json()
    )

    moves: list[Any] = []
    cursor: str | None = None
    while True:
        query = {} if cursor is None else {"cursor": cursor}
        answer = statement(api, ALICE, FEBRUARY, limit=2, **query)
        moves += answer["moves"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break

    assert moves == whole["moves"]
    assert answer["assets"] == whole["assets"]
    assert len({(move["entry_id"], move["posting"]) for move in moves}) == len(moves)


def test_statement__stranger__has_an_empty_one(api: APIClient) -> None:
    answer = statement(api, SETTLEMENT.payouts, JANUARY)

    assert answer["assets"] == []
    assert answer["moves"] == []


@pytest.mark.parametrize("period", ["", "1970-13", "epoch:3-1", "1970", "epoch:x", "yesterday"])
def test_statement__bad_period__422(api: APIClient, period: str) -> None:
    response = api.get(f"/v1/accounts/{ALICE}/statements?period={period}")

    assert response.status_code == 422
    assert response.headers["content-type"].startswith("application/problem+json")


def test_statement__broken_books__are_not_answered(database: str) -> None:
    """A payout that was raised behind the triggers leaves the creator below zero."""
    engine = open_database(database)
    made = StatementWorld(engine)
    made.tell()
    with engine.begin() as connection:
        connection.execute(
            text("SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica")
        )
        connection.execute(
            text(
                "UPDATE posting SET amount = 700 WHERE amount = 600 AND debit_account IN"
                " (SELECT id FROM ledger_account WHERE payee = :alice AND kind = 'payable')"
            ),
            {"alice": bytes(ALICE)},
        )
    with running_api(_deps(made)) as api:
        response = api.get(f"/v1/accounts/{ALICE}/statements?period={JANUARY}")
    engine.dispose()

    assert response.status_code == 500
    assert response.json()["type"].endswith("statement-differs")


def test_solvency__newest_epoch__is_covered_by_proven_reserves(api: APIClient) -> None:
    answer = api.get("/v1/solvency").json()

    assert answer["epoch"] == 5
    shown = {(one["contract"], one["asset"]): one for one in answer["statements"]}
    royalties = shown[str(BOOK.contract), str(ASSET)]
    assert royalties["total"] == "250"
    assert royalties["is_covered"] is True
    assert royalties["reserve"]["is_proven"] is True
    assert api.get("/v1/solvency?epoch=1").json()["statements"][0]["reserve"] is None


def test_solvency__epoch_without_statements__is_empty_and_proves_nothing(api: APIClient) -> None:
    assert api.get("/v1/solvency?epoch=77").json()["statements"] == []
    assert api.get(f"/v1/accounts/{ALICE}/solvency?epoch=77").status_code == 404


@pytest.mark.parametrize(
    ("payee", "epoch", "amount"), [(BOB, 5, 200), (CAROL, 5, 40), (ALICE, 1, 50)]
)
def test_solvency__line__is_proved_offline(
    api: APIClient, payee: Any, epoch: int, amount: int
) -> None:
    answer = api.get(f"/v1/accounts/{payee}/solvency?epoch={epoch}").json()

    (proof,) = answer["proofs"]
    outcome = check_line(proof)
    assert outcome.problems == ()
    assert outcome.holder == payee_holder(payee)
    assert outcome.amount == amount
    published = api.get(f"/v1/solvency?epoch={epoch}").json()["statements"]
    assert proof["digest"] in {one["digest"] for one in published}


def test_solvency__nothing_owed__no_line(api: APIClient) -> None:
    assert api.get(f"/v1/accounts/{ALICE}/solvency?epoch=5").json()["proofs"] == []


def test_answers__etag__revalidate(api: APIClient) -> None:
    for path in (f"/v1/accounts/{BOB}/statements?period={JANUARY}", "/v1/solvency"):
        first = api.get(path)
        again = api.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304


def test_command_line__proofs_and_files__checked_offline(api: APIClient, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from scripts.cli.app import app

    answer = api.get(f"/v1/accounts/{BOB}/solvency?epoch=5").json()
    file = tmp_path / "proofs.json"
    file.write_text(json.dumps({"proofs": answer["proofs"]}))
    runner = CliRunner()

    good = runner.invoke(app, ["solvency", "verify", str(file), "--address", str(BOB)])
    other = runner.invoke(app, ["solvency", "verify", str(file), "--address", str(ALICE)])
    file.write_text(json.dumps(answer["proofs"][0] | {"leaf_count": "7"}))
    changed = runner.invoke(app, ["solvency", "verify", str(file)])

    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["holds"] is True
    assert other.exit_code == 1
    assert changed.exit_code == 1
