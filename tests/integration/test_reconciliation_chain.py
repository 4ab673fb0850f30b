"""Reconciliation of a real contract with real books: a dev chain and Postgres.

Subjects: reconciliation.reconcile, reconciliation.ports, reconciliation.adapters.chain,
reconciliation.adapters.client, reconciliation.adapters.logs, reconciliation.adapters.books,
reconciliation.adapters.documents, reconciliation.adapters.intents,
reconciliation.adapters.state_proofs, reconciliation.adapters.wallet_history,
reconciliation.rebuild.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from contracts.addresses import Settlement
from contracts.calls import (
    commit_epoch_call,
    release_escrow_call,
    withdraw_call,
)
from contracts.event_spec import ContractName
from contracts.evm import Address
from indexer.chain_profiles import chain_profile_named
from reconciliation.adapters.books import books_of
from reconciliation.adapters.chain import RPCChain
from reconciliation.adapters.documents import SqlDocuments
from reconciliation.adapters.store import SqlRegister
from reconciliation.adapters.tables import RUN
from reconciliation.discrepancy import Kind
from reconciliation.errors import ChainUnavailable, ReconciliationError
from reconciliation.matching import Booked
from reconciliation.overdue import Tolerances
from reconciliation.ports import Run, Sources
from reconciliation.rebuild import FROM_DOCUMENT, from_chain_only
from reconciliation.reconcile import ChainSide, chain_side, reconcile
from reconciliation.statements import epoch_statements
from scripts.embedded.anvil import AnvilNode
from settlement.ledger.adapters.reads import LedgerReads
from tests.escrow_calls import expire_escrow_call
from tests.payouts_settlement import (
    BENEFICIARY_DELAY,
    CHAIN_ID,
    EPOCH,
    ESCROW_EXPIRY,
    FEES,
    GOVERNANCE_DELAY,
    IN_ESCROW,
    IN_SUSPENSE,
    UNALLOCATED,
    VETO_WINDOW,
    DevNode,
    database_engine,
    escrow_leaf,
    fee_leaf,
    leaves,
    payee,
    suspense_leaf,
    withdrawal_of,
    withdrawals,
)
from tests.reconciled_settlement import World


class NoBooks:
    """Everything that the chain causes is only there."""

    def entries(self, source_kind: str) -> Generator[Booked]:
        yield from ()


class Reconciled(World):
    """The settlement with its reconciliation, over one endpoint."""

    def chain(self, settlement: Settlement | None = None) -> RPCChain:
        return RPCChain(
            self.node.url,
            settlement or self.settlement,
            timeout_s=10,
            finality_tag="none",
            finality_depth_blocks=0,
            profile=chain_profile_named("ethereum"),
        )

    def reconcile(self) -> Run:
        register = SqlRegister(self.engine, CHAIN_ID, self.place.payouts)
        with books_of(self.engine, self.settlement) as books:
            sources = Sources(
                chain=self.chain(),
                witnesses=(),
                books=books,
                documents=SqlDocuments(self.engine, self.settlement),
                facts=self.facts,
            )
            tolerances = Tolerances(unclaimed_s=10**6)
            run = reconcile(sources, register, settlement=self.settlement, tolerances=tolerances)
        assert run is not None
        return run

    def chain_side(self) -> ChainSide:
        documents = SqlDocuments(self.engine, self.settlement)
        return chain_side(
            self.chain(), self.head(), documents, NoBooks(), settlement=self.settlement
        )

    def found(self) -> list[tuple[Kind, str, str]]:
        return [(one.kind, one.expected, one.actual) for one in self.reconcile().discrepancies]


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """As the owner of the tables, whose triggers alone refuse a change."""
    engine = database_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def world(anvil: AnvilNode, engine: Engine) -> Reconciled:
    world = Reconciled(DevNode(anvil.url), engine)
    world.store_document()
    return world


@pytest.fixture
def settled(world: Reconciled) -> Reconciled:
    """Two of four leaves are withdrawn; the first line of the second was refused."""
    refused = str(withdrawals(world.place)[1].leaf.lines[0].payee)
    world.commit_and_activate()
    world.withdraw(0)
    world.withdraw(1, refused=(refused,))
    return world


def test_reconcile__every_stage_of_an_epoch__clean(world: Reconciled) -> None:
    refuser = withdrawals(world.place)[1].leaf.lines[0].payee
    world.post()
    funded = world.found()
    world.call(commit_epoch_call(world.approval.approval, world.approval.signatures))
    world.post()
    committed = world.found()
    world.node.advance(VETO_WINDOW)
    world.post()
    active = world.found()
    world.node.send(world.money.functions.refuse(str(refuser), True))
    for withdrawal in withdrawals(world.place)[:2]:
        world.call(withdraw_call(withdrawal))
    world.post()
    withdrawn = world.found()
    world.node.send(world.money.functions.refuse(str(refuser), False))
    world.node.send(world.payouts.functions.pushUnclaimed(str(refuser), str(world.place.token)))
    world.post()
    pushed = world.found()

    assert [funded, committed, active, withdrawn, pushed] == [[], [], [], [], []]


def test_reconcile__books_behind_the_head__clean_at_their_block(
    world: Reconciled,
) -> None:
    world.commit_and_activate()
    world.post()
    head = world.head()
    world.call(withdraw_call(withdrawals(world.place)[0]))

    run = world.reconcile()

    assert (run.block, run.discrepancies) == (head, ())


@pytest.mark.parametrize(
    "change", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET checks = 1"]
)
def test_runs__changed_by_sql__refused(engine: Engine, change: str) -> None:
    statement = change.format(RUN.name)

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_statements__settled_epoch_with_a_verdict__held_within_outstanding(
    settled: Reconciled,
) -> None:
    settled.post()
    paid, refused, open_leaf, held_leaf = (each.leaf for each in withdrawals(settled.place))
    with settled.engine.connect() as connection:
        reads = LedgerReads(connection, settled.book)
        (made,) = epoch_statements(
            reads.flows(),
            reads.payable_leaves(),
            held_works={held_leaf.work_id, paid.work_id},
            held_payees={open_leaf.lines[0].payee, paid.lines[0].payee},
        )

    assert made.allocated == sum(leaf.amount for leaf in leaves(settled.place))
    assert (made.fees, made.escrow) == (FEES, IN_ESCROW + IN_SUSPENSE)
    assert made.unallocated == UNALLOCATED
    assert made.paid_in == made.allocated + made.fees + made.escrow + made.unallocated
    assert made.unclaimed == refused.lines[0].amount
    assert made.withdrawn == paid.amount + refused.lines[1].amount
    assert (made.outstanding, made.held) == (
        open_leaf.amount + held_leaf.amount + FEES,
        held_leaf.amount + open_leaf.lines[0].amount,
    )
    assert (made.in_escrow, made.in_suspense) == (IN_ESCROW, IN_SUSPENSE)


def test_reconcile__holds_placed_paid_around_expired_and_lifted__clean(world: Reconciled) -> None:
    first, second = (each.leaf for each in withdrawals(world.place)[:2])
    held, lifted = first.lines[0].payee, second.lines[1].payee
    world.commit_and_activate()
    expiry = world.head().timestamp + 1_000
    for who, expires_at in ((held, expiry), (lifted, expiry + 9_000)):
        world.node.send(world.payouts.functions.placeHold(str(who), b"\x01" * 32, expires_at))
    for withdrawal in withdrawals(world.place)[:2]:
        world.call(withdraw_call(withdrawal))
    world.post()
    around = world.found()
    owed_around = world.owed()
    world.node.send(world.payouts.functions.liftHold(str(lifted)))
    world.node.advance(1_001)
    world.post()
    over = world.found()
    for withdrawal in withdrawals(world.place)[:2]:
        world.call(withdraw_call(withdrawal))
    world.post()
    paid = world.found()

    assert [around, over, paid] == [[], [], []]
    assert owed_around[first.work_id] == (0b10, first.lines[:1])
    assert owed_around[second.work_id] == (0b01, second.lines[1:])
    assert first.work_id not in world.owed()
    assert world.node.balance(world.place.token, held) == first.lines[0].amount


def test_reconcile__fees_suspense_released_escrow_expired_and_transferred__clean(
    world: Reconciled,
) -> None:
    place, fees = world.place, withdrawal_of(fee_leaf(world.place), world.place)
    beneficiary, suspended = payee(7, 7), suspense_leaf(place)
    claims = world.node.contract("ContentClaims", place.claims)
    world.commit_and_activate()
    world.call(withdraw_call(fees))
    announce = claims.functions.announceBeneficiary(bytes(suspended.work_id), str(beneficiary))
    world.node.send(announce)
    world.node.advance(BENEFICIARY_DELAY)
    world.node.send(claims.functions.applyBeneficiary(bytes(suspended.work_id)))
    world.post()
    before = world.found()
    world.call(release_escrow_call(withdrawal_of(suspended, place)))
    world.post()
    released = world.found()
    world.node.advance(ESCROW_EXPIRY)
    expiring = withdrawal_of(escrow_leaf(place), place)
    world.call(expire_escrow_call(expiring))
    world.post()
    expired = world.found()
    announced = IN_ESCROW + UNALLOCATED
    world.node.send(
        world.payouts.functions.announceUnallocatedTransfer(
            EPOCH, str(place.token), str(payee(8, 8)), announced
        )
    )
    world.post()
    waiting = world.found()
    (event,) = world.facts.transfer_events(world.head())
    world.node.advance(GOVERNANCE_DELAY)
    transfer = world.payouts.functions.applyUnallocatedTransfer(bytes(event.transfer_id))
    world.node.send(transfer)
    world.node.send(world.payouts.functions.pushUnclaimed(str(beneficiary), str(place.token)))
    world.post()
    over = world.found()

    assert [before, released, expired, waiting, over] == [[], [], [], [], []]
    assert world.node.balance(place.token, fees.leaf.lines[0].payee) == FEES
    assert world.node.balance(place.token, beneficiary) == IN_SUSPENSE
    assert world.node.balance(place.token, payee(8, 8)) == announced
    with world.engine.connect() as connection:
        reads = LedgerReads(connection, world.book)
        (made,) = epoch_statements(
            reads.flows(), reads.payable_leaves(), held_works=(), held_payees=()
        )
    assert (made.released, made.expired, made.transferred) == (IN_SUSPENSE, IN_ESCROW, announced)
    assert (made.in_escrow, made.in_suspense, made.left) == (0, 0, 0)


def test_reconcile__transfer_announced_and_cancelled__clean(world: Reconciled) -> None:
    world.commit_and_activate()
    announce = world.payouts.functions.announceUnallocatedTransfer(
        EPOCH, str(world.place.token), str(payee(8, 8)), UNALLOCATED
    )
    world.node.send(announce)
    (event,) = world.facts.transfer_events(world.head())
    world.node.send(world.payouts.functions.cancelUnallocatedTransfer(bytes(event.transfer_id)))
    world.post()

    assert world.found() == []


def test_chain_side__fact_tables_emptied__unchanged(settled: Reconciled) -> None:
    """Nothing of the chain side comes through the indexer, or from the books."""
    settled.post()
    before = settled.chain_side()
    with settled.engine.begin() as connection:
        names = (
            connection.execute(
                text(
                    "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                    " AND (tablename LIKE 'fact%' OR tablename IN ('block', 'log', 'cursor'))"
                )
            )
            .scalars()
            .all()
        )
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(f"TRUNCATE {', '.join(names)} CASCADE"))
        connection.execute(text("TRUNCATE journal_entry, posting, ledger_account CASCADE"))

    after = settled.chain_side()

    assert len(names) > 20
    assert after == before
    assert (
        before.rebuilt.cash[settled.place.token] == before.state.balances[settled.place.token].value
    )


def test_balances__node_that_gives_proofs__proven(settled: Reconciled) -> None:
    settled.post()
    coins, tokens = (reading for _, reading in sorted(settled.chain_side().state.balances.items()))
    run = settled.reconcile()

    assert (coins.value, coins.is_proven, tokens.is_proven) == (0, True, True)
    assert tokens.evidence.startswith("slot 0x")
    assert (run.proven, run.stated, run.lines) == (2, 0, 7 + 6)


def test_reconcile__token_sent_to_the_contract__surplus_found(settled: Reconciled) -> None:
    settled.post()
    before = settled.reconcile()
    settled.node.send(settled.money.functions.mint(str(settled.place.payouts), 5))
    settled.post()

    (found,) = settled.reconcile().discrepancies

    assert before.discrepancies == ()
    assert found.kind is Kind.MISSING_IN_BOOKS
    assert int(found.actual) == int(found.expected) + 5
    assert found.place.transaction_hash is not None


def test_reconcile__submitter_commits_and_withdraws__clean_with_its_gas(
    world: Reconciled,
) -> None:
    world.submit(commit=True)
    world.node.advance(VETO_WINDOW)
    world.submit(0, 1)
    world.submit(2)
    world.post()

    run = world.reconcile()

    assert run.discrepancies == ()


def test_from_chain_only__settled__same_as_the_books(settled: Reconciled) -> None:
    settled.post()
    documents = SqlDocuments(settled.engine, settled.settlement)
    with books_of(settled.engine, settled.settlement) as books:
        rebuilt = from_chain_only(settled.chain(), documents, books, settlement=settled.settlement)

    assert (rebuilt.unsound, rebuilt.contradictions, rebuilt.differences) == ((), (), ())
    by_basis = {part.basis: part.amount for part in rebuilt.parts if part.name == "balance"}
    assert list(by_basis) == ["chain: state, proven"]
    assert any(part.basis == FROM_DOCUMENT for part in rebuilt.parts)


def test_reconcile__no_document_of_the_manifest__root_mismatch(settled: Reconciled) -> None:
    settled.post()
    with settled.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM computed_epoch"))

    (found,) = settled.reconcile().discrepancies

    assert found.kind is Kind.ROOT_MISMATCH


def test_reconcile__not_the_contract__refused(settled: Reconciled) -> None:
    settled.post()
    contracts = dict(settled.settlement.contracts)
    contracts[ContractName.EPOCH_CLOCK] = Address(b"\x01" * 20)
    settled.settlement = replace(settled.settlement, contracts=contracts)

    with pytest.raises(ReconciliationError):
        settled.reconcile()


def test_chain__nobody_listens__unavailable(settled: Reconciled) -> None:
    chain = RPCChain(
        "http://user:secret@127.0.0.1:9/",
        settled.settlement,
        timeout_s=1,
        finality_tag="none",
        finality_depth_blocks=0,
        profile=chain_profile_named("ethereum"),
    )

    with pytest.raises(ChainUnavailable) as caught:
        chain.finalized()

    assert "secret" not in str(caught.value)
