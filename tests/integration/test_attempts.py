"""Which attempts are stored, and what each came to."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlmodel import SQLModel

from contracts.evm import Address, ChainId, keccak
from settlement.royalties.adapters import tables
from settlement.royalties.adapters.attempts import ComputedAttempt, ComputedAttempts
from settlement.royalties.adapters.store import ComputedEpochs
from settlement.royalties.derivation import ComputedEpoch, derive
from tests.royalties_builders import (
    ANN,
    FIRST_EPOCH,
    SETTLEMENT,
    facts_of,
    sample_chain,
    work,
)

PLACE = (SETTLEMENT.chain_id, SETTLEMENT.payouts)


def later_epochs() -> Iterator[ComputedEpoch]:
    """The second attempt at the sample epoch, then the next epoch, with works that nobody knows."""
    chain = sample_chain()
    first = derive(facts_of(chain, FIRST_EPOCH))
    chain.commit(FIRST_EPOCH, first.manifest_digest, active_at=0)
    chain.veto(FIRST_EPOCH)
    second = derive(facts_of(chain, FIRST_EPOCH))
    yield second
    now = chain.blocks[-1].timestamp
    chain.commit(FIRST_EPOCH, second.manifest_digest, active_at=now, attempt=2)
    chain.subscribe(ANN, 10, epoch=FIRST_EPOCH + 1)
    chain.submit(ANN, [(work("x"), 1, 1), (work("y"), 1, 1)], epoch=FIRST_EPOCH + 1)
    chain.finish(FIRST_EPOCH + 1)
    yield derive(facts_of(chain, FIRST_EPOCH + 1))


SAMPLE = derive(facts_of(sample_chain(), FIRST_EPOCH))
SECOND, NEXT = later_epochs()


def stored(computed: ComputedEpoch) -> ComputedAttempt:
    return ComputedAttempt(
        epoch=computed.manifest.epoch,
        attempt=computed.manifest.attempt,
        manifest_digest=computed.manifest_digest,
        root=computed.manifest.root,
        leaf_count=len(computed.distribution.leaves),
    )


@pytest.fixture
def connection(empty_database: str) -> Iterator[Connection]:
    """A transaction on a database with the tables of the royalties room."""
    engine = create_engine(empty_database)
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection, tables=tables.TABLES)
        for statement in tables.EXTRA_DDL:
            connection.execute(text(statement))
        yield connection
    engine.dispose()


@pytest.fixture
def attempts(connection: Connection) -> ComputedAttempts:
    """Three attempts, stored in another order than theirs."""
    for computed in (NEXT, SAMPLE, SECOND):
        ComputedEpochs(connection).record(computed)
    return ComputedAttempts(connection)


def test_samples__epochs_and_attempts__differ() -> None:
    places = [(one.manifest.epoch, one.manifest.attempt) for one in (SAMPLE, SECOND, NEXT)]

    assert places == [(3, 1), (3, 2), (4, 1)]


def test_of_settlement__several__ascending(attempts: ComputedAttempts) -> None:
    assert attempts.of_settlement(*PLACE) == [stored(one) for one in (SAMPLE, SECOND, NEXT)]


@pytest.mark.parametrize(
    "place",
    [(ChainId(1), SETTLEMENT.payouts), (SETTLEMENT.chain_id, Address(b"\x01" * 20))],
    ids=["chain", "contract"],
)
def test_attempts__of_another_settlement__none(
    attempts: ComputedAttempts, place: tuple[ChainId, Address]
) -> None:
    assert attempts.of_settlement(*place) == []
    assert attempts.latest(*place) is None


def test_latest__several__newest_attempt_at_the_highest_epoch(
    connection: Connection,
) -> None:
    attempts, store = ComputedAttempts(connection), ComputedEpochs(connection)
    seen = []
    for computed in (SAMPLE, SECOND, NEXT):
        store.record(computed)
        seen.append(attempts.latest(*PLACE))

    assert seen == [stored(one) for one in (SAMPLE, SECOND, NEXT)]


def test_latest__nothing_stored__none(connection: Connection) -> None:
    assert ComputedAttempts(connection).latest(*PLACE) is None


def test_manifest__stored__same_bytes(attempts: ComputedAttempts) -> None:
    assert attempts.manifest(SECOND.manifest_digest) == SECOND.manifest_bytes
    assert keccak(attempts.manifest(SAMPLE.manifest_digest) or b"") == SAMPLE.manifest_digest


def test_manifest__unknown__none(attempts: ComputedAttempts) -> None:
    assert attempts.manifest(keccak(b"unknown")) is None


def test_quarantined__rows__counted_by_reason(attempts: ComputedAttempts) -> None:
    reasons = [row.reason.value for row in SAMPLE.distribution.quarantine]

    counted = attempts.quarantined(SAMPLE.manifest_digest)

    assert list(counted) == sorted(set(reasons))
    assert counted == {reason: reasons.count(reason) for reason in reasons}
    assert attempts.quarantined(NEXT.manifest_digest) == {"unregistered_work": 2}
    assert attempts.quarantined(keccak(b"unknown")) == {}
