"""The submitter on a real chain with a real database: kills, reorgs, and exactly one payment."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

from contracts.evm import BlockRef, Hash32
from scripts.embedded.anvil import AnvilNode
from settlement.payouts.adapters.chain import NodePayoutChain
from settlement.payouts.adapters.ownership import payouts_owner
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.adapters.store import SqlHistories, SqlPayoutStore
from settlement.payouts.adapters.tables import TABLES
from settlement.payouts.decision import State
from settlement.payouts.operation import Fate
from settlement.payouts.protocols import OwedLeaf
from settlement.payouts.report import Stop, TickReport
from settlement.payouts.status import payout_status
from tests.fakes_payout_chain import FakeBooks
from tests.payouts_settlement import (
    AMOUNT,
    CHAIN_ID,
    EPOCH,
    FEES,
    IN_ESCROW,
    IN_SUSPENSE,
    SENDER_KEY,
    UNALLOCATED,
    VETO_WINDOW,
    DevNode,
    NoReservations,
    approved,
    create_tables,
    database_engine,
    deployed,
    payee,
    submitter,
    withdrawals,
)

ROOT = Path(__file__).resolve().parents[2]
SENDER = LocalSigner.from_hex(SENDER_KEY).address


class Site:
    """Chain, contracts and database of one test."""

    def __init__(self, node: DevNode, database_url: str, engine: Engine) -> None:
        self.node, self.url, self.engine = node, database_url, engine
        create_tables(engine)
        self.place = deployed(node)
        self.chain = NodePayoutChain(
            node.url, CHAIN_ID, [self.place.payouts], timeout_s=10, told=str
        )

    def tick(self, books: FakeBooks) -> TickReport:
        """One tick of a fresh process."""
        with submitter(self.engine, self.node, self.place, books, self.chain) as process:
            return process.tick()

    def activate(self) -> None:
        """Commit the epoch through the submitter, and let the veto window pass."""
        self.node.finalize()
        books = FakeBooks(commits=[approved(self.node, self.place)])
        assert len(self.tick(books).signed) == 1
        self.node.mine()
        self.node.finalize()
        (outcome,) = self.tick(books).recorded
        assert outcome.fate is Fate.SETTLED
        self.node.advance(VETO_WINDOW)
        self.node.finalize()

    def owed(self) -> FakeBooks:
        """All leaves, as the books owe them."""
        return FakeBooks(leaves=withdrawals(self.place))

    def stored_hashes(self) -> list[Hash32]:
        """Everything that was ever signed, by nonce; the first is the commit."""
        with payouts_owner(
            self.engine, CHAIN_ID, sender=SENDER, contracts=[self.place.payouts]
        ) as owner:
            store = SqlPayoutStore(owner, CHAIN_ID, [self.place.payouts], NoReservations())
            attempts = store.open_attempts(SENDER, first_nonce=0)
        return [tx_hash for attempt in attempts for tx_hash in attempt.hashes]

    def lose_the_database(self) -> None:
        """Everything that was planned, signed and recorded is forgotten."""
        SQLModel.metadata.drop_all(self.engine, tables=TABLES)
        with self.engine.begin() as connection:
            connection.execute(text("DROP FUNCTION payout_refuse_change"))
        create_tables(self.engine)

    def balances(self) -> list[int]:
        """What each payee holds, by work and line."""
        payees = [payee(work, line) for work in range(4) for line in range(2)]
        return [self.node.balance(self.place.token, one) for one in payees]

    def state(self, op_id: Hash32) -> State:
        """Where an operation stands, for a reader without the key."""
        with self.engine.connect() as connection:
            status = payout_status(
                op_id, histories=SqlHistories(connection), chain=self.chain, finality=self.node
            )
        assert status is not None
        assert status.standing is not None
        return status.standing.state

    def killed_child(self, directory: Path, moment: str) -> None:
        """A submitter process that ends by SIGKILL during its first broadcast."""
        place_file = directory / "place.json"
        place_file.write_text(self.place.to_json())
        command = [sys.executable, "-m", "tests.payouts_settlement", self.url, self.node.url]
        child = subprocess.run(
            [*command, str(place_file), moment], cwd=ROOT, capture_output=True, check=False
        )
        assert child.returncode == -signal.SIGKILL, child.stderr.decode()


PAID = [AMOUNT + work for work in range(4) for _ in range(2)]


@pytest.fixture
def site(anvil: AnvilNode, empty_database: str) -> Iterator[Site]:
    engine = database_engine(empty_database)
    try:
        yield Site(DevNode(anvil.url), empty_database, engine)
    finally:
        engine.dispose()


def test_submitter__commit_then_batch__every_payee_paid_once(site: Site) -> None:
    site.activate()

    signed = site.tick(site.owed()).signed
    site.node.mine()
    before_final = site.tick(site.owed())
    site.node.finalize()
    recorded = site.tick(site.owed()).recorded

    assert len(signed) == 1
    assert (before_final.signed, before_final.recorded) == ((), ())
    assert [outcome.fate for outcome in recorded] == [Fate.SETTLED] * 4
    assert {outcome.tx_hash for outcome in recorded} == set(signed)
    assert site.balances() == PAID
    left = FEES + IN_ESCROW + IN_SUSPENSE + UNALLOCATED
    assert site.node.balance(site.place.token, site.place.payouts) == left
    assert {site.state(outcome.op_id) for outcome in recorded} == {State.FINAL}
    last = site.tick(site.owed())
    assert (last.planned, last.signed, last.recorded) == (0, (), ())


@pytest.mark.parametrize("moment", ["before", "after"])
def test_submitter__killed_during_broadcast__restart_pays_exactly_once(
    site: Site, tmp_path: Path, moment: str
) -> None:
    site.activate()
    site.killed_child(tmp_path, moment)
    site.node.mine()
    stored = site.stored_hashes()[1:]
    assert len(stored) == 1
    assert site.balances() == ([0] * 8 if moment == "before" else PAID)

    report = site.tick(site.owed())
    site.node.finalize()
    recorded = site.tick(site.owed()).recorded

    assert list(report.sent_again) == (stored if moment == "before" else [])
    assert report.signed == ()
    assert site.stored_hashes()[1:] == stored
    assert [outcome.fate for outcome in recorded] == [Fate.SETTLED] * 4
    assert site.balances() == PAID


def test_submitter__reorg_drops_the_payout__same_bytes_sent_again(site: Site) -> None:
    site.activate()
    (signed,) = site.tick(site.owed()).signed
    site.node.mine()
    assert site.balances() == PAID
    site.node.call("anvil_reorg", 3, [])
    assert site.balances() == [0] * 8

    report = site.tick(site.owed())
    site.node.finalize()
    recorded = site.tick(site.owed()).recorded

    assert report.sent_again == (signed,)
    assert report.signed == ()
    assert [outcome.tx_hash for outcome in recorded] == [signed] * 4
    assert site.balances() == PAID


def test_submitter__stranger_withdraws_first__used_elsewhere(site: Site) -> None:
    site.activate()
    first, *others = withdrawals(site.place)
    contract = site.node.contract("EpochPayouts", site.place.payouts)
    arguments = {
        "epoch": EPOCH,
        "workId": bytes(first.leaf.work_id),
        "part": 0,
        "asset": str(site.place.token),
        "payees": [str(line.payee) for line in first.leaf.lines],
        "amounts": [line.amount for line in first.leaf.lines],
        "proof": [bytes(node) for node in first.proof],
    }
    site.node.send(contract.functions.withdraw(arguments))

    held = site.tick(site.owed()).held
    site.node.finalize()
    recorded = site.tick(site.owed()).recorded

    assert [one.objection.reason for one in held] == ["already_withdrawn"]
    fates = sorted(outcome.fate for outcome in recorded)
    assert fates == [Fate.SETTLED] * len(others) + [Fate.SETTLED_ELSEWHERE]
    assert site.balances() == PAID


def test_submitter__approval_expired_then_paused__held_then_stopped(site: Site) -> None:
    books = FakeBooks(commits=[approved(site.node, site.place)])
    site.node.call(
        "evm_setNextBlockTimestamp", site.node.web3.eth.get_block("latest")["timestamp"] + 20_000
    )
    site.node.finalize()

    expired = site.tick(books)
    site.node.send(site.node.contract("EpochPayouts", site.place.payouts).functions.pause())
    paused = site.tick(books)

    (held,) = expired.held
    assert held.objection.reason.startswith("reverts with 0x")
    assert expired.signed == ()
    assert paused.stop is not None
    assert paused.stop.value == "paused"


class OwedRemainder(FakeBooks):
    """Books that owe what a hold left open of the first leaf."""

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[OwedLeaf]:
        return [OwedLeaf(self.leaves[0], settled=0b10)]


def test_submitter__payee_held__others_paid_and_the_held_line_after_the_hold(site: Site) -> None:
    """The real contract settles by line: what a hold left open has an operation of its own."""
    site.activate()
    payouts = site.node.contract("EpochPayouts", site.place.payouts).functions
    leaf = withdrawals(site.place)[0].leaf
    held, other = (line.payee for line in leaf.lines)
    expires_at = site.node.web3.eth.get_block("latest")["timestamp"] + 10_000
    site.node.send(payouts.placeHold(str(held), b"\x01" * 32, expires_at))
    site.tick(site.owed())
    site.node.mine()
    site.node.finalize()
    first = site.tick(site.owed()).recorded
    paid_around = [site.node.balance(site.place.token, one) for one in (held, other)]
    remainder = OwedRemainder(leaves=withdrawals(site.place))

    too_early = site.tick(remainder)
    site.node.send(payouts.liftHold(str(held)))
    site.node.finalize()
    signed = site.tick(remainder).signed
    site.node.mine()
    site.node.finalize()
    (last,) = site.tick(remainder).recorded

    assert [outcome.fate for outcome in first] == [Fate.SETTLED] * 4
    assert paid_around == [0, AMOUNT]
    assert [one.objection.reason for one in too_early.held] == ["all_lines_held"]
    assert (too_early.planned, too_early.signed, len(signed)) == (1, (), 1)
    assert (last.fate, last.tx_hash) == (Fate.SETTLED, signed[0])
    assert site.balances() == PAID
    assert site.state(last.op_id) is State.FINAL


def test_submitter__not_included_for_too_long__replaced_and_every_payee_paid_once(
    site: Site,
) -> None:
    site.activate()
    (signed,) = site.tick(site.owed()).signed
    fee = site.chain.fees(site.chain.head()).base_fee_wei
    for _ in range(3):  # blocks that ours does not pay for
        site.node.call("anvil_setNextBlockBaseFeePerGas", hex(10**11))
        site.node.mine()
    site.node.call("anvil_setNextBlockBaseFeePerGas", hex(fee))

    report = site.tick(site.owed())
    site.node.call("anvil_setNextBlockBaseFeePerGas", hex(10**11))
    site.node.mine()
    site.node.finalize()
    recorded = site.tick(site.owed()).recorded

    (replacement,) = report.replaced
    assert (report.signed, site.stored_hashes()[1:]) == ((), [signed, replacement])
    assert [outcome.tx_hash for outcome in recorded] == [replacement] * 4
    assert site.balances() == PAID


@pytest.mark.parametrize("is_mined", [True, False], ids=["mined", "waiting"])
def test_submitter__database_lost_mid_payment__waits_for_its_past_and_pays_nobody_twice(
    site: Site, *, is_mined: bool
) -> None:
    site.activate()
    site.tick(site.owed())
    if is_mined:
        site.node.mine()
    site.lose_the_database()

    waiting = site.tick(site.owed())
    site.node.finalize()
    recorded = site.tick(site.owed()).recorded

    assert (waiting.stop, waiting.signed, waiting.replaced) == (Stop.KEY_UNSETTLED, (), ())
    assert [outcome.fate for outcome in recorded] == [Fate.SETTLED_ELSEWHERE] * 4
    assert site.stored_hashes() == []
    assert site.balances() == PAID


def test_submitter__forgotten_transaction_dropped_by_the_pool__gap_filled_then_all_paid_once(
    site: Site,
) -> None:
    site.activate()
    site.lose_the_database()
    signed = site.tick(site.owed()).signed  # the commit's nonce is adopted, being final
    site.lose_the_database()
    site.tick(site.owed())
    site.node.call("anvil_dropTransaction", str(signed[0]))

    filled = site.tick(site.owed())
    site.node.finalize()
    paid = site.tick(site.owed()).signed
    site.node.finalize()
    recorded = site.tick(site.owed()).recorded

    assert (len(filled.replaced), filled.signed) == (1, ())
    assert [outcome.tx_hash for outcome in recorded] == [paid[0]] * 4
    assert site.balances() == PAID
