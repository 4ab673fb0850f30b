"""Reconciliation of a real contract with real books: a dev chain and Postgres."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, insert
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from contracts.addresses import Settlement
from contracts.approvals import AssetTotals
from contracts.calls import (
    commit_epoch_call,
    expire_escrow_call,
    release_escrow_call,
    withdraw_call,
)
from contracts.event_spec import ContractName
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    Epoch,
    Hash32,
    LogIndex,
    LogRef,
    Timestamp,
)
from contracts.leaves import SplitLine
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
    EscrowExpired,
    EscrowReleased,
    HoldEvent,
    LeafWithdrawn,
    MoneyEvent,
    PayeeHeld,
    PayeeHoldLifted,
    PayeeHoldPlaced,
    PayeePaid,
    PayeeUnclaimed,
    TransferEvent,
    UnallocatedTransferAnnounced,
    UnallocatedTransferCancelled,
    UnallocatedTransferred,
    UnclaimedWithdrawn,
)
from contracts.operations import withdraw_operation_id
from contracts.units import BaseUnits
from reconciliation.adapters import tables as run_tables
from reconciliation.adapters.books import SqlBooks
from reconciliation.adapters.chain import RPCChain
from reconciliation.adapters.computed import SqlComputedRoots
from reconciliation.adapters.store import SqlRuns
from reconciliation.discrepancy import Kind
from reconciliation.errors import BadAnswer, ChainUnavailable
from reconciliation.reconcile import Run, reconcile
from reconciliation.snapshot import Questions
from reconciliation.statements import epoch_statements
from scripts.embedded.anvil import AnvilNode
from settlement.ledger.accounts import Book
from settlement.ledger.adapters import tables
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.commitments import Distribution
from settlement.ledger.post import post_step
from settlement.royalties.adapters.tables import COMPUTED_EPOCH
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
    Place,
    all_leaves,
    approved,
    deployed,
    escrow_leaf,
    fee_leaf,
    leaves,
    payee,
    suspense_leaf,
    withdrawal_of,
    withdrawals,
)

EVERYTHING = (*tables.APPEND_ONLY, tables.CURSOR, run_tables.RUN, run_tables.DISCREPANCY)
NOBODY = Questions(epochs=frozenset(), assets=frozenset(), unclaimed=(), leaves=(), held=())


class ChainFacts:
    """`EpochPayouts` events straight from the node; everything mined counts as finalized."""

    def __init__(self, node: DevNode, place: Place) -> None:
        self._node, self._place = node, place
        self._contract = node.contract("EpochPayouts", place.payouts)
        self.hidden_work: Hash32 | None = None
        self.is_blind_to_funding = False
        self.is_blind_to_escrow = False

    def finalized(self) -> BlockRef | None:
        return self.block(BlockNumber(self._node.web3.eth.block_number))

    def block(self, number: BlockNumber) -> BlockRef | None:
        block = self._node.call("eth_getBlockByNumber", hex(number), False)
        return BlockRef(
            number=BlockNumber(int(block["number"], 16)),
            hash=Hash32.from_hex(block["hash"]),
            parent_hash=Hash32.from_hex(block["parentHash"]),
            timestamp=Timestamp(int(block["timestamp"], 16)),
        )

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        number = upto.number
        while number >= 0:
            block = self.block(number)
            if block is not None and block.timestamp < timestamp:
                return block
            number = BlockNumber(number - 1)
        return None

    def money_events(self, after: BlockNumber, upto: BlockRef) -> list[MoneyEvent]:
        readers: dict[str, Callable[[dict[str, Any], Any], MoneyEvent]] = {
            "EpochFunded": _funded,
            "EpochCommitted": _committed,
            **{kind.__name__: _as_it_is(kind) for kind in _SIMPLE},
        }
        events = self._read(readers, after + 1, upto)
        return sorted(filter(self._is_shown, events), key=lambda event: event.ref)

    def hold_events(self, upto: BlockRef) -> list[HoldEvent]:
        kinds = (PayeeHoldPlaced, PayeeHoldLifted)
        events = self._read({kind.__name__: _as_it_is(kind) for kind in kinds}, 0, upto)
        return sorted(events, key=lambda event: event.ref)

    def transfer_events(self, upto: BlockRef) -> list[TransferEvent]:
        kinds = (
            UnallocatedTransferAnnounced,
            UnallocatedTransferCancelled,
            UnallocatedTransferred,
        )
        events = self._read({kind.__name__: _as_it_is(kind) for kind in kinds}, 0, upto)
        return sorted(events, key=lambda event: event.ref)

    def _read(self, readers: Any, first: int, upto: BlockRef) -> list[Any]:
        events: list[Any] = []
        for name, read in readers.items():
            event: Any = self._contract.events[name]
            for log in event.get_logs(from_block=first, to_block=upto.number):
                block = self.block(log["blockNumber"])
                assert block is not None
                head = {
                    "ref": LogRef(CHAIN_ID, block.number, LogIndex(log["logIndex"])),
                    "block_hash": block.hash,
                    "timestamp": block.timestamp,
                }
                events.append(read(head, log["args"]))
        return events

    def _is_shown(self, event: MoneyEvent) -> bool:
        """An indexer that misses something."""
        if isinstance(event, EpochFunded):
            return not self.is_blind_to_funding
        if isinstance(event, EscrowReleased):
            return not self.is_blind_to_escrow
        if isinstance(event, LeafWithdrawn | PayeePaid | PayeeUnclaimed | PayeeHeld):
            return event.op_id != self._hidden_operation()
        return True

    def _hidden_operation(self) -> Hash32 | None:
        if self.hidden_work is None:
            return None
        return withdraw_operation_id(
            EPOCH,
            self.hidden_work,
            0,
            self._place.token,
            chain_id=CHAIN_ID,
            contract=self._place.payouts,
        )


def _funded(head: dict[str, Any], log: Any) -> EpochFunded:
    return EpochFunded(
        **head,
        epoch=Epoch(log["epoch"]),
        asset=Address.from_hex(log["asset"]),
        source=Address.from_hex(log["source"]),
        amount=BaseUnits(log["amount"]),
    )


def _committed(head: dict[str, Any], log: Any) -> EpochCommitted:
    return EpochCommitted(
        **head,
        epoch=Epoch(log["epoch"]),
        attempt=log["attempt"],
        manifest_digest=Hash32(log["manifestDigest"]),
        root=Hash32(log["root"]),
        active_at=Timestamp(log["activeAt"]),
        guardian_set=log["guardianSet"],
        signers=tuple(Address.from_hex(one) for one in log["signers"]),
        totals=tuple(
            AssetTotals(
                asset=Address.from_hex(one["asset"]),
                paid_in=one["paidIn"],
                carried_in=one["carriedIn"],
                allocated=one["allocated"],
                escrow=one["escrow"],
                unallocated=one["unallocated"],
                fees=one["fees"],
            )
            for one in log["totals"]
        ),
    )


_SIMPLE = (
    LeafWithdrawn,
    PayeePaid,
    PayeeUnclaimed,
    PayeeHeld,
    UnclaimedWithdrawn,
    EscrowReleased,
    EscrowExpired,
    UnallocatedTransferred,
)


def _as_it_is(kind: Any) -> Callable[[dict[str, Any], Any], Any]:
    """Read an event whose arguments are the fields of its record, in Solidity's spelling."""

    def read(head: dict[str, Any], log: Any) -> Any:
        return kind(**head, **{_snake(name): _value(value) for name, value in log.items()})

    return read


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def _value(value: object) -> object:
    if isinstance(value, bytes):
        return Hash32(value)
    return Address.from_hex(value) if isinstance(value, str) else value


class World:
    """One funded epoch of four leaves on a real chain, its books, and its reconciliation."""

    def __init__(self, node: DevNode, engine: Engine) -> None:
        self.node, self.engine = node, engine
        self.place = deployed(node)
        self.money = node.contract("DemoToken", self.place.token)
        self.payouts = node.contract("EpochPayouts", self.place.payouts)
        self.book = Book(chain_id=CHAIN_ID, contract=self.place.payouts)
        self.facts = ChainFacts(node, self.place)
        self.approval = approved(node, self.place)
        self.is_computed = True
        clock = Address.from_hex(self.payouts.functions.clock().call())
        contracts = dict.fromkeys(ContractName, Address(bytes(20)))
        contracts |= {
            ContractName.EPOCH_PAYOUTS: self.place.payouts,
            ContractName.EPOCH_CLOCK: clock,
        }
        self.settlement = Settlement(
            name="test",
            chain_id=CHAIN_ID,
            start_block=BlockNumber(0),
            contracts=contracts,
            tokens=(self.place.token,),
        )
        self.chain = RPCChain(node.url, self.settlement, timeout_s=10)
        self.runs = SqlRuns(engine, CHAIN_ID, self.place.payouts)

    def distribution(self, epoch: Epoch, manifest_digest: Hash32) -> Distribution | None:
        approval = self.approval.approval
        if (epoch, manifest_digest) != (EPOCH, approval.manifest_digest):
            return None
        return Distribution(
            manifest_digest=manifest_digest, root=approval.root, leaves=all_leaves(self.place)
        )

    def roots(self, manifest_digests: Any) -> dict[Hash32, Hash32]:
        approval = self.approval.approval
        return {approval.manifest_digest: approval.root} if self.is_computed else {}

    def call(self, data: bytes) -> None:
        transaction = {
            "from": self.node.admin,
            "to": str(self.place.payouts),
            "data": "0x" + data.hex(),
            "gas": hex(3_000_000),
        }
        tx_hash = self.node.call("eth_sendTransaction", transaction)
        self.node.mine()
        assert self.node.call("eth_getTransactionReceipt", tx_hash)["status"] == "0x1"

    def commit_and_activate(self) -> None:
        self.call(commit_epoch_call(self.approval.approval, self.approval.signatures))
        self.node.advance(VETO_WINDOW)

    def head(self) -> BlockRef:
        block = self.facts.finalized()
        assert block is not None
        return block

    def post(self) -> None:
        is_caught_up = False
        while not is_caught_up:
            with self.engine.begin() as connection:
                is_caught_up = post_step(
                    self.facts,
                    self,
                    LedgerStore(connection, self.book),
                    start_block=BlockNumber(0),
                    blocks_max=7,
                ).is_caught_up

    def reconcile(self) -> Run:
        books = SqlBooks(self.engine, self.book)
        run = reconcile(books, self.facts, self, self.chain, self.runs)
        assert run is not None
        return run

    def owed(self) -> dict[Hash32, tuple[int, tuple[SplitLine, ...]]]:
        """Settled lines and open lines of every leaf that the books owe, by work."""
        with self.engine.connect() as connection:
            found = LedgerReads(connection, self.book).payable_leaves()
        return {one.work_id: (one.settled, one.open_lines) for one in found}

    def found(self) -> list[tuple[Kind, str, str]]:
        return [(one.kind, one.expected, one.actual) for one in self.reconcile().discrepancies]


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    engine = create_engine(empty_database)
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection, tables=EVERYTHING)
        for statement in (*tables.EXTRA_DDL, *run_tables.EXTRA_DDL):
            connection.exec_driver_sql(statement)
    yield engine
    engine.dispose()


@pytest.fixture
def world(anvil: AnvilNode, engine: Engine) -> World:
    return World(DevNode(anvil.url), engine)


@pytest.fixture
def settled(world: World) -> World:
    """Two of four leaves are withdrawn; the first line of the second was refused."""
    refused = str(withdrawals(world.place)[1].leaf.lines[0].payee)
    world.commit_and_activate()
    world.node.send(world.money.functions.refuse(refused, True))
    for withdrawal in withdrawals(world.place)[:2]:
        world.call(withdraw_call(withdrawal))
    world.node.send(world.money.functions.refuse(refused, False))
    return world


def test_reconcile__every_stage_of_an_epoch__clean(world: World) -> None:
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
    assert world.runs.last_clean_block() == world.head().number


def test_reconcile__books_behind_the_head__clean_at_the_block_of_the_books(world: World) -> None:
    world.commit_and_activate()
    world.post()
    head = world.head()
    world.call(withdraw_call(withdrawals(world.place)[0]))

    run = world.reconcile()

    assert (run.block, run.discrepancies) == (head, ())


def test_reconcile__token_sent_to_the_contract__surplus_found(settled: World) -> None:
    settled.post()
    before = settled.reconcile()
    settled.node.send(settled.money.functions.mint(str(settled.place.payouts), 5))
    settled.post()

    (found,) = settled.reconcile().discrepancies

    assert before.discrepancies == ()
    assert found.kind is Kind.BALANCE
    assert int(found.actual) == int(found.expected) + 5


def test_reconcile__books_miss_a_withdrawal__found_in_every_view(settled: World) -> None:
    hidden = withdrawals(settled.place)[0].leaf
    settled.facts.hidden_work = hidden.work_id
    settled.post()

    found = settled.reconcile().discrepancies

    differences = {one.kind: int(one.expected, 0) - int(one.actual, 0) for one in found}
    assert differences == {
        Kind.BALANCE: hidden.amount,
        Kind.ACCOUNTED: hidden.amount,
        Kind.REMAINING: hidden.amount,
        Kind.PAID_LINES: -0b11,
    }


def test_reconcile__funding_that_the_books_miss__found(world: World) -> None:
    world.facts.is_blind_to_funding = True
    world.post()

    found = world.reconcile().discrepancies

    assert [one.kind for one in found] == [Kind.BALANCE, Kind.ACCOUNTED, Kind.PAID_IN]
    assert {one.expected for one in found} == {"0"}


def test_reconcile__manifest_that_we_did_not_compute__found(world: World) -> None:
    world.commit_and_activate()
    world.post()
    world.is_computed = False

    (found,) = world.reconcile().discrepancies

    assert found.kind is Kind.MANIFEST
    assert str(world.approval.approval.manifest_digest) in found.actual


def test_runs__found_closed_and_found_again__open_since_the_last_time(settled: World) -> None:
    settled.post()
    settled.is_computed = False
    settled.reconcile()
    settled.is_computed = True
    clean = settled.reconcile()
    settled.is_computed = False
    settled.node.mine(3)
    settled.post()
    first = settled.reconcile()
    settled.node.mine(3)
    settled.post()
    second = settled.reconcile()
    (found,) = second.discrepancies
    latest = settled.runs.latest()

    assert latest is not None
    assert latest[1] == second
    assert settled.runs.last_clean_block() == clean.block.number
    assert settled.runs.open_since(found.id) == first.block.number
    assert settled.runs.open_since(Hash32(bytes(32))) is None
    assert SqlRuns(settled.engine, CHAIN_ID, settled.place.token).latest() is None


@pytest.mark.parametrize(
    "change", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET checks = 1"]
)
def test_runs__changed_by_sql__refused(engine: Engine, change: str) -> None:
    statement = change.format(run_tables.RUN.name)

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_computed_roots__known_and_unknown_manifest__only_known(engine: Engine) -> None:
    COMPUTED_EPOCH.create(engine)
    known, root, unknown = (Hash32(bytes([byte]) * 32) for byte in (1, 2, 3))
    row = {
        "chain_id": CHAIN_ID,
        "contract": Address(bytes(20)),
        "epoch": 0,
        "attempt": 1,
        "settlement": "test",
        "manifest_digest": known,
        "manifest": b"{}",
        "root": root,
        "leaf_count": 1,
        "boundary_block": 1,
        "reference_block": 2,
    }
    with engine.begin() as connection:
        connection.execute(insert(COMPUTED_EPOCH), [row])

    assert SqlComputedRoots(engine).roots([known, unknown]) == {known: root}
    assert SqlComputedRoots(engine).roots([]) == {}


def test_snapshot__block_of_another_fork__unavailable(world: World) -> None:
    head = world.head()
    forked = replace(head, hash=Hash32(b"\x0f" * 32))

    with pytest.raises(ChainUnavailable, match=str(forked.hash)):
        world.chain.snapshot(forked, NOBODY)


def test_snapshot__nobody_listens__unavailable(world: World) -> None:
    head = world.head()
    chain = RPCChain("http://127.0.0.1:9/secret", world.settlement, timeout_s=1)

    with pytest.raises(ChainUnavailable, match=r"^127\.0\.0\.1") as failure:
        chain.snapshot(head, NOBODY)

    assert "secret" not in str(failure.value)


def test_snapshot__not_the_contract__bad_answer(world: World) -> None:
    head = world.head()
    contracts = {**world.settlement.contracts, ContractName.EPOCH_PAYOUTS: Address(b"\x01" * 20)}
    chain = RPCChain(world.node.url, replace(world.settlement, contracts=contracts), timeout_s=5)

    with pytest.raises(BadAnswer, match="firstEpoch"):
        chain.snapshot(head, NOBODY)


def test_statements__settled_epoch_with_a_verdict__held_within_outstanding(
    settled: World,
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


def test_reconcile__holds_placed_paid_around_expired_and_lifted__clean(world: World) -> None:
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


def test_snapshot__hold_over_by_time__nobody_is_held(world: World) -> None:
    """The contract keeps the expiry of a hold that is over; who is held is a matter of time."""
    held = withdrawals(world.place)[0].leaf.lines[0].payee
    world.commit_and_activate()
    expiry = world.head().timestamp + 1_000
    world.node.send(world.payouts.functions.placeHold(str(held), b"\x01" * 32, expiry))
    world.post()
    known = world.reconcile()
    questions = Questions(
        epochs=frozenset(), assets=frozenset(), unclaimed=(), leaves=(), held=(held,)
    )

    assert known.discrepancies == ()
    assert world.chain.snapshot(world.head(), questions).holds == {held: expiry}
    world.node.advance(1_000)
    assert world.chain.snapshot(world.head(), questions).holds == {held: 0}


def test_reconcile__fees_suspense_released_escrow_expired_and_transferred__clean(
    world: World,
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


def test_reconcile__escrow_release_that_the_books_miss__found(world: World) -> None:
    place, suspended = world.place, suspense_leaf(world.place)
    claims = world.node.contract("ContentClaims", place.claims)
    world.commit_and_activate()
    announce = claims.functions.announceBeneficiary(bytes(suspended.work_id), str(payee(7, 7)))
    world.node.send(announce)
    world.node.advance(BENEFICIARY_DELAY)
    world.node.send(claims.functions.applyBeneficiary(bytes(suspended.work_id)))
    world.call(release_escrow_call(withdrawal_of(suspended, place)))
    world.facts.is_blind_to_escrow = True
    world.post()

    found = {one.kind: one for one in world.reconcile().discrepancies}

    assert set(found) == {Kind.ESCROWED, Kind.PAID_LINES}
    assert found[Kind.ESCROWED].expected == str(IN_ESCROW + IN_SUSPENSE)
    assert found[Kind.ESCROWED].actual == str(IN_ESCROW)


def test_reconcile__transfer_announced_and_cancelled__clean(world: World) -> None:
    world.commit_and_activate()
    announce = world.payouts.functions.announceUnallocatedTransfer(
        EPOCH, str(world.place.token), str(payee(8, 8)), UNALLOCATED
    )
    world.node.send(announce)
    (event,) = world.facts.transfer_events(world.head())
    world.node.send(world.payouts.functions.cancelUnallocatedTransfer(bytes(event.transfer_id)))
    world.post()

    assert world.found() == []
