"""Statements, exports, the close and solvency from books in a real Postgres.

Subjects, beside what is imported here: reconciliation.adapters.period_sql,
reconciliation.adapters.plain_sql, reconciliation.adapters.close_figures.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, text
from sqlalchemy.exc import IntegrityError

from contracts.evm import Address, Epoch, Hash32, Timestamp, keccak
from reconciliation.adapters.creator_statement_rows import StatementQuestion
from reconciliation.adapters.creator_statements import SqlCreatorStatements
from reconciliation.adapters.journal_reads import settlement_books
from reconciliation.adapters.solvency import SqlSolvency
from reconciliation.adapters.solvency_tables import LEVEL, LINE, RESERVE, STATEMENT
from reconciliation.close_figures import AssetUnit
from reconciliation.creator_statements import AssetStatement, MoveKind
from reconciliation.errors import BadPeriod, StatementConflict
from reconciliation.period import period_from_text
from reconciliation.reading import Reading
from reconciliation.solvency import OwedBalance, Subject, proof_document, solvency_statement
from reconciliation.solvency_proof_check import check_line
from scripts.bootstrap import open_database
from scripts.embedded.postgres import PostgresServer
from scripts.errors import NothingPosted
from scripts.solvency import state_settlement
from scripts.stating import (
    ExportFormat,
    close_page,
    creator_statement,
    export_journal,
    found_discrepancies,
    sealed_entries,
)
from scripts.wiring import snapshot
from settlement.ledger.accounts import unclaimed
from settlement.ledger.adapters.seals import SealReads, SealStore
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.journal import manual_source
from settlement.ledger.periods import close
from settlement.ledger.rewind import rewind
from settlement.ledger.sealing import seal_step
from settlement.royalties.epoch import Timeline
from tests.beancount_files import assertions_of, bean_check, totals_of
from tests.html_figures import Figures
from tests.ledger_builders import ALICE, ASSET, BOB, BOOK, CAROL, work
from tests.statement_world import (
    FEBRUARY,
    GENESIS,
    GRACE,
    JANUARY,
    LENGTH,
    NATIVE,
    RELAY,
    SETTLEMENT,
    SPLITTER,
    WALLET,
    WALLET_BOOK,
    StatementWorld,
    transaction_of,
)

TIMELINE = Timeline(genesis=Timestamp(GENESIS), length=LENGTH, grace=GRACE)


@pytest.fixture(scope="module")
def story(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[StatementWorld]:
    """The story in a database that stays as it is."""
    url = postgres_server.url("statements_story", template=_migrated_template)
    engine = open_database(url)
    made = StatementWorld(engine)
    made.tell()
    yield made
    engine.dispose()


@pytest.fixture
def world(database: str) -> Iterator[StatementWorld]:
    """The story in a database that the test may change."""
    engine = open_database(database)
    made = StatementWorld(engine)
    made.tell()
    yield made
    engine.dispose()


def statements(world: StatementWorld, payee: Address, period: str) -> dict[Address, AssetStatement]:
    question = StatementQuestion(
        settlement=SETTLEMENT, payee=payee, period=period_from_text(period, TIMELINE)
    )
    with snapshot(world.engine) as connection:
        made = SqlCreatorStatements(connection).statements(question)
    return {one.asset: one for one in made}


def lines(statement: AssetStatement) -> Counter[MoveKind]:
    sums: Counter[MoveKind] = Counter()
    for line in statement.lines:
        sums[line.kind] += line.amount
    return sums


def test_statement__january__royalties_and_what_was_refused(story: StatementWorld) -> None:
    alice, bob = (statements(story, who, JANUARY)[ASSET] for who in (ALICE, BOB))

    assert (alice.opening, alice.earned, alice.paid, alice.closing) == (0, 650, 600, 50)
    assert lines(alice) == {MoveKind.ROYALTY: 650, MoveKind.PAID: 600}
    assert (bob.opening, bob.earned, bob.paid, bob.closing) == (0, 300, 0, 300)
    assert (bob.unclaimed, bob.outstanding) == (300, 0)
    assert statements(story, CAROL, JANUARY) == {}


def test_statement__february__goes_on_from_january(story: StatementWorld) -> None:
    alice = statements(story, ALICE, FEBRUARY)

    usd, coin = alice[ASSET], alice[NATIVE]
    assert (usd.opening, usd.earned, usd.paid, usd.closing) == (50, 160, 210, 0)
    assert lines(usd) == {MoveKind.PAY_PER_VIEW: 160, MoveKind.PAID: 210, MoveKind.REFUND: 100}
    assert (usd.refunded, usd.fees) == (100, 17)
    assert (coin.opening, coin.earned, coin.paid, coin.closing) == (0, 33, 33, 0)
    assert lines(coin)[MoveKind.TIP] == 33
    assert coin.fees == 3
    bob, carol = (statements(story, who, FEBRUARY)[ASSET] for who in (BOB, CAROL))
    assert (bob.opening, bob.paid, bob.closing) == (300, 100, 200)
    assert lines(bob) == {MoveKind.WITHDRAWN: 100}
    assert lines(carol) == {MoveKind.ESCROW_RELEASE: 40}
    assert carol.unclaimed == 40


def test_statement__epochs__are_periods_too(story: StatementWorld) -> None:
    assert statements(story, ALICE, "epoch:1")[ASSET].closing == 50
    assert statements(story, ALICE, "epoch:0-3")[ASSET].paid == 810


def test_statement__hold_and_verdict__stop_what_is_outstanding(world: StatementWorld) -> None:
    last = world.last_of_january()
    assert statements(world, ALICE, JANUARY)[ASSET].held == 0

    world.place_verdict(work(8), at=last.number)
    assert statements(world, ALICE, JANUARY)[ASSET].held == 50
    world.hold(BOB, at=last.number, expires_at=last.timestamp + 1)
    assert statements(world, BOB, JANUARY)[ASSET].held == 0  # a pull balance is never held
    assert statements(world, ALICE, FEBRUARY)[ASSET].held == 0


def test_statement__moves__lead_to_events(story: StatementWorld) -> None:
    answer = creator_statement(story.engine, SETTLEMENT, payee=BOB, period=JANUARY, units={})

    assert [(move.kind, move.amount) for move in answer.moves] == [
        (MoveKind.ROYALTY, 300),
        (MoveKind.UNCLAIMED, 300),
    ]
    activated, refused = answer.moves
    assert activated.source_kind == "manifest_leaf"
    assert activated.event is None
    assert refused.event is not None
    assert refused.event.transaction_hash == transaction_of(refused.event.block_number)
    assert {move.entry_id for move in answer.moves} <= _entry_ids(story)
    assert answer.state == "final"
    assert (
        creator_statement(story.engine, SETTLEMENT, payee=BOB, period="1970-03", units={}).state
        == "interim"
    )


def test_statement__token_that_says_its_unit__decimals_beside_base_units(
    story: StatementWorld,
) -> None:
    units = {ASSET: AssetUnit("DUSD", 2)}
    answer = creator_statement(story.engine, SETTLEMENT, payee=BOB, period=JANUARY, units=units)
    plain = creator_statement(story.engine, SETTLEMENT, payee=BOB, period=JANUARY, units={})

    (asset,) = answer.assets
    assert asset.unit is not None
    assert asset.written is not None
    assert (asset.unit.symbol, asset.unit.decimals) == ("DUSD", 2)
    assert (asset.closing, asset.written.closing, asset.written.paid) == (300, "3.00", "0.00")
    assert {line.written for line in asset.lines} == {"3.00"}
    assert {move.written for move in answer.moves} == {"3.00"}
    (bare,) = plain.assets
    assert (bare.unit, bare.written, bare.closing) == (None, None, 300)
    assert {move.written for move in plain.moves} == {None}


def test_statement__sealed_entries__are_proved_to_the_byte(world: StatementWorld) -> None:
    before = creator_statement(world.engine, SETTLEMENT, payee=BOB, period=JANUARY, units={})
    with world.engine.begin() as connection:
        seal_step(SealStore(connection, BOOK), TIMELINE, entries_max=1_000)

    answer = creator_statement(world.engine, SETTLEMENT, payee=BOB, period=JANUARY, units={})
    documents = sealed_entries(world.engine, SETTLEMENT, answer)

    assert {move.seal for move in before.moves} == {None}
    with world.engine.connect() as connection:
        seals = {one.epoch: one.root for one in SealReads(connection, BOOK).seals()}
    assert len(documents) == len(answer.moves) == 2
    for move, document in zip(answer.moves, documents, strict=True):
        assert move.seal is not None
        assert document["entry_id"] == str(move.entry_id)
        assert document["root"] == str(seals[Epoch(move.seal.epoch)]) == str(move.seal.root)
        assert move.entry_id.hex() in str(document["bytes"])
        assert BOB.hex().encode().hex() in str(document["bytes"])  # in the path of an account


def _entry_ids(story: StatementWorld) -> set[Hash32]:
    with story.engine.connect() as connection:
        rows = connection.execute(text("SELECT id FROM journal_entry")).scalars()
        return {Hash32(entry_id) for entry_id in rows}


def test_statement__empty_books__say_so(database: str) -> None:
    engine = open_database(database)

    with pytest.raises(NothingPosted):
        creator_statement(engine, SETTLEMENT, payee=ALICE, period=JANUARY, units={})
    with pytest.raises(BadPeriod, match="clock"):
        creator_statement(engine, SETTLEMENT, payee=ALICE, period="epoch:1", units={})
    engine.dispose()


def test_statement__all_creators__sum_to_the_close(story: StatementWorld) -> None:
    for period in (JANUARY, FEBRUARY):
        page = Figures(close_page(story.engine, SETTLEMENT, period, (), {}))
        sums: Counter[str] = Counter()
        for payee in (ALICE, BOB, CAROL):
            for asset, statement in statements(story, payee, period).items():
                for kind, amount in lines(statement).items():
                    sums[f"{asset}/earned:{kind}"] += amount
                sums[f"{asset}/refunded"] += statement.refunded
        for name, amount in page.found.items():
            if "/earned:" in name or name.endswith("/refunded"):
                assert sums[name] == amount, name


def test_close__figures__tie_to_the_books(story: StatementWorld) -> None:
    page = Figures(
        close_page(
            story.engine, SETTLEMENT, FEBRUARY, found_discrepancies(story.engine, SETTLEMENT), {}
        )
    ).found

    assert page[f"{ASSET}/cash_opening"] == 1_000 - 600
    assert page[f"{ASSET}/cash_closing"] == 1_000 - 600 - 50 - 100
    assert page[f"{ASSET}/received"] == 100 + 100 + 77
    assert page[f"{ASSET}/payouts"] == 150
    assert page[f"{ASSET}/passed_on"] == 160
    assert page[f"{ASSET}/platform_fees"] == 17
    assert page[f"{ASSET}/unallocated"] == 10
    assert page[f"{ASSET}/unclaimed"] == 240
    assert page[f"{ASSET}/owed"] == 250
    assert page[f"{ASSET}/creator:{ALICE}"] == 160
    assert page[f"{NATIVE}/gas"] == 21_000
    wallet = {name: page[f"{WALLET}/{name}"] for name in ("start", "brought_in", "gas", "end")}
    assert wallet == {"start": 0, "brought_in": 0, "gas": -21_000, "end": -21_000}
    # 21,000 by 11 payments are 1,909 each; the unit that is left goes to the first.
    uses = {name: units for name, units in page.items() if name.startswith(f"{WALLET}/gas:")}
    assert uses == {
        f"{WALLET}/gas:withdraw:1": 6 * 1_909 + 1,
        f"{WALLET}/gas:withdraw:2": 4 * 1_909,
        f"{WALLET}/gas:tip:": 1_909,
    }
    assert page["discrepancies:open"] == 0
    with story.engine.connect() as connection:
        query = text(
            "SELECT sum(p.amount) FROM posting p JOIN journal_entry e ON e.id = p.entry_id"
            " JOIN ledger_account a ON a.id = p.debit_account"
            " WHERE a.kind = 'cash' AND e.period = 197002 AND p.asset = :asset"
        )
        assert connection.execute(query, {"asset": bytes(ASSET)}).scalar_one() == 277


def test_export__gas_by_operation__the_same_in_every_form_and_in_the_close(
    story: StatementWorld, tmp_path: Path
) -> None:
    written = {}
    for form in ExportFormat:
        export_journal(
            story.engine, SETTLEMENT, period=FEBRUARY, form=form, out=tmp_path / form.value
        )
        written[form] = (tmp_path / form.value).read_text()
    parts = [
        {"kind": "withdraw", "epoch": 1, "operations": 6, "amount": str(6 * 1_909 + 1)},
        {"kind": "withdraw", "epoch": 2, "operations": 4, "amount": str(4 * 1_909)},
        {"kind": "tip", "epoch": None, "operations": 1, "amount": "1909"},
    ]

    told = [json.loads(line)["gas_for"] for line in written[ExportFormat.JSONL].splitlines()]
    rows = csv.DictReader(written[ExportFormat.CSV].splitlines())
    spelled = "withdraw:1=11455;withdraw:2=7636;tip=1909"
    assert [one for one in told if one] == [parts]
    assert [row["gas_for"] for row in rows if row["gas_for"]] == [spelled]
    assert written[ExportFormat.BEANCOUNT].count(f'  gasfor: "{spelled}"') == 1


def test_export__csv_and_json__the_same_postings(story: StatementWorld, tmp_path: Path) -> None:
    sums: list[Counter[tuple[str, str, str]]] = []
    for form in (ExportFormat.CSV, ExportFormat.JSONL):
        out = tmp_path / form.value
        size = export_journal(story.engine, SETTLEMENT, period=None, form=form, out=out)
        assert size == out.stat().st_size
        sums.append(_sums(out, form))

    assert sums[0] == sums[1]
    with story.engine.connect() as connection:
        rows = connection.execute(text("SELECT count(*) FROM posting")).scalar_one()
    assert len((tmp_path / "csv").read_text().splitlines()) == rows + 1


def _sums(path: Path, form: ExportFormat) -> Counter[tuple[str, str, str]]:
    sums: Counter[tuple[str, str, str]] = Counter()
    if form is ExportFormat.CSV:
        with path.open(newline="") as file:
            rows = [(row["contract"], row) for row in csv.DictReader(file)]
    else:
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        rows = [(entry["contract"], row) for entry in entries for row in entry["postings"]]
    for contract, row in rows:
        sums[contract, row["debit"], row["asset"]] += int(row["amount"])
        sums[contract, row["credit"], row["asset"]] -= int(row["amount"])
    return sums


def test_export__one_month__has_its_entries_alone(story: StatementWorld, tmp_path: Path) -> None:
    months = []
    for period in (JANUARY, FEBRUARY, None):
        out = tmp_path / f"{period}.jsonl"
        export_journal(story.engine, SETTLEMENT, period=period, form=ExportFormat.JSONL, out=out)
        months.append([json.loads(line)["entry_id"] for line in out.read_text().splitlines()])

    assert months[0]
    assert months[1]
    assert sorted(months[0] + months[1]) == sorted(months[2])


@pytest.mark.parametrize("period", [None, JANUARY, FEBRUARY, "epoch:1-2"])
def test_export__beancount__checked_and_read_back(
    story: StatementWorld, tmp_path: Path, period: str | None
) -> None:
    out = tmp_path / "journal.beancount"

    export_journal(story.engine, SETTLEMENT, period=period, form=ExportFormat.BEANCOUNT, out=out)

    assert bean_check(out) == ""
    totals, asserted = totals_of(out), assertions_of(out)
    assert {place: net for place, net in totals.items() if net} == {
        place: net for place, net in asserted.items() if net
    }
    assert {place[1] for place in asserted} <= {
        book.contract for book in (BOOK, SPLITTER, RELAY, WALLET_BOOK)
    }
    if period is None:
        assert asserted == _balances(story)


def _balances(story: StatementWorld) -> dict[tuple[object, ...], int]:
    """Debits less credits of every account, as a plain query says."""
    query = text(
        "SELECT a.id, p.asset, s.sign * p.amount AS units, a.contract, a.chain_id, a.kind,"
        " a.epoch, a.work_id, a.part, a.payee"
        " FROM posting p CROSS JOIN (VALUES (1), (-1)) s (sign) JOIN ledger_account a"
        " ON a.id = CASE s.sign WHEN 1 THEN p.debit_account ELSE p.credit_account END"
        " WHERE p.status = 'posted'"
    )
    sums: Counter[tuple[object, ...]] = Counter()
    with story.engine.connect() as connection:
        for row in connection.execute(query):
            attributes = (row.epoch, row.work_id, row.part, row.payee)
            spelled = (
                "0x" + one.hex() if isinstance(one, bytes) else str(one)
                for one in attributes
                if one is not None
            )
            path = ":".join((row.kind, *spelled))
            sums[row.chain_id, Address(row.contract), path, Address(row.asset)] += int(row.units)
    return dict(sums)


def test_export__failure__leaves_no_file(story: StatementWorld, tmp_path: Path) -> None:
    with pytest.raises(BadPeriod):
        export_journal(
            story.engine,
            SETTLEMENT,
            period="1970-13",
            form=ExportFormat.CSV,
            out=tmp_path / "journal.csv",
        )

    assert list(tmp_path.iterdir()) == []


def test_books__of_a_settlement__are_its_contracts_and_wallets(story: StatementWorld) -> None:
    with snapshot(story.engine) as connection:
        books = settlement_books(connection, SETTLEMENT)

    assert set(books) == {BOOK, SPLITTER, RELAY, WALLET_BOOK}


class HeldByBooks:
    """Reserves that are exactly what was owed, but for one contract and asset."""

    def __init__(self, *, less: int = 0) -> None:
        self.less = less
        self.asked: list[Subject] = []

    def reserve(self, subject: Subject) -> Reading | None:
        self.asked.append(subject)
        if subject.contract != BOOK.contract:
            return None
        return Reading(value=1_000 - self.less, is_proven=True, evidence="slot 0")


def stated(engine: Engine, epoch: int | None = None) -> dict[tuple[int, Address, Address], int]:
    with snapshot(engine) as connection:
        found = SqlSolvency(connection, SETTLEMENT).stated(None if epoch is None else Epoch(epoch))
    return {
        (one.subject.epoch, one.subject.contract, one.subject.asset): one.root.sum for one in found
    }


def test_solvency__ended_epochs__are_stated_once(world: StatementWorld) -> None:
    reserves = HeldByBooks()

    made = state_settlement(world.engine, SETTLEMENT, reserves)
    again = state_settlement(world.engine, SETTLEMENT, HeldByBooks())

    totals = stated(world.engine)
    assert made == len(totals) > 0
    assert again == 0
    assert totals[1, BOOK.contract, ASSET] == 400  # 600 of 1,000 were paid in January
    assert totals[5, BOOK.contract, ASSET] == 250
    assert totals[5, SPLITTER.contract, ASSET] == 0
    assert totals[5, RELAY.contract, NATIVE] == 3
    assert max(key[0] for key in totals) == 5  # the epoch of the last block is not over
    assert {one.epoch for one in reserves.asked} == {max(key[0] for key in totals)}


def test_solvency__total__is_all_that_the_contract_holds(world: StatementWorld) -> None:
    """The books tie to the unit, so what is owed is cash: nothing is counted twice or left out."""
    state_settlement(world.engine, SETTLEMENT, HeldByBooks())

    with world.engine.connect() as connection:
        cash = connection.execute(
            text(
                "SELECT sum(CASE WHEN p.debit_account = a.id THEN p.amount ELSE -p.amount END)"
                " FROM ledger_account a JOIN posting p"
                " ON a.id IN (p.debit_account, p.credit_account)"
                " WHERE a.kind = 'cash' AND a.contract = :contract"
            ),
            {"contract": bytes(BOOK.contract)},
        ).scalar_one()
    assert stated(world.engine)[5, BOOK.contract, ASSET] == cash


@pytest.mark.parametrize("payee", [ALICE, BOB])
def test_solvency__creator__proves_the_line_of_each_epoch(
    world: StatementWorld, payee: Address
) -> None:
    state_settlement(world.engine, SETTLEMENT, HeldByBooks())

    with snapshot(world.engine) as connection:
        proofs = SqlSolvency(connection, SETTLEMENT).line_proofs(payee, Epoch(1))

    ((proof, found),) = proofs
    outcome = check_line(proof_document(proof, found.reserve), digest=str(found.digest))
    assert outcome.problems == ()
    assert outcome.amount == {ALICE: 50, BOB: 300}[payee]


def test_solvency__contract_that_holds_less__is_not_covered(world: StatementWorld) -> None:
    state_settlement(world.engine, SETTLEMENT, HeldByBooks(less=751))

    with snapshot(world.engine) as connection:
        found = SqlSolvency(connection, SETTLEMENT).stated(Epoch(5))

    covered = {one.subject.contract: one.is_covered for one in found if one.subject.asset == ASSET}
    assert covered[BOOK.contract] is False
    assert covered[SPLITTER.contract] is None


def test_solvency__stored_statement__cannot_be_changed(world: StatementWorld) -> None:
    state_settlement(world.engine, SETTLEMENT, HeldByBooks())

    for table in (STATEMENT, LINE, LEVEL, RESERVE):
        with world.engine.connect() as connection:
            connection.execute(text("SET LOCAL ROLE NONE"))
            with pytest.raises(IntegrityError, match="stand"):
                connection.execute(delete(table))


def test_solvency__other_lines_from_the_same_block__refused(world: StatementWorld) -> None:
    state_settlement(world.engine, SETTLEMENT, HeldByBooks())

    with world.engine.begin() as connection:
        store = SqlSolvency(connection, SETTLEMENT)
        subject = store.stated(Epoch(1))[0].subject
        one_more = OwedBalance(account=unclaimed(CAROL), asset=subject.asset, amount=1)
        with pytest.raises(StatementConflict):
            store.record([solvency_statement(subject, [one_more])])


def rewound(world: StatementWorld) -> None:
    """Take the books of royalties back to the end of January, and post them again."""
    with world.engine.begin() as connection:
        store = LedgerStore(connection, BOOK)
        assert rewind(store, world.last_of_january(), reason="a test") is not None
    world.post()


def everything(world: StatementWorld) -> dict[tuple[str, Address], dict[Address, object]]:
    """Statements of all creators for both months, without how many postings a line has."""
    made: dict[tuple[str, Address], dict[Address, object]] = {}
    for period in (JANUARY, FEBRUARY):
        for payee in (ALICE, BOB, CAROL):
            made[period, payee] = {
                asset: (one.opening, one.earned, one.paid, one.closing, one.unclaimed, +lines(one))
                for asset, one in statements(world, payee, period).items()
            }
    return made


@pytest.mark.parametrize("is_closed", [False, True], ids=["open months", "january closed"])
def test_statements__books_taken_back_and_posted_again__say_the_same(
    world: StatementWorld, tmp_path: Path, is_closed: bool
) -> None:
    before = everything(world)
    if is_closed:
        with world.engine.begin() as connection:
            close(LedgerStore(connection, BOOK), 1970_01, closed_by="finance")

    rewound(world)

    assert everything(world) == before
    for period in (JANUARY, FEBRUARY):
        figures = Figures(close_page(world.engine, SETTLEMENT, period, (), {})).found
        assert figures[f"{ASSET}/cash_closing"] == {JANUARY: 400, FEBRUARY: 250}[period]
        out = tmp_path / f"{period}.beancount"
        export_journal(
            world.engine, SETTLEMENT, period=period, form=ExportFormat.BEANCOUNT, out=out
        )
        assert bean_check(out) == ""
        cash = (BOOK.chain_id, BOOK.contract, "cash", ASSET)
        assert assertions_of(out)[cash] == {JANUARY: 400, FEBRUARY: 250}[period]


def test_statements__entry_that_comes_late__counts_in_the_open_month(
    world: StatementWorld,
) -> None:
    before = everything(world)
    with world.engine.begin() as connection:
        store = LedgerStore(connection, SPLITTER)
        close(store, 1970_01, closed_by="finance")
        january = world.chain.blocks[1]
        late = replace(
            world.entries[SPLITTER][0],
            source=manual_source(keccak(b"late"), 0),
            effective_at=january.timestamp,
            effective_block=january.number,
            evidence=None,
        )
        store.record([late])

    after = everything(world)

    assert after[JANUARY, ALICE] == before[JANUARY, ALICE]
    assert statements(world, ALICE, FEBRUARY)[ASSET].earned == 160 + 90
    assert statements(world, ALICE, "epoch:1")[ASSET].earned == 650 + 90
