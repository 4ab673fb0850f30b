"""Twelve types of fault in the books of payment contracts, each in three places, and nothing else.

Subjects: reconciliation.payment_books, reconciliation.payment_movements, reconciliation.divergence,
reconciliation.overdue, reconciliation.rebuild, reconciliation.adapters.books.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from reconciliation.adapters.books import books_of
from reconciliation.adapters.documents import SqlDocuments
from reconciliation.discrepancy import Kind
from reconciliation.overdue import Tolerances
from reconciliation.rebuild import FROM_LOGS, FROM_ORDER, FromChain, from_chain_only
from scripts.embedded.anvil import DevChain, running_anvil
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import PostgresServer
from tests.faults.journal import empty_facts
from tests.faults.liar import lying
from tests.faults.payment_injector import PaymentInjector
from tests.faults.payment_world import BATCH, PRICE, RELAY, SPLITTER, TIP, PaymentWorld
from tests.faults.site import (
    Site,
    chain_of,
    copy_database,
    missed,
    precision_and_recall,
    reconciled,
)
from tests.payouts_settlement import CHAIN_ID, DevNode, database_engine

PLACES = range(3)
KINDS = (
    *("missing_on_chain", "missing_in_books", "amount", "payee", "asset_or_contract", "duplicate"),
    *("timing", "unclaimed_or_expired", "reorged", "reverted", "insolvency", "source_divergence"),
)
TOLERANCES = Tolerances(
    books_behind_s=1_000, reservation_s=50_000, unrecorded_s=1_000, unclaimed_s=2_000
)
TOLD: list[tuple[str, list[str]]] = []
"""What was made, and what was found, of every case."""


@pytest.fixture(scope="module")
def site(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[Site[PaymentWorld]]:
    """A relay, a batch and a splitter that are settled, three pull balances waiting."""
    template = "payment_faults"
    copy_database(postgres_server, _migrated_template, template)
    chain = DevChain(chain_id=CHAIN_ID, slots_in_an_epoch=6)
    engine = database_engine(postgres_server.url(template))
    with scratch_directory() as directory, running_anvil(directory, chain) as anvil:
        world = PaymentWorld(DevNode(anvil.url), engine)
        world.settle()
        run = reconciled(world, TOLERANCES)
        assert (run.discrepancies, run.is_complete) == ((), True)
        engine.dispose()
        yield Site(world, postgres_server, template, world.node.call("evm_snapshot"))


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
    with site.fresh() as (world, url), ExitStack() as stack:
        fault = PaymentInjector(world, url).all()[kind](place)
        others = (
            [] if fault.lie is None else [stack.enter_context(lying(world.node.url, fault.lie))]
        )
        found = reconciled(world, TOLERANCES, *others).discrepancies
        TOLD.append((fault.type, [one.kind.value for one in found]))

    assert [one.kind.value for one in found] == [fault.type], found
    assert missed(found[0], fault) == []


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


def test_payment_faults__precision_and_recall__told(capsys: pytest.CaptureFixture[str]) -> None:
    made, reported, right = precision_and_recall(TOLD)

    with capsys.disabled():
        print(  # noqa: T201
            f"\nfaults of payment books {made}, reported {reported}, right {right}:"
            f" precision {right}/{reported}, recall {right}/{made}"
        )

    assert right == made == reported


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
