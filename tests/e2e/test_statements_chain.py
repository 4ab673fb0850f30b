"""Statements, exports, the close and solvency of an epoch that was really paid, on a real chain."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from contracts.evm import Address, Epoch
from reconciliation.adapters.solvency import SqlSolvency
from reconciliation.period import date_of
from reconciliation.solvency import proof_document
from reconciliation.solvency_proof_check import check_line
from scripts.devnode import DevNode
from scripts.embedded.anvil import AnvilNode
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import PostgresServer
from scripts.jobs import JobName
from scripts.stating import creator_statement, sealed_entries, write_papers
from scripts.wiring import snapshot
from tests.beancount_files import assertions_of, bean_check, totals_of
from tests.drill_house import House, build_town, made_payable, open_leaves, opened_house
from tests.html_figures import Figures

ROUNDS = 12


@pytest.fixture
def house(anvil: AnvilNode, postgres_server: PostgresServer) -> Iterator[House]:
    """An epoch that was paid for, computed, committed, and paid out to the last line."""
    with scratch_directory() as directory:
        town = build_town(DevNode(anvil.url), Path(directory))
        funded = town.token_balance(town.settlement.payouts)
        url = postgres_server.url("statements_chain")
        with opened_house(town, url, paid_in=funded) as opened:
            made_payable(opened)
            for _ in range(ROUNDS):
                opened.pay()
                town.finalize()
                opened.catch_up()
                if not open_leaves(opened):
                    break
            for name in (JobName.POST_PAYMENTS, JobName.SEAL_JOURNAL, JobName.STATE_SOLVENCY):
                opened.jobs.all()[name](opened.name)
            yield opened


def payees_of(house: House) -> list[Address]:
    query = text("SELECT DISTINCT payee FROM ledger_account WHERE payee IS NOT NULL ORDER BY 1")
    with house.engine.connect() as connection:
        return [Address(row) for row in connection.execute(query).scalars()]


def test_epoch_paid_on_chain__every_paper__ties_to_chain_and_books(
    house: House, tmp_path: Path
) -> None:
    town = house.town
    settlement, asset = town.settlement, town.token
    _, now = town.node.head()
    month = date_of(now)[:7]

    papers = {
        paper.name: paper for paper in write_papers(house.engine, settlement, month, tmp_path, {})
    }

    # The journal passes bean-check, and reads back to what it asserts.
    beancount = papers["journal.beancount"]
    assert bean_check(beancount) == ""
    totals, asserted = totals_of(beancount), assertions_of(beancount)
    assert {place: net for place, net in totals.items() if net} == {
        place: net for place, net in asserted.items() if net
    }
    cash = asserted[settlement.chain_id, settlement.payouts, "cash", asset]
    assert cash == town.token_balance(settlement.payouts)
    entries = [json.loads(line) for line in papers["journal.jsonl"].read_text().splitlines()]
    rows = papers["journal.csv"].read_text().splitlines()[1:]
    assert len(rows) == sum(len(entry["postings"]) for entry in entries)

    # What creators are told that they were paid is what they have on chain.
    figures = Figures(papers[f"close-{month}.html"].read_text()).found
    earned: Counter[str] = Counter()
    for payee in payees_of(house):
        answer = creator_statement(house.engine, settlement, payee=payee, period=month, units={})
        for one in answer.assets:
            assert one.opening + one.earned - one.paid == one.closing
            assert one.paid == town.token_balance(payee)
            for line in one.lines:
                earned[line.kind] += line.amount
        proofs = sealed_entries(house.engine, settlement, answer)
        assert {one["entry_id"] for one in proofs} == {
            str(move.entry_id) for move in answer.moves if move.seal
        }
    assert earned["royalty"] == figures[f"{asset}/earned:royalty"] > 0
    assert earned["paid"] == figures[f"{asset}/payouts"] > 0
    assert figures[f"{asset}/cash_closing"] == cash

    # What was owed at the end of the epoch was there, proven from the state root.
    with snapshot(house.engine) as connection:
        store = SqlSolvency(connection, settlement)
        newest = max(one.subject.epoch for one in store.stated(None))
        stated = {one.subject.asset: one for one in store.stated(Epoch(newest))}
        proofs_of = [
            proof for payee in payees_of(house) for proof in store.line_proofs(payee, Epoch(newest))
        ]
    reserve = stated[asset].reserve
    assert reserve is not None
    assert reserve.is_proven
    assert stated[asset].is_covered
    for proof, of in proofs_of:
        assert check_line(proof_document(proof, of.reserve)).problems == ()
