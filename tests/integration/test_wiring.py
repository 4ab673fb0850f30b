"""Where rooms meet: one snapshot, computed distributions for the books, payable leaves."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from contracts.approvals import Approval
from contracts.calls import Withdrawal
from contracts.evm import Address, BlockRef, Epoch, Timestamp, keccak
from scripts.bootstrap import open_database
from scripts.bootstrap_settlement import book_of
from scripts.wiring import (
    CommittedDistributions,
    FinalizedFacts,
    IndexedFacts,
    LedgerReservations,
    PostedLeaves,
    ReadyCommits,
    snapshot,
)
from settlement.errors import StoredRootDiffers
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.commitments import Distribution
from settlement.ledger.errors import NothingToReserve
from settlement.payouts.obligations import commit_operation, withdraw_operation
from settlement.payouts.protocols import ApprovedCommit, OwedLeaf
from settlement.royalties.adapters.store import Approvals, ComputedEpochs
from settlement.royalties.approve import SignedApproval
from settlement.royalties.derivation import derive
from settlement.royalties.tree import folded
from tests.api_world import ALICE, BOB, CAROL, FILM, FILM_0, SONG, SONG_0, World, timestamp
from tests.royalties_builders import FIRST_EPOCH, SETTLEMENT, facts_of, sample_chain
from tests.royalties_fakes import GUARDIANS, GuardianView, standing_of

COMPUTED = derive(facts_of(sample_chain(), FIRST_EPOCH))
ACTIVE_BLOCK = 16


@pytest.fixture
def world(engine: Engine) -> World:
    """Epoch 0 is active, its two leaves are posted and not paid."""
    world = World(engine)
    world.mine(1)
    world.start()
    world.register(SONG, {ALICE: 666_667, BOB: 333_333})
    world.register(FILM, {CAROL: 1_000_000})
    world.mine(2)
    world.fund(0, 1_000)
    world.mine(13)
    digest = world.compute(0, 1, [SONG_0, FILM_0], paid_in=1_000)
    world.commit(0, 1, digest, paid_in=1_000)
    world.mine(ACTIVE_BLOCK)
    world.finalize(ACTIVE_BLOCK)
    world.post_books()
    return world


def finalized(world: World) -> BlockRef:
    block = FinalizedFacts(world.engine, world.settlement).finalized()
    assert block is not None
    return block


def payable(world: World, *, limit: int = 10) -> list[Withdrawal]:
    return [one.withdrawal for one in owed(world, limit=limit)]


def owed(world: World, *, limit: int = 10) -> list[OwedLeaf]:
    leaves = PostedLeaves(world.engine, world.settlement, book_of(world.settlement), None)
    return list(leaves.payable(finalized(world), limit=limit))


def reserve(world: World, withdrawal: Withdrawal) -> None:
    place = {"chain_id": world.settlement.chain_id, "contract": world.settlement.payouts}
    operation = withdraw_operation(withdrawal, **place)  # type: ignore[arg-type]
    with world.engine.begin() as connection:
        LedgerReservations().reserve(connection, operation)


def test_snapshot__write__refused(engine: Engine) -> None:
    with pytest.raises(DBAPIError, match="read-only"), snapshot(engine) as connection:
        connection.execute(text("CREATE TABLE made (id int)"))


def test_snapshot__others_commit__same_view_until_the_next(engine: Engine) -> None:
    def count(connection: Connection) -> int:
        return int(connection.execute(text("SELECT count(*) FROM told")).scalar_one())

    with engine.begin() as connection:
        connection.execute(text("SET LOCAL ROLE NONE; CREATE TABLE told (id int)"))
        connection.execute(text("GRANT ALL ON told TO quittance_writer"))
    with snapshot(engine) as view:
        before = count(view)
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO told VALUES (1)"))
        during = count(view)
    with snapshot(engine) as view:
        after = count(view)

    assert (before, during, after) == (0, 0, 1)


def test_snapshot__over__its_connection_may_write_again(database: str) -> None:
    engine = open_database(database)
    with snapshot(engine) as view:
        backend = view.execute(text("SELECT pg_backend_pid()")).scalar_one()

    with engine.begin() as connection:
        connection.execute(text("SET LOCAL ROLE NONE; CREATE TABLE made (id int)"))
        again = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    engine.dispose()

    assert backend == again


def test_finalized_facts__nothing_indexed__none(engine: Engine) -> None:
    assert FinalizedFacts(engine, SETTLEMENT).finalized() is None


def test_distributions__computed_here__root_and_leaves(engine: Engine) -> None:
    with engine.begin() as connection:
        ComputedEpochs(connection).record(COMPUTED)
        found = CommittedDistributions(connection, SETTLEMENT).distribution(
            FIRST_EPOCH, COMPUTED.manifest_digest
        )

    assert found is not None
    assert (found.manifest_digest, found.root) == (COMPUTED.manifest_digest, COMPUTED.manifest.root)
    assert tuple(found.leaves) == COMPUTED.distribution.leaves


def test_distributions__unknown_digest__none(engine: Engine) -> None:
    with engine.begin() as connection:
        ComputedEpochs(connection).record(COMPUTED)
        known = CommittedDistributions(connection, SETTLEMENT)

        assert known.distribution(FIRST_EPOCH, keccak(b"never computed")) is None


def test_distributions__digest_of_another_epoch_or_contract__none(engine: Engine) -> None:
    contracts = dict.fromkeys(SETTLEMENT.contracts, Address(b"\x09" * 20))
    other = replace(SETTLEMENT, contracts=contracts)
    with engine.begin() as connection:
        ComputedEpochs(connection).record(COMPUTED)
        of_ours = CommittedDistributions(connection, SETTLEMENT)
        of_others = CommittedDistributions(connection, other)

        assert of_ours.distribution(Epoch(FIRST_EPOCH + 1), COMPUTED.manifest_digest) is None
        assert of_others.distribution(FIRST_EPOCH, COMPUTED.manifest_digest) is None


def test_payable__active_epoch__every_leaf_with_a_proof_of_its_root(world: World) -> None:
    withdrawals = payable(world)

    leaves = {withdrawal.leaf.work_id: withdrawal.leaf for withdrawal in withdrawals}
    assert leaves == {SONG: SONG_0, FILM: FILM_0}
    root = world.distributions[world.manifest_of(0, 1)].root
    for withdrawal in withdrawals:
        assert len(withdrawal.proof) == 1
        assert folded(world.hash_of(withdrawal.leaf), withdrawal.proof) == root


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE computed_tree SET nodes = set_byte(nodes, 64, 255 - get_byte(nodes, 64))",
        "UPDATE computed_tree SET nodes = set_byte(nodes, 32, 255 - get_byte(nodes, 32))",
        "DELETE FROM computed_tree",
        "UPDATE computed_line SET amount = amount + 1",
        "DELETE FROM computed_line",
    ],
)
def test_payable__stored_tree_or_leaf_differs__nothing_is_paid(
    world: World, tampering: str
) -> None:
    """By one who can switch triggers off. The tree is a root with two leaves."""
    with world.engine.begin() as connection:
        connection.execute(
            text("SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica")
        )
        connection.execute(text(tampering))

    with pytest.raises(StoredRootDiffers):
        payable(world)


def test_payable__limit__no_more(world: World) -> None:
    assert payable(world, limit=1) == payable(world)[:1]


def test_payable__reserved__left_out(world: World) -> None:
    first, second = payable(world)

    reserve(world, first)

    assert payable(world) == [second]
    assert payable(world, limit=1) == [second]


def test_payable__under_verdict__left_out_until_lifted(world: World) -> None:
    world.mine(17)
    world.place_verdict(SONG)
    world.finalize(17)
    under_verdict = payable(world)
    world.mine(18)
    world.lift_verdict(SONG)
    before_final = payable(world)
    world.finalize(18)
    lifted = payable(world)

    assert [one.leaf for one in under_verdict] == [one.leaf for one in before_final] == [FILM_0]
    assert {one.leaf.work_id for one in lifted} == {SONG, FILM}


def test_payable__every_payee_held__left_out_until_the_hold_is_over(world: World) -> None:
    world.mine(17)
    world.hold(CAROL, expires_at=timestamp(19))
    world.hold(BOB, expires_at=timestamp(99))
    world.finalize(17)
    held = payable(world)
    world.mine(18)
    world.finalize(18)
    still_held = payable(world)
    world.mine(19)
    world.finalize(19)

    assert [one.leaf for one in held] == [one.leaf for one in still_held] == [SONG_0]
    assert {one.leaf.work_id for one in payable(world)} == {SONG, FILM}


def test_payable__line_held_at_a_withdrawal__remainder_once_it_is_not_held(world: World) -> None:
    world.mine(17)
    world.hold(BOB, expires_at=timestamp(99))
    world.withdraw(SONG_0, held=[BOB])
    world.finalize(17)
    world.post_books()
    held = owed(world)
    world.mine(18)
    world.lift_hold(BOB)
    world.finalize(18)
    lifted = {one.withdrawal.leaf.work_id: one.settled for one in owed(world)}

    paid = [line.payee for line in SONG_0.lines].index(ALICE)
    assert [one.withdrawal.leaf for one in held] == [FILM_0]
    assert lifted == {SONG: 1 << paid, FILM: 0}


def test_reservations__remainder__reserves_what_is_open_of_its_leaf(world: World) -> None:
    (song,) = [one for one in payable(world) if one.leaf == SONG_0]
    reserve(world, song)
    world.mine(17)
    world.withdraw(SONG_0, held=[BOB])
    world.finalize(17)
    world.post_books()
    (rest,) = [one for one in owed(world) if one.settled]
    place = {"chain_id": world.settlement.chain_id, "contract": world.settlement.payouts}
    operation = withdraw_operation(
        rest.withdrawal,
        settled=rest.settled,
        **place,  # type: ignore[arg-type]
    )

    with world.engine.begin() as connection:
        LedgerReservations().reserve(connection, operation)
        leaves = LedgerReads(connection, book_of(world.settlement)).payable_leaves()

    (reserved,) = [leaf for leaf in leaves if leaf.work_id == SONG]
    assert reserved.is_reserved
    assert [line.payee for line in reserved.open_lines] == [BOB]
    assert {one.withdrawal.leaf for one in owed(world)} == {FILM_0}


def test_indexed_facts__holds__up_to_the_block(world: World) -> None:
    facts = IndexedFacts(world.engine, world.settlement)
    before = facts.hold_events(finalized(world))
    world.mine(17)
    world.hold(BOB, expires_at=timestamp(99))
    world.finalize(17)

    assert before == []
    assert [event.account for event in facts.hold_events(finalized(world))] == [BOB]
    assert facts.transfer_events(finalized(world)) == []


def test_payable__withdrawn__left_out(world: World) -> None:
    world.mine(17)
    world.withdraw(SONG_0)
    world.finalize(17)
    world.post_books()

    assert [one.leaf for one in payable(world)] == [FILM_0]


def test_reservations__withdrawal__pending_in_the_books(world: World) -> None:
    (first, _) = payable(world)

    reserve(world, first)

    with world.engine.connect() as connection:
        leaves = LedgerReads(connection, book_of(world.settlement)).payable_leaves()
    assert {leaf.work_id: leaf.is_reserved for leaf in leaves} == {
        leaf.work_id: leaf.work_id == first.leaf.work_id for leaf in (SONG_0, FILM_0)
    }


def test_reservations__leaf_that_nobody_owes__refused(world: World) -> None:
    (first, _) = payable(world)
    other = replace(first, leaf=replace(first.leaf, part=9))

    with pytest.raises(NothingToReserve):
        reserve(world, other)


def test_reservations__commit__moves_nothing(world: World) -> None:
    approval = Approval(
        epoch=Epoch(1),
        attempt=1,
        guardian_set=1,
        manifest_digest=keccak(b"manifest"),
        root=keccak(b"root"),
        totals=(),
        deadline=Timestamp(9),
    )
    place = {"chain_id": world.settlement.chain_id, "contract": world.settlement.payouts}
    operation = commit_operation(approval, (), **place)  # type: ignore[arg-type]

    with world.engine.begin() as connection:
        entries = text("SELECT count(*) FROM journal_entry")
        before = connection.execute(entries).scalar_one()
        LedgerReservations().reserve(connection, operation)

        assert connection.execute(entries).scalar_one() == before


@pytest.fixture
def computed(engine: Engine) -> World:
    """The sample epoch is computed and nothing is committed; one block is final."""
    world = World(engine)
    world.settlement = SETTLEMENT
    world.mine(1)
    world.finalize(1)
    with engine.begin() as connection:
        ComputedEpochs(connection).record(COMPUTED)
    return world


def ready(world: World) -> list[ApprovedCommit]:
    at = finalized(world)
    chain = sample_chain()
    chain.blocks.append(at)
    view = GuardianView(chain=chain, stands=standing_of(COMPUTED), money={})
    return list(ReadyCommits(world.engine, SETTLEMENT, view).approved(at))


def approve(engine: Engine, guardian: int) -> None:
    with engine.begin() as connection:
        Approvals(connection).record(
            SignedApproval(
                chain_id=SETTLEMENT.chain_id,
                contract=SETTLEMENT.payouts,
                epoch=FIRST_EPOCH,
                attempt=1,
                guardian=GUARDIANS[guardian],
                guardian_set=1,
                manifest_digest=COMPUTED.manifest_digest,
                deadline=Timestamp(9_000_000),
                digest=keccak(b"approval"),
                signature=bytes([guardian]) * 65,
            )
        )


def test_commits__fewer_approvals_than_the_threshold__none(engine: Engine, computed: World) -> None:
    approve(engine, 0)

    assert ready(computed) == []


def test_commits__quorum__the_computed_epoch_with_its_signatures(
    engine: Engine, computed: World
) -> None:
    for guardian in (0, 2):
        approve(engine, guardian)

    (commit,) = ready(computed)

    assert commit.approval.manifest_digest == COMPUTED.manifest_digest
    assert commit.approval.root == COMPUTED.manifest.root
    assert [one.signer for one in commit.signatures] == [GUARDIANS[0], GUARDIANS[2]]


def test_commits__committed_on_chain__none(engine: Engine, computed: World) -> None:
    for guardian in (0, 2):
        approve(engine, guardian)
    digest = COMPUTED.manifest_digest
    computed.distributions[digest] = Distribution(
        manifest_digest=digest, root=COMPUTED.manifest.root, leaves=()
    )
    computed.mine(2)
    computed.commit(FIRST_EPOCH, 1, digest, paid_in=0)
    computed.finalize(2)

    assert ready(computed) == []


def test_commits__nothing_computed__none(engine: Engine) -> None:
    world = World(engine)
    world.settlement = SETTLEMENT
    world.mine(1)
    world.finalize(1)

    assert ready(world) == []
