"""Why a commitment by hand is refused. That one is sent, once: `tests/drill_house.py`, on a chain.

Subject: scripts.committing.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contracts.addresses import settlements_to_json
from contracts.evm import Epoch, Timestamp
from scripts.bootstrap import open_database
from scripts.bootstrap_settlement import SettlementJobs
from scripts.committing import commit_now
from scripts.embedded.postgres import PostgresServer
from scripts.errors import CommitRefused, NotConfigured
from scripts.reviewing import NotComputed
from scripts.settings import load_settings
from settlement.royalties.adapters.store import Approvals
from settlement.royalties.approve import SignedApproval, approve
from tests.royalties_builders import SETTLEMENT
from tests.royalties_fakes import (
    GUARDIANS,
    FixedSigner,
    GuardianView,
    PublishedBundle,
    standing_of,
)
from tests.two_epochs import NEXT_EPOCH, store, two_epochs

CHAIN, FIRST, NEXT = two_epochs()
STANDING = replace(
    standing_of(NEXT), previous_manifest_digest=NEXT.manifest.previous_manifest_digest
)
VIEW = GuardianView(
    chain=CHAIN,
    stands=STANDING,
    money={totals.asset: totals.paid_in for totals in NEXT.manifest.totals},
)


@pytest.fixture(scope="module")
def url(postgres_server: PostgresServer, _migrated_template: str) -> str:
    """A database with two computed epochs; both guardians approved the second."""
    url = postgres_server.url("committing", template=_migrated_template)
    engine = open_database(url)
    store(engine, CHAIN, FIRST, NEXT)
    engine.dispose()
    return url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


@pytest.fixture
def jobs(url: str, engine: Engine, tmp_path: Path) -> SettlementJobs:
    (tmp_path / "book.json").write_text(settlements_to_json((SETTLEMENT,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        f'[[chain]]\nid = {SETTLEMENT.chain_id}\nname = "test"\nrpc = ["http://127.0.0.1:1"]\n'
        'start_block = 0\naddresses = "book.json"\n'
        'finality = { tag = "finalized", depth = 1 }\n'
    )
    environ = {
        "QUITTANCE_CONFIG": str(config),
        "QUITTANCE_DATA_DIR": str(tmp_path),
        "QUITTANCE_DATABASE_URL": url,
    }
    return SettlementJobs(load_settings(environ), engine)


def refusal(jobs: SettlementJobs, view: GuardianView = VIEW) -> str:
    with pytest.raises(CommitRefused) as raised:
        commit_now(NEXT_EPOCH, name=SETTLEMENT.name, jobs=jobs, chain=view)
    return str(raised.value)


def test_commit_now__never_computed__said(jobs: SettlementJobs) -> None:
    with pytest.raises(NotComputed):
        commit_now(Epoch(NEXT_EPOCH + 1), name=SETTLEMENT.name, jobs=jobs, chain=VIEW)


def test_commit_now__another_attempt_is_awaited__said(jobs: SettlementJobs) -> None:
    vetoed = replace(VIEW, stands=replace(STANDING, attempt=2))

    assert refusal(jobs, vetoed) == (
        f"epoch {NEXT_EPOCH} was not committed: the contract waits for attempt 2"
    )


def test_commit_now__one_guardian_after_the_other__quorum_then_signer_is_missing(
    jobs: SettlementJobs, engine: Engine
) -> None:
    for guardian in GUARDIANS[:2]:
        before = refusal(jobs)
        with engine.begin() as connection:
            signed = approve(
                PublishedBundle(NEXT),
                settlement=SETTLEMENT,
                chain=VIEW,
                signer=FixedSigner(guardian),
                store=Approvals(connection),
                deadline=Timestamp(9_000_000_000),
            )
            assert isinstance(signed, SignedApproval), signed

    assert before.endswith(f"1 of 2 guardians approved it: {GUARDIANS[0]}")
    with pytest.raises(NotConfigured, match="no signer is configured"):
        commit_now(NEXT_EPOCH, name=SETTLEMENT.name, jobs=jobs, chain=VIEW)
