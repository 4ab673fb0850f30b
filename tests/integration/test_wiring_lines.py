"""Lines of documents from their acceptance to the submitter: booked, judged, planned, reserved.

Subjects: scripts.wiring, scripts.policing, scripts.policy_reports,
indexer.adapters.line_hold_reads.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from contracts.event_spec import ContractName, EventSpec
from contracts.evm import ZERO_ADDRESS, Address, BlockRef
from contracts.payment_event_specs import (
    BATCH_FLOAT_RECEIVED,
    BATCH_HOLD_LIFTED,
    BATCH_HOLD_PLACED,
    BATCH_LINE_PAID,
)
from contracts.units import BaseUnits
from indexer.adapters.book_reads import finalized_hashes
from indexer.adapters.tables import FACTS
from scripts.bookkeeping import payment_sources, post_books
from scripts.bootstrap import open_database
from scripts.bootstrap_settlement import book_of
from scripts.documents import BatchDocuments
from scripts.policed_chain import PolicedChain
from scripts.policing import PolicyGate
from scripts.policy_reports import exposures, holds_to_place
from scripts.wiring import (
    FinalizedFacts,
    LedgerReservations,
    PostedLines,
    line_books,
    paying_contracts,
    posted_lines,
    snapshot,
)
from settlement.ledger.accounts import UNEXPLAINED
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.verification import verify_book
from settlement.ledger.documents import DocumentLine
from settlement.ledger.errors import NothingToReserve
from settlement.payouts.adapters.documents import SqlDocuments
from settlement.payouts.adapters.ownership import payouts_owner
from settlement.payouts.adapters.policy_store import PolicyRecords
from settlement.payouts.adapters.store import SqlPayoutStore
from settlement.payouts.documents import PayoutDocument, op_ids_of
from settlement.payouts.errors import DocumentConflict
from settlement.payouts.obligations import line_operation
from settlement.payouts.operation import Kind, Operation
from settlement.payouts.policy_terms import AssetPolicy, Policy, Rule, Stage
from tests.api_world import ALICE, BOB, CHAIN_ID, USD, World
from tests.fakes_payout_chain import SENDER, FakeChain

BATCH = Address(b"\xc2" * 20)
OPEN = AssetPolicy(
    minimum_units=0,
    kyc_window_s=1,
    kyc_units_max=(None,),
    velocity_window_s=1,
    velocity_lines_max=None,
    payee_day_units_max=None,
    settlement_day_units_max=None,
    unapproved_units_max=None,
)
DOCUMENT = PayoutDocument(
    name="grants",
    chain_id=CHAIN_ID,
    contract=BATCH,
    lines=(
        DocumentLine(index=0, payee=ALICE, asset=USD, amount=BaseUnits(30)),
        DocumentLine(index=1, payee=BOB, asset=USD, amount=BaseUnits(70)),
        DocumentLine(index=2, payee=BOB, asset=ZERO_ADDRESS, amount=BaseUnits(5)),
    ),
)


@pytest.fixture
def world(database: str) -> Iterator[World]:
    """A settlement with a payout batch that owes nothing yet."""
    engine: Engine = open_database(database)
    world = World(engine)
    world.settlement = replace(world.settlement, payments={ContractName.PAYOUT_BATCH: BATCH})
    world.mine(1)
    world.start()
    world.mine(16)
    world.finalize(16)
    yield world
    engine.dispose()


def accept(world: World, document: PayoutDocument = DOCUMENT) -> None:
    with world.engine.begin() as connection:
        documents = SqlDocuments(connection, CHAIN_ID, BATCH)
        documents.add(document, added_by="kim")
        at = finalized(world).timestamp
        documents.accept(document.digest, accepted_by="lee", at=at)
    post_books(world.engine, world.settlement, payment_sources(world.settlement))


def finalized(world: World) -> BlockRef:
    block = FinalizedFacts(world.engine, world.settlement).finalized()
    assert block is not None
    return block


def gate(world: World, **limits: Any) -> PolicyGate:
    assets = {asset: replace(OPEN, **limits) for asset in (USD, ZERO_ADDRESS)}
    return PolicyGate(
        engine=world.engine,
        settlement=world.settlement,
        book=book_of(world.settlement),
        policy=Policy(assets=assets, approvers=frozenset(), chain_hold_margin_s=1),
        screening=PolicyRecords,
    )


def operations(world: World, policy: PolicyGate | None = None) -> list[Operation]:
    (lines,) = posted_lines(world.engine, world.settlement, policy)
    assert isinstance(lines, PostedLines)
    return [
        line_operation(one, chain_id=CHAIN_ID, contract=lines.contract)
        for one in lines.payable(finalized(world), limit=10)
    ]


def test_lines__accepted_and_booked__planned_once_with_their_reservations(world: World) -> None:
    contracts = paying_contracts(world.settlement)
    with world.engine.begin() as connection:
        SqlDocuments(connection, CHAIN_ID, BATCH).add(DOCUMENT, added_by="kim")
    post_books(world.engine, world.settlement, payment_sources(world.settlement))
    assert operations(world) == []
    accept(world)

    owed = operations(world)
    with payouts_owner(world.engine, CHAIN_ID, sender=SENDER, contracts=contracts) as owner:
        store = SqlPayoutStore(owner, CHAIN_ID, contracts, LedgerReservations())
        planned = (store.plan(owed), store.plan(owed))
        stored = [history.operation for history in store.open_histories()]

    assert planned == (3, 0)
    assert sorted(one.op_id for one in stored) == sorted(one.op_id for one in owed)
    assert {one.kind for one in stored} == {Kind.PAYOUT}
    assert operations(world) == []
    (book,) = line_books(world.settlement)
    with snapshot(world.engine) as connection:
        assert [one.is_reserved for one in LedgerReads(connection, book).payable_lines()] == [
            True
        ] * 3


def test_reserve__line_that_the_books_do_not_owe__refused_and_nothing_planned(
    world: World,
) -> None:
    accept(world)
    first, *_ = operations(world)
    stranger = replace(first, op_id=first.list_id)
    contracts = paying_contracts(world.settlement)

    with payouts_owner(world.engine, CHAIN_ID, sender=SENDER, contracts=contracts) as owner:
        store = SqlPayoutStore(owner, CHAIN_ID, contracts, LedgerReservations())
        with pytest.raises(NothingToReserve):
            store.plan([first, stranger])
        assert store.open_count() == 0


def test_policy__listed_payee_and_caps__bind_lines_before_plan_and_before_signing(
    world: World,
) -> None:
    accept(world)
    with world.engine.begin() as connection:
        PolicyRecords(connection).accept(f"{'0x' + '55' * 20} case\n".encode(), accepted_by="kim")
    everything = operations(world, gate(world))
    under_a_cap = operations(world, gate(world, settlement_day_units_max=70))
    with world.engine.begin() as connection:
        PolicyRecords(connection).accept(f"{ALICE} case\n".encode(), accepted_by="kim")
    listed = operations(world, gate(world))
    chain = PolicedChain(FakeChain(), gate(world), FinalizedFacts(world.engine, world.settlement))

    objections = chain.objections(everything, sender=SENDER, at=chain.head())

    assert [one.index for one in everything] == [0, 1, 2]
    assert [one.index for one in under_a_cap] == [0, 2]
    assert [one.index for one in listed] == [1, 2]
    first, *others = objections
    assert first is not None
    assert first.reason.startswith("policy: payee_listed: ")
    assert others == [None, None]
    found = {one.leaf.leaf_id: one for one in gate(world).verdicts(finalized(world))}
    refused = found[everything[0].op_id]
    assert {reason.rule for line in refused.lines for reason in line.reasons} == {Rule.PAYEE_LISTED}
    assert (refused.leaf.contract, refused.leaf.stage) == (BATCH, Stage.OWED)


def happened(world: World, spec: EventSpec, **columns: object) -> None:
    """An event of the payout batch in the head block."""
    place = {"chain_id": CHAIN_ID, "block_number": world.head, "address": BATCH}
    world.log_index += 1
    with world.engine.begin() as connection:
        facts = FACTS[spec.table]
        connection.execute(insert(facts).values(**place, log_index=world.log_index, **columns))


def test_exposures__lines__with_the_holds_of_their_own_contract_and_the_call_that_binds(
    world: World,
) -> None:
    accept(world)
    end = finalized(world).timestamp + 1_000
    placed = {"reason_digest": DOCUMENT.digest, "expires_at": end}
    happened(world, BATCH_HOLD_PLACED, account=ALICE, **placed)
    happened(world, BATCH_HOLD_PLACED, account=BOB, **placed)
    happened(world, BATCH_HOLD_LIFTED, account=BOB)
    with world.engine.begin() as connection:
        PolicyRecords(connection).accept(f"{ALICE} a\n{BOB} b\n".encode(), accepted_by="kim")

    with snapshot(world.engine) as connection:
        epochs, batch = exposures(connection, world.settlement, finalized(world))
        records = PolicyRecords(connection)
        at = finalized(world)
        calls = [holds_to_place(each, records, at=at, margin_s=10) for each in (epochs, batch)]

    assert (epochs.contract, epochs.accounts) == (world.settlement.payouts, set())
    assert batch.owed == {ALICE: {USD: 30}, BOB: {USD: 70, ZERO_ADDRESS: 5}}
    assert batch.chain_holds == {ALICE: end}
    assert [[(one.contract, one.account) for one in each] for each in calls] == [[], [(BATCH, BOB)]]


def paid_on_chain(world: World, index: int, amount: int) -> None:
    """A line that our key had paid, as the index has it, in a block that is final."""
    line = DOCUMENT.lines[index]
    happened(world, BATCH_FLOAT_RECEIVED, sender=BOB, amount=amount)
    happened(
        world,
        BATCH_LINE_PAID,
        op_id=op_ids_of(DOCUMENT, 3)[index],
        list_id=DOCUMENT.list_id,
        index=index,
        payee=line.payee,
        asset=ZERO_ADDRESS,
        amount=amount,
    )
    world.mine(world.head + 1)
    world.finalize(world.head)


def unexplained(world: World) -> int:
    (book,) = line_books(world.settlement)
    with snapshot(world.engine) as connection:
        balances = LedgerReads(connection, book).balances()
    return sum(one.posted for one in balances if one.account == UNEXPLAINED)


def test_documents__given_again_after_a_restored_backup__explained_and_nothing_paid_twice(
    world: World,
) -> None:
    """The backup has neither the document nor what was signed for it; the chain has one line."""
    paid_on_chain(world, 2, 5)
    post_books(world.engine, world.settlement, payment_sources(world.settlement))
    assert unexplained(world) == 5
    desk = BatchDocuments(world.engine, world.settlement, BATCH)

    added = desk.add(DOCUMENT.source, added_by="kim")
    accepted = desk.accept(DOCUMENT.digest, accepted_by="lee")
    post_books(world.engine, world.settlement, payment_sources(world.settlement))

    assert accepted is not None
    assert (added.settled, accepted.settled) == ((2,), (2,))
    assert unexplained(world) == 0
    assert [one.index for one in operations(world)] == [0, 1]
    (book,) = line_books(world.settlement)
    with snapshot(world.engine) as connection:
        checked = verify_book(
            connection,
            book,
            published={},
            finalized=partial(finalized_hashes, connection, CHAIN_ID),
            told=lambda _done, _all: None,
        )
    assert checked.difference is None


def test_documents__given_again_otherwise_than_the_chain_paid__refused(world: World) -> None:
    paid_on_chain(world, 2, 6)
    desk = BatchDocuments(world.engine, world.settlement, BATCH)

    with pytest.raises(DocumentConflict, match="line 2 was settled in block 16 with 6 of"):
        desk.add(DOCUMENT.source, added_by="kim")
    with world.engine.begin() as connection:
        SqlDocuments(connection, CHAIN_ID, BATCH).add(DOCUMENT, added_by="kim")
    with pytest.raises(DocumentConflict):
        desk.accept(DOCUMENT.digest, accepted_by="lee")

    with snapshot(world.engine) as connection:
        assert SqlDocuments(connection, CHAIN_ID, BATCH).accepted() == []
