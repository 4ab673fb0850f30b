"""`quittance ledger`, as a user runs it, over two months of books of every kind.

Subjects: scripts.cli.ledger, scripts.cli.ledger_periods, scripts.cli.book_choice,
scripts.ledger_documents, scripts.bookkeeping, settlement.ledger.adapters.period_reads,
settlement.ledger.adapters.period_tables.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from contracts.addresses import settlements_to_json
from scripts.cli.ledger import app
from scripts.cli.problems import CHECK_FAILED, BadInput
from settlement.ledger.errors import AlreadyDecided, ManualRefused, PeriodRefused
from tests.ledger_builders import BOOK
from tests.statement_world import FEBRUARY, JANUARY, SETTLEMENT, WALLET, StatementWorld

MANUAL = ("--debit", "wallet", "--credit", "float", "--asset", "0x" + "00" * 20, "--amount", "500")


class Ledger:
    """Runs commands in one configuration."""

    def __init__(self, environ: dict[str, str], world: StatementWorld) -> None:
        self._environ, self.world = environ, world

    def run(self, *arguments: object) -> tuple[int, Any]:
        """Exit code and the object that was printed; an expected error is raised."""
        result = CliRunner().invoke(app, [str(one) for one in arguments], obj=self._environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout or "null")

    def json(self, *arguments: object) -> Any:
        code, answer = self.run(*arguments)
        assert code == 0, answer
        return answer


@pytest.fixture
def ledger(tmp_path: Path, database: str, engine: Engine) -> Ledger:
    world = StatementWorld(engine)
    world.tell()
    (tmp_path / "book.json").write_text(settlements_to_json((SETTLEMENT,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        f'[[chain]]\nid = {SETTLEMENT.chain_id}\nname = "test"\nrpc = ["http://127.0.0.1:1"]\n'
        'start_block = 0\naddresses = "book.json"\n'
        'finality = { tag = "finalized", depth = 1 }\n'
    )
    environ = {
        "QUITTANCE_CONFIG": str(config),
        "QUITTANCE_DATA_DIR": str(tmp_path),
        "QUITTANCE_DATABASE_URL": database,
    }
    return Ledger(environ, world)


def test_balance__trial_and_account__at_any_block(ledger: Ledger) -> None:
    trial = ledger.json("balance", "--json")
    cash = ledger.json("balance", "--account", "cash")
    early = ledger.json("balance", "--account", "cash", "--at-block", 1)
    relay = ledger.json("balance", "--book", "TipRelay", "--at-block", 3)

    assert set(trial["net"].values()) == {"0"}
    assert [each["posted"] for each in early["balances"]] == ["1000"]
    assert int(cash["balances"][0]["posted"]) < 1_000
    assert relay["accounts"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("balance", "--at-block", 10**6),
        ("balance", "--account", "nobody"),
        ("balance", "--book", "Nothing"),
        ("journal", "--after", "x"),
        ("proof", "0x12"),
        ("verify", "--seal", f"0=0x{'00' * 32}"),
        ("period", "close", "January", "--by", "ann"),
    ],
)
def test_ledger__bad_input__refused(ledger: Ledger, arguments: tuple[object, ...]) -> None:
    with pytest.raises(BadInput):
        ledger.run(*arguments)


def test_journal__pages_and_filters__every_entry_once(ledger: Ledger) -> None:
    whole = ledger.json("journal")["entries"]
    pages: list[object] = []
    after: tuple[str, ...] = ()
    while True:
        page = ledger.json("journal", "--limit", 2, *after)
        pages += page["entries"]
        if page["next"] is None:
            break
        after = ("--after", page["next"])
    cash = ledger.json("journal", "--account", "cash", "--at-block", 1)["entries"]

    assert pages == whole
    assert len({entry["id"] for entry in whole}) == len(whole)
    assert [entry["postings"][0]["debit"] for entry in cash] == ["cash"]


def test_seal_proof_and_verify__whole_story__hold(ledger: Ledger) -> None:
    sealed = ledger.json("seal")
    again = ledger.json("seal")
    seals = {each["name"]: each["seals"] for each in sealed["books"]}
    first = ledger.json("journal", "--limit", 1)["entries"][0]
    proved = ledger.json("proof", first["id"])
    published = f"{seals['EpochPayouts'][0]['epoch']}={seals['EpochPayouts'][0]['root']}"

    verified = ledger.json("verify")
    held = ledger.json("verify", "--book", "EpochPayouts", "--seal", published)

    assert again == sealed
    assert set(seals) == {"EpochPayouts", "PayPerViewSplitter", "TipRelay", None}
    assert (proved["holds"], proved["root"]) == (True, seals["EpochPayouts"][0]["root"])
    assert all(each["holds"] for each in verified["books"]), verified
    assert all(each["append_only_by_permission"] for each in verified["books"])
    assert {each["book"] for each in verified["books"]} >= {str(BOOK.contract), str(WALLET)}
    assert [each["holds"] for each in held["books"]] == [True]


def test_verify__tampered_or_another_seal__exit_1_and_the_place(
    ledger: Ledger, engine: Engine
) -> None:
    ledger.json("seal")
    code, other = ledger.run("verify", "--book", "EpochPayouts", "--seal", f"1=0x{'ab' * 32}")
    with engine.begin() as connection:
        connection.execute(
            text("SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica")
        )
        connection.execute(text("UPDATE posting SET amount = amount + 1 WHERE amount = 1000"))

    tampered_code, tampered = ledger.run("verify", "--book", "EpochPayouts")

    assert (code, other["books"][0]["difference"]["what"]) == (CHECK_FAILED, "seal")
    assert tampered_code == CHECK_FAILED
    assert tampered["books"][0]["difference"]["what"] == "content digest of an entry"


def test_proof__not_sealed__exit_1(ledger: Ledger) -> None:
    first = ledger.json("journal", "--limit", 1)["entries"][0]

    assert ledger.run("proof", first["id"])[0] == CHECK_FAILED


def test_period__closed__late_entries_count_for_the_next(
    ledger: Ledger, engine: Engine, tmp_path: Path
) -> None:
    ledger.json("period", "close", JANUARY, "--by", "ann", "--book", WALLET)
    document = tmp_path / "invoice.txt"
    document.write_text("coins for gas")
    block = ledger.world.chain.blocks[1].number
    made = ledger.json(
        *("manual", "propose", *MANUAL, "--document", document, "--by", "ann"),
        *("--reason", "funding", "--at-block", block, "--book", WALLET),
    )
    with pytest.raises(ManualRefused):
        ledger.run(
            *("manual", "approve", made["id"], "--by", "Ann", "--reason", "x", "--book", WALLET)
        )
    approved = ledger.json(
        *("manual", "approve", made["id"], "--by", "ben", "--reason", "seen", "--book", WALLET)
    )
    listed = ledger.json("period", "list", "--book", WALLET)
    ledger.json("period", "close", FEBRUARY, "--by", "ann", "--book", WALLET)
    closed = ledger.json("period", "list", "--book", WALLET)

    assert approved["decision"]["checker"] == "ben"
    assert (listed["open"], listed["closed"][0]["period"]) == (FEBRUARY, JANUARY)
    assert [(each["period"], each["late"]) for each in closed["closed"]] == [
        (JANUARY, 0),
        (FEBRUARY, 1),
    ]
    entry = ledger.json("journal", "--book", WALLET, "--account", "float")["entries"][0]
    assert entry["effective_block"] == block
    with pytest.raises(AlreadyDecided):
        ledger.run(
            *("manual", "reject", made["id"], "--by", "eve", "--reason", "x", "--book", WALLET)
        )
    assert len(ledger.json("manual", "list", "--book", WALLET)["proposals"]) == 1


def test_verify__month_that_was_reported_closed__must_be(ledger: Ledger) -> None:
    ledger.json("period", "close", JANUARY, "--by", "ann", "--book", WALLET)

    right = ledger.run("verify", "--book", WALLET, "--closed", JANUARY)
    wrong = ledger.run("verify", "--book", WALLET, "--closed", FEBRUARY)

    assert (right[0], wrong[0]) == (0, CHECK_FAILED)
    with pytest.raises(BadInput):
        ledger.run("verify", "--closed", JANUARY)


def test_manual__that_would_overdraw_an_account__refused_and_nothing_kept(
    ledger: Ledger, tmp_path: Path
) -> None:
    document = tmp_path / "invoice.txt"
    document.write_text("coins that never came")
    made = ledger.json(
        *("manual", "propose", "--debit", "float", "--credit", "surplus", "--amount", "9" * 30),
        *("--asset", f"0x{'00' * 20}", "--document", document, "--by", "ann", "--reason", "oops"),
        *("--at-block", ledger.world.chain.blocks[1].number, "--book", WALLET),
    )

    with pytest.raises(ManualRefused, match="it would leave -9"):
        ledger.run(
            *("manual", "approve", made["id"], "--by", "ben", "--reason", "x", "--book", WALLET)
        )

    (kept,) = ledger.json("manual", "list", "--book", WALLET)["proposals"]
    assert kept["decision"] is None


@pytest.mark.parametrize(
    ("months", "why"),
    [
        ((FEBRUARY,), "197001 is to be closed first"),
        (("2031-01",), "197001 is to be closed first"),
        ((JANUARY, JANUARY), "closed up to 197001"),
    ],
)
def test_period__not_due__refused(ledger: Ledger, months: tuple[str, ...], why: str) -> None:
    *before, last = months
    for month in before:
        ledger.json("period", "close", month, "--by", "ann")

    with pytest.raises(PeriodRefused, match=why):
        ledger.run("period", "close", last, "--by", "ann")


_COPY_OF_JANUARY = (
    "INSERT INTO posting (entry_id, ordinal, version, status, posting_count, asset, amount,"
    " debit_account, credit_account, effective_block, is_late)"
    " SELECT :id, ordinal, p.version, p.status, p.posting_count, asset, amount, debit_account,"
    " credit_account, p.effective_block, is_late FROM posting p WHERE entry_id = :january",
    "INSERT INTO journal_entry (id, chain_id, contract, source_kind, source_id, leg, version,"
    " status, effective_at, posting_count, content_digest, effective_block, booked_at, period)"
    " SELECT :id, chain_id, contract, source_kind, source_id, 7, version, status, effective_at,"
    " posting_count, content_digest, effective_block, booked_at, period"
    " FROM journal_entry WHERE id = :january",
)


def test_raw_sql__entry_of_a_closed_month__refused(ledger: Ledger, engine: Engine) -> None:
    first = ledger.json("journal", "--limit", 1)["entries"][0]["id"]
    values = {"id": b"\x01" * 32, "january": bytes.fromhex(first[2:])}
    ledger.json("period", "close", JANUARY, "--by", "ann")

    posting, entry = map(text, _COPY_OF_JANUARY)
    with engine.connect() as connection, connection.begin() as db_tx:
        connection.execute(posting, values)
        with pytest.raises(DBAPIError, match="period is closed"):
            connection.execute(entry, values)
        db_tx.rollback()
