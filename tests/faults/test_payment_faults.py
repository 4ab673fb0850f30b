"""Twelve types of fault in the books of payment contracts, each in three places, and nothing else.

Subjects: reconciliation.payment_books, reconciliation.payment_movements, reconciliation.divergence,
reconciliation.overdue, reconciliation.rebuild, reconciliation.adapters.books.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS
from contracts.units import BaseUnits
from reconciliation.adapters.books import books_of
from reconciliation.adapters.documents import SqlDocuments
from reconciliation.adapters.store import SqlRegister
from reconciliation.discrepancy import Kind
from reconciliation.overdue import Tolerances
from reconciliation.rebuild import FROM_LOGS, FROM_ORDER, FromChain, from_chain_only
from reconciliation.register import Status
from reconciliation.wallets import ReceiptBasis
from scripts.documents import BatchDocuments
from scripts.embedded.postgres import PostgresServer
from settlement.ledger.documents import DocumentLine
from settlement.payouts.documents import PayoutDocument, op_ids_of
from tests.faults.injector import Injector
from tests.faults.journal import Journal, empty_facts
from tests.faults.liar import lying
from tests.faults.payment_injector import PaymentInjector
from tests.faults.payment_world import (
    BATCH,
    CREATOR,
    FEE_TERMS,
    PRICE,
    RELAY,
    SPLITTER,
    TIP,
    PaymentWorld,
)
from tests.faults.site import (
    Site,
    Told,
    chain_of,
    found_with,
    missed,
    reconciled,
    require_all_told,
    settled_site,
)
from tests.payouts_settlement import CHAIN_ID, DevNode
from tests.reconcile_command import Command
from tests.reconciled_settlement import SENDER

PLACES = range(3)
LISTED = "discrepancies"
KINDS = (
    *("missing_on_chain", "missing_in_books", "amount", "payee", "asset_or_contract", "duplicate"),
    *("timing", "unclaimed_or_expired", "reorged", "reverted", "insolvency", "source_divergence"),
)
TOLERANCES = Tolerances(
    books_behind_s=1_000, reservation_s=50_000, unrecorded_s=1_000, unclaimed_s=2_000
)
TOLD: Told = []


@pytest.fixture(scope="module")
def site(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[Site[PaymentWorld]]:
    """A relay, a batch and a splitter that are settled, three pull balances waiting."""
    with settled_site(
        postgres_server, _migrated_template, "payment_faults", _settled, TOLERANCES
    ) as made:
        yield made


def _settled(node: DevNode, engine: Engine) -> PaymentWorld:
    world = PaymentWorld(node, engine)
    world.settle()
    return world


def rebuilt(world: PaymentWorld) -> FromChain:
    documents = SqlDocuments(world.engine, world.settlement)
    with books_of(world.engine, world.settlement) as books:
        chain = chain_of(world, world.node.url)
        return from_chain_only(chain, documents, books, settlement=world.settlement)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_reconcile__one_fault_in_a_payment_book__found_with_its_type_and_place(
    site: Site[PaymentWorld], kind: str, place: int
) -> None:
    with site.fresh() as (world, url):
        fault = PaymentInjector(world, url).all()[kind](place)
        found = found_with(world, fault, TOLERANCES, TOLD)

    assert [one.kind.value for one in found] == [fault.type], found
    assert missed(found[0], fault) == []


def test_reconcile__line_that_no_document_owes__found_until_the_lost_document_is_given_again(
    site: Site[PaymentWorld],
) -> None:
    """A restored backup has lost it: its own entry explains what was paid, and nothing is owed."""
    with site.fresh() as (world, _):
        token, batch = world.place.token, world.payments[BATCH]
        line = DocumentLine(index=0, payee=CREATOR, asset=token, amount=BaseUnits(9))
        lost = PayoutDocument(name="july", chain_id=CHAIN_ID, contract=batch, lines=(line,))
        paid = [(0, str(CREATOR), 9)]
        world.act(BATCH, "payBatch", bytes(lost.list_id), str(token), paid)
        world.post()
        (found,) = reconciled(world, TOLERANCES).discrepancies
        desk = BatchDocuments(world.engine, world.settlement, batch)
        desk.add(lost.source, added_by="ann")
        desk.accept(lost.digest, accepted_by="ben")
        world.post()
        after = reconciled(world, TOLERANCES)
        register = SqlRegister(world.engine, CHAIN_ID, world.place.payouts)
        became = register.one(found.id).status

    assert found.kind is Kind.UNAUTHORISED_OUTFLOW
    assert (found.subject, found.asset) == (f"line {op_ids_of(lost, 1)[0]}", token)
    assert "quittance payout document add FILE" in found.evidence[-1]
    assert after.discrepancies == ()
    assert became is Status.RESOLVED


def test_reconcile__block_of_a_tip_replaced_after_it_was_posted__told_once(
    site: Site[PaymentWorld],
) -> None:
    """Every book of the chain is at a block that is gone: one rewind mends them all."""
    with site.fresh() as (world, _):
        fee = max(FEE_TERMS[0], TIP * FEE_TERMS[1] // 10_000)
        world.act(RELAY, "tip", str(CREATOR), b"\x09" * 32, TIP, value=TIP + fee)
        world.post()
        world.node.call("anvil_reorg", 1, [])
        found = reconciled(world, TOLERANCES).discrepancies

    assert [(one.kind, one.subject) for one in found] == [(Kind.REORGED, "cursor of the books")]


@pytest.mark.parametrize("name", [RELAY, SPLITTER], ids=["of coins", "of tokens alone"])
def test_reconcile__coins_forced_into_a_contract__surplus(
    site: Site[PaymentWorld], name: ContractName
) -> None:
    """As a contract that ends itself, or the reward of a block, leaves them: without a log."""
    with site.fresh() as (world, _):
        contract = world.payments[name]
        held = int(world.node.call("eth_getBalance", str(contract), "latest"), 16)
        world.node.call("anvil_setBalance", str(contract), hex(held + 1))
        world.node.mine()
        world.post()
        (found,) = reconciled(world, TOLERANCES).discrepancies

    assert (found.kind, found.subject) == (
        Kind.MISSING_IN_BOOKS,
        f"balance/{name}/{ZERO_ADDRESS}",
    )
    assert int(found.actual) - int(found.expected) == 1


def test_reconcile__no_fault_in_payment_books__two_honest_endpoints__nothing_found(
    site: Site[PaymentWorld],
) -> None:
    with (
        site.fresh() as (world, _),
        lying(world.node.url, lambda _method, _params, result: result) as other,
    ):
        run = reconciled(world, TOLERANCES, other)
    TOLD.append(("", [one.kind.value for one in run.discrepancies]))

    assert (run.discrepancies, run.endpoints) == ((), 2)


@pytest.mark.parametrize("place", PLACES)
def test_reconcile__posting_that_its_account_does_not_count__amount(
    site: Site[PaymentWorld], place: int
) -> None:
    with site.fresh() as (world, url):
        PaymentInjector(world, url).uncounted(place)
        (found,) = reconciled(world, TOLERANCES).discrepancies

    assert (found.kind, int(found.expected) < int(found.actual)) == (Kind.AMOUNT, True)
    assert str(world.payments[(RELAY, BATCH, SPLITTER)[place]]) in found.subject


def test_reproduce__command_of_a_finding__pasted__finds_it_alone(
    site: Site[PaymentWorld], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two findings; each command looks for its own, and says so by its exit code."""
    with site.fresh() as (world, url):
        PaymentInjector(world, url).amount(0)
        Injector(world, url).wallet_opening(0)
        command = Command(tmp_path, url, world, capsys)
        code, run = command.json("run")
        _, report = command.json("report")
        pasted = [command.json(*shlex.split(one["reproduce"])[2:]) for one in report[LISTED]]
        nothing = command.json("run", "--only", "0x" + "ee" * 32)

    assert (code, {one["kind"] for one in run[LISTED]}) == (1, {"amount", "gas"})
    assert [one["reproduce"].split()[:3] for one in report[LISTED]] == [
        ["quittance", "reconcile", "run"]
    ] * 2
    assert [(code, [one["id"] for one in found[LISTED]]) for code, found in pasted] == [
        (1, [one["id"]]) for one in report[LISTED]
    ]
    assert (nothing[0], nothing[1][LISTED]) == (0, [])
    told = ("severity", "owner", "age_days", "status", "runbook", "evidence", "opened_at")
    assert all(one[name] for one in report[LISTED] for name in told)


def test_payment_faults__precision_and_recall__told(capsys: pytest.CaptureFixture[str]) -> None:
    line = require_all_told("faults of payment books", TOLD)

    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201


def test_from_chain_only__payment_contracts__same_as_their_books(site: Site[PaymentWorld]) -> None:
    with site.fresh() as (world, _):
        found = rebuilt(world)
        token = world.place.token
        relay, batch, splitter = (world.payments[name] for name in (RELAY, BATCH, SPLITTER))

    assert (found.unsound, found.contradictions, found.differences) == ((), (), ())
    paid = {(one.contract, one.asset): one for one in found.parts if one.name == "payouts"}
    assert paid[batch, token].amount == 40
    assert {one.amount for (contract, _), one in paid.items() if contract == relay} == {TIP}
    assert paid[batch, token].basis == FROM_LOGS
    by_orders = [one for one in found.parts if one.basis == FROM_ORDER]
    assert {one.contract for one in by_orders} == {batch}
    assert sum(one.amount for one in by_orders if one.asset == token) == 100
    assert not [one for one in found.parts if one.contract == splitter and one.amount != PRICE]


def test_from_chain_only__payout_wallet__coins_and_gas_from_its_receipts(
    site: Site[PaymentWorld],
) -> None:
    """Also without the hashes that we signed: they are a help, and prove nothing."""
    with site.fresh() as (world, url):
        before = rebuilt(world)
        Journal(url).execute("DELETE FROM payout_transaction")
        Journal(url).execute("DELETE FROM payout_gas")
        after = rebuilt(world)
    (wallet,) = before.wallets
    parts = {one.name: one for one in before.parts if one.contract == SENDER}

    assert after == before
    assert (wallet.wallet, wallet.unlocated) == (SENDER, ())
    assert wallet.receipts == {ReceiptBasis.PROVEN: wallet.nonce - wallet.first_nonce}
    assert parts["gas"].amount > 0 == parts["unexplained"].amount
    assert parts["brought in"].amount == parts["balance"].amount + parts["gas"].amount == 10**19
    assert parts["balance"].basis == "chain: state, proven"
    assert parts["gas"].basis == f"chain: receipts, {wallet.nonce} proven"


@pytest.mark.parametrize(("kind", "accounts"), [("gas", 2), ("opening", 2)])
def test_from_chain_only__wallet_book_altered__difference_of_its_accounts(
    site: Site[PaymentWorld], kind: str, accounts: int
) -> None:
    with site.fresh() as (world, url):
        journal = Journal(url)
        journal.add_to_amount(journal.entries(None, None, kind=kind)[0], 3)
        differences = rebuilt(world).differences

    assert {one.contract for one in differences} == {SENDER}
    assert [abs(one.chain - one.books) for one in differences] == [3] * accounts


def test_from_chain_only__fact_tables_emptied__unchanged(site: Site[PaymentWorld]) -> None:
    """Nothing that is rebuilt comes through the indexer."""
    with site.fresh() as (world, url):
        before = rebuilt(world)
        emptied = empty_facts(url)
        after = rebuilt(world)

    assert emptied > 20
    assert after == before


def test_from_chain_only__payment_book_altered__difference_of_the_account(
    site: Site[PaymentWorld],
) -> None:
    with site.fresh() as (world, url):
        PaymentInjector(world, url).amount(1)
        differences = rebuilt(world).differences

    assert {one.contract for one in differences} == {world.payments[BATCH]}
    assert {abs(one.chain - one.books) for one in differences} == {7}
    assert len(differences) == 2
