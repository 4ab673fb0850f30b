"""`quittance statement`, `export`, `close` and `solvency`, as a user runs them.

Subject: scripts.cli.statements.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from contracts.addresses import settlements_to_json
from reconciliation.errors import BadPeriod
from reconciliation.reading import Reading
from reconciliation.solvency import Subject
from scripts.bootstrap import open_database
from scripts.cli.problems import CHECK_FAILED
from scripts.cli.statements import close, export, solvency, statement
from scripts.embedded.postgres import PostgresServer
from scripts.errors import NothingPosted, Rejected
from scripts.solvency import state_settlement
from tests.beancount_files import bean_check
from tests.html_figures import Figures
from tests.ledger_builders import ALICE, ASSET, BOB
from tests.statement_world import FEBRUARY, JANUARY, SETTLEMENT, StatementWorld

app = typer.Typer()
for name, group in (
    ("statement", statement),
    ("export", export),
    ("close", close),
    ("solvency", solvency),
):
    app.add_typer(group, name=name)


class Short:
    """Reserves that lack one unit in January, and nothing later."""

    def reserve(self, subject: Subject) -> Reading | None:
        return Reading(value=249, is_proven=False, evidence="balanceOf")


class Quittance:
    """Runs commands in one configuration."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def run(self, *arguments: object) -> tuple[int, str]:
        """Exit code and what it printed; an expected error is raised."""
        result = CliRunner().invoke(app, [str(one) for one in arguments], obj=self._environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    def json(self, *arguments: object) -> Any:
        code, output = self.run(*arguments)
        assert code == 0, output
        return json.loads(output)


@pytest.fixture(scope="module")
def story(postgres_server: PostgresServer, _migrated_template: str) -> str:
    url = postgres_server.url("statements_cli", template=_migrated_template)
    engine = open_database(url)
    made = StatementWorld(engine)
    made.tell()
    state_settlement(engine, SETTLEMENT, Short())
    engine.dispose()
    return url


def configured(tmp_path: Path, url: str) -> Quittance:
    (tmp_path / "book.json").write_text(settlements_to_json((SETTLEMENT,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        "[[chain]]\n"
        f"id = {SETTLEMENT.chain_id}\n"
        'name = "test"\n'
        'rpc = ["http://127.0.0.1:1"]\n'
        "start_block = 0\n"
        'addresses = "book.json"\n'
        'finality = { tag = "finalized", depth = 1 }\n'
    )
    return Quittance(
        {
            "QUITTANCE_CONFIG": str(config),
            "QUITTANCE_DATA_DIR": str(tmp_path),
            "QUITTANCE_DATABASE_URL": url,
        }
    )


@pytest.fixture
def quittance(tmp_path: Path, story: str) -> Quittance:
    return configured(tmp_path, story)


def test_statement_show__a_month__prints_what_adds_up(quittance: Quittance) -> None:
    answer = quittance.json("statement", "show", ALICE, "--period", FEBRUARY, "--proofs")

    usd = next(one for one in answer["assets"] if one["asset"] == str(ASSET))
    opening, earned, paid, closing = (
        int(usd[name]) for name in ("opening", "earned", "paid", "closing")
    )
    assert opening + earned - paid == closing
    assert answer["proofs"] == []  # nothing is sealed in this story
    assert answer["next_cursor"] is None


@pytest.mark.parametrize(("form", "first"), [("csv", "chain_id,"), ("jsonl", '{"chain_id":')])
def test_export__journal__is_written_whole(
    quittance: Quittance, tmp_path: Path, form: str, first: str
) -> None:
    out = tmp_path / f"journal.{form}"

    said = quittance.json("export", "journal", "--format", form, "--out", out)

    assert said["bytes"] == out.stat().st_size
    assert out.read_text().startswith(first)


def test_export__beancount__bean_check_finds_nothing(quittance: Quittance, tmp_path: Path) -> None:
    out = tmp_path / "journal.beancount"

    quittance.run("export", "journal", "--format", "beancount", "--period", JANUARY, "--out", out)

    assert bean_check(out) == ""


def test_close__report__is_a_page_with_figures(quittance: Quittance, tmp_path: Path) -> None:
    out = tmp_path / "close.html"

    quittance.json("close", "report", "--period", FEBRUARY, "--out", out)

    assert Figures(out.read_text()).found[f"{ASSET}/payouts"] == 150


def test_solvency__show__exit_1_where_less_is_held_than_owed(quittance: Quittance) -> None:
    code, output = quittance.run("solvency", "show", "--epoch", 5)

    assert code == CHECK_FAILED
    covered = {one["total"]: one["is_covered"] for one in json.loads(output)["statements"]}
    assert covered["250"] is False
    assert quittance.run("solvency", "show", "--epoch", 1)[0] == 0


def test_solvency__prove_and_verify__exit_codes_say_it(
    quittance: Quittance, tmp_path: Path
) -> None:
    document = quittance.json("solvency", "prove", BOB, "--epoch", 1)
    file = tmp_path / "proofs.json"
    file.write_text(json.dumps(document))

    assert quittance.run("solvency", "verify", file, "--address", BOB)[0] == 0
    assert quittance.run("solvency", "verify", file, "--address", ALICE)[0] == CHECK_FAILED
    assert quittance.run("solvency", "verify", file, "--digest", "0x" + "00" * 32)[0] == 1

    proof = document["proofs"][0]
    file.write_text(json.dumps(proof))
    assert quittance.run("solvency", "verify", file, "--digest", proof["digest"])[0] == 0
    proof["line"]["amount"] = "301"
    file.write_text(json.dumps(proof))
    code, output = quittance.run("solvency", "verify", file)
    assert code == CHECK_FAILED
    assert json.loads(output)["holds"] is False


def test_solvency__prove_nothing_owed__exit_1(quittance: Quittance) -> None:
    assert quittance.run("solvency", "prove", ALICE, "--epoch", 5)[0] == CHECK_FAILED


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("statement", "show", "0x12", "--period", JANUARY), Rejected),
        (("statement", "show", str(ALICE), "--period", "January"), BadPeriod),
        (("close", "report", "--period", "1970-00", "--out", "/dev/null"), BadPeriod),
        (("solvency", "prove", "me", "--epoch", "1"), Rejected),
    ],
    ids=["address", "period", "month", "who"],
)
def test_bad_input__says_what(
    quittance: Quittance, arguments: tuple[str, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        quittance.run(*arguments)


@pytest.mark.parametrize("content", ["[]", "{", '{"proofs": []}', '{"proofs": [1]}'])
def test_solvency__verify_what_is_no_proof__refused(
    quittance: Quittance, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "proofs.json"
    file.write_text(content)

    with pytest.raises(Rejected):
        quittance.run("solvency", "verify", file)


def test_statement__empty_books__says_so(tmp_path: Path, database: str) -> None:
    with pytest.raises(NothingPosted):
        configured(tmp_path, database).run("statement", "show", ALICE, "--period", JANUARY)
