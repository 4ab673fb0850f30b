"""An epoch computed from its shards, and the same epoch computed in one piece: no byte differs."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, delete, select

from contracts.addresses import settlements_to_json
from contracts.evm import Epoch, Hash32
from contracts.leaves import FEES_ID
from indexer.adapters.tables import LOG
from scripts.bootstrap_settlement import SettlementJobs
from scripts.computing import compute_now, computed_in
from scripts.jobs import JobName
from scripts.reviewing import explained, reputations, shadowed
from scripts.settings import load_settings
from scripts.sharding import ShardedAllocation
from settlement.errors import InputsDisagree
from settlement.royalties.adapters import tables
from settlement.royalties.adapters.store import ComputedEpochs
from settlement.royalties.compute_epoch import NotYetComputable, Wait
from settlement.royalties.compute_large_epoch import LargeEpoch
from settlement.royalties.derivation import ComputedEpoch, bundle_files
from settlement.royalties.shadow import Shadow
from tests.royalties_builders import DUSD, FIRST_EPOCH, SETTLEMENT, parameters_json
from tests.two_epochs import NEXT_EPOCH, store, two_epochs

CHAIN, FIRST, NEXT = two_epochs()
WHOLE = {FIRST_EPOCH: FIRST, NEXT_EPOCH: NEXT}


def in_shards(engine: Engine) -> ShardedAllocation:
    """Every epoch is a large one."""
    return ShardedAllocation(
        engine=engine, settlement=SETTLEMENT, submissions_min=1, shard_count_min=3
    )


def kept(connection: Connection) -> dict[str, list[str]]:
    """Every row of every table of computed epochs, but for when it was written."""
    return {
        table.name: sorted(
            str(tuple(row))
            for row in connection.execute(
                select(*(column for column in table.columns if column.name != "created_at"))
            )
        )
        for table in tables.TABLES
    }


@pytest.mark.parametrize("epoch", [FIRST_EPOCH, NEXT_EPOCH])
def test_compute__in_shards__every_stored_row_and_byte_of_the_bundle(
    engine: Engine, epoch: Epoch, tmp_path: Path
) -> None:
    before = [FIRST] if epoch == NEXT_EPOCH else []
    store(engine, CHAIN, *before)
    with engine.connect() as connection, connection.begin() as attempt:
        ComputedEpochs(connection).record(WHOLE[epoch])
        expected = kept(connection)
        attempt.rollback()

    computed = compute_now(epoch, shards=in_shards(engine), directory=tmp_path / "bundle")

    assert isinstance(computed, LargeEpoch)
    assert computed.manifest_bytes == WHOLE[epoch].manifest_bytes
    assert computed.leaf_hashes == WHOLE[epoch].leaf_hashes
    with engine.connect() as connection:
        assert kept(connection) == expected
    files = {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()}
    assert files == bundle_files(WHOLE[epoch])


def test_compute__in_shards_with_readings__every_reading_told_to_its_end(
    engine: Engine, tmp_path: Path
) -> None:
    store(engine, CHAIN)
    told: dict[str, list[tuple[int, int]]] = {}

    def reading(purpose: str) -> Callable[[int, int], None]:
        heard = told.setdefault(purpose, [])
        return lambda done, total: heard.append((done, total))

    shards = replace(in_shards(engine), readings=reading)
    compute_now(FIRST_EPOCH, shards=shards, directory=tmp_path / "bundle")
    explained(FIRST_EPOCH, FEES_ID, None, shards=shards)

    assert {*told} >= {"sharing fees", "storing shares", "writing allocations"}
    assert "sharing fees again" in told
    for heard in told.values():
        assert all(low <= high for (low, _), (high, _) in pairwise(heard))
    for purpose in ("sharing fees", "storing shares", "writing allocations", "sharing fees again"):
        done, total = told[purpose][-1]
        assert done == total > 0


def test_compute__in_shards_after_in_one_piece__the_same_attempt(
    engine: Engine, tmp_path: Path
) -> None:
    store(engine, CHAIN)
    whole = ShardedAllocation(engine=engine, settlement=SETTLEMENT)
    first = compute_now(FIRST_EPOCH, shards=whole, directory=tmp_path / "bundle")

    again = compute_now(FIRST_EPOCH, shards=in_shards(engine), directory=tmp_path / "bundle")

    assert isinstance(first, ComputedEpoch)
    assert isinstance(again, LargeEpoch)
    assert again.manifest_digest == first.manifest_digest


def test_compute__shards_are_not_done__waits(engine: Engine) -> None:
    store(engine, CHAIN)
    isolated = engine.execution_options(isolation_level="REPEATABLE READ")

    with isolated.begin() as connection:
        answer = computed_in(connection, FIRST_EPOCH, in_shards(engine))

    assert answer == NotYetComputable(Wait.SHARDS_OPEN, None)


def test_compute__raw_log_is_lost__corrupt(engine: Engine) -> None:
    store(engine, CHAIN)
    last = FIRST.facts.logs.block_number[-1]
    with engine.begin() as connection:
        connection.execute(delete(LOG).where(LOG.c.block_number == last))

    with pytest.raises(InputsDisagree, match="where there is a decoded event"):
        compute_now(FIRST_EPOCH, shards=in_shards(engine))


def test_jobs__large_epoch_is_due__computed_once_its_shards_are_done(
    engine: Engine, tmp_path: Path
) -> None:
    store(engine, CHAIN)
    (tmp_path / "book.json").write_text(settlements_to_json((SETTLEMENT,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        f'[[chain]]\nid = {SETTLEMENT.chain_id}\nname = "test"\nrpc = ["http://127.0.0.1:1"]\n'
        'start_block = 0\naddresses = "book.json"\n'
        'finality = { tag = "finalized", depth = 1 }\n'
    )
    environ = {"QUITTANCE_CONFIG": str(config), "QUITTANCE_DATA_DIR": str(tmp_path)}
    sharded = {SETTLEMENT.name: in_shards(engine)}
    jobs = SettlementJobs(load_settings(environ), engine, sharded).all()

    jobs[JobName.COMPUTE_EPOCHS](SETTLEMENT.name)
    before = computed_digests(engine)
    jobs[JobName.ALLOCATE_SHARDS](SETTLEMENT.name)
    jobs[JobName.COMPUTE_EPOCHS](SETTLEMENT.name)

    assert (before, computed_digests(engine)) == ([], [FIRST.manifest_digest])


@pytest.mark.parametrize("epoch", [FIRST_EPOCH, NEXT_EPOCH])
def test_review__in_shards__what_the_whole_epoch_says(engine: Engine, epoch: Epoch) -> None:
    """Every leaf explained, every work's reputation, and other parameters: no number differs."""
    store(engine, CHAIN, *([FIRST, NEXT] if epoch == NEXT_EPOCH else [FIRST]))
    whole = ShardedAllocation(engine=engine, settlement=SETTLEMENT)
    other = parameters_json(k_ppm="3", minutes_max="5")
    leaves = WHOLE[epoch].distribution.leaves
    leaf_ids = {FEES_ID, *WHOLE[epoch].registry.works, *(leaf.work_id for leaf in leaves)}

    for leaf_id in sorted(leaf_ids):
        answers = [
            explained(epoch, leaf_id, asset, shards=shards)
            for asset in (None, DUSD)
            for shards in (whole, in_shards(engine))
        ]
        assert answers[0] == answers[1]
        assert answers[2] == answers[3]
    found = [reputations(epoch, shards=shards) for shards in (whole, in_shards(engine))]
    assert found[0] == found[1] != {}
    shadows = [
        shadowed(epoch, shards=shards, parameters=other) for shards in (whole, in_shards(engine))
    ]
    differences = [one.difference for one in shadows if isinstance(one, Shadow)]
    assert differences[0] == differences[1]
    assert any(total.allocated.delta for total in differences[0].totals)


def computed_digests(engine: Engine) -> list[Hash32]:
    with engine.connect() as connection:
        return list(connection.scalars(select(tables.COMPUTED_EPOCH.c.manifest_digest)))
