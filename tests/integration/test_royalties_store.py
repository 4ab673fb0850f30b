from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from contracts.evm import ZERO_HASH, Address, Epoch, Timestamp, keccak
from settlement.errors import ComputedElsewhere, ConflictingApproval, ConflictingComputation
from settlement.royalties.adapters import tables
from settlement.royalties.adapters.store import Approvals, ComputedEpochs
from settlement.royalties.approve import ApprovalStore, SignedApproval
from settlement.royalties.compute_epoch import EpochStore, NotYetComputable, compute_epoch
from settlement.royalties.derivation import ComputedEpoch, derive
from settlement.royalties.tree_flat import flat_tree
from tests.royalties_builders import (
    FIRST_EPOCH,
    SETTLEMENT,
    STATED,
    ScriptedChain,
    facts_of,
    sample_chain,
)
from tests.royalties_fakes import GUARDIANS

EPOCH = derive(facts_of(sample_chain(), FIRST_EPOCH))


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    """A database with the tables of the royalties room."""
    engine = create_engine(empty_database)
    SQLModel.metadata.create_all(engine, tables=tables.TABLES)
    with engine.begin() as connection:
        for statement in tables.EXTRA_DDL:
            connection.execute(text(statement))
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        yield connection


def approval_of(guardian: int, **changes: object) -> SignedApproval:
    right = SignedApproval(
        chain_id=SETTLEMENT.chain_id,
        contract=SETTLEMENT.payouts,
        epoch=FIRST_EPOCH,
        attempt=1,
        guardian=GUARDIANS[guardian],
        guardian_set=1,
        manifest_digest=EPOCH.manifest_digest,
        deadline=Timestamp(9_000_000),
        digest=keccak(b"approval"),
        signature=bytes([guardian]) * 65,
    )
    return replace(right, **changes)  # type: ignore[arg-type]


def count(connection: Connection, table: str) -> int:
    rows = connection.execute(select(func.count()).select_from(text(table))).scalar_one()
    return int(rows)


def test_stores__protocols__satisfied(connection: Connection) -> None:
    store: EpochStore = ComputedEpochs(connection)
    approvals: ApprovalStore = Approvals(connection)

    assert store
    assert approvals


def test_compute_epoch__real_store__leaves_read_back_equal(connection: Connection) -> None:
    store = ComputedEpochs(connection)

    result = compute_epoch(FIRST_EPOCH, settlement=SETTLEMENT, source=sample_chain(), store=store)

    assert isinstance(result, ComputedEpoch)
    assert tuple(store.leaves(result.manifest_digest)) == result.distribution.leaves
    place = {"chain_id": SETTLEMENT.chain_id, "contract": SETTLEMENT.payouts}
    assert store.latest_manifest(FIRST_EPOCH, **place) == result.manifest_bytes  # type: ignore[arg-type]


def test_record__every_table__holds_the_whole_distribution(connection: Connection) -> None:
    ComputedEpochs(connection).record(EPOCH)

    distribution = EPOCH.distribution
    assert {table.name: count(connection, table.name) for table in tables.TABLES} == {
        "computed_epoch": 1,
        "computed_certificate": 1,
        "computed_total": 2,
        "computed_leaf": len(distribution.leaves),
        "computed_tree": 1,
        "computed_line": sum(len(leaf.lines) for leaf in distribution.leaves),
        "computed_quarantine": len(distribution.quarantine),
        "computed_allocation": len(distribution.allocations),
        "computed_credit": sum(len(share.credits) for share in distribution.allocations),
        "approval": 0,
    }


def test_tree__stored__read_back_whole(connection: Connection) -> None:
    """A chunk is a mebibyte: the second tree has three, the last of them short."""
    store = ComputedEpochs(connection)
    large = flat_tree(keccak(number.to_bytes(4, "big")) for number in range(40_000))

    for computed in (EPOCH, replace(EPOCH, tree=large)):
        with connection.begin_nested() as attempt:
            store.record(computed)
            stored = store.tree(EPOCH.manifest_digest)
            chunks = count(connection, "computed_tree")
            attempt.rollback()
        assert stored == computed.tree
        assert chunks == 1 + len(computed.tree.nodes) // 2**20

    assert EPOCH.tree.root == EPOCH.manifest.root
    assert store.tree(EPOCH.manifest_digest).leaf_count == 0


def test_leaf__stored__the_one_that_is_named(connection: Connection) -> None:
    store = ComputedEpochs(connection)
    store.record(EPOCH)
    named = EPOCH.distribution.leaves[-1]
    digest, key = EPOCH.manifest_digest, (named.work_id, named.part, named.asset)

    assert store.leaf(digest, *key) == named
    assert store.leaf(digest, keccak(b"no work"), *key[1:]) is None
    assert store.leaf(digest, key[0], named.part + 1, key[2]) is None
    assert store.leaf(digest, *key[:2], Address(bytes(20))) is None


def test_record__credits__sum_to_every_leaf(connection: Connection) -> None:
    ComputedEpochs(connection).record(EPOCH)

    unexplained = connection.execute(
        text(
            """
            SELECT leaf.work_id FROM computed_leaf leaf
            JOIN LATERAL (
                SELECT sum(credited) AS amount FROM computed_credit credit
                WHERE (credit.work_id, credit.asset) = (leaf.work_id, leaf.asset)
            ) earned ON true
            WHERE leaf.amount > earned.amount
            """
        )
    ).all()

    assert unexplained == []


def test_certificate__stored__document_gives_the_digest_of_the_manifest(
    connection: Connection,
) -> None:
    store = ComputedEpochs(connection)
    store.record(EPOCH)

    (row,) = connection.execute(select(tables.COMPUTED_CERTIFICATE)).all()

    assert keccak(row.document) == row.digest == EPOCH.manifest.completeness_digest
    assert store.certificate_digest(EPOCH.manifest_digest) == row.digest
    assert (row.previous, row.level) == (ZERO_HASH, "receipts")
    assert (row.start_block, row.end_block) == (SETTLEMENT.start_block, 10)


def test_certificate__manifest_of_others__none(connection: Connection) -> None:
    assert ComputedEpochs(connection).certificate_digest(keccak(b"theirs")) is None


def test_certificate__next_epoch__names_the_stored_one(connection: Connection) -> None:
    store, chain = ComputedEpochs(connection), sample_chain()
    chain.finish(FIRST_EPOCH + 1)
    store.record(EPOCH)
    chain.commit(FIRST_EPOCH, EPOCH.manifest_digest, active_at=0)
    chain.proofs = dict.fromkeys(range(SETTLEMENT.start_block, 10), STATED)

    result = compute_epoch(Epoch(FIRST_EPOCH + 1), settlement=SETTLEMENT, source=chain, store=store)

    assert isinstance(result, ComputedEpoch)
    assert result.manifest.completeness_previous == EPOCH.manifest.completeness_digest


def test_compute_epoch__below_the_demanded_level__nothing_stored(connection: Connection) -> None:
    chain = sample_chain()
    chain.proofs = {6: STATED}

    answer = compute_epoch(
        FIRST_EPOCH, settlement=SETTLEMENT, source=chain, store=ComputedEpochs(connection)
    )

    assert isinstance(answer, NotYetComputable)
    assert count(connection, "computed_epoch") == count(connection, "computed_certificate") == 0


def test_record__twice__nothing_added(connection: Connection) -> None:
    store = ComputedEpochs(connection)

    store.record(EPOCH)
    store.record(EPOCH)

    assert count(connection, "computed_epoch") == 1


def test_record__same_attempt_other_content__corrupt(connection: Connection) -> None:
    store = ComputedEpochs(connection)
    store.record(EPOCH)
    chain = ScriptedChain()
    chain.finish(FIRST_EPOCH)

    with pytest.raises(ConflictingComputation, match=f"manifest {EPOCH.manifest_digest} is stored"):
        store.record(derive(facts_of(chain, FIRST_EPOCH)))


def test_record__another_worker_was_faster__says_so(engine: Engine) -> None:
    isolated = engine.execution_options(isolation_level="REPEATABLE READ")
    with isolated.begin() as late:
        late.execute(text("SELECT 1 FROM computed_epoch")).all()  # takes the snapshot
        with isolated.begin() as early:
            ComputedEpochs(early).record(EPOCH)

        with pytest.raises(ComputedElsewhere, match="epoch 3 attempt 1"):
            ComputedEpochs(late).record(EPOCH)
        late.rollback()


def test_record__largest_amount__exact(connection: Connection) -> None:
    chain = ScriptedChain()
    chain.subscribe(GUARDIANS[0], 2**256 - 1)
    chain.finish(FIRST_EPOCH)
    computed = derive(facts_of(chain, FIRST_EPOCH))

    ComputedEpochs(connection).record(computed)

    stored = connection.execute(select(tables.COMPUTED_TOTAL.c.unallocated)).scalar_one()
    assert stored == 2**256 - 1


def test_latest_manifest__nothing_computed__none(connection: Connection) -> None:
    store = ComputedEpochs(connection)

    manifest = store.latest_manifest(
        Epoch(9), chain_id=SETTLEMENT.chain_id, contract=SETTLEMENT.payouts
    )

    assert manifest is None


@pytest.mark.parametrize("change", ["UPDATE computed_epoch SET leaf_count = 0", "DELETE FROM {}"])
def test_tables__change__refused(engine: Engine, change: str) -> None:
    with engine.begin() as connection:
        ComputedEpochs(connection).record(EPOCH)

    for table in ("computed_leaf", "computed_tree", "computed_certificate"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(change.format(table)))


def test_approvals__recorded__ascending_by_guardian(connection: Connection) -> None:
    store = Approvals(connection)
    for guardian in (2, 0, 1):
        store.record(approval_of(guardian))

    stored = store.of_attempt(
        FIRST_EPOCH, 1, chain_id=SETTLEMENT.chain_id, contract=SETTLEMENT.payouts
    )

    assert stored == tuple(approval_of(guardian) for guardian in range(3))


def test_approvals__same_again__one_row(connection: Connection) -> None:
    store = Approvals(connection)
    store.record(approval_of(0))
    store.record(approval_of(0))

    assert count(connection, "approval") == 1


@pytest.mark.parametrize(
    "change", [{"digest": keccak(b"other")}, {"signature": bytes(65)}, {"guardian_set": 2}]
)
def test_approvals__same_guardian_other_content__corrupt(
    connection: Connection, change: dict[str, object]
) -> None:
    store = Approvals(connection)
    store.record(approval_of(1))

    with pytest.raises(ConflictingApproval, match="epoch 3 attempt 1"):
        store.record(approval_of(1, **change))
