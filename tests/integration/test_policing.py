"""The policy over real books and records: what is planned, what is signed, and what is told.

Subjects: scripts.policing, scripts.policed_chain, scripts.policy_reports, scripts.cli.policy,
settlement.ledger.adapters.paid, settlement.ledger.paid, indexer.adapters.payer_reads,
settlement.royalties.adapters.funding.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from sqlalchemy import Engine, insert, text
from typer.testing import CliRunner

from contracts.addresses import settlements_to_json
from contracts.calls import Withdrawal
from contracts.events import SUBSCRIBED
from contracts.evm import Address, BlockRef, ChainId, Hash32, Timestamp, keccak
from contracts.holds import HOLD_DURATION_MAX_S, place_hold_call
from contracts.leaves import FEES_ID, Leaf
from contracts.operations import remainder_operation_id
from scripts.bootstrap_settlement import SettlementJobs, book_of, policy_gate
from scripts.cli.books import payout
from scripts.errors import NotConfigured, Rejected
from scripts.policed_chain import NOT_OWED, PolicedChain
from scripts.policing import PolicyGate
from scripts.settings import load_settings
from scripts.wiring import FinalizedFacts, LedgerReservations, PostedLeaves, snapshot
from settlement.ledger.adapters.paid import owed_since, paid_lines
from settlement.ledger.paid import PaidLine
from settlement.payouts.adapters.policy_store import PolicyRecords
from settlement.payouts.adapters.tables import PAYOUT_INCLUSION, PAYOUT_OPERATION
from settlement.payouts.errors import HoldStands, NotAnApproval
from settlement.payouts.obligations import commit_operation, withdraw_operation
from settlement.payouts.operation import Operation
from settlement.payouts.policy_terms import AssetPolicy, LeafVerdict, Policy, Rule, Stage
from settlement.payouts.view import Objection
from settlement.royalties.adapters.tables import COMPUTED_CREDIT
from tests.api_world import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_ID,
    FILM,
    FILM_0,
    SONG,
    SONG_0,
    USD,
    World,
    leaf,
    name_hash,
    timestamp,
)
from tests.fakes_payout_chain import FakeChain, approved_commit

KEYS = {"ann": b"\x41" * 32, "ben": b"\x42" * 32, "eve": b"\x43" * 32}
APPROVERS = {name: Address.from_hex(Account.from_key(key).address) for name, key in KEYS.items()}
SUBSCRIBER, PAYER = Address(b"\x51" * 20), Address(b"\x52" * 20)
SENDER = Address(b"\x53" * 20)
NOBODY = Address(b"\x54" * 20)
FEES_0 = leaf(0, FEES_ID, {NOBODY: 50})
OPEN = AssetPolicy(
    minimum_units=0,
    kyc_window_s=100,
    kyc_units_max=(None,),
    velocity_window_s=100,
    velocity_lines_max=None,
    payee_day_units_max=None,
    settlement_day_units_max=None,
    unapproved_units_max=None,
)
CONFIG = f"""
[policy]
approvers = {{ ann = "{APPROVERS["ann"]}", ben = "{APPROVERS["ben"]}" }}
chain_hold_margin_s = 30

[[policy.asset]]
chain = {CHAIN_ID}
asset = "{USD}"
minimum = "0"
kyc_window_s = 100
kyc_max = ["unlimited"]
velocity_window_s = 100
velocity_max = "unlimited"
payee_day_max = "unlimited"
settlement_day_max = "unlimited"
unapproved_max = "500"
"""


@pytest.fixture
def world(engine: Engine) -> World:
    """Epoch 0 is active: 900 for the song, 50 for the film, 50 of fees; nothing is paid."""
    world = World(engine)
    world.mine(1)
    world.start()
    world.register(SONG, {ALICE: 666_667, BOB: 333_333})
    world.register(FILM, {CAROL: 1_000_000})
    world.mine(2)
    world.fund(0, 1_000)
    world.mine(13)
    digest = world.compute(0, 1, [SONG_0, FILM_0, FEES_0], paid_in=1_000)
    world.commit(0, 1, digest, paid_in=1_000)
    world.mine(16)
    world.finalize(16)
    world.post_books()
    return world


@dataclass(frozen=True)
class Desk:
    """The policy of a world, and those who keep its records."""

    world: World
    limits: AssetPolicy = OPEN

    @property
    def gate(self) -> PolicyGate:
        approvers = frozenset(APPROVERS[name] for name in ("ann", "ben"))
        return PolicyGate(
            engine=self.world.engine,
            settlement=self.world.settlement,
            book=book_of(self.world.settlement),
            policy=Policy(assets={USD: self.limits}, approvers=approvers, chain_hold_margin_s=30),
            screening=PolicyRecords,
        )

    def accept(self, *accounts: Address) -> None:
        lines = "".join(f"{account} case\n" for account in (*accounts, NOBODY_LISTED))
        with self.world.engine.begin() as connection:
            PolicyRecords(connection).accept(lines.encode(), accepted_by="kim")

    def verdicts(self) -> dict[Hash32, LeafVerdict]:
        """By op-id of the leaf."""
        return {one.leaf.leaf_id: one for one in self.gate.verdicts(finalized(self.world))}

    def rules(self, one: Leaf) -> list[Rule]:
        found = self.verdicts()[self.world.op_id_of(one)]
        return [reason.rule for line in found.lines for reason in line.reasons]

    def planned(self, limit: int = 10) -> set[Hash32]:
        book = book_of(self.world.settlement)
        leaves = PostedLeaves(self.world.engine, self.world.settlement, book, self.gate)
        owed = leaves.payable(finalized(self.world), limit=limit)
        return {one.withdrawal.leaf.work_id for one in owed}


NOBODY_LISTED = Address(b"\x55" * 20)


@pytest.fixture
def desk(world: World) -> Desk:
    desk = Desk(world)
    desk.accept()
    return desk


def finalized(world: World) -> BlockRef:
    block = FinalizedFacts(world.engine, world.settlement).finalized()
    assert block is not None
    return block


def withdrawals(world: World) -> dict[Hash32, Any]:
    book = book_of(world.settlement)
    leaves = PostedLeaves(world.engine, world.settlement, book, None)
    owed = leaves.payable(finalized(world), limit=10)
    return {one.withdrawal.leaf.work_id: one.withdrawal for one in owed}


def plan(world: World, *works: Hash32, is_signed: bool = False) -> None:
    """Store operations as the submitter does, signed or not."""
    place: dict[str, Any] = {"chain_id": CHAIN_ID, "contract": world.settlement.payouts}
    found = withdrawals(world)
    for work in works:
        operation = withdraw_operation(found[work], **place)
        with world.engine.begin() as connection:
            LedgerReservations().reserve(connection, operation)
            subject: Any = operation.subject
            names = ("work_id", "part", "asset", "amount", "settled", "lines", "proof_nodes")
            connection.execute(
                insert(PAYOUT_OPERATION).values(
                    op_id=operation.op_id,
                    kind="withdraw",
                    list_id=operation.list_id,
                    list_index=operation.index,
                    content_digest=operation.content_digest,
                    call=operation.call,
                    epoch=0,
                    **place,
                    **{name: getattr(subject, name) for name in names},
                )
            )
            if is_signed:
                row = {"op_id": operation.op_id, "chain_id": CHAIN_ID}
                connection.execute(
                    insert(PAYOUT_INCLUSION).values(**row, sender=SENDER, nonce=len(works))
                )


def subscribe(world: World, *, works: tuple[Hash32, ...]) -> None:
    """PAYER pays for SUBSCRIBER, whose fee goes into these works of epoch 0."""
    world.emit(
        SUBSCRIBED,
        subscriber=SUBSCRIBER,
        epoch=0,
        tier_id=name_hash("tier"),
        payer=PAYER,
        asset=USD,
        amount=100,
    )
    numbers = (
        *("minutes", "plays", "price_ppm", "region_ppm", "discount_ppm", "factor_ppm"),
        *("credibility_ppm", "raw", "counted"),
    )
    with world.engine.begin() as connection:
        for position, (work, credited) in enumerate(
            [*((work, 1) for work in works), *((work, 0) for work in {SONG, FILM} - {*works})]
        ):
            connection.execute(
                insert(COMPUTED_CREDIT).values(
                    manifest_digest=world.manifest_of(0, 1),
                    asset=USD,
                    block_number=5,
                    log_index=0,
                    position=position,
                    subscriber=SUBSCRIBER,
                    work_id=work,
                    credited=credited,
                    **dict.fromkeys(numbers, 1),
                )
            )


def test_books__paid_lines_and_debts__as_the_chain_had_them(world: World) -> None:
    world.mine(17)
    world.withdraw(SONG_0, refused=[BOB])
    world.mine(18)
    world.pull_unclaimed(BOB, 200)
    world.finalize(18)
    world.post_books()
    book = book_of(world.settlement)

    with snapshot(world.engine) as connection:
        at_that_second = paid_lines(connection, book, Timestamp(timestamp(17)))
        later = paid_lines(connection, book, Timestamp(timestamp(17) + 1))
        since = owed_since(connection, book, [world.op_id_of(FILM_0)])

    amounts = {line.payee: line.amount for line in SONG_0.lines}
    assert sorted(at_that_second, key=lambda one: one.payee) == [
        PaidLine(payee=payee, asset=USD, amount=amounts[payee], paid_at=Timestamp(timestamp(17)))
        for payee in sorted((ALICE, BOB))
    ]
    assert later == []
    assert list(since) == [world.op_id_of(FILM_0)]
    assert timestamp(13) < since[world.op_id_of(FILM_0)] <= timestamp(16)


def test_planning__no_list_yet__nothing(world: World) -> None:
    assert Desk(world).planned() == set()


def test_planning__nothing_objects__everything(desk: Desk) -> None:
    assert desk.planned() == {SONG, FILM, FEES_ID}


def test_planning__one_payee_listed__its_leaf_waits_and_makes_room(desk: Desk) -> None:
    desk.accept(BOB)

    assert desk.planned() == {FILM, FEES_ID}
    assert len(desk.planned(limit=1)) == 1
    assert desk.rules(SONG_0) == [Rule.PAYEE_LISTED]

    desk.accept()

    assert desk.planned() == {SONG, FILM, FEES_ID}


def test_planning__payee_held_on_chain_too__the_others_of_its_leaf_go(desk: Desk) -> None:
    desk.accept(BOB)
    desk.world.mine(17)
    desk.world.hold(BOB, expires_at=timestamp(17) + 29)
    desk.world.finalize(17)
    too_short = desk.planned()
    desk.world.mine(18)
    desk.world.hold(BOB, expires_at=timestamp(18) + 30)
    desk.world.finalize(18)

    assert too_short == {FILM, FEES_ID}
    assert desk.planned() == {SONG, FILM, FEES_ID}


@pytest.mark.parametrize("listed", [SUBSCRIBER, PAYER])
def test_planning__payer_listed__waits_what_that_money_pays(desk: Desk, listed: Address) -> None:
    subscribe(desk.world, works=(SONG,))

    desk.accept(listed)

    assert desk.planned() == {FILM}
    assert desk.rules(SONG_0) == [Rule.PAYER_LISTED] * 2
    assert desk.rules(FEES_0) == [Rule.PAYER_LISTED]
    found = desk.verdicts()[desk.world.op_id_of(SONG_0)]
    assert found.leaf.payers == (listed,)


def test_planning__cap_of_a_day__paid_and_reserved_count(desk: Desk) -> None:
    """900 for the song are reserved, 50 of fees are paid: of 1,000 there are 50 left."""
    plan(desk.world, SONG)
    desk.world.mine(17)
    desk.world.withdraw(FEES_0)
    desk.world.finalize(17)
    desk.world.post_books()

    enough = Desk(desk.world, replace(OPEN, settlement_day_units_max=1_000))
    short = Desk(desk.world, replace(OPEN, settlement_day_units_max=999))

    assert enough.planned() == {FILM}
    assert short.planned() == set()
    assert short.rules(FILM_0) == [Rule.SETTLEMENT_DAILY_CAP]
    assert short.rules(SONG_0) == []


def test_verdicts__stages__owed_reserved_signed(desk: Desk) -> None:
    plan(desk.world, FILM)
    plan(desk.world, SONG, is_signed=True)

    found = {key: one.leaf.stage for key, one in desk.verdicts().items()}

    assert found == {
        desk.world.op_id_of(FEES_0): Stage.OWED,
        desk.world.op_id_of(FILM_0): Stage.RESERVED,
        desk.world.op_id_of(SONG_0): Stage.SIGNED,
    }


def test_verdicts__remainder__named_by_its_own_operation(desk: Desk) -> None:
    world = desk.world
    world.mine(17)
    world.hold(BOB, expires_at=timestamp(99))
    world.withdraw(SONG_0, held=[BOB])
    world.finalize(17)
    world.post_books()

    one = desk.verdicts()[world.op_id_of(SONG_0)]

    settled = 1 << [line.payee for line in SONG_0.lines].index(ALICE)
    place = {"chain_id": CHAIN_ID, "contract": world.settlement.payouts}
    assert one.leaf.op_id == remainder_operation_id(
        world.op_id_of(SONG_0),
        settled,
        **place,  # type: ignore[arg-type]
    )
    assert [line.payee for line in one.leaf.lines] == [BOB]


def test_signing__list_updated_since_the_plan__objection_until_it_is_taken_back(
    desk: Desk,
) -> None:
    plan(desk.world, SONG, FILM)
    finality = FinalizedFacts(desk.world.engine, desk.world.settlement)
    node = Node()
    chain = PolicedChain(node, desk.gate, finality)
    found = {one.leaf_id: one for one in (verdict.leaf for verdict in desk.verdicts().values())}
    assert {found[desk.world.op_id_of(one)].stage for one in (SONG_0, FILM_0)} == {Stage.RESERVED}
    calls = [withdrawal_of(desk.world, one) for one in (SONG_0, FILM_0)]
    at = finalized(desk.world)

    before = chain.objections(calls, sender=SENDER, at=at)
    desk.accept(BOB)
    after = chain.objections(calls, sender=SENDER, at=at)
    desk.accept()
    again = chain.objections(calls, sender=SENDER, at=at)

    assert before == again == [None, None]
    objection, other = after
    assert other is None
    assert objection is not None
    assert objection.refusal is None
    assert objection.reason.startswith("policy: payee_listed: ")
    assert str(BOB) in objection.reason


def test_signing__commits_and_unknown_leaves__not_judged_and_refused(desk: Desk) -> None:
    finality = FinalizedFacts(desk.world.engine, desk.world.settlement)
    node = Node()
    chain = PolicedChain(node, desk.gate, finality)
    unknown = leaf(7, SONG, {ALICE: 1})
    commit = approved_commit()
    place: dict[str, Any] = {"chain_id": CHAIN_ID, "contract": desk.world.settlement.payouts}
    calls = [
        commit_operation(commit.approval, commit.signatures, **place),
        withdrawal_of(desk.world, unknown),
    ]
    at = finalized(desk.world)

    assert chain.objections(calls, sender=SENDER, at=at) == [None, NOT_OWED]
    assert chain.objections(calls[:1], sender=SENDER, at=at) == [None]
    node.objection = Objection(None, "reverts")
    assert chain.objections(calls, sender=SENDER, at=at) == [node.objection] * 2


class Node(FakeChain):
    """A node that objects as it is told."""

    objection: Objection | None = None

    def objections(
        self, operations: Any, *, sender: Address, at: BlockRef
    ) -> list[Objection | None]:
        assert sender == SENDER
        return [self.objection for _ in operations]


def withdrawal_of(world: World, one: Leaf) -> Operation:
    return withdraw_operation(
        Withdrawal(one, ()), chain_id=CHAIN_ID, contract=world.settlement.payouts
    )


@dataclass(frozen=True)
class Quittance:
    """Runs `quittance payout` in an environment."""

    environ: dict[str, str]

    def run(self, *arguments: object) -> Any:
        """The JSON it prints; an error that it ends with is raised."""
        result = CliRunner().invoke(payout, [str(one) for one in arguments], obj=self.environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture
def quittance(world: World, database: str, tmp_path: Path) -> Quittance:
    (tmp_path / "book.json").write_text(settlements_to_json((world.settlement,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        f'[[chain]]\nid = {CHAIN_ID}\nname = "test"\nrpc = ["http://127.0.0.1:1"]\n'
        'start_block = 0\naddresses = "book.json"\n'
        f'finality = {{ tag = "finalized", depth = 1 }}\n{CONFIG}'
    )
    return Quittance(
        {
            "QUITTANCE_CONFIG": str(config),
            "QUITTANCE_DATA_DIR": str(tmp_path),
            "QUITTANCE_DATABASE_URL": database,
        }
    )


def test_commands__screen__names_who_is_owed_and_the_call_that_binds(
    world: World, quittance: Quittance, tmp_path: Path
) -> None:
    world.mine(17)
    world.withdraw(FILM_0, refused=[CAROL])
    world.finalize(17)
    world.post_books()
    listed = tmp_path / "list.txt"
    listed.write_text(f"{BOB} programme 7\n{CAROL}\n{NOBODY_LISTED}\n")

    found = quittance.run("screen", listed, "--by", "kim")

    digest = keccak(listed.read_bytes())
    expires_at = Timestamp(timestamp(17) + HOLD_DURATION_MAX_S)
    assert (found["digest"], found["accounts"]) == (str(digest), 3)
    assert found["newly_listed"] == [str(one) for one in sorted((BOB, CAROL))]
    by_account = {one["account"]: one for one in found["listed"]}
    assert by_account[str(BOB)]["owed"] == {str(USD): str(SONG_0.lines[_line_of(BOB)].amount)}
    assert by_account[str(CAROL)]["unclaimed"] == {str(USD): str(FILM_0.amount)}
    calls = {one["account"]: one for one in found["compliance_calls"]}
    assert calls.keys() == {str(BOB), str(CAROL)}
    expected = place_hold_call(BOB, digest, expires_at)
    assert calls[str(BOB)]["data"] == "0x" + expected.hex()
    assert calls[str(BOB)]["to"] == str(world.settlement.payouts)
    assert "programme 7" in calls[str(BOB)]["why"]
    assert "withdraw" in found["not_bound"]
    assert [one["leaf"] for one in found["held"]] == [str(world.op_id_of(SONG_0))]
    world.mine(18)
    world.hold(BOB, expires_at=timestamp(18) + 30)
    world.finalize(18)
    again = quittance.run("screen")
    assert again["newly_listed"] == []
    assert [one["account"] for one in again["compliance_calls"]] == [str(CAROL)]


def _line_of(payee: Address) -> int:
    return [line.payee for line in SONG_0.lines].index(payee)


def test_commands__hold_and_release__listed_with_reason_and_time(
    world: World, quittance: Quittance, tmp_path: Path
) -> None:
    Desk(world).accept()
    before = quittance.run("held")
    quittance.run("hold", CAROL, "--reason", "case 7", "--by", "kim")
    held = quittance.run("held")
    with pytest.raises(HoldStands):
        quittance.run("hold", CAROL, "--reason", "case 7", "--by", "kim")
    quittance.run("release", CAROL, "--reason", "cleared", "--by", "lee")
    released = quittance.run("held")

    assert before["policy"] == "on"
    over_500 = str(world.op_id_of(SONG_0))
    assert [one["op_id"] for one in before["held"]] == [over_500]
    assert released["held"] == before["held"]
    one = next(one for one in held["held"] if one["op_id"] == str(world.op_id_of(FILM_0)))
    (line,) = one["lines"]
    (reason,) = line["reasons"]
    assert (reason["rule"], line["payee"]) == ("held", str(CAROL))
    assert "kim: case 7" in reason["detail"]
    assert one["held_since"] == reason["since"] >= one["owed_since"]
    assert [call["account"] for call in held["compliance_calls"]] == [str(CAROL)]
    assert held["compliance_calls"][0]["reason_digest"] == str(keccak(b"case 7"))


def test_commands__approve__two_persons_let_it_go(
    world: World, quittance: Quittance, tmp_path: Path
) -> None:
    Desk(world).accept()
    op_id = world.op_id_of(SONG_0)
    for name, key in KEYS.items():
        (tmp_path / name).write_text("0x" + key.hex() + "\n")
    sentence = quittance.run("approve", op_id)["to_sign"]
    assert f"{op_id} of {SONG_0.amount} base units" in sentence

    with pytest.raises(NotAnApproval, match="not among the approvers"):
        quittance.run("approve", op_id, "--key-file", tmp_path / "eve")
    first = quittance.run("approve", op_id, "--key-file", tmp_path / "ann")
    again = quittance.run("approve", op_id, "--key-file", tmp_path / "ann")
    (reason, _) = [line["reasons"][0] for line in quittance.run("held")["held"][0]["lines"]]
    second = quittance.run("approve", op_id, "--key-file", tmp_path / "ben")

    assert [(one["approved_by"], one["approvals"]) for one in (first, again, second)] == [
        ("ann", 1),
        ("ann", 1),
        ("ben", 2),
    ]
    assert (reason["rule"], reason["actual"], reason["limit"]) == ("not_approved", "900", "500")
    assert "1 of 2" in reason["detail"]
    assert quittance.run("held")["held"] == []
    forge = "UPDATE payout_approval SET signature = substr(signature, 1, 64) || '\\x00'"
    with world.engine.begin() as connection:
        connection.execute(
            text("SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica")
        )
        connection.execute(text(forge))
    assert [one["op_id"] for one in quittance.run("held")["held"]] == [str(op_id)]


def test_commands__tier_and_wrong_input__kept_and_refused(
    world: World, quittance: Quittance, tmp_path: Path
) -> None:
    quittance.run("tier", ALICE, 2, "--reason", "passport", "--by", "kim")
    with world.engine.connect() as connection:
        assert PolicyRecords(connection).tiers() == {ALICE: 2}
    cases: list[tuple[tuple[object, ...], str]] = [
        (("hold", "0x12", "--reason", "x", "--by", "kim"), "ACCOUNT: '0x12'"),
        (("approve", "0x12"), "OP_ID: '0x12'"),
        (("approve", "0x" + "00" * 32), "the books owe nothing under"),
        (("screen", tmp_path / "none"), "FILE: .*none: No such file"),
        (("approve", "0x" + "00" * 32, "--key-file", "a", "--signature", "0x"), "give one of them"),
    ]
    for arguments, sentence in cases:
        with pytest.raises(Rejected, match=sentence):
            quittance.run(*arguments)


def test_gate__configuration__on_off_or_needed(world: World, quittance: Quittance) -> None:
    settings = load_settings(quittance.environ)
    off = replace(settings, policy=None)
    elsewhere = replace(world.settlement, chain_id=ChainId(8453))

    assert policy_gate(settings, world.engine, world.settlement) is not None
    assert policy_gate(off, world.engine, world.settlement) is None
    with pytest.raises(NotConfigured, match="chain 8453"):
        policy_gate(off, world.engine, elsewhere)
    assert SettlementJobs(off, world.engine).all()
